"""`assay work`: a worker without HTTP."""

from __future__ import annotations

import click

DRAIN_SECONDS = 90  # an episode in hand may finish; docker-compose.yml grants two minutes


@click.command(short_help="Make episodes, without HTTP.")
def work() -> None:
    """Make episodes from the shared database until told to stop (SIGTERM finishes the step in hand)."""
    import signal
    import threading

    from gateway.app import (
        build_engine,
        build_metrics,
        build_metrics_listener,
        build_toolchain,
        build_tracer,
        record_installation,
        start_worker,
    )
    from gateway.cli.journal import start_journal
    from gateway.settings import load_settings

    start_journal()
    settings = load_settings()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    toolchain = build_toolchain(settings)
    record_installation(toolchain)
    engine = build_engine(settings, toolchain.database)
    metrics, tracer = build_metrics(toolchain), build_tracer(settings)
    listener = build_metrics_listener(settings, metrics, engine)
    if listener is not None:
        listener.start()
    try:
        start_worker(engine, toolchain, metrics=metrics, tracer=tracer)
        click.echo("worker ready", err=True)
        stop.wait()
    finally:
        engine.stop(patience_seconds=DRAIN_SECONDS)
        if listener is not None:
            listener.stop()
        tracer.close()
