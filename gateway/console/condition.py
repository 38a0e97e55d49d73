"""How the person who looks at a page fares, for the lines at its top."""

from __future__ import annotations

from gateway.accounts import ConsoleSession, digest_token
from gateway.auth import REVIEWERS
from gateway.console.site import Console
from gateway.quality.wellness import Condition
from gateway.sessions import SignedIn


def condition_of(console: Console, visitor: SignedIn) -> Condition | None:
    """Note that a reviewer looks at a page of the review, and return how they fare; None for everybody else."""
    if visitor.caller.role not in REVIEWERS:
        return None
    person = visitor.caller.key_id
    console.wellness.touch(person)
    with console.backend.toolchain.database.read() as session:
        row = session.get(ConsoleSession, digest_token(visitor.token))
    return console.wellness.condition(person, signed_in_at=row.created_at if row is not None else None)
