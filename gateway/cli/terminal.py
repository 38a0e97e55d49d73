"""What all commands share: exit codes, the order of commands, and errors that read well for people and for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console


class Exit(IntEnum):
    """Exit codes, as listed by `assay --help`."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    WAITING = 4
    DIFFERS = 4  # for `policy replay` and `policy diff`, where nothing can wait
    COPY = 5
    ALTERED = 6
    UNKNOWN = 7


class AssayGroup(click.Group):
    """Lists commands in the order of their use, and turns the packages' errors into one line and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were added."""
        del ctx
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:  # the return type is the one that click declares
        """Run the command; an error of ours becomes a message, anything else is a bug and keeps its traceback."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            from audit.errors import AuditError
            from gateway.errors import GatewayError, problem_for
            from policies.errors import PolicyError
            from synth.errors import SynthError

            if not isinstance(error, AuditError | GatewayError | PolicyError | SynthError):
                raise
            if "--json" in sys.argv:
                problem = problem_for(error)
                click.echo(json.dumps({"type": problem.slug, "title": problem.title, "detail": str(error)}))
            else:
                click.echo(f"assay: {error}", err=True)
            ctx.exit(Exit.FAILED)


def console(*, stderr: bool = False) -> Console:
    """Return a console for tables and progress; it falls back to plain text when it is not a terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while the block runs, if that is a terminal; tell what it gives (done, all)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    shown = console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), what, TimeRemainingColumn())
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_json(value: object) -> None:
    """Print one JSON document to standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
