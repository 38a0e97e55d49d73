"""`assay policy test`, `replay`, `shadow`: what a pack says about its examples, about history, beside the live one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.terminal import Exit, console, print_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from policies.examples import Trial

VERDICTS = ("allow", "review", "block", "none", "error")


@click.command()
@click.argument("pack", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--group", help="Run the examples of this group only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def test(context: click.Context, pack: Path | None, group: str | None, as_json: bool) -> None:
    """Run the examples of PACK (by default the one in force) with the real models, and show where it fails them.

    Exit codes: 0 all pass, 1 some fail.
    """
    from gateway.app import build_screener
    from gateway.errors import InvalidRequestError
    from gateway.settings import load_settings
    from policies.examples import try_examples

    settings = load_settings()
    screener = build_screener(settings if pack is None else settings.model_copy(update={"policy": pack}))
    examples = [one for one in screener.policy.examples if group is None or one.group == group]
    if not examples:
        known = sorted({one.group for one in screener.policy.examples})
        raise InvalidRequestError(f"no example to run; the pack's groups are {', '.join(known) or 'none'}")
    trials = []
    with _progress() as shown:
        task = shown.add_task("examples", total=len(examples))
        for trial in try_examples(screener, examples):
            trials.append(trial)
            shown.advance(task)
    failed = [trial for trial in trials if not trial.passed]
    if as_json:
        print_json(
            {
                "policy_digest": screener.policy.digest,
                "models": [list(model) for model in screener.models],
                "passed": len(trials) - len(failed),
                "failed": [_trial_document(trial) for trial in failed],
            }
        )
    else:
        _show_trials(console(), trials)
    context.exit(Exit.FAILED if failed else Exit.DONE)


@click.command()
@click.argument("pack", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--against",
    type=click.Path(exists=True, path_type=Path),
    help="Compare with what this pack says now, instead of with the stored decisions.",
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Received at or after (UTC).")
@click.option("--limit", type=click.IntRange(min=1), help="Look at the newest so many submissions only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def replay(
    context: click.Context, pack: Path, against: Path | None, since: datetime | None, limit: int | None, as_json: bool
) -> None:
    """Screen every script in history with PACK and show what would have been different. Nothing is written.

    Exit codes: 0 the same, 4 some decision differs or could not be made.
    """
    from gateway.app import assemble_screeners
    from gateway.db import check_schema, open_database
    from gateway.replay import count_history
    from gateway.replay import replay as run_replay
    from gateway.settings import load_settings
    from policies.policy import Policy

    settings = load_settings()
    begin = since.replace(tzinfo=UTC) if since else None
    database = open_database(settings.sqlalchemy_url)
    try:
        check_schema(database)
        packs = [Policy.load(folder) for folder in (pack, against) if folder is not None]
        screener, *others = assemble_screeners(settings, packs)
        with _progress() as shown:
            task = shown.add_task("scripts", total=count_history(database, since=begin, limit=limit))
            result = run_replay(
                database,
                screener=screener,
                against=others[0] if others else None,
                since=begin,
                limit=limit,
                progress=lambda: shown.advance(task),
            )
    finally:
        database.dispose()
    document = result.to_dict()
    if as_json:
        print_json(document)
    else:
        window = console()
        window.print(f"[bold]{screener.policy.id}[/bold] {screener.policy.version}  {screener.policy.digest}")
        _show_comparison(window, document, old="stored" if against is None else str(against))
        if result.erased:
            window.print(f"{result.erased} scripts are erased and could not be screened")
        if result.unreadable:
            window.print(f"{result.unreadable} stored decisions cannot be read; they count as none")
    context.exit(Exit.DIFFERS if result.comparison.differs else Exit.DONE)


@click.command()
@click.argument("policy", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def shadow(policy: str | None, as_json: bool) -> None:
    """Compare what packs in shadow (or the one with the id or digest POLICY) said with the decisions that counted."""
    from gateway.app import migrated_database
    from gateway.errors import NotFoundError
    from gateway.settings import load_settings
    from gateway.shadow import compare

    with migrated_database(load_settings()) as database:
        reports = [report.to_dict() for report in compare(database, policy=policy)]
    if as_json:
        print_json(reports)
        return
    if not reports:
        raise NotFoundError("no pack has run in shadow yet; name its folder in ASSAY_SHADOW_POLICIES and restart")
    window = console()
    for report in reports:
        window.print(f"[bold]{report['policy_id']}[/bold] {report['policy_version']}  {report['policy_digest']}")
        _show_comparison(window, report, old="in force")
        window.print(f"{report['seconds']} s in all; {report['failed']} failed, {report['erased']} without a decision")


def _progress() -> AbstractContextManager[Progress]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console(stderr=True), transient=True)


def _trial_document(trial: Trial) -> dict[str, object]:
    from gateway.facts import decision_document

    example = trial.example
    return {
        "name": example.name,
        "purpose": example.purpose.value,
        "expect": [verdict.value for verdict in example.expect],
        "problem": trial.problem,
        "text": example.manuscript.text,
        "decision": decision_document(trial.decision) if trial.decision else None,
    }


def _show_trials(window: Console, trials: Sequence[Trial]) -> None:
    from rich.table import Table
    from rich.text import Text

    from gateway.cli.highlight import highlighted, numbered
    from gateway.facts import decision_document

    for trial in trials:
        if trial.passed:
            continue
        window.print(Text.assemble((trial.example.name, "bold"), f"  {trial.problem}"))
        document: dict[str, Any] = decision_document(trial.decision) if trial.decision else {"findings": ()}
        window.print(highlighted(trial.example.manuscript.text, document["findings"]), end="")
        for mark, finding in numbered(document["findings"]):
            window.print(
                Text(f"  [{mark}] {finding['verdict']} {finding['category']} {finding['score']:.2f} ")
                + Text(finding["explanation"], style="dim")
            )
    groups = Counter(trial.example.group for trial in trials)
    passed = Counter(trial.example.group for trial in trials if trial.passed)
    table = Table("group", "examples", "right", "wrong")
    for group, count in sorted(groups.items()):
        wrong = count - passed[group]
        table.add_row(Text(group), str(count), str(passed[group]), Text(str(wrong), style="red" if wrong else ""))
    table.add_section()
    table.add_row("all", str(len(trials)), str(passed.total()), str(len(trials) - passed.total()))
    window.print(table)


def _show_comparison(window: Console, document: Mapping[str, Any], *, old: str) -> None:
    """Print the verdicts as a matrix, the rules that find more or less, and the episodes concerned."""
    from rich.table import Table
    from rich.text import Text

    from gateway.cli.findings import COLOURS
    from gateway.cli.highlight import printable

    counts = {(one["old"], one["new"]): one["texts"] for one in document["verdicts"]}
    rows = [verdict for verdict in VERDICTS if any(before == verdict for before, _ in counts)]
    columns = [verdict for verdict in VERDICTS if any(after == verdict for _, after in counts)]
    matrix = Table(f"{old} ↓  this pack →", *columns)
    for before in rows:
        cells = [
            Text(str(counts.get((before, after), 0)), style="" if before == after else "bold") for after in columns
        ]
        matrix.add_row(before, *cells)
    window.print(matrix)
    window.print(
        f"{document['compared']} compared: {document['same']} with the same verdict, {document['stricter']} stricter, "
        f"{document['milder']} milder, {document['unknown']} not comparable"
    )
    if document["rules"]:
        table = Table("rule", "category", "texts with new findings", "texts that lost findings")
        for one in document["rules"]:
            table.add_row(one["rule"], one["category"], str(one["appeared"]), str(one["vanished"]))
        window.print(table)
    if document["changes"]:
        table = Table("episode", "title", "verdict")
        table.columns[0].no_wrap = True  # ids are copied from here
        table.add_column("findings", overflow="fold")
        for change in document["changes"]:
            found = [f"+ {_finding(one)}" for one in change["appeared"]] + [
                f"− {_finding(one)}" for one in change["vanished"]
            ]
            table.add_row(
                change["episode"],
                Text(printable(change["title"])),
                Text.assemble(
                    (change["old"], COLOURS.get(change["old"], "")),
                    " → ",
                    (change["new"], COLOURS.get(change["new"], "")),
                ),
                Text("\n".join([change["error"]] * bool(change["error"]) + found)),
            )
        window.print(table)
    if document["unlisted"]:
        window.print(f"and {document['unlisted']} more changes, which are counted above but not listed")


def _finding(sighting: Mapping[str, Any]) -> str:
    from gateway.cli.highlight import printable

    words = printable(" ".join(sighting["words"].split()))
    return f"{sighting['verdict']} {sighting['category']}: {words}"
