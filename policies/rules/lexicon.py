"""Listed words and phrases on every view; a word that appears only under a disguise is also an evasion."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.decision import Finding, Span, Verdict
from policies.lexicon import Hit, Lexicon
from policies.rule_settings import LexiconRule
from policies.rules.minors import MINORS, minors_in_sexual_context
from policies.rules.reported_speech import is_condemned, is_reported
from policies.text import Manuscript
from policies.views import ORIGINAL, View, Views

SENSITIVE = frozenset(
    {
        "self_harm", "self_harm/intent", "self_harm/instructions", "sexual_minors", "illicit", "illicit/violent",
        "violence", "violence/graphic", "extremism", "dangerous_advice", "scam",
    }
)  # fmt: skip
_DISGUISED = "disguised"  # words that mean nothing by themselves, but a disguise of them does
_REPEAT = re.compile(r"(.)\1+")
_EXPLANATIONS = {
    "slur": "The word is listed as a slur; a person should see how it is used.",
    "profanity": "The word is listed as strong language.",
    "sexual_content": "The words are listed as sexual content.",
    "threat": "The phrase is listed as a threat of violence.",
    "evasion": "A listed word is written so that a reader or a filter would miss it.",
    "self_harm": "The phrase urges somebody to hurt himself, or speaks of it in a way that only a person may clear.",
    "self_harm/intent": "The phrase says that the speaker means to hurt himself; a person should read it soon.",
    "self_harm/instructions": "The phrase is typical of methods of self-harm.",
    "sexual_minors": "The phrase connects minors with sexual content.",
    "illicit": "The phrase is typical of instructions for a crime.",
    "illicit/violent": "The phrase is typical of instructions for weapons or for harming people.",
    "violence": "The phrase is typical of calls for violence or praise of it.",
    "violence/graphic": "The phrase is listed as graphic violence.",
    "extremism": "The phrase is typical of recruiting for, or praising, violent movements.",
    "dangerous_advice": "Whoever follows this advice can come to harm.",
    "scam": "The phrase is typical of calls that pose as somebody to get money or secrets.",
}
_CONTEXT_CHARACTERS = 160  # on each side of a hit; one spoken sentence or so
# A phrase found more often than this in one script is reported at these places only: the rest would say the same.
_MOST_PLACES = 100


class ListedWords:
    """Finds slurs, threats, profanity and their disguises."""

    id = "lexicon"
    models: tuple[tuple[str, str], ...] = ()

    def __init__(self, *, lexicon: Lexicon, settings: LexiconRule) -> None:
        self._lexicon = lexicon
        self._evasion = settings.evasion
        self.categories = tuple(sorted((lexicon.categories - SENSITIVE - {_DISGUISED}) | {"evasion"}))
        listed = {entry.verdict for entry in lexicon.entries if entry.category in self.categories}
        self.verdicts = (settings.evasion, Verdict.REVIEW, *sorted(listed))  # a block may be softened to a review

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Search every view; the first view that shows a word at a place reports it."""
        findings: list[Finding] = []
        limit = _Limit()
        for view, hit, span in hits(self._lexicon, views):
            disguised = view.name != ORIGINAL and _hidden_on_purpose(manuscript.text[span.start : span.end], hit)
            if disguised and limit.admits("evasion", hit):
                findings.append(_finding(self.id, "evasion", self._evasion, span, view))
            category = hit.entry.category
            if category not in SENSITIVE and category != _DISGUISED and limit.admits(category, hit):
                verdict = limit.softened(hit, manuscript.text, span)
                findings.append(_finding(self.id, category, verdict, span, view))
        return findings


class SensitiveTopics:
    """Finds listed phrases about self-harm, crime, violence and the like, and minors in a sexual context."""

    id = "sensitive"
    models: tuple[tuple[str, str], ...] = ()

    def __init__(self, *, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self.categories = tuple(sorted((lexicon.categories & SENSITIVE) | {MINORS}))

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Search every view for the sensitive part of the lexicon, and sentences for minors in a sexual context."""
        limit = _Limit()
        listed = [
            _finding(self.id, hit.entry.category, limit.softened(hit, manuscript.text, span), span, view)
            for view, hit, span in hits(self._lexicon, views)
            if hit.entry.category in SENSITIVE and limit.admits(hit.entry.category, hit)
        ]
        return _without_repeats(listed) + minors_in_sexual_context(self.id, views)


def _without_repeats(findings: list[Finding]) -> list[Finding]:
    """Drop a finding that overlaps another of its category which is at least as strict: one phrase, one question."""
    kept: list[Finding] = []
    reach: dict[str, Finding] = {}  # per category, the strictest kept finding that reaches furthest
    for finding in sorted(findings, key=lambda one: (one.span.start, -one.verdict.severity, -one.span.end)):
        known = reach.get(finding.category)
        overlaps = known is not None and finding.span.start < known.span.end
        if known is not None and overlaps and finding.verdict.severity <= known.verdict.severity:
            continue
        kept.append(finding)
        reach[finding.category] = finding
    return kept


class _Limit:
    """Keeps a script that repeats one phrase a hundred thousand times from making as many findings."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], int] = {}

    def admits(self, category: str, hit: Hit) -> bool:
        """Count this place and say whether it is still to be reported."""
        key = (category, hit.entry.term)
        self._places[key] = self._places.get(key, 0) + 1
        return self._places[key] <= _MOST_PLACES

    def softened(self, hit: Hit, text: str, span: Span) -> Verdict:
        """Return the verdict of an admitted place; the last one stands for all that follow, so it is not softened."""
        if self._places[hit.entry.category, hit.entry.term] == _MOST_PLACES:
            return hit.entry.verdict
        return softened(hit.entry.verdict, text, span)


def hits(lexicon: Lexicon, views: Views) -> Iterator[tuple[View, Hit, Span]]:
    """Yield each entry at each place once, from the first view that shows it."""
    seen: set[tuple[str, int]] = set()
    searched: set[str] = set()
    for view in views.all:
        if view.text in searched:
            continue
        searched.add(view.text)
        for hit in lexicon.search(view.text):
            span = view.span(hit.start, hit.end)
            key = (hit.entry.term, span.start)
            if key not in seen:
                seen.add(key)
                yield view, hit, span


def softened(verdict: Verdict, text: str, span: Span) -> Verdict:
    """Turn a block into a review where the words around it report or condemn what was said."""
    if verdict is not Verdict.BLOCK:
        return verdict
    around = text[max(0, span.start - _CONTEXT_CHARACTERS) : span.end + _CONTEXT_CHARACTERS]
    return Verdict.REVIEW if is_reported(around) or is_condemned(around) else verdict


def _hidden_on_purpose(written: str, hit: Hit) -> bool:
    """Say whether the spelling hides the word; emphasis ("stuuupid") and a printed mask ("f**k") do not."""
    lower = written.lower().strip("*_.,!?'\"")
    if "*" in lower or "#" in lower:
        return False
    squeezed = _REPEAT.sub(r"\1", lower)
    return squeezed not in {_REPEAT.sub(r"\1", form) for word in hit.entry.words for form in (word, word + "s")}


def _finding(rule: str, category: str, verdict: Verdict, span: Span, view: View) -> Finding:
    return Finding(rule, category, verdict, span, 1.0, _EXPLANATIONS.get(category, "The phrase is listed."), view.name)
