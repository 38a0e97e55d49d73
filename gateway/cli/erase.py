"""`assay erase`: take what a person wrote out of this installation; every proof stays."""

from __future__ import annotations

import click

from gateway.cli.terminal import print_json

REASONS = ("request", "retention", "unlawful", "mistake")  # `gateway.erasure.Reason`


@click.command(short_help="Erase an episode's texts, or a person.")
@click.argument("subject")
@click.option("--reason", type=click.Choice(REASONS), required=True, help="Why; free words would be personal data.")
@click.option("--audio", is_flag=True, help="Also the stored sound and its fingerprint; never of what is public.")
@click.option("--rewrite", is_flag=True, help="Write the database anew; once, where an older version wrote it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def erase(subject: str, reason: str, audio: bool, rewrite: bool, as_json: bool) -> None:
    """Erase SUBJECT: an episode's id, or the id of an API key or account for its holder and all that they submitted.

    Script, findings, transcript and reasons go for good, and so does the secret without which the log's entries say
    nothing about them. What is released stays released: withdraw it first to erase title, subtitles and sound.
    """
    from gateway import app
    from gateway.erasure import Eraser, Reason
    from gateway.settings import load_settings

    settings = load_settings()
    log, blobs = app.build_log(settings), app.build_blobs(settings)
    with app.migrated_database(settings) as database:
        eraser = Eraser(
            database=database, log=log, blobs=blobs, clock=app.utc_now, segments=settings.segments, rewrite=rewrite
        )
        chosen = Reason(reason)
        if subject.startswith("ep_"):
            done = [eraser.erase(subject, reason=chosen, by="operator", role="operator", audio=audio)]
            left: list[tuple[str, str]] = []
        else:
            person = eraser.erase_person(subject, reason=chosen, by="operator", role="operator", audio=audio)
            done, left = list(person.episodes), list(person.left)
    if as_json:
        print_json(
            {
                "subject": subject,
                "reason": reason,
                "erased": [{"episode_id": one.episode_id, "audio": one.audio, "done_at": one.done_at} for one in done],
                "left": [{"episode_id": episode_id, "why": why} for episode_id, why in left],
            }
        )
        return
    for one in done:
        click.echo(f"{one.episode_id} is erased{', with its sound' if one.audio else ''}.")
    for episode_id, why in left:
        click.echo(f"{episode_id} is left: {why}", err=True)
    if not subject.startswith("ep_"):
        click.echo(f"{subject} opens nothing any more, and its holder's name is gone.")
