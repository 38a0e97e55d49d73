"""`assay serve`: the HTTP service."""

from __future__ import annotations

import click


@click.command(short_help="Serve API, feed and verification.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8400, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--no-worker", is_flag=True, help="Serve HTTP only; `assay work` makes the episodes elsewhere.")
def serve(host: str, port: int, no_worker: bool) -> None:
    """Serve the API, the feed and public verification; by default the same process makes the episodes."""
    import uvicorn

    from gateway.app import create_app
    from gateway.cli.journal import start_journal
    from gateway.settings import load_settings

    start_journal()
    app = create_app(load_settings(), with_worker=not no_worker)
    uvicorn.run(app, host=host, port=port, log_config=None, server_header=False, timeout_graceful_shutdown=30)
