"""`assay log verify`: check a proof file offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.terminal import print_json

if TYPE_CHECKING:
    from audit.checkpoint import Verifier
    from audit.tlog_policy import WitnessPolicy


@click.command()
@click.argument("proof", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--vkey", help="The log's verifier key; by default the one in this installation's key folder.")
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Witness policy; the proof must rest on a checkpoint with its quorum.",
)
@click.option(
    "--timestamp",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="RFC 3161 response over the proof's checkpoint, to be checked too.",
)
@click.option(
    "--tsa-roots",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM file with the roots that the time stamp must lead to.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(
    proof: Path, vkey: str | None, policy: Path | None, timestamp: Path | None, tsa_roots: Path | None, as_json: bool
) -> None:
    """Check the file PROOF offline and print the event that it proves."""
    import json

    from audit.checkpoint import Verifier
    from audit.note import split_note
    from audit.receipt import Receipt, verify_receipt
    from audit.timestamp import read_roots, verify_stamp
    from audit.tlog_policy import WitnessPolicy
    from gateway.keys import KeyFiles
    from gateway.settings import load_settings

    if (timestamp is None) != (tsa_roots is None):
        raise click.UsageError("a time stamp is checked against roots: give --timestamp and --tsa-roots, or neither")
    trusted = WitnessPolicy.parse(policy.read_bytes()) if policy is not None else None
    receipt = Receipt.from_text(proof.read_text())
    # A policy names the log itself; without one the key must come from elsewhere.
    verifier = None if trusted is None or vkey else _log_of(trusted, receipt.note)
    if verifier is None:
        verifier = Verifier.parse(vkey or KeyFiles(load_settings().keys).public("log.vkey").decode())
    checkpoint = verify_receipt(receipt, leaf=receipt.leaf, origin=verifier.name, verifier=verifier)
    said: dict[str, object] = {"index": receipt.index, "size": checkpoint.size, "origin": checkpoint.origin}
    lines = [f"entry {receipt.index} of {checkpoint.size} in {checkpoint.origin}: proven"]
    if trusted is not None:
        trusted.verify(receipt.note, origin=verifier.name)
        cosigned = {name: at.isoformat() for name, at in sorted(trusted.require(receipt.note).items())}
        said["witnesses"] = cosigned
        lines += [f"cosigned by {name} at {at}" for name, at in cosigned.items()]
    if timestamp is not None and tsa_roots is not None:
        text = split_note(receipt.note)[0]
        stamped = verify_stamp(timestamp.read_bytes(), text, roots=read_roots(tsa_roots.read_bytes())).isoformat()
        said["stamped"] = stamped
        lines.append(f"time-stamped at {stamped}")
    event = json.loads(receipt.leaf)
    if as_json:
        print_json({**said, "event": event})
    else:
        for line in lines:
            click.echo(line)
        print_json(event)


def _log_of(policy: WitnessPolicy, note: str) -> Verifier | None:
    """Return the key that the policy has for the log of a note."""
    named = [known.verifier for known in policy.logs if known.verifier.name == note.partition("\n")[0]]
    return named[0] if len(named) == 1 else None
