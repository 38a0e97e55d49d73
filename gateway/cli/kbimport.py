"""`assay policy kb import`: fact-checks from files into a pack, wholly or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

import click

from gateway.cli.terminal import Exit, console, print_json

if TYPE_CHECKING:
    from policies.importers.merge import Merge
    from policies.policy import Policy

Item = TypeVar("Item")
TOPICS = ("health", "elections", "climate", "science", "history", "technology", "society")


@click.command("import", short_help="Import fact-checks from files.")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--pack", type=click.Path(exists=True, path_type=Path), help="Folder of the pack; by default the one in force."
)
@click.option("--format", "form", type=click.Choice(["json", "ndjson", "html", "csv"]), help="Overrules the file name.")
@click.option("--encoding", help="Overrules what the file says about itself; by default UTF-8.")
@click.option("--language", help="Language of items that state none; by default the policy's first.")
@click.option("--topic", type=click.Choice(TOPICS), help="Topic of all items; by default guessed for each.")
@click.option("--harm", type=click.Choice(["high", "low"]), help="Harm tier of all items; by default by topic.")
@click.option("--update", is_flag=True, help="Take over what changed at the source of claims that are there.")
@click.option("--replace", is_flag=True, help="Remove all claims that are there first.")
@click.option("--dry-run", is_flag=True, help="Show what would happen, change nothing.")
@click.option("--no-index", is_flag=True, help="Leave the encoding of new claims to the next start of the service.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def import_(  # one parameter per option is how click passes them
    context: click.Context,
    files: tuple[Path, ...],
    pack: Path | None,
    form: str | None,
    encoding: str | None,
    language: str | None,
    topic: str | None,
    harm: str | None,
    update: bool,
    replace: bool,
    dry_run: bool,
    no_index: bool,
    as_json: bool,
) -> None:
    """Import fact-checks from FILES: ClaimReview JSON-LD, Google's search response, HTML pages, NDJSON or CSV.

    Either all usable items of all files are in the pack afterwards, or none. Nothing is fetched from the network.
    """
    from gateway.app import record_claims_change
    from gateway.settings import load_settings
    from policies.importers.files import Format, read_reviews
    from policies.importers.merge import Merge
    from policies.importers.records import ImportSettings
    from policies.knowledge import Harm, Topic
    from policies.knowledge_files import opened_for_change

    settings = load_settings()
    with opened_for_change(pack or settings.policy) as opened:
        merge = Merge.onto(() if replace else opened.policy.knowledge.records)
        for file in files:
            decided = ImportSettings(
                source=file.name,
                today=datetime.now(UTC).date(),
                languages=opened.policy.languages,
                language=language or opened.policy.languages[0],
                topic=next((value for value in get_args(Topic) if value == topic), None),
                harm=next((value for value in get_args(Harm) if value == harm), None),
            )
            items = read_reviews(file, form=Format(form) if form else None, encoding=encoding)
            merge.take(_counted(items, f"reading {file.name}"), decided, update=update)
        changed = None
        if not dry_run and (merge.new or merge.updated):
            changed = opened.replace(merge.records.values())
            record_claims_change(settings, before=opened.policy, after=changed, folder=opened.folder)
    after = changed or opened.policy
    if changed is not None and not no_index:
        _encode(changed)
    if as_json:
        print_json(_document(merge, after, dry_run=dry_run))
    else:
        _show(merge, after, dry_run=dry_run)
    if not (merge.new or merge.updated or merge.known or merge.changed_at_source):
        context.exit(Exit.FAILED)


def _counted(items: Iterable[Item], what: str) -> Iterator[Item]:
    """Pass `items` on and show how many there were."""
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    screen = console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(what.replace("[", "("), total=None)
        for item in items:
            yield item
            progress.advance(task)


def _encode(policy: Policy) -> None:
    """Encode new wordings now, so that the service starts at once."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from gateway.app import build_claim_encoder
    from gateway.settings import load_settings
    from policies.rules.claim_matching import ClaimIndex

    screen = console(stderr=True)
    columns = (TextColumn("encoding claims"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("encoding")
        encoder, vectors = build_claim_encoder(
            load_settings(), progress=lambda done, of: progress.update(task, completed=done, total=of)
        )
        ClaimIndex(knowledge=policy.knowledge, encoder=encoder, vectors=vectors)


def _document(merge: Merge, after: Policy, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "read": merge.read,
        "new": merge.new,
        "updated": merge.updated,
        "known": merge.known,
        "changed_at_source": merge.changed_at_source,
        "skipped": {reason.value: count for reason, count in merge.skipped.most_common()},
        "skipped_items": [
            {"file": item.file, "place": item.place, "reason": item.reason.value, "detail": item.detail}
            for item in merge.listed
        ],
        "claims": len(merge.records),
        "digest": after.digest,
    }


def _show(merge: Merge, after: Policy, *, dry_run: bool) -> None:
    from rich.table import Table

    table = Table("items", "number")
    rows = (
        ("read", merge.read),
        ("new", merge.new),
        ("updated", merge.updated),
        ("there already", merge.known),
        ("there already, changed at the source (take over with --update)", merge.changed_at_source),
    )
    for name, number in rows:
        if number or name in ("read", "new"):
            table.add_row(name, str(number))
    for reason, number in merge.skipped.most_common():
        table.add_row(f"left out: {reason.value}", str(number))
    console().print(table)
    for item in merge.listed:
        detail = f" ({item.detail})" if item.detail else ""
        click.echo(f"{item.reason.value}: {item.file}, {item.place}{detail}")
    left = sum(merge.skipped.values()) - len(merge.listed)
    if left:
        click.echo(f"... and {left} more")
    claims = f"{len(merge.records)} claims"
    if dry_run:
        click.echo(f"dry run: nothing was changed; the pack would have {claims}")
    else:
        click.echo(f"the pack has {claims}; it is now {after.digest}")
