"""`assay policy texts`: the protected texts of this installation, of which only hashes are kept."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.terminal import console, print_json


@click.group(short_help="Register texts that must not be spoken at length.")
def texts() -> None:
    """Register lyrics, books, wire copy or confidential papers; a policy with [rules.protected_text] then finds them.

    Only hashes are kept, never the text. Gateway and workers read the registry when they start.
    """


@texts.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--title", required=True, help="Title, as reviewers will see it.")
@click.option("--owner", required=True, help="Who owns the rights, or whom to ask.")
@click.option("--url", default="", help="An https address about the text.")
@click.option("--block", is_flag=True, help="Block scripts with passages of it; by default they are held for review.")
@click.option(
    "--quote-words", type=click.IntRange(8, 10_000), default=30, show_default=True, help="Words one may quote."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def add(file: Path, title: str, owner: str, url: str, block: bool, quote_words: int, as_json: bool) -> None:
    """Register the text in FILE (UTF-8)."""
    from gateway import app
    from gateway.errors import InvalidRequestError
    from gateway.settings import load_settings
    from policies.decision import Verdict
    from policies.protected.registry import protect

    try:
        content = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"{file} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    settings = load_settings()
    known = app.registered_texts(settings)
    registry = known or app.new_registry(settings)
    text = protect(
        content,
        title=title,
        owner=owner,
        url=url,
        key=registry.key,
        at=app.utc_now().date(),
        verdict=Verdict.BLOCK if block else Verdict.REVIEW,
        quote_words=quote_words,
    )
    changed = registry.with_text(text)
    app.store_texts(settings, changed)
    before = known.digest if known is not None else None
    app.record_texts_change(settings, before=before, after=changed.digest, entries=len(changed.texts))
    if as_json:
        print_json({"id": text.id, "words": text.words})
    else:
        click.echo(f"{text.id}: {text.words} words are protected. Restart the gateway and its workers.")


@texts.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_texts(as_json: bool) -> None:
    """List the registered texts."""
    from gateway import app
    from gateway.settings import load_settings

    registry = app.registered_texts(load_settings())
    listed = registry.texts if registry is not None else ()
    if as_json:
        print_json([text.model_dump(mode="json", exclude={"shingles"}) for text in listed])
        return
    from rich.table import Table

    table = Table("id", "title", "owner", "words", "may quote", "leads to")
    for text in listed:
        table.add_row(text.id, text.title, text.owner, str(text.words), str(text.quote_words), text.verdict.value)
    console().print(table)


@texts.command()
@click.argument("identifier")
def remove(identifier: str) -> None:
    """Remove the text with this id."""
    from gateway import app
    from gateway.errors import NotFoundError
    from gateway.settings import load_settings

    settings = load_settings()
    registry = app.registered_texts(settings)
    if registry is None:
        raise NotFoundError("no text is registered; `assay policy texts add FILE` registers one")
    changed = registry.without_text(identifier)
    app.store_texts(settings, changed)
    app.record_texts_change(settings, before=registry.digest, after=changed.digest, entries=len(changed.texts))
    click.echo(f"{identifier} is no longer protected. Restart the gateway and its workers.")
