"""`assay screen`: what the policy says about texts, with the words marked, before anything is submitted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.terminal import Exit, console, print_json

if TYPE_CHECKING:
    from policies.screen import Screener

CODES = {"allow": Exit.DONE, "review": Exit.WAITING, "block": Exit.REFUSED}
_SEVERITY = ("allow", "review", "block")


@click.command(short_help="Screen texts, and mark what was found.")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--policy", "pack", type=click.Path(exists=True, path_type=Path), help="Judge by this pack instead.")
@click.option(
    "--as",
    "written_as",
    type=click.Choice(["auto", "script", "text", "podcastfy", "ssml", "fountain"]),
    default="auto",
    show_default=True,
    help="How the files are written; auto goes by their first characters and their names.",
)
@click.option("--language", default="en", show_default=True, help="Language of plain text; a script names its own.")
@click.option("--guidance", is_flag=True, help="Show what the policy tells reviewers about what was found.")
@click.option("--scores", is_flag=True, help="Show the highest score of every category too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def screen(  # one parameter per option is how click passes them
    context: click.Context,
    files: tuple[str, ...],
    pack: Path | None,
    written_as: str,
    language: str,
    guidance: bool,
    scores: bool,
    as_json: bool,
) -> None:
    """Screen FILES ("-" is standard input) and mark every finding in the text. Nothing is stored or cleared.

    Exit codes: 0 allow, 3 block, 4 review; of several files, the strictest.
    """
    from gateway.app import build_screener
    from gateway.cli.guidance import guidance_panel
    from gateway.settings import load_settings

    texts = [(name, _read(name)) for name in files]
    settings = load_settings()
    if pack is not None:
        settings = settings.model_copy(update={"policy": pack})
    screener = build_screener(settings)
    documents = []
    for name, text in texts:
        document = _document(screener, name, text, written_as=written_as, language=language)
        documents.append({"file": name, **document})
        if not as_json:
            _show(name, text, document, with_scores=scores)
            for one in document["guidance"] if guidance else ():
                console().print(guidance_panel(one))
    if as_json:
        print_json(documents[0] if len(documents) == 1 else documents)
    elif len(documents) > 1:
        _summary(documents)
    strictest = max((str(one["verdict"]) for one in documents), key=_SEVERITY.index)
    context.exit(CODES[strictest])


def _read(name: str) -> str:
    from gateway.errors import InvalidRequestError, StorageError, TooLargeError
    from policies.screen import MAX_CHARACTERS

    limit = 4 * MAX_CHARACTERS  # bytes: no longer text could be screened anyway
    try:
        if name == "-":
            content = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(limit + 1)
    except OSError as error:
        raise StorageError(f"{name} cannot be read: {error.strerror}") from error
    if len(content) > limit:
        raise TooLargeError(f"{name} has more than {limit} bytes; screen it in parts")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"{name} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def _document(screener: Screener, name: str, text: str, *, written_as: str, language: str) -> dict[str, Any]:
    from gateway.facts import decision_document
    from gateway.screening import Format, looks_like_script, read_manuscript
    from synth.adopting import guess_format

    if written_as != "auto":
        chosen = Format(written_as)
    else:
        chosen = Format.SCRIPT if looks_like_script(text) else Format(guess_format(text, name=name) or "text")
    examination = screener.examine(read_manuscript(text, written_as=chosen, language=language))
    highest = {name: round(score, 4) for name, score in sorted(examination.scores.items())}
    return {**decision_document(examination.decision), "scores": highest}


def _show(name: str, text: str, document: dict[str, Any], *, with_scores: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from gateway.cli.findings import COLOURS
    from gateway.cli.highlight import highlighted, numbered, printable

    window = console()
    verdict = document["verdict"]
    head = Text(f"{verdict} ", style=f"bold {COLOURS[verdict]}")
    head.append(f"{printable(name)}  by {document['policy_id']} {document['policy_version']}", style="default not bold")
    window.print(head)
    if document["findings"]:
        window.print(highlighted(text, document["findings"]), end="")
        table = Table("", "verdict", "what", "score", box=None, pad_edge=False)
        table.add_column("why", overflow="fold")
        for mark, finding in numbered(document["findings"]):
            why = Text(finding["explanation"])
            for evidence in finding["evidence"]:
                why.append(
                    f"\n{evidence['publisher']}, {evidence['published_on']}: “{evidence['claim']}” is ", style="dim"
                )
                why.append(evidence["rating"], style="bold")
                why.append(f"\n{evidence['url']}", style="dim")
            threshold = finding.get("threshold")
            limit = "" if threshold is None else f" ≥ {threshold:.2f}"
            view = "" if finding["view"] == "original" else f"\nas {finding['view']}"
            table.add_row(
                f"[{mark}]".replace("[", r"\["),
                Text(finding["verdict"], style=COLOURS[finding["verdict"]]),
                Text(f"{finding['category']}{view}"),
                f"{finding['score']:.2f}{limit}",
                why,
            )
        window.print(table)
    if with_scores:
        table = Table("category", "highest score", title="Scores; only thresholds make findings of them")
        for category, score in document["scores"].items():
            table.add_row(category, f"{score:.3f} {'█' * round(score * 20)}")
        window.print(table)
    missing = [category for category, coverage in document["coverage"] if coverage != "evaluated"]
    if missing:
        window.print(Text(f"not judged: {', '.join(missing)}", style="dim"))


def _summary(documents: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from gateway.cli.findings import COLOURS

    table = Table("file", "verdict", "findings")
    for document in documents:
        verdict = document["verdict"]
        table.add_row(Text(document["file"]), Text(verdict, style=COLOURS[verdict]), str(len(document["findings"])))
    console().print(table)
