"""Reading a script from a file, in any format, for the commands that take one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from synth.script import Script

_FORMATS = ("auto", "script", "text", "podcastfy", "ssml", "fountain")


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """A script that can be read, and how much of its text is not the author's."""

    script: Script
    head_lines: int = 0  # that a file without a head was given

    @property
    def text(self) -> str:
        """The whole script, as it is submitted."""
        return self.script.source


def script_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what a file without a head is."""
    for option in (
        click.option("--voice", "voices", multiple=True, metavar="NAME=ID", help="Voice of a speaker; repeatable."),
        click.option("--language", default="en", show_default=True, help="Language of a file without a head."),
        click.option("--title", help="Title of a file without a head."),
        click.option(
            "--from",
            "written_as",
            type=click.Choice(_FORMATS),
            default="auto",
            show_default=True,
            help="How the file is written; auto goes by its first characters and its name.",
        ),
    ):
        command = option(command)
    return command


def read_script_file(
    path: Path, *, written_as: str = "auto", title: str | None = None, language: str = "en", voices: Sequence[str] = ()
) -> ScriptFile:
    """Return the script in `path`; raises `ScriptError` with the line and column of the file, `InvalidRequestError`."""
    from gateway.errors import InvalidRequestError
    from synth.adopting import adopt, guess_format, has_head
    from synth.errors import ScriptError
    from synth.formats import parse_script

    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    chosen = dict(_pair(voice) for voice in voices)
    kind = guess_format(text, name=path.name) if written_as == "auto" else written_as
    if has_head(text) or kind in (None, "script"):
        if chosen or title:
            raise InvalidRequestError(f"{path} says itself who speaks and what it is called; change it there")
        return ScriptFile(parse_script(text))
    whole = adopt(text, format=str(kind), title=title, untitled=path.stem, language=language, voices=chosen)
    try:
        return ScriptFile(parse_script(whole.text), whole.head_lines)
    except ScriptError as error:
        raise whole.error(error) from error


def _pair(voice: str) -> tuple[str, str]:
    from gateway.errors import InvalidRequestError

    name, sign, voice_id = voice.partition("=")
    if not sign:
        raise InvalidRequestError(f"'--voice {voice}' names no voice; write NAME=ID")
    return name.strip(), voice_id.strip()
