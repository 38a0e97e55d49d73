"""Scripts in a language that the policy cannot judge go to a person; the models know English only."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from policies.decision import Finding, Span, Verdict
from policies.lookalikes import is_latin, plain_lookalikes
from policies.rule_settings import LanguageRule
from policies.text import Manuscript
from policies.views import ORIGINAL, Views

_FUNCTION_WORDS = Path(__file__).with_name("function_words.toml")
_WORD = re.compile(r"[^\W\d_]+")
_MINIMUM_WORDS = 6  # a shorter sentence may be a name, a title or a borrowed phrase
_MINIMUM_LETTERS = 3


class UnsupportedLanguage:
    """Finds a declared language outside the policy, letters of another script, and sentences in another language."""

    id = "language"
    categories = ("unsupported_language",)
    models: tuple[tuple[str, str], ...] = ()

    def __init__(self, *, languages: Sequence[str], settings: LanguageRule) -> None:
        self._languages = frozenset(languages)
        self._share = settings.review_share
        listed = tomllib.loads(_FUNCTION_WORDS.read_text(encoding="utf-8"))
        self._words = {language: frozenset(words.split()) for language, words in listed.items()}

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Look at the declaration first; one finding for it covers the whole text."""
        declared = manuscript.language.lower().replace("_", "-").partition("-")[0]
        if declared not in self._languages:
            whole = Span(0, len(manuscript.text))
            return [self._finding(whole, "The declared language is not one that this policy can judge.", 1.0)]
        if not views.sentences and manuscript.text.strip():
            return [self._finding(Span(0, len(manuscript.text)), "No sentence was found in this text.", 1.0)]
        findings = []
        for sentence in views.sentences:
            text = plain_lookalikes(manuscript.text[sentence.start : sentence.end])
            span = Span(sentence.start, sentence.end)
            letters = [character for character in text if character.isalpha()]
            foreign = sum(not is_latin(character) for character in letters)
            if foreign >= _MINIMUM_LETTERS and foreign >= self._share * len(letters):
                findings.append(
                    self._finding(span, "The letters are not those of a supported language.", foreign / len(letters))
                )
            elif self._is_foreign(text):
                findings.append(
                    self._finding(span, "The sentence is in a language that this policy cannot judge.", 0.8)
                )
        return findings

    def _finding(self, span: Span, explanation: str, score: float) -> Finding:
        return Finding(self.id, "unsupported_language", Verdict.REVIEW, span, round(score, 4), explanation, ORIGINAL)

    def _is_foreign(self, text: str) -> bool:
        """Say whether the little words are those of an unsupported language."""
        words = [word.lower() for word in _WORD.findall(text)]
        if len(words) < _MINIMUM_WORDS:
            return False
        counts = {language: sum(word in listed for word in words) for language, listed in self._words.items()}
        known = max((count for language, count in counts.items() if language in self._languages), default=0)
        other = max((count for language, count in counts.items() if language not in self._languages), default=0)
        return other >= 2 and other >= 2 * known + 1
