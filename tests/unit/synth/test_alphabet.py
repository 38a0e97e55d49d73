"""What voices with reading rules of their own may be given, and phonemes as Coqui's models know them."""

from __future__ import annotations

import pytest

from synth.adapters.coqui_phonemes import misaki_to_espeak
from synth.alphabet import LANGUAGES, PlainAlphabet
from synth.errors import VoiceError


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "It's a café: “well-known” (really) – isn't it?"),
        ("de", "Grüße aus Köln, schöne Straße!"),
        ("fr", "L'œuvre a été reçue où ça ?"),
        ("pl", "Zażółć gęślą jaźń."),
        ("ru", "Съешь ещё этих булок."),
        ("tr", "İyi günler, çocuğum."),
    ],
)
def test_plain_sentences_are_speakable(language: str, text: str) -> None:
    assert PlainAlphabet(language)(text) is None


@pytest.mark.parametrize(
    ("language", "text", "offset", "reason"),
    [
        ("en", "room 101", 5, "number"),
        ("en", "fifty %", 6, "PERCENT"),
        ("en", "say Привет", 4, "CYRILLIC"),
        ("ru", "скажи hi", 6, "LATIN"),
        ("de", "世界", 0, "CJK"),
        ("fr", "un 🙂", 3, "FACE"),
        ("en", "a" * 41 + " 5", 0, "40 letters"),
        ("en", "zero\u200bwidth", 4, "ZERO WIDTH"),
    ],
)
def test_the_first_thing_that_it_may_misread_is_named(language: str, text: str, offset: int, reason: str) -> None:
    found = PlainAlphabet(language)(text)
    assert found is not None
    assert found.offset == offset
    assert reason in found.reason


def test_a_language_without_a_list_of_letters_is_refused() -> None:
    with pytest.raises(VoiceError, match="no alphabet is known for 'zh'"):
        PlainAlphabet("zh")
    assert "zh" not in LANGUAGES


@pytest.mark.parametrize(
    ("misaki", "espeak"),
    [
        ("bˈɜɹd", "bˈɜːd"),
        ("dˈA", "dˈeɪ"),
        ("ʤˈʌʤ", "dʒˈʌdʒ"),
        ("bˈɔɪ", "bˈɔɪ"),
        ("bˈY", "bˈɔɪ"),
        ("lˈɔ", "lˈɔː"),
        ("fˈɑðəɹ", "fˈɑːðɚ"),
        ("hˈæpi", "hˈæpi"),
        ("sˈi", "sˈiː"),
        ("stɹˈit", "stɹˈiːt"),
        ("“jˈu” — wˈʌn…", '"jˈuː" - wˈʌn.'),
    ],
)
def test_phonemes_are_written_as_espeak_does(misaki: str, espeak: str) -> None:
    assert misaki_to_espeak(misaki) == espeak
