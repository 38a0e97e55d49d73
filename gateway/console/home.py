"""Where people land after signing in, what was decided, and help."""

from __future__ import annotations

from fastapi import APIRouter
from sqlmodel import col, select
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.schemas import EpisodeId
from gateway.api.visibility import visible_submission
from gateway.appealed import appeals_of
from gateway.auth import Role
from gateway.console.casefile import names_of
from gateway.console.doors import ConsoleRoute, Visitor, see
from gateway.console.site import ConsoleDep
from gateway.statements import statement_of
from gateway.submissions import ApiKey, ReviewCase, Submission

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

MAX_SHOWN = 100  # newest first; the API lists all


@router.get("/console")
def without_slash() -> Response:
    """Lead to the first page."""
    return see("/console/")


@router.get("/console/")
def home(visitor: Visitor) -> Response:
    """Lead to what this person does."""
    return see("/console/submissions" if visitor.caller.role is Role.SUBMITTER else "/console/queue")


@router.get("/console/submissions")
def list_submissions(console: ConsoleDep, visitor: Visitor) -> Response:
    """Show a submitter what they sent, and everybody else what was decided."""
    with console.backend.toolchain.database.read() as session:
        if visitor.caller.role is Role.SUBMITTER:
            keys = select(ApiKey.id).where(ApiKey.account_id == visitor.caller.key_id)
            rows = session.exec(
                select(Submission)
                .where(col(Submission.submitter).in_(keys))
                .order_by(col(Submission.received_at).desc())
                .limit(MAX_SHOWN)
            ).all()
            return console.pages.page("mine.html", visitor=visitor, rows=rows)
        decided = session.exec(
            select(ReviewCase, Submission)
            .join(Submission, col(Submission.id) == col(ReviewCase.episode_id))
            .where(col(ReviewCase.decided_at).is_not(None))
            .order_by(col(ReviewCase.decided_at).desc())
            .limit(MAX_SHOWN)
        ).all()
        names = names_of(session, {case.decided_by or "" for case, _ in decided})
    return console.pages.page("decided.html", visitor=visitor, decided=decided, names=names)


@router.get("/console/submissions/{episode_id}/statement")
def show_statement(episode_id: EpisodeId, request: Request, console: ConsoleDep, visitor: Visitor) -> Response:
    """Show why a submission was refused."""
    tools = console.backend.toolchain
    with tools.database.read() as session:
        row = visible_submission(session, visitor.caller, episode_id)
        found = statement_of(session, row, redress=tools.settings.redress)
        appeals = appeals_of(session, episode_id)
        closes_at = console.backend.appeals.closes_at(session, row) if visitor.caller.role is Role.SUBMITTER else None
    return console.pages.page(
        "statement.html",
        visitor=visitor,
        row=row,
        statement=found,
        appeals=appeals,
        closes_at=closes_at,
        filed=request.query_params.get("done") == "appealed",
        mistake="",
        draft="",
    )


@router.get("/console/help")
def show_help(console: ConsoleDep, visitor: Visitor) -> Response:
    """Say how the console is used, and let shortcuts be changed."""
    return console.pages.page("help.html", visitor=visitor)
