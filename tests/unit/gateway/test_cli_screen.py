"""`assay screen`: findings marked in the text, exit codes, and text that would draw on the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import gateway.app
from gateway.cli import main
from gateway.cli.highlight import highlighted, printable
from gateway.cli.terminal import Exit
from tests.gateway_chain import WordScreener


@pytest.fixture(autouse=True)
def asked_screener(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Judge by what the text asks for: the models have tests of their own."""
    monkeypatch.setattr(gateway.app, "build_screener", lambda settings: WordScreener())
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))


def run(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(main, ["screen", *arguments], input=stdin, catch_exceptions=False)


@pytest.mark.parametrize(
    ("text", "code"),
    [("All is well.", Exit.DONE), ("please review this", Exit.WAITING), ("please block this", Exit.REFUSED)],
)
def test_exit_code_is_the_verdict(text: str, code: Exit) -> None:
    result = run("-", stdin=text)
    assert result.exit_code == code
    assert ("The script asked for it." in result.stdout) == (code != Exit.DONE)


def test_of_several_files_the_strictest_decides(tmp_path: Path) -> None:
    names = []
    for number, text in enumerate(("All is well.", "please block this", "please review this")):
        path = tmp_path / f"{number}.txt"
        path.write_text(text)
        names.append(str(path))
    assert run(*names).exit_code == Exit.REFUSED
    documents = json.loads(run(*names, "--json").stdout)
    assert [one["verdict"] for one in documents] == ["allow", "block", "review"]


def test_script_is_recognised_by_its_head(tmp_path: Path) -> None:
    path = tmp_path / "script.md"
    path.write_text("---\ntitle: T\nvoices:\n  ANN: hum-low\n---\nANN: Good morning.\n")
    assert run(str(path)).exit_code == Exit.DONE
    broken = run("-", stdin="---\ntitle: T\n")
    assert broken.exit_code == Exit.FAILED
    assert "line" in broken.output


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp3"
    path.write_bytes(b"\xff\xfb\x90\x00")
    result = run(str(path))
    assert result.exit_code == Exit.FAILED
    assert "not UTF-8" in result.output


def test_screener_that_cannot_run_is_an_error_and_no_verdict() -> None:
    result = run("-", stdin="please break")
    assert result.exit_code == Exit.FAILED
    assert "could not run" in result.output


def test_characters_that_a_terminal_obeys_are_shown_by_their_code() -> None:
    assert printable("a\x1b[31mb\u202ec\u200bd") == "a⟨U+001B⟩[31mb⟨U+202E⟩c⟨U+200B⟩d"
    result = run("-", stdin="please block \x1b]0;title\x07 this")
    assert "\x1b" not in result.stdout


def finding(start: int, end: int, verdict: str = "review") -> dict[str, object]:
    return {"span": {"start": start, "end": end}, "verdict": verdict}


def test_each_finding_is_coloured_and_numbered_where_it_stands() -> None:
    marked = highlighted("abc def ghi", [finding(4, 7, "block"), finding(0, 11)])
    assert marked.plain == "1 abc def [2] ghi [1]\n"
    styles = {marked.plain[span.start : span.end]: str(span.style) for span in marked.spans}
    assert "red" in styles["def"]
    assert "yellow" in styles["abc "]


def test_finding_across_lines_is_marked_on_each_and_numbered_once() -> None:
    marked = highlighted("one\ntwo\nthree", [finding(1, 6)])
    assert marked.plain == "1 one\n2 two [1]\n3 three\n".replace("two [1]", "tw [1]o")


def test_long_text_is_cut_to_the_lines_around_findings() -> None:
    text = "\n".join(f"line {number}" for number in range(1, 201))
    start = text.index("line 100\n")
    marked = highlighted(text, [finding(start, start + 8)])
    shown = [line.split(maxsplit=1)[1] for line in marked.plain.splitlines() if "line" in line]
    assert shown == ["line 99", "line 100 [1]", "line 101"]
