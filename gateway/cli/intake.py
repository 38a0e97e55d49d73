"""`assay intake`: sound that was made elsewhere through the whole gate."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.terminal import Exit, console, print_json

SOURCES = (
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "compositeSynthetic",
    "algorithmicMedia",
    "digitalCapture",
    "compositeCapture",
    "humanEdits",
    "digitalCreation",
)


@click.command(short_help="Take sound that was made elsewhere through the gate.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source-type", type=click.Choice(SOURCES), required=True, help="How it came about, as you declare it.")
@click.option("--title", default=None, help="Title of the episode; the file's name if not given.")
@click.option("--show", default="", help="Show that it belongs to.")
@click.option("--language", default="en", show_default=True, help="Primary tag of the language that is spoken.")
@click.option("--out", "-o", type=click.Path(file_okay=False, path_type=Path), default=Path("out"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def intake(
    context: click.Context,
    file: Path,
    source_type: str,
    title: str | None,
    show: str,
    language: str,
    out: Path,
    as_json: bool,
) -> None:
    """Listen to FILE, screen what is heard, mark, sign and log it and, if it is released, put its files into OUT.

    Exit codes: 0 released, 3 refused or failed, 4 waiting for a reviewer.
    """
    from gateway.cli.embedded import embedded_gate, export
    from gateway.cli.findings import findings_table
    from gateway.cli.following import Follower
    from gateway.errors import InvalidRequestError
    from gateway.settings import load_settings
    from gateway.uploads.arrival import Offer, receive
    from synth.credentials import SourceType

    settings = load_settings()
    if file.stat().st_size > settings.max_upload_bytes:
        raise InvalidRequestError(f"{file} has more than {settings.max_upload_bytes} bytes (ASSAY_MAX_UPLOAD_BYTES)")
    offer = Offer(file.stem if title is None else title, show, language, SourceType(source_type))
    screen, follower = console(stderr=True), Follower()
    with embedded_gate(settings, progress=follower.stage) as gate:
        arrival = receive(file.read_bytes(), offer, toolchain=gate.toolchain, api_key_id=gate.caller)
        if arrival.recognised is not None:
            if as_json:
                print_json({"episode": arrival.episode_id, "state": arrival.recognised.state, "recognised": True})
            else:
                click.echo(f"{file} was released here before, as episode {arrival.episode_id}; nothing is made anew.")
            return
        with follower.showing(screen):
            follower.begin(file.name)
            outcome = gate.follow(arrival.episode_id, on_change=follower.state)
        row = outcome.submission
        files = export(gate, outcome, out, stem=file.stem) if row.state == "released" else []
    decision = row.decision or {}
    if as_json:
        print_json(
            {
                "episode": row.id,
                "state": row.state,
                "recognised": False,
                "failure": row.failure,
                "failure_detail": row.failure_detail,
                "decision": decision,
                "heard": row.script.partition("\n\n")[2],
                "files": [str(path) for path in files],
            }
        )
    else:
        screen.print(f"[bold]{row.state}[/bold] {row.id}")
        if row.failure:
            screen.print(f"  {row.failure}: {row.failure_detail}")
        if decision.get("findings"):
            screen.print(findings_table(row.script, decision))
        for path in files:
            click.echo(path)
    context.exit({"released": Exit.DONE, "awaiting_review": Exit.WAITING}.get(row.state, Exit.REFUSED))
