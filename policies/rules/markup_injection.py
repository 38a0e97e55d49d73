"""Markup and invisible characters that make a voice say something else than the text reads."""

from __future__ import annotations

import re
import unicodedata

from policies.decision import Finding, Span
from policies.rule_settings import MarkupRule
from policies.text import Manuscript
from policies.views import ORIGINAL, Views

# All quantifiers are bounded, so hostile input costs linear time.
_PATTERNS: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (
        "phoneme",
        "A bracketed phoneme string replaces what the voice says.",
        re.compile(r"\[[^\[\]\n]{0,200}\]\(\s{0,8}/[^()\n]{0,200}\)|\[\[[^\[\]\n]{0,200}\]?\]?|\{\{[^{}\n]{0,200}\}\}"),
    ),
    (
        "ssml",
        "An SSML or HTML tag can replace, respell or silence words.",
        re.compile(
            r"</?[A-Za-z!?][^<>]{0,300}/?>|</?(?:phoneme|sub|say-as|speak|prosody|audio|break)\b[^<>]{0,300}",
            re.IGNORECASE,
        ),
    ),
    (
        "directive",
        "A bracketed directive to the speech engine is not part of the script's dialect.",
        re.compile(
            r"\[\s{0,4}(?:voice|style|emotion|lang|speed|pitch|rate|ipa|phoneme|sound|audio|"
            r"sfx)\s{0,4}[:=][^\[\]\n]{0,200}\]?",
            re.IGNORECASE,
        ),
    ),
    (
        "entity",
        "A character entity reads as code and is spoken as another character.",
        re.compile(r"&(?:#x?[0-9A-Fa-f]{1,8}|lt|gt|amp|nbsp|shy|zwj|zwnj|lrm|rlm);"),
    ),
)
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINERS = frozenset("\u200c\u200d")  # needed inside Indic words and emoji, a disguise between Latin letters
_ALLOWED_CONTROLS = frozenset("\n\r\t")
_MARKS_IN_A_ROW = 3  # real orthographies stack at most two marks; more is "zalgo"


class MarkupInjection:
    """Finds phoneme markup, SSML, engine directives, entities and invisible characters."""

    id = "markup_injection"
    categories = ("bidi", "control", "directive", "entity", "invisible", "phoneme", "ssml", "stacked_marks")
    models: tuple[tuple[str, str], ...] = ()

    def __init__(self, *, settings: MarkupRule) -> None:
        self._verdict = settings.verdict
        self.verdicts = (settings.verdict,)

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Look at the author's text, and at the other views for markup written in disguise."""
        findings: list[Finding] = []
        seen: set[tuple[str, int]] = set()
        for view in views.all[:2]:  # a disguise by look-alike or full-width characters shows in the normalised view
            for category, explanation, pattern in _PATTERNS:
                for match in pattern.finditer(view.text):
                    span = view.span(match.start(), match.end())
                    if (category, span.start) not in seen:
                        seen.add((category, span.start))
                        findings.append(Finding(self.id, category, self._verdict, span, 1.0, explanation, view.name))
        findings.extend(self._invisible(manuscript.text))
        return findings

    def _invisible(self, text: str) -> list[Finding]:
        if text.isascii() and text.isprintable():
            return []
        findings: list[Finding] = []
        marks = 0
        for at, character in enumerate(text):
            category = None
            if character.isascii():
                marks = 0
                if (character < " " and character not in _ALLOWED_CONTROLS) or character == "\x7f":
                    category = "control"
            else:
                kind = unicodedata.category(character)
                marks = marks + 1 if kind in ("Mn", "Me") else 0
                if marks == _MARKS_IN_A_ROW:
                    category = "stacked_marks"
                elif character in _BIDI:
                    category = "bidi"
                elif kind in ("Cf", "Co", "Cs", "Cn") or kind == "Cc":
                    joins = character in _JOINERS and not _between_latin(text, at)
                    starts = character == "\ufeff" and at == 0
                    category = None if joins or starts else "invisible"
            if category is None:
                continue
            if findings and findings[-1].category == category and findings[-1].span.end == at:
                previous = findings.pop()
                span = Span(previous.span.start, at + 1)
            else:
                span = Span(at, at + 1)
            findings.append(
                Finding(
                    self.id, category, self._verdict, span, 1.0,
                    "Characters that no reader sees change what a filter or a voice makes of the text.", ORIGINAL,
                )
            )  # fmt: skip
        return findings


def _between_latin(text: str, at: int) -> bool:
    neighbours = text[max(0, at - 1) : at] + text[at + 1 : at + 2]
    return any(character.isascii() and character.isalnum() for character in neighbours)
