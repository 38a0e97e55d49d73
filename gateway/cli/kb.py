"""`assay policy kb`: the knowledge base of a policy pack: look, search, check, change, hand on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.kbimport import import_
from gateway.cli.terminal import Exit, console, print_json

if TYPE_CHECKING:
    from policies.knowledge import ClaimRecord

PACK = click.option(
    "--pack", type=click.Path(exists=True, path_type=Path), help="Folder of the pack; by default the one in force."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
LISTED = 40  # defects of one kind that are printed; all are counted


@click.group(short_help="The fact-checked claims of a pack: import, search, check.")
def kb() -> None:
    """Look at and change a pack's knowledge base: the fact-checked claims that scripts are compared with."""


kb.add_command(import_)


@kb.command("list")
@PACK
@click.option("--topic", help="Only this topic.")
@click.option("--rating", help="Only this rating: false, mostly_false, disputed, mostly_true, true or unknown.")
@JSON
def list_(pack: Path | None, topic: str | None, rating: str | None, as_json: bool) -> None:
    """List all claims with rating, topic, harm tier, publisher and date."""
    from rich.markup import escape
    from rich.table import Column, Table

    records = [
        record for record in _records(pack) if topic in (None, record.topic) and rating in (None, record.rating.value)
    ]
    if as_json:
        print_json([_summary(record) for record in records])
        return
    # An id is what one types next, so it is broken over lines rather than cut.
    table = Table(Column("id", overflow="fold"), "claim", "rating", "topic", "harm", "publisher", "date")
    for record in records:
        table.add_row(
            record.id,
            escape(record.claimReviewed),
            record.rating.value,
            record.topic,
            record.harm,
            escape(record.author.name),
            record.dated,
        )
    screen = console()
    screen.print(table)
    screen.print(f"{len(records)} claims")


@kb.command()
@click.argument("identifier", metavar="ID")
@PACK
def show(identifier: str, pack: Path | None) -> None:
    """Show everything that is known about the claim ID, as JSON."""
    from policies.errors import KnowledgeBaseError

    for record in _records(pack):
        if record.id == identifier:
            print_json(record.model_dump(mode="json", exclude_none=True))
            return
    raise KnowledgeBaseError(f"no claim has the id {identifier!r}; `assay policy kb list` shows all")


@kb.command()
@click.argument("text")
@PACK
@click.option("--limit", type=click.IntRange(1, 100), default=5, show_default=True, help="How many claims.")
@JSON
def search(text: str, pack: Path | None, limit: int, as_json: bool) -> None:
    """Show the claims that are closest in meaning to TEXT, with the cosine that screening goes by."""
    from gateway.app import build_claim_encoder
    from gateway.settings import load_settings
    from policies.policy import Policy
    from policies.rules.claim_index import ClaimIndex

    encoder, vectors = build_claim_encoder(load_settings())
    index = ClaimIndex(knowledge=Policy.load(_folder(pack)).knowledge, encoder=encoder, vectors=vectors)
    hits = index.search(text, limit)
    if as_json:
        print_json(
            [
                {
                    "similarity": round(hit.similarity, 4),
                    "reach": round(hit.reach, 4),
                    "matched": hit.matched,
                    **_summary(hit.record),
                }
                for hit in hits
            ]
        )
        return
    for hit in hits:
        record = hit.record
        click.echo(f"{hit.similarity:.3f}  {record.id}  {record.rating.value}, {record.author.name}, {record.dated}")
        click.echo(f"       {record.claimReviewed}")
        if hit.matched != record.claimReviewed:
            click.echo(f"       closest wording: {hit.matched}")
        if hit.reach > hit.similarity:
            click.echo(f"       closer to a correction or to the review's title: {hit.reach:.3f}")


@kb.command()
@PACK
@click.option("--without-encoder", is_flag=True, help="Do not compare claims by meaning, which loads a model.")
@JSON
@click.pass_context
def check(context: click.Context, pack: Path | None, without_encoder: bool, as_json: bool) -> None:
    """Find broken, expired, doubled and contradictory claims. Exit code 1 when something has to be changed."""
    from collections import Counter

    from policies.knowledge_checks import Defect, defects_between, defects_of

    broken = _broken(pack)
    defects: list[Defect] = []
    if not broken:
        records = _records(pack)
        defects = list(defects_of(records, today=datetime.now(UTC).date()))
        if not without_encoder:
            from gateway.app import build_claim_encoder
            from gateway.settings import load_settings

            encoder, vectors = build_claim_encoder(load_settings())
            matrix = vectors.load_or_build([record.claimReviewed for record in records], encoder=encoder)
            defects += defects_between(records, matrix)
    if as_json:
        listed = [{"kind": defect.kind.value, "ids": list(defect.ids), "detail": defect.detail} for defect in defects]
        print_json({"broken": broken, "defects": listed})
    else:
        for problem in broken[:LISTED]:
            click.echo(f"broken: {problem}")
        counts = Counter(defect.kind for defect in defects)
        for kind in type(defects[0].kind) if defects else ():
            for defect in [defect for defect in defects if defect.kind is kind and kind.is_fault][:LISTED]:
                click.echo(f"{kind.value}: {', '.join(defect.ids)}: {defect.detail}")
        for kind, count in counts.most_common():
            click.echo(f"{count} x {kind.value}" + ("" if kind.is_fault else " (for information)"))
        if broken:
            click.echo(f"{len(broken)} broken records; the other checks run when they are mended")
        elif not any(defect.kind.is_fault for defect in defects):
            click.echo("nothing that has to be changed")
    if broken or any(defect.kind.is_fault for defect in defects):
        context.exit(Exit.FAILED)


@kb.command()
@click.argument("identifiers", nargs=-1, required=True, metavar="ID...")
@PACK
def remove(identifiers: tuple[str, ...], pack: Path | None) -> None:
    """Remove the claims ID... from the pack; when one of them is not there, none is removed."""
    from gateway.app import record_claims_change
    from gateway.settings import load_settings
    from policies.errors import KnowledgeBaseError
    from policies.knowledge_files import opened_for_change

    with opened_for_change(_folder(pack)) as opened:
        records = opened.policy.knowledge.records
        unknown = sorted(set(identifiers) - {record.id for record in records})
        if unknown:
            raise KnowledgeBaseError(f"no claim has the id {', '.join(unknown)}; nothing was removed")
        changed = opened.replace([record for record in records if record.id not in identifiers])
        record_claims_change(load_settings(), before=opened.policy, after=changed, folder=opened.folder)
    click.echo(f"{len(changed.knowledge.records)} claims are left; the pack is now {changed.digest}")


@kb.command()
@PACK
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A new file instead of the terminal.")
def export(pack: Path | None, output: Path | None) -> None:
    """Write all claims as schema.org ClaimReview (JSON-LD), which others can read and `kb import` takes back."""
    from gateway.errors import StorageError
    from policies.claimreview import to_json_ld

    document = to_json_ld(_records(pack))
    if output is None:
        print_json(document)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            json.dump(document, file, ensure_ascii=False, indent=1)
            file.write("\n")
    except OSError as error:
        raise StorageError(f"{output} cannot be written: {error.strerror}; name a new file") from error
    click.echo(f"{len(document['@graph'])} claims are in {output}")


def _folder(pack: Path | None) -> Path:
    from gateway.settings import load_settings

    return pack or load_settings().policy


def _records(pack: Path | None) -> tuple[ClaimRecord, ...]:
    from policies.policy import Policy

    return Policy.load(_folder(pack)).knowledge.records


def _broken(pack: Path | None) -> list[str]:
    """Name every record that cannot be used; loading a pack names the first only."""
    from policies.knowledge import problems_in
    from policies.policy import knowledge_file

    file = knowledge_file(_folder(pack))
    try:
        content = file.read_bytes()
    except OSError:
        return []  # loading the pack says it better
    return problems_in(content)


def _summary(record: ClaimRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "claim": record.claimReviewed,
        "rating": record.rating.value,
        "rated": record.reviewRating.alternateName,
        "topic": record.topic,
        "harm": record.harm,
        "publisher": record.author.name,
        "url": record.url,
        "date": record.dated,
    }
