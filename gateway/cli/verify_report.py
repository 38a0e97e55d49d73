"""`assay verify-report`: check a signed report offline."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.terminal import print_json

MOST_BYTES = 4 << 20


@click.command("verify-report", short_help="Check a signed verification report offline.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Public key as JWK or JWK set."
)
@click.option("--audio", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The file it is about.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
def verify_report(file: Path, key: Path | None, audio: Path | None, as_json: bool) -> None:
    """Check that the report in FILE was signed with the installation's key for reports, and print what it says.

    Without --key, the public key of this installation is used; --key takes what /.well-known/jwks.json gave. With
    --audio, the report must be about exactly that file.
    """
    import hashlib
    import json

    from gateway.errors import KeyMaterialError, ReportRefusedError
    from gateway.keys import KeyFiles
    from gateway.settings import load_settings
    from gateway.verification.signing import verify_signed_report

    content = key.read_bytes() if key is not None else KeyFiles(load_settings().keys).public("report.jwk")
    try:
        document = json.loads(content)
    except ValueError as error:
        raise KeyMaterialError("the key is not JSON; fetch /.well-known/jwks.json") from error
    keys = document.get("keys", [document]) if isinstance(document, dict) else []
    with file.open("rb") as opened:
        signed = opened.read(MOST_BYTES + 1)
    said, refusal = None, ReportRefusedError("the file with the key holds none")
    for one in keys:
        try:
            said = verify_signed_report(signed, key=one)
            break
        except ReportRefusedError as error:
            refusal = error
    if said is None:
        raise refusal
    report = said["report"]
    if audio is not None:
        with audio.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if digest != report.get("sha256"):
            raise ReportRefusedError(f"the report is about another file: it names {report.get('sha256')}, not {digest}")
    if as_json:
        print_json(said)
    else:
        click.echo(f"signed by {said['endpoint']}, {report['checked_at']}: {report['conclusion']}")
        click.echo(report["summary"])
        click.echo(f"about the file with SHA-256 {report['sha256']}" + (", which this is" if audio else ""))
