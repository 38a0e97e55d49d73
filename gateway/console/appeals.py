"""Appeals on the console: a submitter files one under a statement of reasons, and another reviewer decides."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.appeal_schemas import AppealId
from gateway.api.schemas import EpisodeId
from gateway.api.visibility import visible_submission
from gateway.appealed import Against, Appeal, Ruling, appeals_of
from gateway.appeals import why_not_appeal
from gateway.auth import REVIEWERS, Role, authorise
from gateway.console.casefile import names_of
from gateway.console.doors import ConsoleRoute, Posted, Reader, Reviewer, Visitor, see
from gateway.console.site import Console, ConsoleDep
from gateway.errors import ConflictError, InvalidRequestError, NotFoundError
from gateway.review import OTHER, categories_of
from gateway.sessions import SignedIn
from gateway.statements import statement_of
from gateway.submissions import Submission

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

MAX_DRAFT = 4_000  # characters of what was typed that a page gives back
AGAINST = {Against.POLICY: "the policy's block", Against.PERSON: "a refusal", Against.WITHDRAWAL: "a withdrawal"}
FOLLOWS = {  # what overturning leads to
    Against.POLICY: "the script is spoken and heard, and two people review it",
    Against.PERSON: "the episode waits for a review by others",
    Against.WITHDRAWAL: "the episode waits for a review, and may then be released again",
}
RULINGS = {one.value: one for one in (Ruling.UPHELD, Ruling.OVERTURNED, Ruling.PARTLY)}


@router.post("/console/submissions/{episode_id}/appeal")
def file_appeal(episode_id: EpisodeId, console: ConsoleDep, visitor: Visitor, fields: Posted) -> Response:
    """File an appeal; what was typed is kept if that cannot be."""
    caller = authorise(visitor.caller, frozenset({Role.SUBMITTER}))
    tools, reason = console.backend.toolchain, fields.get("reason", "")
    with tools.database.read() as session:
        row = visible_submission(session, caller, episode_id)
    try:
        console.backend.appeals.file(episode_id, by=caller.key_id, role=caller.role, reason=reason)
    except InvalidRequestError as error:
        with tools.database.read() as session:
            found = statement_of(session, row, redress=tools.settings.redress)
            appeals = appeals_of(session, episode_id)
            closes_at = console.backend.appeals.closes_at(session, row)
        return console.pages.page(
            "statement.html",
            status=error.status,
            visitor=visitor,
            row=row,
            statement=found,
            appeals=appeals,
            closes_at=closes_at,
            filed=False,
            mistake=error.detail,
            draft=reason[:MAX_DRAFT],
        )
    return see(f"/console/submissions/{episode_id}/statement?done=appealed")


@router.get("/console/appeals")
def list_appeals(request: Request, console: ConsoleDep, visitor: Reader) -> Response:
    """Show what waits, and what was decided."""
    desk = console.backend.appeals
    return console.pages.page(
        "appeals.html",
        visitor=visitor,
        now=console.backend.toolchain.clock(),
        waiting=desk.waiting(),
        decided=desk.decided(),
        against=AGAINST,
        notice="The appeal is decided; the submitter sees your reason." if "done" in request.query_params else "",
    )


@router.get("/console/appeals/{appeal_id}")
def show_appeal(appeal_id: AppealId, console: ConsoleDep, visitor: Reader) -> Response:
    """Show an appeal, the decision that it is against, and how to decide it."""
    return _page(console, visitor, appeal_id, {})


@router.post("/console/appeals/{appeal_id}/claim")
def claim_appeal(appeal_id: AppealId, console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Take an appeal, so that nobody else works on it."""
    del fields
    console.backend.appeals.take(appeal_id, reviewer=visitor.caller.key_id, role=visitor.caller.role)
    return see(f"/console/appeals/{appeal_id}")


@router.post("/console/appeals/{appeal_id}/decision")
def decide_appeal(appeal_id: AppealId, console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Decide an appeal; what was typed is kept if that cannot be."""
    try:
        if fields.get("outcome") not in RULINGS:
            raise InvalidRequestError("choose what to decide: nothing is chosen for you")
        console.backend.appeals.decide(
            appeal_id,
            reviewer=visitor.caller.key_id,
            role=visitor.caller.role,
            outcome=RULINGS[fields["outcome"]],
            reason=fields.get("reason", ""),
            categories=_chosen(fields),
        )
    except (ConflictError, InvalidRequestError) as error:
        return _page(console, visitor, appeal_id, fields, mistake=error.detail, status=error.status)
    return see("/console/appeals?done=decided")


def _page(
    console: Console,
    visitor: SignedIn,
    appeal_id: str,
    fields: Mapping[str, str],
    *,
    mistake: str = "",
    status: int = 200,
) -> Response:
    tools, caller = console.backend.toolchain, visitor.caller
    now = tools.clock()
    with tools.database.read() as session:
        appeal = session.get(Appeal, appeal_id)
        if appeal is None:
            raise NotFoundError(f"there is no appeal '{appeal_id}'")
        row = session.get_one(Submission, appeal.episode_id)
        people = {appeal.filed_by, *appeal.refused_by, appeal.decided_by or "", appeal.claimed_by or ""}
        names = names_of(session, people)
        refusal = why_not_appeal(session, appeal, row, caller.key_id, caller.role)
        categories = (*sorted(categories_of(session, row) - {OTHER}), OTHER)
    running = appeal.claimed_until is not None and appeal.claimed_until > now
    return console.pages.page(
        "appeal.html",
        status=status,
        visitor=visitor,
        now=now,
        appeal=appeal,
        row=row,
        names=names,
        refusal=refusal,
        decides=caller.role in REVIEWERS,
        held=running and appeal.claimed_by == caller.key_id,
        busy=running and appeal.claimed_by != caller.key_id,
        lease_seconds=int(console.backend.reviews.lease.total_seconds()),
        categories=categories,
        against=AGAINST,
        follows=FOLLOWS,
        draft={
            "outcome": fields.get("outcome", ""),
            "category": _chosen(fields),
            "reason": fields.get("reason", "")[:MAX_DRAFT],
        },
        mistake=mistake,
    )


def _chosen(fields: Mapping[str, str]) -> list[str]:
    return [one for one in fields.get("category", "").split(",") if one]
