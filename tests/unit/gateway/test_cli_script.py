"""`assay script`, and files of every format on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from synth.formats import parse_script

MARKDOWN = (
    "---\ntitle: T\nbed: calm\nvoices:\n  ANNA: hibari-heart\n---\nANNA: Mr Nguyen is *here*.\n[pause 700ms]\nYes.\n"
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def ssml(tmp_path: Path) -> Path:
    path = tmp_path / "talk.ssml"
    path.write_text('<speak>Hello\n<prosody rate="slow">there</prosody>.</speak>', "utf-8")
    return path


def test_check_says_what_is_in_a_script_and_what_is_not_spoken(ssml: Path) -> None:
    result = run("script", "check", ssml, "--title", "A talk", "--voice", "Narrator=hibari-wren", "--json")
    assert result.exit_code == 0, result.output
    outline = json.loads(result.output)
    assert (outline["title"], outline["words"], outline["voices"]) == ("A talk", 2, {"Narrator": "hibari-wren"})
    (note,) = outline["notes"]
    assert (note["line"], note["column"]) == (2, 1)
    assert "prosody" in note["message"]
    shown = run("script", "check", ssml)
    assert "line 2, column 1: '<prosody>' is not followed (rate)" in " ".join(shown.output.split())


@pytest.mark.parametrize("target", ["json", "md"])
def test_a_converted_script_is_the_same_plan(tmp_path: Path, target: str) -> None:
    path, out = tmp_path / "in.md", tmp_path / f"out.{target}"
    path.write_text(MARKDOWN, "utf-8")
    assert run("script", "convert", path, "--to", target, "-o", out).exit_code == 0
    assert parse_script(out.read_bytes()).plan_digest() == parse_script(MARKDOWN).plan_digest()


def test_text_is_written_to_standard_output_and_notes_beside_it(ssml: Path) -> None:
    result = run("script", "convert", ssml, "--to", "txt")
    assert result.stdout == "talk\n\nHello there.\n"
    assert "line 2, column 1" in result.stderr


def test_pronunciations_are_added_from_a_file_and_those_of_the_script_win(tmp_path: Path) -> None:
    path, names = tmp_path / "in.md", tmp_path / "names.txt"
    path.write_text(MARKDOWN.replace("voices:", "lexicon:\n  here: heer\nvoices:"), "utf-8")
    names.write_text("# names\n\nNguyen: win\nhere: hair\n", "utf-8")
    result = run("script", "convert", path, "--to", "json", "--lexicon", names)
    script = parse_script(result.stdout)
    assert script.utterances[0].text == "Mr win is heer."
    names.write_text("Nguyen: win\nbad = entry\n", "utf-8")
    result = run("script", "convert", path, "--to", "json", "--lexicon", names)
    assert result.exit_code == 1
    assert "line 2, column" in result.output


def test_mistakes_are_told_in_the_lines_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "talk.ssml"
    path.write_text("<speak>Hello.\n<phoneme ph='x'>there</phoneme></speak>", "utf-8")
    for command in (("script", "check"), ("make",)):
        result = run(*command, path)
        assert result.exit_code == 1
        assert "line 2, column 1: phonemes would be spoken differently" in result.output


def test_a_whole_script_takes_no_title_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "in.md"
    path.write_text(MARKDOWN, "utf-8")
    assert "says itself who speaks" in run("script", "check", path, "--title", "Other").output
    assert "write NAME=ID" in run("script", "check", path, "--voice", "Other").output
    path.write_bytes(b"\xff\xfe")
    assert "not UTF-8" in run("script", "check", path).output
