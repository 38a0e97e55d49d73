"""Scripts in a language that the policy cannot judge go to a person; the models know English only."""

from __future__ import annotations

import re
from collections.abc import Sequence

from policies.decision import Finding, Span, Verdict
from policies.lookalikes import is_latin, plain_lookalikes
from policies.pack_schema import LanguageRule
from policies.text import Manuscript
from policies.views import ORIGINAL, Views

# Function words; each list is the most frequent little words of that language, without words it shares with English.
_FUNCTION_WORDS: dict[str, frozenset[str]] = {
    "en": frozenset(
        ["the", "and", "of", "to", "in", "is", "that", "it", "was", "for", "on", "are", "as", "with", "his", "they", "at", "be", "this", "have", "from", "or", "had", "by", "but", "what", "all", "were", "we", "when", "your", "can", "said", "there", "an", "each", "which", "she", "do", "how", "their", "if", "will", "up", "about", "out", "many", "then", "them", "these", "so", "some", "her", "would", "him", "has", "more", "i", "you", "he", "my", "our", "us", "not", "no", "me", "its", "been", "who", "did", "just", "like"]
    ),
    "de": frozenset(["der", "und", "die", "das", "ist", "nicht", "ein", "eine", "ich", "sie", "wir", "mit", "auf", "für", "den", "dem", "des", "im", "zu", "auch", "sind", "wird", "haben", "oder", "aber", "von", "wie"]),
    "fr": frozenset(["le", "la", "les", "et", "est", "une", "des", "du", "que", "qui", "dans", "pour", "pas", "sur", "avec", "nous", "vous", "ils", "elle", "sont", "cette", "mais", "au", "aux", "ce", "ne", "je", "il"]),
    "es": frozenset(["el", "los", "las", "y", "es", "una", "del", "que", "en", "por", "para", "con", "no", "se", "lo", "como", "más", "pero", "sus", "le", "ya", "este", "son", "está", "muy"]),
    "it": frozenset(["il", "di", "che", "è", "la", "per", "una", "sono", "con", "non", "si", "da", "come", "anche", "più", "ma", "gli", "della", "nel", "alla", "questo", "le"]),
    "pt": frozenset(["de", "que", "não", "uma", "os", "as", "para", "com", "se", "mais", "como", "por", "foi", "ele", "das", "tem", "seu", "sua", "ou", "ser", "quando", "muito", "nos", "já", "está"]),
    "nl": frozenset(["de", "het", "een", "en", "van", "dat", "niet", "zijn", "op", "te", "met", "voor", "hij", "ik", "aan", "er", "maar", "ook", "als", "bij", "naar", "uit", "wordt"]),
    "pl": frozenset(["nie", "się", "jest", "to", "na", "że", "jak", "do", "ale", "czy", "tak", "za", "od", "po", "co", "już", "tylko", "przez", "był", "jego"]),
    "sv": frozenset(["och", "att", "det", "som", "en", "är", "av", "för", "på", "med", "den", "inte", "till", "ett", "om", "har", "jag", "men", "var"]),
    "tr": frozenset(["ve", "bir", "bu", "da", "de", "için", "çok", "ile", "gibi", "daha", "ne", "ama", "var", "kadar", "olarak", "sonra", "mi", "değil"]),
    "id": frozenset(["yang", "dan", "di", "itu", "dengan", "untuk", "tidak", "ini", "dari", "dalam", "akan", "pada", "saya", "anda", "kami", "ke", "ada"]),
}  # fmt: skip
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
            elif _foreign_words(text, self._languages):
                findings.append(
                    self._finding(span, "The sentence is in a language that this policy cannot judge.", 0.8)
                )
        return findings

    def _finding(self, span: Span, explanation: str, score: float) -> Finding:
        return Finding(self.id, "unsupported_language", Verdict.REVIEW, span, round(score, 4), explanation, ORIGINAL)


def _foreign_words(text: str, supported: frozenset[str]) -> bool:
    """Say whether the little words are those of an unsupported language."""
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) < _MINIMUM_WORDS:
        return False
    counts = {language: sum(word in listed for word in words) for language, listed in _FUNCTION_WORDS.items()}
    known = max((count for language, count in counts.items() if language in supported), default=0)
    other = max((count for language, count in counts.items() if language not in supported), default=0)
    return other >= 2 and other >= 2 * known + 1
