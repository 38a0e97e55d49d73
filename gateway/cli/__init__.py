"""The `assay` command: one file per subcommand.

Commands import what they need when they run, so that `assay --help` answers at once: nothing here may import a model
library, the database or the web framework at module level.
"""

from __future__ import annotations

import os

import click

from gateway.cli.account import account
from gateway.cli.apikey import apikey
from gateway.cli.backup import backup, restore
from gateway.cli.consent import consent
from gateway.cli.db import db
from gateway.cli.demo import demo
from gateway.cli.draft import draft
from gateway.cli.erase import erase
from gateway.cli.export import export
from gateway.cli.feed import feed
from gateway.cli.fsck import fsck
from gateway.cli.golden import golden
from gateway.cli.intake import intake
from gateway.cli.keygen import keygen
from gateway.cli.lexicon import lexicon
from gateway.cli.log import log
from gateway.cli.make import make
from gateway.cli.mcp import mcp
from gateway.cli.models import models
from gateway.cli.policy import policy
from gateway.cli.screen import screen
from gateway.cli.script import script
from gateway.cli.serve import serve
from gateway.cli.signer import signer
from gateway.cli.terminal import AssayGroup
from gateway.cli.threads import share_processors
from gateway.cli.verify import verify
from gateway.cli.verify_report import verify_report
from gateway.cli.voices import voices
from gateway.cli.webhook import webhook
from gateway.cli.withdraw import withdraw
from gateway.cli.work import work


@click.group(cls=AssayGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="assay-gateway", prog_name="assay")
def main() -> None:
    """Screen a script, speak it, mark it, sign it, log it, and release it when it is approved.

    \b
    Exit codes
      0  done; for verify: genuine
      1  something failed, the message says what
      2  the command line is not right
      3  refused: the script was blocked, rejected or failed
      4  waiting for a reviewer; for policy replay and diff: there are differences
      5  verify: a copy of a released episode, without its credentials
      6  verify: altered, withdrawn, or a mark that does not belong to this sound
      7  verify: nothing of this installation found (which says nothing about who made it)
    """
    share_processors(os.environ)


for command in (
    demo,
    serve,
    work,
    mcp,
    make,
    script,
    draft,
    intake,
    screen,
    verify,
    verify_report,
    withdraw,
    erase,
    keygen,
    apikey,
    account,
    webhook,
    models,
    voices,
    consent,
    feed,
    lexicon,
    signer,
    policy,
    log,
    export,
    golden,
    fsck,
    backup,
    restore,
    db,
):
    main.add_command(command)
