"""`assay policy`: look at packs, copy, compare and check them; `policytrials` tries them on texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.kb import kb
from gateway.cli.policytrials import replay, shadow, test
from gateway.cli.terminal import Exit, console, print_json
from gateway.cli.texts import texts

if TYPE_CHECKING:
    from policies.policy import Policy
    from policies.screen import Screener

PACK = click.argument("pack", required=False, type=click.Path(exists=True, path_type=Path))
SHOWN_CHARACTERS = 200  # of a value in the table of differences; --json prints all of it


@click.group(short_help="Write policies, try them, compare them.")
def policy() -> None:
    """Look at policy packs, check them, and try them before they decide anything."""


policy.add_command(kb)


@policy.command()
@PACK
@click.option("--guidance", is_flag=True, help="Show what reviewers are told about each category too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(pack: Path | None, guidance: bool, as_json: bool) -> None:
    """Show PACK (by default the one in force): version, digest, rules, guidance."""
    from dataclasses import asdict

    from gateway.settings import load_settings
    from policies.policy import Policy

    loaded = Policy.load(pack or load_settings().policy)
    if as_json:
        print_json(
            {
                **_named(loaded),
                "languages": list(loaded.languages),
                "description": loaded.description,
                "guidance": loaded.guidance,
                "not_evaluated": list(loaded.not_evaluated),
                "rules": loaded.rules.model_dump(mode="json", exclude_none=True),
                "category_guidance": [asdict(one) for one in loaded.category_guidance],
                "disclosures": [one.model_dump() for one in loaded.disclosures],
                "entries": len(loaded.lexicon.entries),
                "claims": len(loaded.knowledge.records),
                "examples": len(loaded.examples),
            }
        )
        return
    from rich.table import Table
    from rich.text import Text

    screen = console()
    screen.print(f"[bold]{loaded.id}[/bold] {loaded.version} ({loaded.status})  {loaded.digest}")
    screen.print(
        f"languages: {', '.join(loaded.languages)}; not judged: {', '.join(loaded.not_evaluated) or 'nothing'}; "
        f"{len(loaded.lexicon.entries)} listed terms, {len(loaded.knowledge.records)} claims, "
        f"{len(loaded.examples)} examples"
    )
    table = Table("rule", "setting", "value")
    for name, settings in loaded.rules.model_dump(mode="json", exclude_none=True).items():
        for key, value in settings.items():
            if value != {}:
                table.add_row(name, key, Text(str(value)))
    screen.print(table)
    if guidance:
        from gateway.cli.guidance import guidance_panel

        screen.print(Text(loaded.guidance.strip()))
        for one in loaded.category_guidance:
            screen.print(guidance_panel(asdict(one)))


@policy.command()
@click.argument("pack", type=click.Path(exists=True, path_type=Path))
@click.option("--for", "purpose", type=click.Choice(["live"]), help="Also run its examples, and say what is missing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(context: click.Context, pack: Path, purpose: str | None, as_json: bool) -> None:
    """Validate PACK as a whole, its models included; an error names file, line, key and what to do.

    Exit codes: 0 usable (with --for live: ready), 1 not.
    """
    from gateway.app import build_screener, utc_now
    from gateway.settings import load_settings
    from policies.pack_checks import remarks
    from policies.policy import Policy

    loaded = Policy.load(pack)  # mistakes in the files are told before any model is loaded
    screener = build_screener(load_settings().model_copy(update={"policy": pack}))
    noted = remarks(loaded, today=utc_now().date())
    missing = _missing_for_live(loaded, screener) if purpose else []
    if as_json:
        print_json({**_named(loaded), "usable": True, "remarks": noted, "missing": missing})
    else:
        click.echo(f"{loaded.id} {loaded.version} is usable: {loaded.digest}")
        for remark in noted:
            click.echo(f"  note: {remark}")
        for sentence in missing:
            click.echo(f"  missing: {sentence}")
        if purpose and not missing:
            click.echo("  ready to be in force: set ASSAY_POLICY to its folder and restart")
    context.exit(Exit.FAILED if missing else Exit.DONE)


@policy.command()
@click.argument("destination", type=click.Path(path_type=Path))
@click.option("--from", "source", type=click.Path(exists=True, path_type=Path), help="Pack to copy; else the default.")
@click.option("--id", "name", help="Id of the copy; by default the name of its folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def copy(destination: Path, source: Path | None, name: str | None, as_json: bool) -> None:
    """Copy the default pack to the new folder DESTINATION, as a draft of your own."""
    from gateway.app import utc_now
    from policies.pack_copy import copy_pack
    from policies.policy import DEFAULT_PACK

    made = copy_pack(source or DEFAULT_PACK, destination, name=name, today=utc_now().date())
    if as_json:
        print_json(_named(made))
    else:
        click.echo(f"{destination}: {made.id} {made.version} ({made.status}) {made.digest}")


@policy.command()
@click.argument("old", type=click.Path(exists=True, path_type=Path))
@click.argument("new", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def diff(context: click.Context, old: Path, new: Path, as_json: bool) -> None:
    """Show in which settings, words, claims, examples and guidance NEW differs from OLD.

    Exit codes: 0 the same, 4 they differ.
    """
    from dataclasses import asdict

    from policies.pack_difference import pack_changes
    from policies.policy import Policy

    before, after = Policy.load(old), Policy.load(new)
    changes = pack_changes(before, after)
    if as_json:
        print_json({"old": _named(before), "new": _named(after), "changes": [asdict(change) for change in changes]})
    else:
        from rich.table import Table
        from rich.text import Text

        window = console()
        if changes:
            table = Table("part", "what")
            for column in ("old", "new"):
                table.add_column(column, overflow="fold")
            for change in changes:
                table.add_row(
                    change.part,
                    Text(change.name),
                    Text(_cut(change.old), style="red"),
                    Text(_cut(change.new), style="green"),
                )
            window.print(table)
        window.print(f"{len(changes)} differences")
    context.exit(Exit.DIFFERS if changes else Exit.DONE)


def _named(policy: Policy) -> dict[str, object]:
    return {"id": policy.id, "version": policy.version, "status": policy.status.value, "digest": policy.digest}


def _missing_for_live(policy: Policy, screener: Screener) -> list[str]:
    from policies.examples import try_examples
    from policies.pack_checks import missing_for_live

    missing = missing_for_live(policy, screener.rules)
    for trial in try_examples(screener, policy.examples):
        if not trial.passed:
            missing.append(f"example {trial.example.name!r}: {trial.problem}; mend the policy or the example")
    return missing


def _cut(value: str | None) -> str:
    if value is None:
        return "—"
    return value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"


for command in (test, replay, shadow, texts):
    policy.add_command(command)
