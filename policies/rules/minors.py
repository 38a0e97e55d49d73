"""Minors in a sexual context: an age or a word for a child near a sexual word, in one sentence or in two (pure).

There is no model for this and no sexual text to train one on. The rule is therefore a list of two kinds of words, and
errs towards holding a script. Words of reporting and protection turn a block into a review, never into nothing, except
where only crimes are named: "convicted of raping a child" is news.
"""

from __future__ import annotations

import re

from policies.decision import Finding, Span, Verdict
from policies.views import ORIGINAL, Views

MINORS = "sexual_minors"
_NUMBER = (
    r"(?:[1-9]|1[0-7]|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
    r"sixteen|seventeen)"
)
_MINOR = re.compile(
    rf"\b{_NUMBER}[- ]years?[- ]olds?\b|\b{_NUMBER} years? of age\b"
    rf"|\b(?:aged?|turn(?:s|ed|ing)|only|not yet) {_NUMBER}\b"
    r"(?! (?:per ?cent|million|thousand|hundred|euros?|pounds|dollars|minutes|hours|days|weeks|months|years|"
    r"times|of)\b)"
    r"|\b(?:child(?:ren)?|kids?|toddlers?|infants?|minors|a minor|pre-?teens?|pre-?teen|pre-?pubescents?|pubescents?|"
    r"under-?age|under the age of (?:eighteen|18|sixteen|16)|school-?(?:girl|boy)s?|(?:little|young) (?:girl|boy)s?|"
    r"(?:fifth|sixth|seventh|eighth|ninth) graders?|lolis?|shotas?)\b",
    re.IGNORECASE,
)
_SEXUAL = re.compile(
    r"\b(?:sex with|(?:have|has|had|having) sex|making love|erotic\w*|porn\w*|orgasm\w*|masturbat\w*|genitals?|penis|"
    r"vagina|nipples?|sexy|seduc\w+|aroused|arousing|horny|fuck\w*|blowjobs?|oral sex|anal sex|sexting|nudes|"
    r"sexually (?:explicit|attract\w*|arous\w*|active)|sexual (?:acts?|intercourse|fantas\w+|desires?|pleasures?|"
    r"favou?rs|encounters?|relationships?|relations|content|poses?|scenes?)|sexuali[sz]\w+|lewd\w*|lust(?:ful|s|ed)?|"
    r"strip(?:s|ped|ping)? naked|kiss(?:es|ed|ing)? (?:her|his) (?:thighs?|breasts?|neck)|fondl\w+|grop(?:e|es|"
    r"ed|ing))\b",
    re.IGNORECASE,
)
_EXPOSED = re.compile(r"\b(?:naked|nude|undress\w*|topless|in (?:her|his|their) underwear)\b", re.IGNORECASE)
_CRIME = re.compile(r"\b(?:rap(?:e|es|ed|ing|ists?)|molest\w*|groom(?:s|ed|ing))\b", re.IGNORECASE)
_REPORTING = re.compile(
    r"\b(?:abus\w+|police|convicted|charged|accused|court|jailed|sentenced|arrest\w*|prosecut\w*|guilty|trial|"
    r"survivors?|victims?|reports?|reported|charit\w+|prevent\w*|protect\w*|safeguard\w*|laws?|illegal\w*|crim\w+|"
    r"inquiry|investigat\w*|offen[cs]\w+|education|lessons?|consent|doctors?|pa?ediatric\w*|health|exploit\w+|"
    r"ban(?:s|ned)?|"
    r"never|wrong|harmful|warn\w*|parents?|teachers?|age (?:check|limit|verification)s?|access to|exposed to|museum|"
    r"painting|statue|bath|beach|swim\w*|diaper|nappy)\b",
    re.IGNORECASE,
)
_PAIR_CHARACTERS = 480  # two sentences further apart are not heard as one thought
_MOST_FINDINGS = 100  # of each verdict


def minors_in_sexual_context(rule: str, views: Views) -> list[Finding]:
    """Return one finding per sentence, or pair of sentences, that connects the two; at most a hundred per verdict."""
    findings: dict[Verdict, list[Finding]] = {Verdict.BLOCK: [], Verdict.REVIEW: []}
    sentences = views.sentences
    reported = -1  # the last sentence that a finding covers
    for at, sentence in enumerate(sentences):
        for name, text in views.readings(sentence.start, sentence.end):
            verdict = _verdict(text)
            if verdict is not None:
                findings[verdict].append(_finding(rule, verdict, Span(sentence.start, sentence.end), name))
                reported = at
                break
        else:
            before = sentences[at - 1] if at else None
            near = before and before.segment == sentence.segment and sentence.end - before.start <= _PAIR_CHARACTERS
            if before is not None and near and reported < at - 1:
                text = views.original.text[before.start : sentence.end]
                if _verdict(text) is Verdict.BLOCK:
                    # Two sentences may speak of different people, so this is a question for a person.
                    span = Span(before.start, sentence.end)
                    findings[Verdict.REVIEW].append(_finding(rule, Verdict.REVIEW, span, ORIGINAL))
                    reported = at
    return [finding for listed in findings.values() for finding in listed[:_MOST_FINDINGS]]


def _verdict(text: str) -> Verdict | None:
    if _MINOR.search(text) is None:
        return None
    protective = _REPORTING.search(text) is not None
    if _SEXUAL.search(text):
        return Verdict.REVIEW if protective else Verdict.BLOCK
    if _EXPOSED.search(text) or _CRIME.search(text):
        return None if protective else Verdict.REVIEW
    return None


def _finding(rule: str, verdict: Verdict, span: Span, view: str) -> Finding:
    explanation = "A word for a minor stands near a sexual word."
    if verdict is Verdict.REVIEW:
        explanation += " It may be reporting, protection or chance, so a person should read it."
    return Finding(rule, MINORS, verdict, span, 1.0, explanation, view)
