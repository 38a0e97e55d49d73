"""The disclosure is said in the script's language, or the script is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.announcements import DISCLOSURES, REMINDERS, disclosure_in, reminder_in
from gateway.errors import InvalidRequestError
from gateway.settings import DEFAULT_DISCLOSURE, Settings
from tests.gateway_chain import build_chain, script_of


def test_english_is_what_the_operator_set() -> None:
    assert disclosure_in(Settings(), "en") == DEFAULT_DISCLOSURE
    assert disclosure_in(Settings(disclosure=" Made by machines. "), "en") == "Made by machines."


def test_every_other_language_of_ours_has_both_texts_of_its_own() -> None:
    assert DISCLOSURES.keys() == REMINDERS.keys()
    texts = [disclosure_in(Settings(), language) for language in DISCLOSURES]
    assert len(set(texts)) == len(DISCLOSURES)
    assert DEFAULT_DISCLOSURE not in texts


def test_operators_words_replace_ours_and_add_languages() -> None:
    settings = Settings(disclosures={"de": "Von einer Maschine.", "fi": "Koneen tekemä."})
    assert disclosure_in(settings, "de") == "Von einer Maschine."
    assert disclosure_in(settings, "fi") == "Koneen tekemä."
    assert reminder_in(settings, "fi") == "Koneen tekemä."


def test_language_without_words_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="language 'fi'; the operator can set ASSAY_DISCLOSURES"):
        disclosure_in(Settings(), "fi")


def test_switched_off_disclosure_is_off_in_every_language() -> None:
    assert disclosure_in(Settings(disclosure=" "), "fi") == ""


def test_script_in_a_language_without_words_leaves_nothing_behind(tmp_path: Path) -> None:
    from gateway.intake import submit

    chain = build_chain(tmp_path)
    voice = chain.tools.voices.get("quiet")
    voice.language = "fi"
    text = script_of("Huomenta.").replace("language: en", "language: fi")
    with chain.database.write() as session, pytest.raises(InvalidRequestError, match="ASSAY_DISCLOSURES"):
        submit(session, toolchain=chain.tools, api_key_id="submitter1", text=text)
