"""`assay lexicon`: pronunciations that scripts may ask for without a review."""

from __future__ import annotations

import click

from gateway.cli.terminal import console, print_json

OPERATOR = "operator"


@click.group(short_help="Approve, list and revoke pronunciations.")
def lexicon() -> None:
    """Approve, list and revoke pronunciations."""


@lexicon.command()
@click.argument("word")
@click.argument("sounds_like")
@click.option("--language", default="en", show_default=True, help="Of the scripts that may ask for it.")
def approve(word: str, sounds_like: str, language: str) -> None:
    """Approve that WORD is spoken as SOUNDS_LIKE, and print the entry's digest; the policy judges the sound first."""
    from gateway.app import build_log, build_screener, migrated_database, utc_now
    from gateway.pronunciations import approve as approve_entry
    from gateway.pronunciations import read_entry
    from gateway.settings import load_settings

    settings = load_settings()
    entry = read_entry(word, sounds_like)
    log, screener = build_log(settings), build_screener(settings)
    with migrated_database(settings) as database, database.write() as session:
        row = approve_entry(session, entry, language=language, by=OPERATOR, at=utc_now(), log=log, screener=screener)
        digest = row.digest
    click.echo(digest)


@lexicon.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List all entries, also those that were revoked."""
    from gateway.app import migrated_database
    from gateway.pronunciations import list_approved
    from gateway.settings import load_settings

    with migrated_database(load_settings()) as database, database.read() as session:
        rows = list_approved(session)
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    from rich.table import Table

    table = Table("language", "word", "sounds like", "approved by", "revoked", "digest")
    for row in rows:
        revoked = f"{row.revoked_at:%Y-%m-%d %H:%M}" if row.revoked_at else ""
        table.add_row(row.language, row.word, row.sound, row.approved_by, revoked, row.digest)
    console().print(table)


@lexicon.command()
@click.argument("digest")
def revoke(digest: str) -> None:
    """Take the approval of the entry with DIGEST back."""
    from gateway.app import build_log, migrated_database, utc_now
    from gateway.pronunciations import revoke as revoke_entry
    from gateway.settings import load_settings

    settings = load_settings()
    log = build_log(settings)
    with migrated_database(settings) as database, database.write() as session:
        revoke_entry(session, digest, by=OPERATOR, at=utc_now(), log=log)
