"""`assay verify`: check any audio file against this installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.terminal import Exit, console, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from gateway.verification.passages import ReportedPassage
    from gateway.verification.recall import Similar
    from gateway.verification.report import Report

EXITS = {
    "genuine": Exit.DONE,
    "recovered_copy": Exit.COPY,
    "altered": Exit.ALTERED,
    "transplanted": Exit.ALTERED,
    "unconfirmed": Exit.ALTERED,
    "withdrawn": Exit.ALTERED,
    "spoken": Exit.COPY,
    "similar_content": Exit.UNKNOWN,
    "marked_unknown": Exit.UNKNOWN,
    "unknown": Exit.UNKNOWN,
}
COLOURS = {"pass": "green", "fail": "red", "error": "red", "absent": "dim", "not_applicable": "dim"}


@click.command(short_help="Say what an audio file is, check by check.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
@click.pass_context
def verify(context: click.Context, file: Path, as_json: bool) -> None:
    """Say what FILE is, check by check. The exit code tells the conclusion (see `assay --help`)."""
    from gateway.app import build_log, build_marks, build_verifier, migrated_database
    from gateway.errors import TooLargeError
    from gateway.settings import load_settings

    settings = load_settings()
    if file.stat().st_size > settings.max_upload_bytes:
        raise TooLargeError(f"{file} is larger than {settings.max_upload_bytes} bytes; set ASSAY_MAX_UPLOAD_BYTES")
    marks = build_marks(settings)
    with migrated_database(settings) as database:
        verifier = build_verifier(settings, database=database, log=build_log(settings), marks=marks, public=False)
        report = verifier.verify(file.read_bytes())
    if as_json:
        print_json(report.to_dict())
    else:
        screen = console()
        screen.print(f"[bold]{report.conclusion.value}[/bold]  {report.summary}")
        screen.print(checks_table(report))
        if report.episode is not None:
            screen.print(f"episode {report.episode.id}: {report.episode.title} ({report.episode.show})")
        for passage in report.passages:
            screen.print(f"  {_seconds(passage)}: {passage.placement.value}, {passage.confidence.value}")
        for one in report.similar:
            screen.print(f"  {_seconds(one)}: similar content")
        for difference in report.differences:
            screen.print(f"  - {difference}")
    context.exit(EXITS[report.conclusion.value])


def _seconds(found: ReportedPassage | Similar) -> str:
    """Return where in the file, and where in which episode."""
    place = f"{found.start:g}-{found.end:g} s are {found.episode_start:g}-{found.episode_end:g} s of {found.episode_id}"
    played = [f"{name} {value}" for name, value in (("speed", found.speed), ("pitch", found.pitch))]
    return f"{place} ({', '.join(played)})"


def checks_table(report: Report) -> Table:
    """Return the numbered checks as a table."""
    from rich.table import Table

    table = Table("#", "check", "outcome", "what was found")
    for check in report.checks:
        colour = COLOURS.get(check.outcome.value, "yellow")
        outcome = f"[{colour}]{check.outcome.value.replace('_', ' ')}[/{colour}]"
        table.add_row(str(check.number), check.name, outcome, check.explanation)
    return table
