"""`assay signer`: the process that holds the claim signer's key."""

from __future__ import annotations

import click


@click.command(short_help="Hold the C2PA key and sign claims for workers.")
def signer() -> None:
    """Hold the C2PA key and sign claims for workers that run with ASSAY_SIGNER=socket, until told to stop.

    It signs nothing but claims of this gateway about marked clips, and records every signature.
    """
    import resource
    import signal

    from gateway.app import build_signer_server
    from gateway.cli.journal import start_journal
    from gateway.settings import load_settings

    start_journal()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not write the key to a disk
    server = build_signer_server(load_settings())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    click.echo("signer ready", err=True)
    server.serve()
