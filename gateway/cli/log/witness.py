"""`assay log witness`: a witness for this or any other C2SP log, run by somebody else than the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.terminal import print_json

if TYPE_CHECKING:
    from audit.checkpoint import Verifier


@click.command()
@click.option("--init", "name", metavar="NAME", help="Make the witness's key under NAME, print its vkey, and end.")
@click.option(
    "--home",
    default="witness",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with the witness's key and memory.",
)
@click.option("--log", "logs", multiple=True, metavar="VKEY", help="Verifier key of a log to witness; repeatable.")
@click.option(
    "--logs",
    "log_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with one verifier key a line; lines that begin with # are comments.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8410, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--prefix", default="", help="Path in front of `/add-checkpoint`.")
@click.option("--json", "as_json", is_flag=True, help="With --init: print JSON.")
def witness(
    name: str | None,
    home: Path,
    logs: tuple[str, ...],
    log_file: Path | None,
    host: str,
    port: int,
    prefix: str,
    as_json: bool,
) -> None:
    """Run a witness: cosign checkpoints that only add to what was cosigned before (C2SP tlog-witness).

    Run it where the log's operator has no access. First `--init witness.example/NAME`, whose output goes into the
    policies of those who trust it; then `--log VKEY`, as often as there are logs.
    """
    if name is not None:
        _initialise(home, name, as_json=as_json)
        return
    import uvicorn

    from audit.witness_store import open_witness
    from gateway.app import utc_now
    from gateway.cli.journal import start_journal
    from gateway.witness_server import witness_app

    start_journal()
    opened = open_witness(home, logs=_verifiers(logs, log_file), clock=utc_now)
    try:
        click.echo(f"witness {opened.verifier.vkey}")
        uvicorn.run(
            witness_app(opened, prefix=prefix),
            host=host,
            port=port,
            log_config=None,
            server_header=False,
            access_log=False,
            limit_concurrency=256,  # each holds a body of at most a few hundred kilobytes
        )
    finally:
        opened.close()


def _initialise(home: Path, name: str, *, as_json: bool) -> None:
    from audit.witness_store import create_witness

    verifier = create_witness(home, name=name)
    if as_json:
        print_json({"folder": str(home), "name": verifier.name, "vkey": verifier.vkey})
    else:
        click.echo(verifier.vkey)


def _verifiers(logs: tuple[str, ...], log_file: Path | None) -> list[Verifier]:
    from audit.checkpoint import Verifier

    lines = [*logs, *(log_file.read_text().splitlines() if log_file is not None else ())]
    return [Verifier.parse(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]
