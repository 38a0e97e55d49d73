"""First stance step: does a sentence assert, deny, attribute or question the claim that it matches (pure, by cues).

Similarity cannot tell a lie from its debunk, so nothing is blocked without this step. The cues are English and
deliberately few; what they cannot decide is `UNSURE`, which leads to a person.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from policies.rules.negation import is_negated


class Stance(StrEnum):
    """What the script does with a claim."""

    ASSERT = "assert"  # says it as its own
    DEBUNK = "debunk"  # says that it is not so
    ATTRIBUTE = "attribute"  # says that somebody says it
    QUESTION = "question"  # asks whether it is so
    UNSURE = "unsure"  # the cues contradict each other


@dataclass(frozen=True, slots=True)
class Judgement:
    """A stance, whether it is clear enough to act on, and the cue in plain words."""

    stance: Stance
    clear: bool
    cue: str


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + pattern + r")\b", re.IGNORECASE)


# Words by which a speaker rejects a claim.
_REJECTION = _words(
    r"myths?|debunk\w*|false|falsely|falsehoods?|untrue|untruths?|not true|isn't true|not the case|incorrect\w*|wrong|wrongly|mistaken\w*|"
    r"misconceptions?|misinformation|disinformation|mislead\w*|misleading|misinterpret\w*|unfounded|baseless|groundless|unproven|unsupported|"
    r"(?:no|zero|without(?: any)?|not any|lacks?|little|isn't any|hardly any) (?:\w+ ){0,3}?(?:evidence|proof|basis|truth|link|connection|support|data|merit|foundation)|"
    r"conspiracy theor\w+|pseudo-?science|hoax(?:es)?|fake|faked|fabricat\w+|invented|made up|nonsense|rubbish|bogus|absurd|ridiculous|"
    r"refut\w+|disprov\w+|disproof|discredited|reject(?:s|ed|ing)?|rebut\w*|fact-?check\w*|contrary to|contradicts?|contradicted|contradicting|urban legends?|old wives' tales?|"
    r"rumou?rs? (?:\w+ ){0,3}(?:false|untrue|wrong)|no such thing|doesn't hold up|does not hold up|not supported|isn't supported|retracted|fraudulent|"
    r"impossible|nothing to do with|unrelated to|don't fall for|do not fall for|been ruled out|ruled out|deny|denies|denied|dispel\w*|bust(?:s|ed|ing)?"
)
# Rejection words that some claims are made of: "the landing was a hoax", "the virus is fake".
_OWN_FAMILY = _words(
    r"hoax(?:es)?|fake|faked|staged|myths?|fabricat\w+|invented|made up|false|conspiracy|impossible|rigged|fraud\w*|wrong|mislead\w*"
)
# A rejection that is itself rejected, or put into the mouth of people whom the speaker mocks.
_DENIED_REJECTION = _words(
    r"(?:not|isn't|n't|never|no|hardly|far from)(?: (?:a|an|just|some|any|only|mere|simply))* (?:myth|hoax|conspiracy(?: theory)?|false|fake|nonsense|misinformation|lie|wrong)|"
    r"(?:they|media|elites?|establishment|so-called \w+|big pharma|shills?) (?:\w+ ){0,3}(?:call|calls|called|say|says|tell|tells|claim|claims|label|labels|dismiss|dismisses|insist|insists|pretend|pretends|want you to (?:think|believe))|"
    r"would have you believe|want(?:s)? you to (?:think|believe)|dismiss\w* (?:\w+ ){0,3}as|so-called (?:experts?|fact-?checkers?|scientists?|debunk\w*)|"
    r"(?:they|fact-?checkers|experts|media|doctors|scientists|officials|government|authorities) (?:are|is|keep|have been|were) (?:all )?(?:lying|liars|paid|wrong|covering)|"
    r"don't (?:believe|trust|listen to) (?:them|the (?:media|experts|doctors|scientists|government|fact-?checkers))|"
    r"(?:call|calls|called|label\w*) (?:it|this|that|me|us|you) (?:a |an )?(?:myth|hoax|conspiracy|misinformation|crazy|false)"
)
_RECLAIMED = _words(
    r"turned out to be true|proved? right|is true after all|but it is true|but it's true|is no myth|isn't a myth|is not a myth|is real"
)
_INSISTENCE = _words(
    r"(?:don't|do not|never|doesn't|won't|will not) want you to (?:know|see|hear|find)|wake up|open your eyes|do your own research|they are hiding|they're hiding|"
    r"cover(?:ed|ing)?[- ]up|won't tell you|will not tell you|never tell you|don't tell you|do not tell you|suppress\w*|make no mistake|mark my words|it is (?:a )?(?:proven|fact|undeniable)|it's (?:a )?(?:proven|fact|undeniable)|proven fact|trust me|share this|spread the word|before they (?:delete|ban|remove)"
)
_AUTHORITY = _words(
    r"(?:scientists?|doctors?|experts?|stud(?:y|ies)|research(?:ers)?|science|physicians?|insiders?|whistle-?blowers?|data|nurses?|evidence|documents?|statistics|history|everyone|everybody|we all|we|i|anyone) "
    r"(?:now |have |has |all |clearly |finally |already |absolutely |\w+ly )*(?:says?|shows?|shown|proves?|proved|proven|confirm\w*|admit\w*|reveal\w*|agrees?|found|finds?|knows?|believes?|thinks?|demonstrat\w+|discovered|warns?)"
)
_ATTRIBUTION = _words(
    r"(?:some|many|most|several|a few|certain|other|these|those|such|online|viral|anonymous)?\s?"
    r"(?:people|critics|opponents|activists|users|posts?|parents|believers|theorists?|websites?|videos?|memes?|blogs?|gurus?|influencers?|callers?|followers|supporters|campaigners|groups?|accounts?|neighbours?|neighbors?|friends?|uncles?|cousins?|politicians?|celebrit\w+|conspiracists?|sceptics|skeptics|deniers|flat-earthers|anti-vaxxers|listeners|he|she|they|message|messages|tweet|article|pamphlet|leaflet|film|chain letter|man|woman|others) "
    r"(?:\w+ ){0,4}?(?:say|says|said|saying|claim|claims|claimed|claiming|believe|believes|believed|argue\w*|insist\w*|allege\w*|suggest\w*|maintain\w*|think|thinks|thought|assert\w*|warn\w*|repeat\w*|share[ds]?|spread\w*|state[ds]?|told|swear\w*|wrote)|"
    r"(?:the |this |that |any |a |of |his |her |their |its )*(?:claims?|theor(?:y|ies)|idea|belief|notion|allegations?|assertions?|stor(?:y|ies)|suggestions?|rumou?rs?|suspicion|fear|fears) (?:that|of|about|is|says?|goes)|"
    r"allegedly|supposedly|purported\w*|reportedly|so-called|according to|is said to|are said to|rumou?red|it is (?:often |sometimes |widely )?(?:claimed|said|believed|alleged)|heard that|hear that|you may have heard|have you heard|used to (?:think|believe)"
)
_ANNOUNCED = _words(
    r"myths?|false claims?|misinformation|misconceptions?|rumou?rs?|hoax(?:es)?|fake news|conspiracy|falsehoods?|nonsense|fact-?check\w*|debunk\w*|(?:this|the|a|one|another|following|first|second|third|viral|popular|common|old) claim"
)
_RHETORICAL = re.compile(
    r"^(?:and |but |so )?(?:did you know|isn't it|isn't that|aren't|don't you|doesn't|wouldn't|haven't you|why (?:else |do |does |did |would |won't |don't |are |is |has |have )|how else|how long|when will|coincidence|who (?:benefits|profits))",
    re.IGNORECASE,
)
_WONDERING = _words(
    r"whether|asks? if|asked if|wonder(?:s|ed|ing)? if|the question (?:is|of|if)|ask yourself if|checked if|find out if|looked into"
)
_HEDGE = _words(r"may|might|could|perhaps|possibly|maybe|probably|seems?|appears?")
_SHORT_NO = re.compile(
    r"^(?:[\"'“‘]?)(?:no\b|nope\b|wrong\b|false\b|not (?:true|so|at all|really|quite|even close)|nonsense\b|rubbish\b|of course not|absolutely not|it(?: is|'s) not\b|it isn't|"
    r"they (?:do|are|were|did|have|can)(?: not|n't)|it (?:does|did|was|has|can|will|would)(?: not|n't)|that(?: is|'s) not|that isn't|this is not|this isn't|there is no|there's no|there was no|there were no|none of)",
    re.IGNORECASE,
)
_REFERS_BACK = _words(
    r"that|this|it|these|those|such|the claim|the claims|the story|the idea|the theory|the rumou?r|neither|none|both|the study|the video|the post|the truth|the facts?|the evidence|in fact|actually|in reality|however|but"
)


def judge(sentence: str, *, before: Sequence[str], after: Sequence[str], field: str, margin: float) -> Judgement:
    """Return the stance of `sentence` to `field`, the wording of the claim that it matches best.

    `before` and `after` are the neighbouring sentences of the same segment, nearest first. `margin` is how much closer
    the sentence is to a wording of the truth than to the claim (negative: closer to the claim).
    """
    own = _own_stance(sentence, field, margin)
    if own.stance is Stance.DEBUNK:
        return own
    if any(is_rebuttal(text) for text in after[:3]) or (before and _announces(before[0]) and _rejects(after)):
        return Judgement(Stance.DEBUNK, True, "rebutted right after it")
    if before and _announces(before[0]) and own.stance is Stance.ASSERT:
        return Judgement(Stance.ATTRIBUTE, True, "announced as a claim or myth")
    return own


def is_rebuttal(sentence: str) -> bool:
    """Say whether `sentence`, standing after a claim, rejects it."""
    if _DENIED_REJECTION.search(sentence) or _RECLAIMED.search(sentence) or _INSISTENCE.search(sentence):
        return False
    if _SHORT_NO.search(sentence):
        return True
    return bool(_REJECTION.search(sentence)) and bool(_REFERS_BACK.search(sentence))


def _rejects(after: Sequence[str]) -> bool:
    return any(_REJECTION.search(text) and not _DENIED_REJECTION.search(text) for text in after[:4])


def _announces(sentence: str) -> bool:
    return (
        bool(_ANNOUNCED.search(sentence))
        and not _DENIED_REJECTION.search(sentence)
        and not _INSISTENCE.search(sentence)
    )


def _own_stance(sentence: str, field: str, margin: float) -> Judgement:
    insists = bool(_INSISTENCE.search(sentence))
    rejections = len(_REJECTION.findall(sentence)) - _shared_family(sentence, field)
    if rejections > 0:
        if _DENIED_REJECTION.search(sentence) or _RECLAIMED.search(sentence):
            return Judgement(Stance.ASSERT, insists, "rejects those who call it false")
        if not insists:
            return Judgement(Stance.DEBUNK, True, "calls it false")
    negated, claimed = is_negated(sentence, field), is_negated(field, field)
    if negated != claimed and not insists:
        return Judgement(Stance.DEBUNK, margin > -0.12, "says the opposite of the claim")
    if margin >= 0.03 and not insists:
        return Judgement(Stance.DEBUNK, True, "is closer to the correction than to the claim")
    stripped = sentence.rstrip("\"'”’) ")
    if stripped.endswith("?"):
        if _RHETORICAL.search(sentence):
            return Judgement(Stance.ASSERT, False, "asks a leading question")
        return Judgement(Stance.QUESTION, True, "asks whether it is so")
    if _WONDERING.search(sentence):
        return Judgement(Stance.QUESTION, True, "asks whether it is so")
    if insists:
        return Judgement(Stance.ASSERT, True, "insists on it")
    if _AUTHORITY.search(sentence):
        return Judgement(Stance.ASSERT, margin < -0.01, "says that it is known or proven")
    if _ATTRIBUTION.search(sentence):
        return Judgement(Stance.ATTRIBUTE, True, "says that others say so")
    if rejections > 0 or margin > -0.005:
        return Judgement(Stance.UNSURE, False, "cues point both ways")
    return Judgement(Stance.ASSERT, not _HEDGE.search(sentence), "states it as a fact")


def _shared_family(sentence: str, field: str) -> int:
    """Count rejection words of the sentence that belong to the claim itself."""
    in_field = len(_OWN_FAMILY.findall(field))
    in_sentence = sum(1 for match in _OWN_FAMILY.finditer(sentence) if _REJECTION.fullmatch(match.group()))
    return min(in_field, in_sentence)
