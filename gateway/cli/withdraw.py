"""`assay withdraw`: take a released episode back."""

from __future__ import annotations

import click

from gateway.cli.terminal import print_json


@click.command(short_help="Take a released episode back, with a public reason.")
@click.argument("episode")
@click.option("--reason", required=True, help="Why; everybody may read it.")
@click.option("--replacement", default=None, metavar="EPISODE", help="Released episode that takes its place.")
@click.option("--by", default=None, metavar="KEY-ID", help="API key id of who decided it, for the log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def withdraw(episode: str, reason: str, replacement: str | None, by: str | None, as_json: bool) -> None:
    """Take the released EPISODE back for good: out of the feed, and 410 Gone where it was."""
    from gateway.app import build_log, migrated_database, utc_now
    from gateway.settings import load_settings
    from gateway.withdrawal import OPERATOR
    from gateway.withdrawal import withdraw as take_back

    settings = load_settings()
    log = build_log(settings)
    with migrated_database(settings) as database, database.write() as session:
        row = take_back(
            session,
            episode,
            reason=reason,
            by=by or OPERATOR,
            role=OPERATOR,
            at=utc_now(),
            log=log,
            replacement=replacement,
        )
    if as_json:
        print_json(
            {
                "episode_id": row.episode_id,
                "reason": row.reason,
                "withdrawn_at": row.withdrawn_at.isoformat(),
                "replacement": row.replacement,
            }
        )
    else:
        what = "is withdrawn" if row.replacement is None else f"is replaced by {row.replacement}"
        click.echo(f"Episode {row.episode_id} {what}.")
