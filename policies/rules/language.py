"""Speech in a language that the policy cannot judge goes to a person, from one sentence on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from policies.decision import Finding, Span, Verdict
from policies.language_identifier import LanguageIdentifier, LanguageModel
from policies.lookalikes import is_latin, plain_lookalikes
from policies.rule_settings import LanguageRule
from policies.sentences import Sentence
from policies.text import Manuscript
from policies.views import ORIGINAL, Views

_WORD = re.compile(r"[^\W\d_]+")
_MINIMUM_LETTERS = 3
# A foreign clause of so many words inside a supported sentence is a sentence of its own, not a borrowed phrase.
_CLAUSE_WORDS = 8
_CLAUSE_WORDS_OTHER_LETTERS = 4
_SHORT_WORDS = 8  # sentences up to this length are also read together with their neighbours
_GROUP_CHARACTERS = 400
_OTHER_LANGUAGE = "This is in a language that this policy cannot judge."
_OTHER_LETTERS = "The letters are not those of a supported language."


class UnsupportedLanguage:
    """Finds a declared language outside the policy, letters of another script, and sentences in another language.

    A text without letters (numbers, emoji) is in no language and gives no finding.
    """

    id = "language"
    categories = ("unsupported_language",)
    verdicts = (Verdict.REVIEW,)

    def __init__(self, *, languages: Sequence[str], settings: LanguageRule, model: LanguageModel | None = None) -> None:
        self._languages = frozenset(languages)
        self._share = settings.review_share
        self._identifier = LanguageIdentifier(self._languages, model=model or LanguageModel())
        self.models: tuple[tuple[str, str], ...] = self._identifier.models

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Look at the declaration first; one finding for it covers the whole text."""
        declared = manuscript.language.lower().replace("_", "-").partition("-")[0]
        if declared not in self._languages:
            whole = Span(0, len(manuscript.text))
            return [_finding(whole, "The declared language is not one that this policy can judge.", 1.0)]
        if not views.sentences and manuscript.text.strip():
            return [_finding(Span(0, len(manuscript.text)), "No sentence was found in this text.", 1.0)]
        findings: list[Finding] = []
        doubtful: list[Sentence] = []
        for sentence in views.sentences:
            if doubtful and not _continues(doubtful, sentence):
                findings += self._together(manuscript.text, doubtful)
                doubtful = []
            written = manuscript.text[sentence.start : sentence.end]
            text = plain_lookalikes(written)
            found = self._judge(text, written, sentence.start)
            if found is not None:
                findings.append(found)
            elif self._is_doubtful(text):
                doubtful.append(sentence)
                continue
            findings += self._together(manuscript.text, doubtful)
            doubtful = []
        return findings + self._together(manuscript.text, doubtful)

    def _judge(self, text: str, written: str, start: int) -> Finding | None:
        letters = [character for character in text if character.isalpha()]
        foreign = 0 if text.isascii() else sum(not is_latin(character) for character in letters)
        if foreign >= _MINIMUM_LETTERS:
            if foreign >= self._share * len(letters):
                return _finding(Span(start, start + len(text)), _OTHER_LETTERS, foreign / len(letters))
            for first, last in _clauses_in_other_letters(written):
                return _finding(Span(start + first, start + last), _OTHER_LETTERS, foreign / len(letters))
        if self._identifier.is_foreign(text):
            return _finding(Span(start, start + len(text)), _OTHER_LANGUAGE, 0.8)
        for first, last in self._clauses(text):
            if self._identifier.is_foreign(text[first:last], by_words=True):
                return _finding(Span(start + first, start + last), _OTHER_LANGUAGE, 0.6)
        return None

    def _clauses(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the stretches of a long sentence that hold no little word of a supported language."""
        words = self._identifier.words(text)
        if len(words) <= _CLAUSE_WORDS:
            return
        begin = 0
        for at in range(len(words) + 1):
            if at == len(words) or self._identifier.is_known(words[at][0]):
                if at - begin >= _CLAUSE_WORDS and at - begin < len(words):
                    yield words[begin][1], words[at - 1][2]
                begin = at + 1

    def _is_doubtful(self, text: str) -> bool:
        """Too short to tell alone, and without a little word of a supported language."""
        words = self._identifier.words(text)
        return 0 < len(words) <= _SHORT_WORDS and not any(self._identifier.is_known(word) for word, _, _ in words)

    def _together(self, text: str, sentences: list[Sentence]) -> list[Finding]:
        if len(sentences) < 2:
            return []
        start, end = sentences[0].start, sentences[-1].end
        if not self._identifier.is_foreign(_lower_first_letters(text, sentences)):
            return []
        return [_finding(Span(start, end), _OTHER_LANGUAGE, 0.7)]


def _finding(span: Span, explanation: str, score: float) -> Finding:
    return Finding("language", "unsupported_language", Verdict.REVIEW, span, round(score, 4), explanation, ORIGINAL)


def _continues(doubtful: list[Sentence], sentence: Sentence) -> bool:
    return (
        sentence.segment == doubtful[-1].segment
        or not sentence.spoken  # lines of notes are segments of their own
        or not doubtful[-1].spoken
    ) and sentence.end - doubtful[0].start <= _GROUP_CHARACTERS


def _lower_first_letters(text: str, sentences: list[Sentence]) -> str:
    """Join the sentences; their first letters, capitals by rule, must not look like names."""
    return " ".join(text[one.start].lower() + text[one.start + 1 : one.end] for one in sentences)


def _clauses_in_other_letters(text: str) -> Iterator[tuple[int, int]]:
    """Yield each run of words in letters that are not Latin, long enough to say something."""
    run: list[tuple[int, int]] = []
    for match in _WORD.finditer(text):
        if is_latin(match.group()[0]):
            if len(run) >= _CLAUSE_WORDS_OTHER_LETTERS:
                yield run[0][0], run[-1][1]
            run = []
        else:
            run.append(match.span())
    if len(run) >= _CLAUSE_WORDS_OTHER_LETTERS:
        yield run[0][0], run[-1][1]
