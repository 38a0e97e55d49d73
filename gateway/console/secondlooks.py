"""Second looks on the console: a case that was decided, decided again without knowing how; and disagreements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from gateway.auth import Role
from gateway.console.casefile import names_of, read_case
from gateway.console.condition import condition_of
from gateway.console.doors import ConsoleRoute, Posted, Reader, Reviewer, see
from gateway.console.site import Console, ConsoleDep
from gateway.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from gateway.quality.rows import SecondLook, Stage
from gateway.sessions import SignedIn
from gateway.submissions import ID_ALPHABET, ID_LENGTH, EpisodeApproval, ReviewCase

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

MAX_DRAFT = 4_000  # characters of what was typed that a page gives back
LookId = Annotated[str, Path(pattern=rf"^sl_[{ID_ALPHABET}]{{{ID_LENGTH}}}$")]
OVERSEERS = frozenset({Role.SENIOR_REVIEWER, Role.AUDITOR, Role.ADMIN})


@router.post("/console/second-looks/next")
def take_next(console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Take the oldest second look that is free for this person."""
    del fields
    look = console.second_looks.take_next(reviewer=visitor.caller.key_id, role=visitor.caller.role)
    return see(f"/console/second-looks/{look.id}" if look is not None else "/console/quality/mine?done=none")


@router.get("/console/second-looks/{look_id}")
def show_look(look_id: LookId, console: ConsoleDep, visitor: Reader) -> Response:
    """Show a case to whoever decides it again, and both decisions to those who answer for quality."""
    return _page(console, visitor, look_id, {})


@router.post("/console/second-looks/{look_id}/decision")
def decide(look_id: LookId, console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Decide a case again; what was typed is kept if that cannot be."""
    caller = visitor.caller
    try:
        console.second_looks.decide(
            look_id,
            reviewer=caller.key_id,
            role=caller.role,
            verdict=fields.get("verdict", ""),
            reason=fields.get("reason", ""),
        )
    except InvalidRequestError as error:
        return _page(console, visitor, look_id, fields, mistake=error.detail, status=error.status)
    return see("/console/quality/mine?done=agreed")


@router.post("/console/second-looks/{look_id}/settlement")
def settle(look_id: LookId, console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Say which of two decisions is right; what was typed is kept if that cannot be."""
    caller = visitor.caller
    try:
        console.second_looks.settle(
            look_id,
            reviewer=caller.key_id,
            role=caller.role,
            verdict=fields.get("verdict", ""),
            reason=fields.get("reason", ""),
        )
    except (ConflictError, InvalidRequestError) as error:
        return _page(console, visitor, look_id, fields, mistake=error.detail, status=error.status)
    return see("/console/quality/mine?done=settled")


def _page(
    console: Console,
    visitor: SignedIn,
    look_id: str,
    fields: Mapping[str, str],
    *,
    mistake: str = "",
    status: int = 200,
) -> Response:
    tools, caller = console.backend.toolchain, visitor.caller
    now = tools.clock()
    with tools.database.read() as session:
        look = session.get(SecondLook, look_id)
        if look is None:
            raise NotFoundError("there is no such second look")
        held = (
            look.stage == Stage.WAITING
            and look.claimed_by == caller.key_id
            and look.claimed_until is not None
            and look.claimed_until > now
        )
        if not held and (look.stage == Stage.WAITING or caller.role not in OVERSEERS):
            raise ForbiddenError("this second look is not yours; take the next one")
        found = read_case(session, look.episode_id, caller, log=tools.log, now=now)
        case, approval = session.get(ReviewCase, look.episode_id), session.get(EpisodeApproval, look.episode_id)
        names = names_of(session, {*look.first_by, look.second_by or "", look.settled_by or ""})
    first_reason = (case.reason if case is not None else None) or (approval.reason if approval is not None else "")
    return console.pages.page(
        "look.html",
        status=status,
        visitor=visitor,
        now=now,
        look=look,
        file=found,
        held=held,
        disputed=look.stage == Stage.DISPUTED,
        settles=look.stage == Stage.DISPUTED and caller.role is Role.SENIOR_REVIEWER,
        first_reason="" if held else first_reason,
        names=names,
        pace=condition_of(console, visitor),
        draft={"verdict": fields.get("verdict", ""), "reason": fields.get("reason", "")[:MAX_DRAFT]},
        mistake=mistake,
    )
