"""Which language a sentence is in: py3langid's model of 100 and more languages, and the little words of some.

The model alone takes "Marco Rossi and Giulia Bianchi joined later" for Italian; the little words alone miss a language
that nobody listed. Both must agree. Thresholds are set on sentences of our own and on English claims and posts of the
training data, never on the sets that we report on (docs/policies.md). The model's file is read once, on construction.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path

import py3langid.langid as langid

_FUNCTION_WORDS = Path(__file__).with_name("rules") / "function_words.toml"
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d[^\W\d_]+\d?[^\W\d_]*")  # "3aref" is a word of texted Arabic
# Particles of names: "Ursula von der Leyen" is no German sentence.
_PARTICLES = re.compile(
    r"\b(?:v[ao]n|de[lrsn]?|d[aiou]s?|la|le|el|al|bin|ibn|y|und|et|das|dos|della|zu|ter|ten)\s+(?=[^\W\d_a-z])"
)
_NEAR = {"en": ("pcm", "sco")}  # labels that the model gives to plain sentences of the language, too
_MOST_PLAUSIBLE = 0.2  # above this probability of a supported language nothing is suspected


class LanguageModel:
    """py3langid's model: 142 languages, 71 MB in memory; immutable, so one instance serves all policies and threads."""

    def __init__(self) -> None:
        path = langid.MODEL_DIR / langid.MODEL_FILE
        self.digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
        self.name = f"py3langid-{version('py3langid')}"
        self._model = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)

    def chance(self, text: str, labels: Collection[str]) -> float:
        """Return how probable it is (0..1) that `text` is in one of the languages with these labels."""
        return float(sum(chance for label, chance in self._model.rank(text) if label in labels))


class LanguageIdentifier:
    """Says whether words are in none of the given languages; immutable, safe to share between threads."""

    def __init__(self, languages: Collection[str], *, model: LanguageModel) -> None:
        self._model = model
        self.models: tuple[tuple[str, str], ...] = ((model.name, model.digest),)
        self._labels = frozenset(label for code in languages for label in (code, *_NEAR.get(code, ())))
        listed = {
            code: frozenset(words.split())
            for code, words in tomllib.loads(_FUNCTION_WORDS.read_text(encoding="utf-8")).items()
        }
        known = frozenset().union(*(words for code, words in listed.items() if code in languages))
        other = frozenset().union(*(words for code, words in listed.items() if code not in languages))
        self._known = known - other
        self._other = tuple(words - known for code, words in listed.items() if code not in languages)

    def words(self, text: str) -> list[tuple[str, int, int]]:
        """Return each word of `text` as (lower case, start, end)."""
        return [(match.group().lower().replace("’", "'"), *match.span()) for match in _WORD.finditer(text)]

    def is_known(self, word: str) -> bool:
        """Say whether `word` (lower case) is a little word of a supported language and of no other."""
        return word in self._known

    def is_foreign(self, text: str, *, by_words: bool = False) -> bool:
        """Say whether `text` (up to a few sentences) is in another language; names and titles alone never are.

        With `by_words` the little words of one language must show it: a list of chemicals is no Latin.
        """
        text = _PARTICLES.sub("", text.lower() if text.isupper() else text)
        words = [match.group() for match in _WORD.finditer(text)]
        # A capital inside a sentence marks a name, or a German noun: the words that tell are written small.
        small = [
            word.lower().replace("’", "'")
            for at, word in enumerate(words)
            if len(word) > 1 and (at == 0 or not word[0].isupper())
        ]
        distinct = frozenset(small)
        if len(distinct) < 3:
            return self._is_foreign_title(words)
        known = sum(word in self._known for word in small)
        if known * 4 > len(small):
            return False
        plausible = self._model.chance(text, self._labels)
        if plausible >= _MOST_PLAUSIBLE:
            return False
        other = max(len(distinct & words) for words in self._other)
        if other >= 2 and other > known:
            return True
        if by_words:
            return False
        if known * 6 < len(small):
            if len(distinct) >= 5 and other and plausible < 0.05:
                return True
            if len(distinct) >= 4 and (other or len(distinct) >= 6) and plausible < 0.02:
                return True
        return plausible < 1e-4 and not known

    def _is_foreign_title(self, words: list[str]) -> bool:
        """Words With Capitals: names of places hold little words, too, so three of one language are needed."""
        distinct = frozenset(word.lower().replace("’", "'") for word in words)
        known = len(distinct & self._known)
        other = max(len(distinct & listed) for listed in self._other)
        return len(distinct) >= 5 and other >= 3 and other > 2 * known
