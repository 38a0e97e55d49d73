"""`assay make`: one script through the whole gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.made import chosen_formats, produced_formats, write_companions
from gateway.cli.scriptfile import read_script_file, script_options
from gateway.cli.terminal import Exit, console, print_json


@click.command(short_help="Take one script through the gate.")
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", "-o", type=click.Path(file_okay=False, path_type=Path), default=Path("out"), show_default=True)
@click.option("--format", "formats", callback=chosen_formats, help="Kinds of files, for example mp3,m4a,opus,flac,wav.")
@script_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def make(
    context: click.Context,
    /,
    script: Path,
    out: Path,
    *,
    formats: tuple[str, ...] | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Take SCRIPT through the gate and, if it is released, put its files into the folder OUT.

    SCRIPT is Markdown or canonical JSON, or a text, a Podcastfy, SSML or Fountain file. Beside the sound: transcripts
    (VTT, SRT, JSON), chapters, and a sheet (HTML, SVG) of what was made.

    Exit codes: 0 released, 3 refused or failed, 4 waiting for a reviewer.
    """
    import time

    from gateway.cli.embedded import embedded_gate, export
    from gateway.cli.findings import hearing_json
    from gateway.cli.following import Follower
    from gateway.settings import load_settings

    # The gate reads it again; here a mistake is told before anything is loaded.
    text = read_script_file(script, **options).text
    screen = console(stderr=True)
    wanted = produced_formats(formats)
    settings = load_settings() if wanted is None else load_settings(renditions=wanted)
    follower = Follower()
    with embedded_gate(settings, progress=follower.stage) as gate:
        began = time.monotonic()
        with follower.showing(screen):
            follower.begin(script.name)
            outcome = gate.take(text, on_change=follower.state)
        state = outcome.submission.state
        files = []
        if state == "released":
            files = export(gate, outcome, out, stem=script.stem, only=formats)
            files += write_companions(gate, outcome, out, stem=script.stem)
    seconds = time.monotonic() - began
    decision = outcome.submission.decision or {}
    if as_json:
        print_json(
            {
                "episode": outcome.submission.id,
                "state": state,
                "failure": outcome.submission.failure,
                "failure_detail": outcome.submission.failure_detail,
                "decision": decision,
                "hearing": hearing_json(outcome.hearing),
                "files": [str(path) for path in files],
                "seconds": round(seconds, 2),
            }
        )
    else:
        from gateway.cli.findings import findings_table, hearing_summary

        screen.print(f"[bold]{state}[/bold] {outcome.submission.id} in {seconds:.1f} s")
        if outcome.submission.failure:
            screen.print(f"  {outcome.submission.failure}: {outcome.submission.failure_detail}")
        if decision.get("findings"):
            screen.print(findings_table(text, decision))
        if outcome.hearing is not None:
            screen.print(f"heard: {hearing_summary(outcome.hearing)}")
            if outcome.hearing.decision["findings"]:
                screen.print(findings_table(text, outcome.hearing.decision))
        for path in files:
            click.echo(path)
    codes = {"released": Exit.DONE, "awaiting_review": Exit.WAITING}
    context.exit(codes.get(state, Exit.REFUSED))
