"""`assay keygen`: the key files of an installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gateway.cli.terminal import print_json

if TYPE_CHECKING:
    from gateway.settings import Settings


@click.command(short_help="Make the keys that are missing.")
@click.option("--renew-claim-signer", is_flag=True, help="Replace the C2PA leaf by a fresh one under the same root.")
@click.option("--rotate-watermark", is_flag=True, help="Mark with a fresh key; marks of the old one are still read.")
@click.option("--encrypt-claim-signer", is_flag=True, help="Encrypt the C2PA keys with the configured passphrase.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def keygen(renew_claim_signer: bool, rotate_watermark: bool, encrypt_claim_signer: bool, as_json: bool) -> None:
    """Make the keys that are missing: log key, watermark key, C2PA certificate. Existing keys are never lost."""
    from datetime import UTC, datetime

    from gateway import app, keys
    from gateway.errors import SettingsError
    from gateway.settings import load_settings

    settings = load_settings()
    files = keys.KeyFiles(settings.keys)
    now = datetime.now(UTC)
    if renew_claim_signer + rotate_watermark + encrypt_claim_signer > 1:
        raise click.UsageError(
            "do one thing at a time: --renew-claim-signer, --rotate-watermark or --encrypt-claim-signer"
        )
    passphrase = app.claim_passphrase(settings)
    if encrypt_claim_signer:
        if passphrase is None:
            raise SettingsError("there is no passphrase; set ASSAY_SIGNER_PASSPHRASE_FILE")
        changed = keys.encrypt_claim_keys(files, passphrase)
        if as_json:
            print_json({"folder": str(settings.keys), "encrypted": changed})
        else:
            click.echo(f"Encrypted in {settings.keys}: {', '.join(changed) or 'nothing, they are already'}.")
        return
    if renew_claim_signer:
        before = app.keys_in_force(settings)
        expires = keys.renew_claim_signer(files, at=now, passphrase=passphrase)
        # If we crash here, the new leaf signs and the log does not say so; the next start makes up for it.
        app.record_key_change(settings, before=before)
        if as_json:
            print_json({"folder": str(settings.keys), "renewed": "claim-signer", "expires": expires.isoformat()})
        else:
            click.echo(f"The C2PA leaf in {settings.keys} is new; it expires on {expires:%Y-%m-%d}.")
        return
    if rotate_watermark:
        _rotate_watermark(settings, as_json=as_json)
        return
    made = keys.generate_keys(
        files, log_origin=settings.log_origin, organisation=settings.organisation, at=now, passphrase=passphrase
    )
    if as_json:
        print_json({"folder": str(settings.keys), "made": made})
    elif made:
        click.echo(f"Made in {settings.keys}: {', '.join(made)}. Back them up; losing watermark.key loses every mark.")
    else:
        click.echo(f"Nothing to do: every key in {settings.keys} is there.")


def _rotate_watermark(settings: Settings, *, as_json: bool) -> None:
    from gateway import app

    rotation = app.rotate_watermark(settings)
    if as_json:
        print_json(
            {
                "folder": str(settings.keys),
                "renewed": "watermark",
                "epoch": rotation.epoch,
                "retired": rotation.retired,
            }
        )
        return
    click.echo(
        f"New episodes are marked under epoch {rotation.epoch}; watermark-{rotation.retired}.key is kept to read the "
        "marks of the old ones. Back up both, and restart every gateway and worker."
    )
