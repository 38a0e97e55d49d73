"""`assay backup` and `assay restore`: everything that cannot be made again, and whether it may go on from there."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.terminal import Exit

PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="File (mode 0600) with the passphrase of the keys in its first line.",
)
FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))


@click.command(short_help="Back up rows, files and, if asked, keys.")
@FOLDER
@click.option("--keys", is_flag=True, help="Take the private keys along, encrypted under the passphrase.")
@PASSPHRASE
def backup(folder: Path, keys: bool, passphrase_file: Path | None) -> None:
    """Back up this installation into FOLDER, which must be new or empty; processes may go on meanwhile.

    Prints the SHA-256 of the manifest, which names every byte: keep it elsewhere. The published log is left out,
    because it is what notices that a database was rolled back: keep that on another disk. Blobs in a bucket are left
    to the bucket.
    """
    from gateway.app import build_blobs, build_log, migrated_database, software_version, utc_now
    from gateway.backup.taking import take_backup
    from gateway.settings import load_settings

    if keys != (passphrase_file is not None):
        raise click.UsageError("--keys and --passphrase-file belong together")
    settings = load_settings()
    with migrated_database(settings) as database:
        taken = take_backup(
            folder,
            settings=settings,
            database=database,
            log=build_log(settings),
            blobs=build_blobs(settings),
            software=software_version(),
            at=utc_now(),
            passphrase=_read(passphrase_file),
        )
    manifest = taken.manifest
    size = sum(file.size for file in manifest.files.values())
    click.echo(
        f"{sum(manifest.rows.values())} rows, {len(manifest.files)} files, {size} bytes; the log has "
        f"{manifest.log_size} entries; keys: {'encrypted' if manifest.keys else 'not taken'}"
    )
    click.echo(f"manifest sha256:{taken.sha256}")


@click.command(short_help="Restore a backup into an empty home.")
@FOLDER
@PASSPHRASE
@click.option("--check", "only_check", is_flag=True, help="Check every file of the backup, and restore nothing.")
@click.option(
    "--published-log-lost",
    is_flag=True,
    help="Go on without the published log: nobody can then tell whether the backup is older than what the world saw.",
)
@click.pass_context
def restore(
    context: click.Context, folder: Path, passphrase_file: Path | None, only_check: bool, published_log_lost: bool
) -> None:
    """Restore the backup in FOLDER into the empty installation that the settings name, SQLite or PostgreSQL.

    Checks every byte first. Afterwards compares the log with what was published, and runs fsck: an old backup is
    restored, but nothing starts from it until `assay log rebuild` has brought back what the world has seen.
    """
    from gateway.app import build_blobs, build_log, build_log_files
    from gateway.backup.restoring import check_backup, restore_files, restore_rows
    from gateway.errors import BackupError
    from gateway.settings import load_settings

    manifest = check_backup(folder)
    if only_check:
        click.echo(
            f"{len(manifest.files)} files are as the manifest says; made {manifest.made_at} by {manifest.software}"
        )
        return
    settings = load_settings()
    if manifest.log_size and not published_log_lost and not settings.published_checkpoint.exists():
        raise BackupError(
            f"there is no published log in {settings.log_folder} to hold the backup against; put it there, or set "
            "ASSAY_PUBLISHED_LOG; only if it is lost for good, say --published-log-lost"
        )
    blobs = build_blobs(settings)
    restore_files(folder, manifest, settings=settings, blobs=blobs, passphrase=_read(passphrase_file))
    files = build_log_files(settings, build_log(settings))
    restored = restore_rows(folder, manifest, settings=settings, files=files)
    click.echo(f"{sum(manifest.rows.values())} rows and {len(manifest.files)} files of {manifest.made_at} restored")
    if restored.behind:
        click.echo(f"the backup is older than what was published: {restored.behind}", err=True)
        click.echo(f"nothing starts like this; run: assay log rebuild --from {settings.log_folder}", err=True)
        click.echo("then: assay fsck", err=True)
        context.exit(Exit.FAILED)
    _inspect(context)


def _inspect(context: click.Context) -> None:
    from gateway.cli.fsck import fsck

    context.invoke(fsck, as_json=False)


def _read(path: Path | None) -> str:
    from gateway.keys import read_secret_line

    return "" if path is None else read_secret_line(path)
