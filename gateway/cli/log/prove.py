"""`assay log prove`: a proof that anyone can check offline."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("episode_id")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the proof to this file.")
def prove(episode_id: str, out: Path | None) -> None:
    """Print the proof that the newest event of EPISODE_ID is in the log, for `assay log verify` anywhere."""
    from gateway.app import build_log, migrated_database
    from gateway.errors import NotFoundError
    from gateway.settings import load_settings

    settings = load_settings()
    audit_log = build_log(settings)
    with migrated_database(settings) as database, database.read() as session:
        newest = audit_log.latest_checkpoint(session)
        sealed = [event for event in audit_log.events_for(session, episode_id) if newest and event.index < newest.size]
        if not sealed:
            raise NotFoundError(f"no event of '{episode_id}' is under a signed checkpoint yet")
        text = audit_log.prove(session, sealed[-1].index).to_text()
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text)
