"""`assay consent`: under whose consent real people's voices are used."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from gateway.cli.terminal import console, print_json

PURPOSES = ("editorial", "audiobook", "commercial", "advertising", "political", "research")
RELATIONS = ("own", "other", "estate")
OPERATOR = "operator"


@click.group(short_help="Record, list and revoke people's consent to the use of their voices.")
def consent() -> None:
    """Record, list and revoke people's consent to the use of their voices."""


@consent.command()
@click.argument("voice_id")
@click.option("--subject", required=True, help="Who consents: a name, or better a reference to the contract.")
@click.option("--relation", type=click.Choice(RELATIONS), required=True, help="Whose voice it is, seen from you.")
@click.option("--purpose", "purposes", type=click.Choice(PURPOSES), multiple=True, required=True, help="For what.")
@click.option("--territory", "territories", multiple=True, default=("worldwide",), show_default=True, help="Where.")
@click.option("--from", "begin", type=click.DateTime(["%Y-%m-%d"]), default=None, help="First day (UTC); else today.")
@click.option("--until", "end", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Last day (UTC).")
@click.option(
    "--evidence",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="What was signed or said; only its SHA-256 is stored.",
)
def add(
    voice_id: str,
    subject: str,
    relation: str,
    purposes: tuple[str, ...],
    territories: tuple[str, ...],
    begin: datetime | None,
    end: datetime,
    evidence: Path,
) -> None:
    """Record that somebody consents to the use of the voice VOICE_ID, and print the record's id."""
    from datetime import UTC, timedelta

    from gateway.app import build_log, migrated_database, utc_now
    from gateway.consent import Grant, Relation, record
    from gateway.modelfiles import sha256_of
    from gateway.settings import load_settings
    from synth.voice import Purpose

    settings, now = load_settings(), utc_now()
    grant = Grant(
        voice_id=voice_id,
        subject=subject,
        relation=Relation(relation),
        purposes=frozenset(Purpose(purpose) for purpose in purposes),
        territories=frozenset(territories),
        valid_from=now if begin is None else begin.replace(tzinfo=UTC),
        valid_until=end.replace(tzinfo=UTC) + timedelta(days=1),
        evidence_sha256=sha256_of(evidence),
    )
    log = build_log(settings)
    with migrated_database(settings) as database, database.write() as session:
        row = record(session, grant, by=OPERATOR, at=now, log=log)
    click.echo(row.id)


@consent.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List all consents, also those that are over."""
    from gateway.app import migrated_database
    from gateway.consent import list_consents
    from gateway.settings import load_settings

    with migrated_database(load_settings()) as database, database.read() as session:
        rows = list_consents(session)
    if as_json:
        print_json([row.model_dump(mode="json", exclude={"salt"}) for row in rows])
        return
    from rich.table import Table

    table = Table("id", "voice", "subject", "purposes", "territories", "until", "revoked")
    for row in rows:
        ended = f"{row.revoked_at:%Y-%m-%d %H:%M}" if row.revoked_at else ""
        places, uses = ", ".join(row.territories), ", ".join(row.purposes)
        table.add_row(row.id, row.voice_id, row.subject, uses, places, f"{row.valid_until:%Y-%m-%d}", ended)
    console().print(table)


@consent.command()
@click.argument("consent_id")
def revoke(consent_id: str) -> None:
    """End the consent CONSENT_ID at once: nothing more is spoken or released under it."""
    from gateway.app import build_log, migrated_database, utc_now
    from gateway.consent import revoke as end
    from gateway.settings import load_settings

    settings = load_settings()
    log = build_log(settings)
    with migrated_database(settings) as database, database.write() as session:
        row = end(session, consent_id, by=OPERATOR, at=utc_now(), log=log)
    click.echo(f"Consent {row.id} to the voice {row.voice_id} is revoked. What is public is taken back by hand.")
