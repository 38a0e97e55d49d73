"""`assay fsck`: derive the whole log again, and name the first difference."""

from __future__ import annotations

from contextlib import closing

import click

from gateway.cli.terminal import Exit, print_json


@click.command(short_help="Check log, signatures and stored files.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def fsck(context: click.Context, as_json: bool) -> None:
    """Check the audit log, every signature on it, its published files, and every stored file that it names."""
    from gateway.app import build_blobs, build_countersigning, build_log, build_log_files, migrated_database
    from gateway.inspection import inspect
    from gateway.settings import load_settings

    settings = load_settings()
    log = build_log(settings)
    files = build_log_files(settings, log)
    with (
        migrated_database(settings) as database,
        closing(build_countersigning(settings, database=database, log=log)) as others,
    ):
        report = inspect(database, log=log, blobs=build_blobs(settings), files=files, countersigning=others)
    if as_json:
        print_json(report.to_dict())
    else:
        click.echo(
            f"{report.log.entries} entries, {report.log.checkpoints} checkpoints, {report.files} published files, "
            f"{report.blobs} stored files"
        )
        for problem in report.problems:
            click.echo(f"  {problem}", err=True)
        click.echo("sound" if not report.problems else f"{len(report.problems)} problems")
    context.exit(Exit.FAILED if report.problems else Exit.DONE)
