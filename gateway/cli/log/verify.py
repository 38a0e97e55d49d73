"""`assay log verify`: check a proof file offline."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.terminal import print_json


@click.command()
@click.argument("proof", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--vkey", help="The log's verifier key; by default the one in this installation's key folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(proof: Path, vkey: str | None, as_json: bool) -> None:
    """Check the file PROOF offline and print the event that it proves."""
    import json

    from audit.checkpoint import Verifier
    from audit.receipt import Receipt, verify_receipt
    from gateway.keys import KeyFiles
    from gateway.settings import load_settings

    verifier = Verifier.parse(vkey or KeyFiles(load_settings().keys).public("log.vkey").decode())
    receipt = Receipt.from_text(proof.read_text())
    checkpoint = verify_receipt(receipt, leaf=receipt.leaf, origin=verifier.name, verifier=verifier)
    event = json.loads(receipt.leaf)
    if as_json:
        print_json({"index": receipt.index, "size": checkpoint.size, "origin": checkpoint.origin, "event": event})
    else:
        click.echo(f"entry {receipt.index} of {checkpoint.size} in {checkpoint.origin}: proven")
        print_json(event)
