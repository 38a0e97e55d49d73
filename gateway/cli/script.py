"""`assay script`: read scripts in any format, say what is in them, and write them in another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.scriptfile import read_script_file, script_options
from gateway.cli.terminal import console, print_json

if TYPE_CHECKING:
    from synth.script import Script

WORDS_A_MINUTE = 165  # of the embedded voices with their usual gaps, measured on the examples


@click.group(short_help="Check scripts, and convert them between formats.")
def script() -> None:
    """Check scripts, and convert them between formats."""


@script.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@script_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(file: Path, *, as_json: bool, **options: Any) -> None:
    """Read FILE as the gate would, and show what is in it: speakers, chapters, music, and what is not spoken."""
    read = read_script_file(file, **options)
    outline = _outline(read.script, read.head_lines)
    if as_json:
        print_json(outline)
        return
    from rich.table import Table

    window = console()
    window.print(
        f"[bold]{_plain(read.script.title)}[/bold]  {outline['words']} words, about {outline['minutes']} minutes"
    )
    table = Table("chapter", "turns", "words", "speakers")
    for chapter in outline["chapters"]:
        table.add_row(
            _plain(chapter["title"] or "(no title)"), str(chapter["turns"]), str(chapter["words"]),
            _plain(", ".join(chapter["speakers"])),
        )  # fmt: skip
    window.print(table)
    for name, what in (("voices", "voices"), ("music", "music"), ("pronunciations", "lexicon")):
        if outline[what]:
            window.print(f"{name}: {_plain(', '.join(f'{key} ({value})' for key, value in outline[what].items()))}")
    for note in outline["notes"]:
        window.print(f"line {note['line']}, column {note['column']}: {_plain(note['message'])}", style="yellow")
    window.print(f"plan {outline['plan_digest']}", style="dim")


@script.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "target", type=click.Choice(["json", "md", "txt"]), required=True, help="Format to write.")
@click.option("--out", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it; else here.")
@click.option(
    "--lexicon",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Pronunciations to add, one `word: sounds like` per line.",
)
@script_options
def convert(file: Path, *, target: str, out: Path | None, lexicon: Path | None, **options: Any) -> None:
    """Write the script in FILE as canonical JSON, as Markdown, or as its words alone.

    JSON and Markdown read back as the very same plan; text has neither pauses nor music.
    """
    from synth.formats import parse_script
    from synth.rendering import RENDERERS, add_lexicon

    read = read_script_file(file, **options)
    found = read.script
    if lexicon is not None:
        found = parse_script(add_lexicon(found, lexicon.read_text(encoding="utf-8")))
    written = RENDERERS[target](found)
    if out is None:
        click.echo(written, nl=False)
    else:
        out.write_text(written, encoding="utf-8")
    for note in _outline(read.script, read.head_lines)["notes"]:
        click.echo(f"{file}: line {note['line']}, column {note['column']}: {note['message']}", err=True)


def _outline(script: Script, head_lines: int) -> dict[str, Any]:
    from synth.characters import position

    notes = []
    for note in script.notes:
        line, column = position(script.source, note.start)
        notes.append({"line": max(1, line - head_lines), "column": column, "message": note.message})
    music = {bed.asset.name: "bed" for bed in script.beds} | {one.asset.name: "stinger" for one in script.stingers}
    return {
        "title": script.title,
        "show": script.show,
        "language": script.language,
        "words": script.words,
        "minutes": round(script.words / WORDS_A_MINUTE, 1),
        "voices": dict(script.voices),
        "music": music,
        "lexicon": {entry.word: entry.sound for entry in script.lexicon},
        "chapters": [
            {
                "title": chapter.title,
                "turns": len(chapter.utterances),
                "words": sum(len(one.text.split()) for one in chapter.utterances),
                "speakers": list(dict.fromkeys(one.speaker for one in chapter.utterances)),
            }
            for chapter in script.chapters
        ],
        "notes": notes,
        "plan_digest": script.plan_digest(),
    }


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
