"""Listed words and phrases on every view; a word that appears only under a disguise is also an evasion."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from policies.decision import Finding, Span, Verdict
from policies.lexicon import Hit, Lexicon
from policies.rule_settings import LexiconRule
from policies.rules.reported_speech import is_condemned, is_reported
from policies.text import Manuscript
from policies.views import ORIGINAL, View, Views

SENSITIVE = frozenset({"self_harm", "sexual_minors", "illicit", "graphic_violence"})
_DISGUISED = "disguised"  # words that mean nothing by themselves, but a disguise of them does
_REPEAT = re.compile(r"(.)\1+")
_EXPLANATIONS = {
    "slur": "The word is listed as a slur; a person should see how it is used.",
    "profanity": "The word is listed as strong language.",
    "sexual_content": "The words are listed as sexual content.",
    "threat": "The phrase is listed as a threat of violence.",
    "evasion": "A listed word is written so that a reader or a filter would miss it.",
    "self_harm": "The phrase speaks of self-harm or suicide in a way that only a person may clear.",
    "sexual_minors": "The phrase connects minors with sexual content.",
    "illicit": "The phrase is typical of instructions for crime or weapons.",
    "graphic_violence": "The phrase is listed as graphic violence.",
}
_CONTEXT_CHARACTERS = 160  # on each side of a hit; one spoken sentence or so


class ListedWords:
    """Finds slurs, threats, profanity and their disguises."""

    id = "lexicon"
    models: tuple[tuple[str, str], ...] = ()

    def __init__(self, *, lexicon: Lexicon, settings: LexiconRule) -> None:
        self._lexicon = lexicon
        self._evasion = settings.evasion
        self.categories = tuple(sorted((lexicon.categories - SENSITIVE - {_DISGUISED}) | {"evasion"}))
        self.verdicts = (settings.evasion, *_verdicts(lexicon, self.categories))

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Search every view; the first view that shows a word at a place reports it."""
        findings: list[Finding] = []
        for view, hit, span in hits(self._lexicon, views):
            disguised = view.name != ORIGINAL and _hidden_on_purpose(manuscript.text[span.start : span.end], hit)
            if disguised:
                findings.append(_finding(self.id, "evasion", self._evasion, span, view))
            if hit.entry.category not in SENSITIVE and hit.entry.category != _DISGUISED:
                verdict = softened(hit.entry.verdict, manuscript.text, span)
                findings.append(_finding(self.id, hit.entry.category, verdict, span, view))
        return findings


class SensitiveTopics:
    """Finds phrases about self-harm, minors, crime and gore, for which there is no model."""

    id = "sensitive"
    models: tuple[tuple[str, str], ...] = ()

    def __init__(self, *, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self.categories = tuple(sorted(lexicon.categories & SENSITIVE))
        self.verdicts = _verdicts(lexicon, self.categories)

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Search every view for the sensitive part of the lexicon."""
        return [
            _finding(self.id, hit.entry.category, softened(hit.entry.verdict, manuscript.text, span), span, view)
            for view, hit, span in hits(self._lexicon, views)
            if hit.entry.category in SENSITIVE
        ]


def _verdicts(lexicon: Lexicon, categories: Collection[str]) -> tuple[Verdict, ...]:
    """Return what entries of these categories can lead to; a block may be softened to a review."""
    listed = {entry.verdict for entry in lexicon.entries if entry.category in categories}
    return tuple(listed | {Verdict.REVIEW} if Verdict.BLOCK in listed else listed)


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
