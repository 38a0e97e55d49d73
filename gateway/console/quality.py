"""Quality on the console: the dashboard, a reviewer's own page, and what spares them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from sqlmodel import col, select
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.schemas import EpisodeId
from gateway.auth import REVIEWERS, Role
from gateway.console import charts
from gateway.console.casefile import names_of
from gateway.console.condition import condition_of
from gateway.console.doors import Admits, ConsoleRoute, Posted, Reader, Reviewer, see
from gateway.console.site import ConsoleDep
from gateway.errors import NotFoundError
from gateway.quality.agreement import words_for
from gateway.quality.figures import LONGEST_RANGE, VERDICTS, judgements_between, read_figures
from gateway.quality.rows import GoldenCase, GoldenItem
from gateway.sessions import SignedIn
from gateway.submissions import Submission

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

USUAL = 28  # days that are shown at first
MAX_ANSWERS = 20  # golden items that a reviewer's own page lists
NAMING = frozenset({Role.SENIOR_REVIEWER, Role.ADMIN})  # who sees figures of single people
OVERSEERS = NAMING | {Role.AUDITOR}
Overseer = Annotated[SignedIn, Depends(Admits(OVERSEERS))]
COLUMNS = ("at", "kind", "verdict", "seconds", "rules", "policy", "agrees")


@router.get("/console/quality")
def show_quality(request: Request, console: ConsoleDep, visitor: Reader) -> Response:
    """Show the dashboard to whoever answers for quality, and reviewers their own page."""
    if visitor.caller.role not in OVERSEERS:
        return see("/console/quality/mine")
    now = console.backend.toolchain.clock()
    since, until = _range(request.query_params, now)
    with console.backend.toolchain.database.read() as session:
        found = read_figures(session, since=since, until=until)
        named = visitor.caller.role in NAMING
        names = names_of(session, {one.person for one in found.people}) if named else {}
    return console.pages.page(
        "quality.html",
        visitor=visitor,
        figures=found,
        verdicts=VERDICTS,
        first=since.date().isoformat(),
        last=(until - timedelta(days=1)).date().isoformat(),
        alpha_words=words_for(found.alpha.alpha) if found.alpha.alpha is not None else "",
        named=named,
        people=sorted(found.people, key=lambda one: names.get(one.person, one.person)) if named else [],
        names=names,
        disputed=console.second_looks.disputed(),
        days=charts.standing([(f"{day:%d %b}", counts) for day, counts in found.days]),
        times=charts.standing([(label, {"count": many}) for label, many in found.times]),
        rules=charts.lying([(rule.replace("_", " "), counts) for rule, counts in found.rules]),
        weeks=charts.shares([(f"{week:%d %b}", share) for week, share in found.weeks]),
    )


@router.get("/console/quality.csv")
def export_quality(request: Request, console: ConsoleDep, visitor: Overseer) -> Response:
    """Return every decision of a time, one per line; who decided is named to those who may see it."""
    since, until = _range(request.query_params, console.backend.toolchain.clock())
    named = visitor.caller.role in NAMING
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    writer.writerow((*COLUMNS, "person") if named else COLUMNS)
    with console.backend.toolchain.database.read() as session:
        for one in judgements_between(session, since=since, until=until):
            line = (
                one.at.astimezone(UTC).isoformat(timespec="seconds"),
                one.kind,
                one.verdict,
                "" if one.seconds is None else f"{one.seconds:.0f}",
                " ".join(one.rules),
                one.screened,
                "" if one.agrees is None else str(one.agrees).lower(),
            )
            writer.writerow([_inert(cell) for cell in ((*line, one.person) if named else line)])
    name = f"quality-{since:%Y-%m-%d}-{until - timedelta(days=1):%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/console/quality/mine")
def show_mine(request: Request, console: ConsoleDep, visitor: Reviewer) -> Response:
    """Show a reviewer their own figures, what they saw, and what they could look at again."""
    tools, caller = console.backend.toolchain, visitor.caller
    since, until = _range(request.query_params, tools.clock())
    with tools.database.read() as session:
        found = read_figures(session, since=since, until=until, person=caller.key_id)
        answers = session.exec(
            select(GoldenCase, GoldenItem)
            .join(GoldenItem, col(GoldenItem.id) == col(GoldenCase.golden_id))
            .where(GoldenCase.answered_by == caller.key_id)
            .order_by(col(GoldenCase.answered_at).desc())
            .limit(MAX_ANSWERS)
        ).all()
    return console.pages.page(
        "mine_quality.html",
        visitor=visitor,
        figures=found,
        verdicts=VERDICTS,
        first=since.date().isoformat(),
        last=(until - timedelta(days=1)).date().isoformat(),
        answers=answers,
        waiting=console.second_looks.waiting(reviewer=caller.key_id, role=caller.role),
        pace=condition_of(console, visitor),
        days=charts.standing([(f"{day:%d %b}", counts) for day, counts in found.days]),
        notice=_NOTICES.get(request.query_params.get("done", ""), ""),
    )


@router.get("/console/golden/{episode_id}")
def show_answer(episode_id: EpisodeId, console: ConsoleDep, visitor: Reader) -> Response:
    """Show what was right about a golden item, to whoever decided it and to those who answer for quality."""
    with console.backend.toolchain.database.read() as session:
        planted = session.get(GoldenCase, episode_id)
        mine = planted is not None and planted.answered_by == visitor.caller.key_id
        if planted is None or planted.answer is None or not (mine or visitor.caller.role in OVERSEERS):
            raise NotFoundError("there is no golden item that you have decided")
        item, row = session.get_one(GoldenItem, planted.golden_id), session.get_one(Submission, episode_id)
    return console.pages.page(
        "golden.html",
        visitor=visitor,
        item=item,
        row=row,
        answer=planted.answer,
        decides=visitor.caller.role in REVIEWERS,
    )


@router.post("/console/wellness/snooze")
def snooze(console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Put the reminder of a break off."""
    console.wellness.snooze(visitor.caller.key_id)
    return see(_back(fields))


@router.post("/console/wellness/limit")
def lift_limit(console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Let severe cases come beyond the limit, for today."""
    console.wellness.lift_limit(visitor.caller.key_id)
    return see(_back(fields))


_NOTICES = {
    "none": "No second look is free for you just now.",
    "agreed": "Noted. Thank you: the second look is done.",
    "settled": "Settled.",
}


def _range(asked: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    """Return the days that an address asks for, as `[since, until)` in UTC; the last weeks, if it asks for none."""
    today = now.astimezone(UTC).date()
    last = _day(asked.get("until", "")) or today
    first = _day(asked.get("since", "")) or last - timedelta(days=USUAL - 1)
    first = max(min(first, last), last - LONGEST_RANGE)
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return since, datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2100 else None  # years that a date can be shifted from


def _inert(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _back(fields: Mapping[str, str]) -> str:
    return "/console/quality/mine" if fields.get("from") == "mine" else "/console/queue"
