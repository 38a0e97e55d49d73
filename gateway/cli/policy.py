"""`assay policy`: the policy pack in force, and what it says about a script."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.kb import kb
from gateway.cli.terminal import Exit, console, print_json

PACK = click.argument("pack", required=False, type=click.Path(exists=True, path_type=Path))


@click.group(short_help="Look at policies, try them on a script.")
def policy() -> None:
    """Look at policy packs, check them, and try them on a script."""


policy.add_command(kb)


@policy.command()
@PACK
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(pack: Path | None, as_json: bool) -> None:
    """Show PACK (by default the one in force): version, digest, rules, coverage."""
    from gateway.settings import load_settings
    from policies.policy import Policy

    loaded = Policy.load(pack or load_settings().policy)
    rules = loaded.rules.model_dump(mode="json", exclude_none=True)
    if as_json:
        print_json(
            {
                "id": loaded.id,
                "version": loaded.version,
                "status": loaded.status,
                "digest": loaded.digest,
                "languages": list(loaded.languages),
                "not_evaluated": list(loaded.not_evaluated),
                "rules": rules,
            }
        )
        return
    from rich.table import Table

    screen = console()
    screen.print(f"[bold]{loaded.id}[/bold] {loaded.version} ({loaded.status})  {loaded.digest}")
    screen.print(
        f"languages: {', '.join(loaded.languages)}; not judged: {', '.join(loaded.not_evaluated) or 'nothing'}"
    )
    table = Table("rule", "setting", "value")
    for name, settings in rules.items():
        for key, value in settings.items():
            table.add_row(name, key, str(value))
    screen.print(table)


@policy.command()
@click.argument("pack", type=click.Path(exists=True, path_type=Path))
def check(pack: Path) -> None:
    """Validate PACK as a whole; an error names the file, the key and the fix."""
    from policies.policy import Policy

    loaded = Policy.load(pack)
    click.echo(f"{loaded.id} {loaded.version} is usable: {loaded.digest}")


@policy.command()
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def screen(context: click.Context, script: Path, as_json: bool) -> None:
    """Screen SCRIPT without submitting it. Exit codes: 0 allow, 3 block, 4 review."""
    from gateway.app import build_screener
    from gateway.cli.findings import findings_table
    from gateway.errors import InvalidRequestError
    from gateway.facts import decision_document
    from gateway.intake import manuscript_of
    from gateway.settings import load_settings
    from synth.markdown import parse_script

    try:
        text = script.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"{script} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    manuscript = manuscript_of(parse_script(text))
    decision = build_screener(load_settings()).screen(manuscript)
    document = decision_document(decision)
    if as_json:
        print_json(document)
    else:
        window = console()
        window.print(f"[bold]{decision.verdict.value}[/bold] by {decision.policy_id} {decision.policy_version}")
        if decision.findings:
            window.print(findings_table(text, document))
    codes = {"allow": Exit.DONE, "review": Exit.WAITING, "block": Exit.REFUSED}
    context.exit(codes[decision.verdict.value])
