"""`assay log`: read the audit log, and prove what is in it; one file per command."""

from __future__ import annotations

import click

from gateway.cli.log.audit import audit
from gateway.cli.log.checkpoint import checkpoint
from gateway.cli.log.export import export, verify_export
from gateway.cli.log.prove import prove
from gateway.cli.log.publish import publish
from gateway.cli.log.rebuild import rebuild
from gateway.cli.log.show import show
from gateway.cli.log.tail import tail
from gateway.cli.log.verify import verify
from gateway.cli.log.witness import witness


@click.group(short_help="Read the audit log, and prove entries.")
def log() -> None:
    """Read the audit log, and prove what is in it."""


for command in (tail, show, prove, verify, export, verify_export, checkpoint, publish, audit, rebuild, witness):
    log.add_command(command)
