"""The words by which a speaker accepts or rejects a claim (data; English; each tuple is one alternation).

They are written from the structure of debunks and rumours, not from test sentences. Order has no meaning.
"""

from __future__ import annotations

import re


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(alternatives) + r")\b", re.IGNORECASE)


# By these a speaker rejects a claim.
REJECTION = _any(
    r"myths?",
    r"debunk\w*",
    r"falsely",
    r"falsehoods?",
    r"(?<!positively )false(?! flag)",
    r"untrue|untruths?|not true|isn't true|not the case|isn't the case",
    r"incorrect\w*|wrong|wrongly|mistaken\w*|erroneous\w*",
    r"misconceptions?|misinformation|disinformation|mislead\w*|misled|misinterpret\w*|misrepresent\w*",
    r"unfounded|baseless|groundless|unproven|unsupported|unsubstantiated|far-fetched",
    r"(?:no|zero|without(?: any)?|not any|not a shred of|lacks?|little|isn't any|hardly any|nor any) (?:\w+ ){0,3}?"
    r"(?:evidence|proof|basis|truth|link|connection|correlation|support|data|merit|foundation|sign|"
    r"reason to (?:think|believe))",
    r"conspiracy theor\w+|conspiracists?|pseudo-?science|quack\w*|charlatans?|snake oil",
    r"hoax(?:es)?|fake|faked|fabricat\w+|invented|made up|made-up",
    r"nonsense|rubbish|bogus|absurd|ridiculous|laughable|poppycock|hogwash|bunk|drivel|silly idea",
    r"refut\w+|disprov\w+|disproof|discredited|rebut\w*|fact-?check(?:s|ed|ing|ers?)?|dispel\w*|bust(?:s|ed|ing)?",
    r"reject(?:s|ed|ing)?|den(?:y|ies|ied)|deniers?|denialis[mt]s?|dismiss(?:es|ed)?",
    r"contrary to|contradict(?:s|ed|ing)?|urban legends?|old wives' tales?|no such thing|scare stor(?:y|ies)|"
    r"scaremongering",
    r"(?:doesn't|does not|didn't|did not) (?:hold up|stand up|support|show|mean|prove)",
    r"not supported|isn't supported|retracted|fraudulent|impossible",
    r"nothing to do with|unrelated to|ruled out|has been settled",
    r"(?:don't|do not|never|please don't|nobody should|no one should|should not|shouldn't) (?:ever )?"
    r"(?:fall for|be fooled by|believe|share|spread|repeat|trust|listen to) (?:\w+ ){0,4}?"
    r"(?:posts?|claims?|rumou?rs?|anyone|anybody|people|those|videos?|messages?|stor(?:y|ies)|ads?|adverts?|"
    r"websites?|influencers?|memes?|lies?|everything|whoever|nonsense)",
    r"beware of|scammers?|dangerous advice|harmful advice|bad advice|lies about|a lie|lie that|"
    r"lies? (?:spread|told) (?:by|online|about)",
    r"(?:is|are|was|were) (?:pure |a pure |an? )?inventions?|exposed as|exaggerat\w+",
    r"too good to be true|(?:say|says|show|shows|showed|prove|proves|suggest|suggests) (?:otherwise|"
    r"the opposite)|the opposite is true",
    r"forger(?:y|ies)|forged|pretend(?:s|ed|ing)? (?:to|that)|withdr(?:ew|awn?|awing)|struck off|lost (?:his|"
    r"her|their) (?:\w+ )?licen[cs]e",
    r"(?:no|not|n't|never) (?:(?:received|seen|found|had|heard of|been|a|an|any|one|single|such|credible|"
    r"confirmed|known|ever) )+"
    r"(?:reports?|cases?|records?|instances?)",
    r"changed (?:his|her|my|their) mind|not how (?:it|that|this) works",
)
_FALSE = (
    r"(?:(?:a |an |just |simply |plain |utter |utterly |all |completely |totally |quite |complete |total |pure )*"
    r"(?:false|wrong|untrue|incorrect|mistaken|not true|myth|myths|hoax|lie|lies|nonsense|rubbish|fiction|"
    r"misinformation|misleading|baseless|unfounded))"
)
# Rejections of a link between two things: a claim that itself denies the link is stated by them.
SEPARATION = _any(
    r"nothing to do with|unrelated to|(?:no|not any|without(?: any)?) (?:\w+ ){0,3}?(?:link|connection|correlation)",
)
# Rejections that speak about a claim, so they cannot be part of one.
ABOUT_A_CLAIM = _any(
    r"(?:myths?|hoax|lies?|falsehoods?|misconceptions?|nonsense|rubbish|fiction|rumou?rs?|untrue|false|wrong|"
    r"incorrect|mistaken|not true|isn't true|"
    r"not the case|isn't the case|absurd|ridiculous|(?:no|zero|without|hardly any|"
    r"not a shred of) (?:\w+ ){0,3}?(?:evidence|proof|truth|basis)) "
    r"(?:whatsoever )?(?:that|to (?:say|claim|think|believe|suggest|call)|about|around|for the (?:claim|"
    r"idea)|in the (?:claim|idea))",
    r"(?:has|have|had) (?:since |now |long |already |repeatedly |\w+ly |been )*(?:debunked|refuted|disproved|"
    r"disproven|discredited|rejected|dismissed)",
    r"(?:reject|refut|debunk|dismiss|disprov|discredit|bust|dispel)\w* (?:\w+ ){0,2}?(?:idea|claims?|"
    r"theor(?:y|ies)|notion|rumou?rs?|stor(?:y|ies)|allegations?|myths?)",
    r"(?:false|debunked|discredited|baseless|unfounded|bogus|absurd|ridiculous|misleading) (?:claims?|"
    r"rumou?rs?|stor(?:y|ies)|theor(?:y|ies)|ideas?|beliefs?|allegations?|posts?)",
    r"(?:but|and|which|yet) (?:that|this|it|they|he|she|all of it|none of it)?\s?(?:is|are|was|were|[’']s|[’']re) "
    + _FALSE,
    r"(?:that|this|it)(?: is|[’']s| was) " + _FALSE,
    r"(?:claims?|theor(?:y|ies)|idea|stor(?:y|ies)|posts?|video|rumou?rs?|notion) (?:\w+ ){0,12}?(?:is|are|was|were) "
    + _FALSE,
)
# Rejection words that some claims are made of: "the landing was a hoax", "the virus is fake".
CLAIM_WORDS = _any(
    r"hoax(?:es)?|fake|faked|staged|myths?|fabricat\w+|invented|made up|false|impossible|fraudulent|wrong|"
    r"mislead\w*|a lie|nonsense",
    r"nothing to do with|no such thing|no (?:\w+ ){0,2}(?:evidence|proof)|disprov\w+|deny|denied",
)
# A rejection that is itself rejected.
NOT_FALSE = _any(
    r"(?:not|isn't|n't|never|no|hardly|far from)(?: (?:a|an|just|some|any|only|mere|simply))* "
    r"(?:myth|hoax|conspiracy(?: theory)?|false|fake|nonsense|misinformation|lie|wrong)",
    r"(?:cannot|can't|can not|nobody can|no one can|impossible to|hard to) (?:deny|be denied|refute|dismiss|debunk)",
    r"never been (?:disproved|disproven|refuted|debunked)",
)
# A rejection that the speaker puts into the mouth of people whom the speaker mocks.
MOCKED = _any(
    r"(?:they|media|elites?|establishment|so-called \w+|big pharma|shills?|sheep|sheeple|their \w+) (?:\w+ ){0,3}?"
    r"(?:call|calls|called|say|says|tell|tells|claim|claims|label|labels|dismiss|dismisses|insist|insists|"
    r"pretend|pretends)",
    r"would have you believe|wants? you to (?:think|believe)|so-called (?:experts?|fact-?checkers?|"
    r"scientists?|debunk\w*)",
    r"dismiss\w* (?:\w+ ){0,3}as|lying to (?:you|us)|the mainstream",
    r"(?:they|fact-?checkers|experts|media|doctors|scientists|officials|government|authorities) (?:are|is|"
    r"keep|have been|were) "
    r"(?:all )?(?:lying|liars|paid|covering)",
    r"(?:don't|do not|never) (?:believe|trust|listen to) (?:them|(?:the |your )?(?:media|experts|doctors?|"
    r"scientists|government|fact-?checkers|mainstream))",
    r"(?:call|calls|called|label\w*) (?:it|this|that|me|us|you) (?:a |an )?(?:myth|hoax|conspiracy|"
    r"misinformation|crazy|false|lie)",
)
RECLAIMED = _any(
    r"turned out to be true|proved? right|is true after all|but it is true|but it's true|is no myth|"
    r"isn't a myth|is not a myth",
)
# Typical of rumours: the speaker vouches for the claim against somebody who hides it.
INSISTENCE = _any(
    r"(?:don't|do not|never|doesn't|does not|won't|will not) want (?:you|us|people|anyone) to (?:know|see|hear|find)",
    r"wake up|open your eyes|do your own research|they are hiding|they're hiding|have been hiding|kept secret",
    r"cover(?:ed|ing)?[- ]up|(?:won't|will not|never|don't|do not|refuse to|dare not|daren't) (?:tell|"
    r"warn) (?:you|us)",
    r"suppress\w*|make no mistake|mark my words|proven fact|trust me|share this|spread the word|"
    r"tell (?:all )?your friends",
    r"(?:it is|it's) (?:a )?(?:proven|fact|undeniable)|before they (?:delete|ban|remove|take)",
)
# Support claimed for the speaker's own assertion.
AUTHORITY = _any(
    r"(?:scientists?|doctors?|experts?|stud(?:y|ies)|research(?:ers)?|science|physicians?|insiders?|"
    r"whistle-?blowers?|data|nurses?|"
    r"evidence|documents?|statistics|history|everyone|everybody|we all|we|i|anyone) "
    r"(?:now |have |has |all |clearly |finally |already |absolutely |\w+ly )*"
    r"(?:says?|shows?|shown|proves?|proved|proven|confirm\w*|admit\w*|reveal\w*|agrees?|found|finds?|knows?|"
    r"known|believes?|thinks?|"
    r"demonstrat\w+|discovered|warns?)",
)
ATTRIBUTION = _any(
    r"(?:people|critics|opponents|activists|users|posts?|parents|believers|theorists?|websites?|videos?|"
    r"memes?|blogs?|gurus?|"
    r"influencers?|callers?|followers|supporters|campaigners|groups?|accounts?|neighbours?|neighbors?|"
    r"friends?|uncles?|aunts?|cousins?|"
    r"politicians?|celebrit\w+|sceptics|skeptics|flat-earthers|anti-vaxxers|listeners|he|she|they|messages?|"
    r"tweets?|articles?|"
    r"pamphlets?|leaflets?|films?|chain letter|man|woman|others|some|many|extremists|preachers?|guest|"
    r"brother|sister|mother|father) "
    r"(?:\w+ ){0,4}?(?:say|says|said|saying|claim|claims|claimed|claiming|believe|believes|believed|argue\w*|"
    r"insist\w*|allege\w*|"
    r"suggest\w*|maintain\w*|think|thinks|thought|assert\w*|warn\w*|repeat\w*|share[ds]?|spread\w*|"
    r"state[ds]?|tells?|told|swear\w*|wrote)",
    r"(?:claims?|theor(?:y|ies)|idea|belief|notion|allegations?|assertions?|stor(?:y|ies)|suggestions?|"
    r"rumou?rs?|suspicion|fears?|lies?) "
    r"(?:that|of|about|is|are|says?|goes|circulat\w+|spread\w*)",
    r"allegedly|supposedly|purported\w*|reportedly|so-called|according to|(?:is|are) said to|rumou?red",
    r"it is (?:often |sometimes |widely )?(?:claimed|said|believed|alleged)|heard that|hear that|"
    r"(?:you )?may have heard|have you heard",
    r"(?:(?<!\bi )(?<!\bwe )(?:told|tells?)) (?:\w+ ){1,4}that|(?<!\bi )(?<!\bwe )(?:said|says|claimed|"
    r"claims|insists?|argued|announced|wrote) (?:\w+ ){0,4}that",
    r"(?:sold|promoted|marketed|touted|advertised|billed|hailed|offered|peddled|recommended|"
    r"praised) (?:\w+ ){0,3}?(?:as|for|against)",
    r"(?:message|rumou?r|story|post|claim|myth|video)s? (?:goes|go|going|went|keeps?|is|are|has been|"
    r"making) (?:\w+ )?(?:round|rounds|around|viral|circulating|back|coming)",
    r"(?:likes?|love|loves|prefer) to (?:say|claim|think|believe|tell)|people (?:still )?(?:think|believe)",
    r"used to (?:think|believe)|once (?:thought|believed)|(?:saying|calling|claiming|believing|thinking|"
    r"pretending|insisting) (?:that )?",
)
ANNOUNCEMENT = _any(
    r"myths?|false claims?|misinformation|misconceptions?|rumou?rs?|hoax(?:es)?|fake news|conspiracy|"
    r"falsehoods?|fact-?check\w*|debunk\w*",
    r"(?:this|the|a|one|another|following|first|second|third|next|viral|popular|common|old|"
    r"week's) (?:viral )?(?:claim|post|story|video)",
)
# A sentence that is only a label for what comes next: "Myth number three."
LABEL = re.compile(
    r"^(?:and |so |now )?(?:the )?(?:first |second |third |next |last |another )?(?:myth|fiction|false|"
    r"misconception|hoax|fake)(?: (?:number )?\w+)?\s*[.:!]?$",
    re.IGNORECASE,
)
RHETORICAL = re.compile(
    r"^(?:and |but |so )?(?:did you know|isn't it|isn't that|aren't|don't you|doesn't|wouldn't|haven't you|"
    r"why (?:else |(?:do|does|did|would|won't|don't|are|is|has|have) (?!(?:so )?(?:many |some |"
    r"most )?(?:people|anyone|anybody|some|others)\b))|how else|how long|when will|coincidence|"
    r"who (?:benefits|profits))",
    re.IGNORECASE,
)
WONDERING = _any(
    r"whether|asks? if|asked if|wonder(?:s|ed|ing)? if|the question (?:is|of|if)|ask yourself if|checked if|"
    r"find out if|looked into",
)
HEDGE = _any(r"may|might|could|perhaps|possibly|maybe|probably|seems?|appears?")
# "If the Earth were flat, ships would ...": supposes the claim in order to reject it.
COUNTERFACTUAL = re.compile(
    r"\bif\b[^.?!]{0,80}\b(?:were|was|had|did|really|caused)\b[^.?!]{0,80}\b(?:would|could|should|might)\b",
    re.IGNORECASE,
)
SHORT_NO = re.compile(
    r"^[\"'“‘]?(?:well, |oh, |and |but |sorry, |actually, )?"
    r"(?:no\b|nope\b|wrong\b|false\b|not (?!only\b|just\b|to mention\b|long\b|far\b)\w+|"
    r"nonsense\b|rubbish\b|of course not|absolutely not|"
    r"(?:it|that|this)(?: is|'s| was) (?:simply |just |plain |utterly |completely )?(?:not|un|false|wrong|"
    r"a myth|a hoax|nonsense|rubbish|a lie)|"
    r"(?:it|that|this) (?:isn't|wasn't)|they (?:do|are|were|did|have|can)(?: not|n't)|"
    r"(?:it|this|that) (?:does|did|has|can|will|would|could)(?: not|n't)|there (?:is|'s|was|were|are) no|"
    r"there's no|none of)",
    re.IGNORECASE,
)
# "The audit and the recount both say it was not."
ENDS_IN_NO = re.compile(
    r"\b(?:it|that|this|they|he|she|there|those|these) "
    r"(?:is|was|does|did|do|are|were|has|have|had|can|could|will|would)"
    r"(?: not|n['’]t)[\s\"'”’)]*[.!;]?\s*$",
    re.IGNORECASE,
)
REFERS_BACK = _any(
    r"that|this|it|these|those|such|them|they|he|she|neither|none|both|in fact|actually|in reality|however|but",
    r"the (?:claims?|story|idea|theory|rumou?r|study|video|post|truth|facts?|evidence|science|paper|author)",
)
