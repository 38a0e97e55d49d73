"""The queue's page, and taking the next case from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.auth import REVIEWERS
from gateway.console.doors import ConsoleRoute, Posted, Reader, Reviewer, see
from gateway.console.site import ConsoleDep
from gateway.queue import Filters, Order

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

AGES = {"1h": timedelta(hours=1), "4h": timedelta(hours=4), "1d": timedelta(days=1), "3d": timedelta(days=3)}
MAX_VALUE = 200  # characters of a filter
NOTICES = {  # what was done, by the slug that a redirect carries
    "approved": "Approved. The episode goes on to release.",
    "proposed": "Your approval is noted. A second person must sign as well.",
    "rejected": "Rejected, with a statement of reasons for the submitter.",
    "changes_requested": "Changes requested. The submitter sees your reason.",
    "released": "Given back. The case waits in the queue.",
    "handed_over": "Handed over.",
    "escalated": "Escalated. A senior reviewer decides.",
    "none": "No case that you may decide is free just now.",
}


@router.get("/console/queue")
def show_queue(request: Request, console: ConsoleDep, visitor: Reader) -> Response:
    """Show what waits, what one holds, and how much there is."""
    asked = dict(request.query_params)
    filters = filters_of(asked)
    number = int(asked["page"]) if asked.get("page", "").isdecimal() and len(asked["page"]) < 4 else 1
    cases, more = console.queue.page(filters, number=number)
    kept = {name: value for name, value in asked.items() if name in FIELDS and value}
    return console.pages.page(
        "queue.html",
        visitor=visitor,
        now=console.backend.toolchain.clock(),
        cases=cases,
        mine=console.queue.mine(visitor.caller.key_id),
        counts=console.queue.counts(),
        filters=filters,
        asked=kept,
        here="/console/queue?" + urlencode(kept),
        number=number,
        more=more,
        decides=visitor.caller.role in REVIEWERS,
        notice=NOTICES.get(asked.get("done", ""), ""),
    )


@router.post("/console/queue/next")
def take_next(console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Claim the first free case that fits the filters, and open it."""
    return see(next_case(console, visitor, fields))


def next_case(console: ConsoleDep, visitor: Reviewer, fields: Mapping[str, str]) -> str:
    """Return the address of the next case, claimed, or of the queue if there is none."""
    kept = {name: fields[name] for name in FIELDS if fields.get(name)}
    caller = visitor.caller
    case = console.queue.take_next(filters_of(kept), reviewer=caller.key_id, role=caller.role)
    if case is None:
        return "/console/queue?" + urlencode({**kept, "done": fields.get("done", "none")})
    return f"/console/episodes/{case.episode_id}?" + urlencode({**kept, "done": fields.get("done", "")})


FIELDS = ("show", "rule", "screened", "age", "only", "order")


def filters_of(asked: Mapping[str, str]) -> Filters:
    """Return the filters that an address asks for; what is not known filters nothing."""
    value = {name: asked.get(name, "")[:MAX_VALUE] for name in FIELDS}
    return Filters(
        show=value["show"],
        rule=value["rule"],
        screened=value["screened"],
        min_age=AGES.get(value["age"]),
        overdue=value["only"] == "overdue",
        senior=value["only"] == "escalated",
        order=Order.OLDEST if value["order"] == "oldest" else Order.RISKIEST,
    )
