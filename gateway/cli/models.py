"""`assay models`: which weights are in use, whether they are what they should be, and official ones."""

from __future__ import annotations

import click

from gateway.cli.terminal import Exit, console, print_json


@click.group(short_help="List, check and pull model weights.")
def models() -> None:
    """List, check and pull model weights."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """Check every model in use against its pinned digest, and list the official ones. Exit code 1 if one is wrong."""
    from gateway.app import inspect_models
    from gateway.modelfiles import CATALOGUE
    from gateway.settings import load_settings

    settings = load_settings()
    used = inspect_models(settings)
    official = []
    for model in CATALOGUE:
        here = all(file.is_at(settings.home / "models" / model.name / file.name) for file in model.files)
        official.append({"name": model.name, "purpose": model.purpose, "licence": model.licence, "pulled": here})
    failed = any(row["problem"] for row in used)
    if as_json:
        print_json({"in_use": used, "official": official})
    else:
        from rich.table import Table

        table = Table("model", "state", "version", title="In use")
        for row in used:
            state = f"[red]{row['problem']}[/red]" if row["problem"] else "[green]as pinned[/green]"
            table.add_row(str(row["name"]), state, str(row["version"]))
        console().print(table)
        table = Table("model", "pulled", "licence", "what it is", title="Official, with `assay models pull`")
        for one in official:
            table.add_row(str(one["name"]), "yes" if one["pulled"] else "no", str(one["licence"]), str(one["purpose"]))
        console().print(table)
    context.exit(Exit.FAILED if failed else Exit.DONE)


@models.command()
@click.argument("name")
def pull(name: str) -> None:
    """Fetch the official model NAME, check it against its pinned SHA-256, and make it ready for use.

    A licence that is not open must be named in ASSAY_ACCEPTED_LICENCES first.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from gateway.modelfiles import check_terms, find_model
    from gateway.modelfiles import pull as pull_model
    from gateway.settings import load_settings

    settings = load_settings()
    model = find_model(name)
    click.echo(f"{model.name}: {model.purpose}; licence {model.licence} {model.terms}".rstrip(), err=True)
    check_terms(model, settings.accepted_licences)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True)) as shown:
        tasks = {file.name: shown.add_task(file.name, total=None) for file in model.files}

        def progress(file: str, done: int, total: int | None) -> None:
            shown.update(tasks[file], completed=done, total=total)

        paths = pull_model(model, settings.home / "models", progress=progress)
    for path in paths:
        click.echo(path)
    if model.name == "audioseal":
        from gateway.app import convert_audioseal

        folder = convert_audioseal(*paths)
        click.echo(f"To use it, set ASSAY_AUDIOSEAL_WEIGHTS={folder}", err=True)
    if not model.pinned:
        click.echo("No digest of these files is known here. Compare them with their author's first.", err=True)
    if model.name == "xtts-v2":
        click.echo(f"To use it: assay voices pin {paths[0].parent} --id ID --licence {model.licence}", err=True)
