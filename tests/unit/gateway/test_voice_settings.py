"""Which voices an installation lets in: licences, purposes, pins, and where the words may go."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.app import build_voices
from gateway.cli import main
from gateway.errors import InvalidRequestError, SettingsError
from gateway.modelfiles import CATALOGUE, check_terms, find_model
from gateway.settings import load_settings
from synth.errors import VoiceError

ENTRY = """
[[voice]]
id = "{id}"
name = "Bella"
language = "en"
engine = "openai_speech"
licence = "{licence}"
purposes = {purposes}
real_person = false
voice = "af_bella"
"""
PRODUCTION = {"environment": "production", "public_url": "https://gate.example", "log_origin": "gate.example/log"}


def settings(
    tmp_path: Path, *, licence: str = "Apache-2.0", purposes: str = '["editorial"]', **named: object
) -> object:
    path = tmp_path / "voices.toml"
    path.write_text(ENTRY.format(id="bella", licence=licence, purposes=purposes))
    values = {"home": tmp_path, "voices": path, "speech_url": "https://tts.example/v1", "speech_model": "kokoro"}
    return load_settings(**{**values, **named})


def test_the_file_adds_to_the_embedded_voices(tmp_path: Path) -> None:
    catalogue = build_voices(settings(tmp_path, **PRODUCTION))  # type: ignore[arg-type]
    assert set(catalogue.voices) == set(catalogue.cards)
    assert {"bella", "hibari-heart", "hibari-birch", "hibari-cedar", "hibari-alder"} <= set(catalogue.voices)
    assert catalogue.get("bella").version == "openai-speech model=kokoro voice=af_bella unpinned"
    assert all(catalogue.cards[name].licence == "Apache-2.0" for name in catalogue.voices)


def test_a_licence_that_is_not_open_is_refused_in_production_until_it_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ASSAY_ACCEPTED_LICENCES"):
        build_voices(settings(tmp_path, licence="CPML", **PRODUCTION))  # type: ignore[arg-type]
    accepted = settings(tmp_path, licence="CPML", accepted_licences=("CPML",), **PRODUCTION)
    assert "bella" in build_voices(accepted).voices  # type: ignore[arg-type]


def test_development_says_what_production_would_refuse(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert "bella" in build_voices(settings(tmp_path, licence="CPML")).voices  # type: ignore[arg-type]
    assert "would be refused in production" in caplog.text


def test_a_voice_must_be_allowed_for_all_that_the_installation_does(tmp_path: Path) -> None:
    both = {**PRODUCTION, "purposes": ("editorial", "commercial")}
    path = tmp_path / "voices.toml"
    path.write_text(ENTRY.format(id="bella", licence="MIT", purposes='["editorial"]'))
    named = load_settings(
        home=tmp_path, voices=path, speech_url="https://tts.example/v1", speech_model="kokoro", **both
    )
    with pytest.raises(SettingsError, match=r"may not be used for commercial"):
        build_voices(named)


def test_no_words_leave_unencrypted_by_accident(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match="ASSAY_SPEECH_ALLOW_PLAIN_HTTP"):
        build_voices(settings(tmp_path, speech_url="http://tts.example/v1"))  # type: ignore[arg-type]
    with pytest.raises(VoiceError, match="ASSAY_SPEECH_MODEL"):
        build_voices(settings(tmp_path, speech_model=""))  # type: ignore[arg-type]


def test_without_the_extra_its_voices_stop_the_start_and_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import PackageNotFoundError

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("synth.adapters.coqui.installed_version", missing)
    folder = tmp_path / "joe"
    folder.mkdir()
    (folder / "model.pth").write_bytes(b"x")
    path = tmp_path / "voices.toml"
    pin = hashlib.sha256(b"x").hexdigest()
    path.write_text(
        '[[voice]]\nid = "joe"\nname = "Joe"\nlanguage = "en"\nengine = "coqui"\nlicence = "MIT"\n'
        f'purposes = ["editorial"]\nreal_person = true\nmodel = "joe"\n[voice.files]\n"model.pth" = "{pin}"\n'
    )
    with pytest.raises(VoiceError, match="make setup-coqui"):
        build_voices(load_settings(home=tmp_path, voices=path))


def test_models_with_terms_are_not_fetched_before_they_are_accepted() -> None:
    model = find_model("xtts-v2")
    with pytest.raises(InvalidRequestError, match=r"CPML .*LICENSE.* ASSAY_ACCEPTED_LICENCES"):
        check_terms(model, ())
    check_terms(model, ("CPML",))
    assert all(one.pinned for one in CATALOGUE)
    for other in CATALOGUE:
        if other.licence != "CPML":
            check_terms(other, ())


def test_pull_of_a_model_with_terms_stops_before_any_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    result = CliRunner().invoke(main, ["models", "pull", "xtts-v2"])
    assert result.exit_code == 1
    assert "ASSAY_ACCEPTED_LICENCES" in result.output
    assert not (tmp_path / "models").exists()


def test_command_lists_voices_with_their_conditions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    result = CliRunner().invoke(main, ["voices", "list", "--json"])
    assert result.exit_code == 0
    listed = {row["id"]: row for row in json.loads(result.output)["voices"]}
    assert len(listed) == 5
    assert listed["hibari-heart"]["real_person"] is False
    assert "political" in listed["hibari-heart"]["purposes"]


def test_a_pinned_folder_is_printed_as_an_entry_that_can_be_read(tmp_path: Path) -> None:
    from synth.voicefile import read_voice_file

    folder = tmp_path / "joe"
    folder.mkdir()
    (folder / "model.pth").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    (folder / "card.json").write_text("{}")
    result = CliRunner().invoke(main, ["voices", "pin", str(folder), "--id", "joe", "--licence", "MIT"])
    assert result.exit_code == 0
    path = tmp_path / "voices.toml"
    path.write_text(result.output)
    (entry,) = read_voice_file(path)
    assert entry.files["model.pth"] == hashlib.sha256(b"weights").hexdigest()  # type: ignore[union-attr]
    assert set(entry.files) == {"model.pth", "config.json"}  # type: ignore[union-attr]


def test_the_interface_lists_voices_with_their_conditions() -> None:
    from types import SimpleNamespace

    from gateway.api.voices import list_voices
    from synth.adapters.hibari import hibari_catalogue

    backend = SimpleNamespace(toolchain=SimpleNamespace(voices=hibari_catalogue()))
    shown = list_voices(backend, caller=None).voices  # type: ignore[arg-type]  # all that the route uses
    assert [voice.id for voice in shown] == sorted(voice.id for voice in shown)
    assert len(shown) == 5
    assert {voice.licence for voice in shown} == {"Apache-2.0"}
    assert all("hibari-tts/0.2.1 sha256:" in voice.version for voice in shown)


def test_sentences_of_added_voices_are_kept_and_those_of_the_embedded_are_not(tmp_path: Path) -> None:
    from synth.segments import RememberingVoice

    catalogue = build_voices(settings(tmp_path))  # type: ignore[arg-type]
    assert [name for name, voice in catalogue.voices.items() if isinstance(voice, RememberingVoice)] == ["bella"]
    without = build_voices(settings(tmp_path, speech_cache_bytes=0))  # type: ignore[arg-type]
    assert not any(isinstance(voice, RememberingVoice) for voice in without.voices.values())


def test_check_has_voices_speak_and_says_which_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings(tmp_path)  # writes the file
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setenv("ASSAY_VOICES", str(tmp_path / "voices.toml"))
    monkeypatch.setenv("ASSAY_SPEECH_URL", "http://127.0.0.1:9/v1")  # nobody listens there
    monkeypatch.setenv("ASSAY_SPEECH_MODEL", "kokoro")
    monkeypatch.setattr("synth.adapters.openai_speech.FIRST_PAUSE_SECONDS", 0.0)
    spoken = CliRunner().invoke(main, ["voices", "check", "hibari-heart"])
    assert spoken.exit_code == 0, spoken.output
    assert "s of sound in" in spoken.output
    failed = CliRunner().invoke(main, ["voices", "check", "bella", "hibari-heart"])
    assert failed.exit_code == 1
    assert "bella: FAILED" in failed.output
    assert "hibari-heart: 3" in failed.output
    assert not (tmp_path / "segments").exists()
