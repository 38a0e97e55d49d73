"""Speech in a language that the policy cannot judge is held, from one sentence on; borrowed words are not."""

from __future__ import annotations

import pytest

from policies.decision import Finding, Verdict
from policies.language_identifier import LanguageIdentifier, LanguageModel
from policies.rule_settings import LanguageRule
from policies.rules.language import UnsupportedLanguage
from policies.text import Manuscript
from policies.views import build_views
from tests.manuscripts import dialogue, spoken

MODEL = LanguageModel()
RULE = UnsupportedLanguage(languages=("en",), settings=LanguageRule(), model=MODEL)


def found(text: str | Manuscript, rule: UnsupportedLanguage = RULE) -> list[Finding]:
    manuscript = spoken(text) if isinstance(text, str) else text
    return rule.check(manuscript, build_views(manuscript))


@pytest.mark.parametrize(
    "text",
    [
        "Das stimmt doch gar nicht, oder?",
        "Je ne sais pas quoi dire.",
        "Me gusta caminar por la playa.",
        "Ik weet niet wat ik moet zeggen.",
        "Nie wiem, co powiedzieć.",
        "Ne diyeceğimi bilmiyorum.",
        "Tänään puhumme kuivuudesta etelässä.",
        "Hindi ko alam kung ano ang sasabihin ko.",
        "Maanta waxaan ka hadli doonaa abaarta koonfurta.",
        "ESTA GENTE NO DEBERÍA ESTAR AQUÍ",
        "Esta Gente No Debería Estar Aquí Nunca Más",
        "Ye log yahan nahi hone chahiye.",
        "Yaar mujhe toh kuch samajh nahi aa raha hai.",
        "Zhexie ren bu yinggai zai zheli.",
        "Ya ne znayu chto skazat ob etom.",
        "Ana mish 3aref a2ol eh 3an el mawdoo3 da.",
        "Simera tha milisoume gia tin ksirasia ston noto.",
        "今日は天気について話します。",
        "Доброе утро, сегодня мы говорим о погоде.",
        "اليوم نتحدث عن الطقس.",
    ],
)
def test_one_sentence_of_another_language_is_held(text: str) -> None:
    (finding,) = found(text)
    assert (finding.verdict, finding.category) == (Verdict.REVIEW, "unsupported_language")
    assert (finding.span.start, finding.span.end) == (0, len(text))


@pytest.mark.parametrize(
    "text",
    [
        "They ate crème brûlée and foie gras at the Café de la Paix.",
        "Marco Rossi, Giulia Bianchi and Paolo Ferrari joined later.",
        "Ursula von der Leyen spoke first.",
        "Tchaikovsky, Rachmaninoff, Shostakovich, Prokofiev and Stravinsky.",
        "He shouted 'Viva la revolución' from the balcony.",
        "My grandmother said la vie est belle every morning.",
        "Escherichia coli and Staphylococcus aureus resist many antibiotics.",
        "Take it from Llanfairpwllgwyngyll to Aberystwyth.",
        "Los Angeles, San Francisco, Santa Barbara, San Diego.",
        "Gonna be lit, fam, no cap.",
        "Ha ha ha ha ha!",
        "Rain. Wind. Snow. Silence.",
        "Rossi. Bianchi. Ferrari. Russo.",
        "Thou shalt not bear false witness.",
        "Gracias, amigo! Namaste, and welcome back.",
        "The air is nitrogen, oxygen, argon, carbon dioxide, neon, helium, methane, krypton, hydrogen and xenon.",
        "12 34 56 78, 3.14 and 1999.",
        "🎉🎉🎉 😀",
        "The word мир means peace in Russian.",
        "A naïve coöperation at the façade of the Škoda works.",
    ],
)
def test_english_with_names_and_borrowed_words_passes(text: str) -> None:
    assert found(text) == []


def test_short_sentences_are_read_together() -> None:
    text = "Welcome back to the show. Hola amigos. ¿Cómo están? Bienvenidos todos. And now the news of the day."
    (finding,) = found(text)
    assert text[finding.span.start : finding.span.end] == "Hola amigos. ¿Cómo están? Bienvenidos todos."


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        (
            "He said no puedo creer que esto esté pasando en mi casa hoy and left the room at once.",
            "no puedo creer que esto esté pasando en mi casa hoy",
        ),
        ("He wrote: Привет, сегодня мы говорим о погоде и мостах, and then he stopped writing.", None),
    ],
)
def test_a_foreign_clause_inside_an_english_sentence_is_held(text: str, clause: str | None) -> None:
    (finding,) = found(text)
    if clause is not None:
        assert clause in text[finding.span.start : finding.span.end]


def test_one_foreign_turn_in_a_dialogue_is_the_only_one_held() -> None:
    manuscript = dialogue("Good morning, how are you today?", "Mir geht es gut, und wie geht es dir heute?", "Fine.")
    (finding,) = found(manuscript)
    assert manuscript.text[finding.span.start : finding.span.end].startswith("Mir geht es gut")


def test_a_declared_language_outside_the_policy_covers_the_whole_text() -> None:
    manuscript = spoken("Good morning.", language="de-CH")
    (finding,) = found(manuscript)
    assert (finding.span.start, finding.span.end) == (0, len(manuscript.text))


def test_a_policy_with_two_languages_accepts_both_and_holds_a_third() -> None:
    rule = UnsupportedLanguage(languages=("en", "de"), settings=LanguageRule(), model=MODEL)
    assert found("Das stimmt doch gar nicht, oder? I do not think so.", rule) == []
    assert found("Je ne sais pas quoi dire de tout cela.", rule)


def test_the_decision_names_the_model_and_its_digest() -> None:
    ((name, digest),) = RULE.models
    assert name.startswith("py3langid-")
    assert len(digest.removeprefix("sha256:")) == 64


@pytest.mark.parametrize(
    "text", ["a" * 100_000, "é " * 50_000, "я" * 100_000, "a я " * 25_000, "👍" * 50_000, "LA " * 30_000]
)
def test_hostile_text_gives_an_answer(text: str) -> None:
    for finding in found(text):
        assert 0 <= finding.span.start < finding.span.end <= len(text)


def test_the_identifier_is_the_same_for_every_order_of_languages() -> None:
    one, other = LanguageIdentifier(("en", "fr"), model=MODEL), LanguageIdentifier(("fr", "en"), model=MODEL)
    for text in ("Je ne sais pas quoi dire.", "Ich weiß nicht, was ich sagen soll.", "I do not know."):
        assert one.is_foreign(text) == other.is_foreign(text)
