"""The queue's page, and taking the next case from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.auth import REVIEWERS
from gateway.console.condition import condition_of
from gateway.console.doors import ConsoleRoute, Posted, Reader, Reviewer, see
from gateway.console.site import ConsoleDep
from gateway.queue import Filters, Order
from gateway.savedviews import remove_view, save_view, show_first, views_of

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

AGES = {"1h": timedelta(hours=1), "4h": timedelta(hours=4), "1d": timedelta(days=1), "3d": timedelta(days=3)}
MAX_VALUE = 200  # characters of a filter
NOTICES = {  # what was done, by the slug that a redirect carries
    "approved": "Approved. The episode goes on to release.",
    "proposed": "Your approval is noted. A second person must sign as well.",
    "rejected": "Rejected, with a statement of reasons for the submitter.",
    "changes_requested": "Changes requested. The submitter sees your reason.",
    "held": "Put off. The case comes back by itself.",
    "view_saved": "The view is saved.",
    "view_changed": "Your views are changed.",
    "redacted": "Sentences taken out. The rest is spoken anew and comes back to the queue as another case.",
    "withdrawn": "Taken back. It is public no more.",
    "released": "Given back. The case waits in the queue.",
    "handed_over": "Handed over.",
    "escalated": "Escalated. A senior reviewer decides.",
    "none": "No case that you may decide is free just now.",
    "milder": "Only severe cases are free. Take one by hand, or ask for severe ones below.",
}


@router.get("/console/queue")
def show_queue(request: Request, console: ConsoleDep, visitor: Reader) -> Response:
    """Show what waits, what one holds, and how much there is."""
    asked, database = dict(request.query_params), console.backend.toolchain.database
    with database.read() as session:
        views = views_of(session, visitor.caller.key_id)
    if not asked and (first := next((one for one in views if one.first), None)) is not None:
        return see("/console/queue?" + urlencode(first.fields or {"order": "riskiest"}))
    filters = filters_of(asked)
    number = int(asked["page"]) if asked.get("page", "").isdecimal() and len(asked["page"]) < 4 else 1
    cases, more = console.queue.page(filters, number=number)
    kept = _kept(asked)
    return console.pages.page(
        "queue.html",
        visitor=visitor,
        now=console.backend.toolchain.clock(),
        cases=cases,
        mine=console.queue.mine(visitor.caller.key_id),
        counts=console.queue.counts(),
        filters=filters,
        views=[(one, "/console/queue?" + urlencode(one.fields or {"order": "riskiest"})) for one in views],
        current=next((one.name for one in views if one.fields == kept), ""),
        asked=kept,
        here="/console/queue?" + urlencode(kept),
        number=number,
        more=more,
        decides=visitor.caller.role in REVIEWERS,
        pace=condition_of(console, visitor),
        notice=NOTICES.get(asked.get("done", ""), ""),
    )


@router.post("/console/queue/views")
def keep_view(console: ConsoleDep, visitor: Reader, fields: Posted) -> Response:
    """Save the filters that are shown as a view, or remove one, or say which comes first."""
    who, name, kept = visitor.caller.key_id, fields.get("name", ""), _kept(fields)
    with console.backend.toolchain.database.write() as session:
        if fields.get("do") == "remove":
            remove_view(session, who, name)
        elif fields.get("do") == "first":
            show_first(session, who, name)
        else:
            save_view(session, who, name, kept, first=fields.get("first") == "yes")
            return see("/console/queue?" + urlencode({**kept, "done": "view_saved"}))
    return see("/console/queue?" + urlencode({**kept, "done": "view_changed"}))


@router.post("/console/queue/next")
def take_next(console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Claim the first free case that fits the filters, and open it."""
    return see(next_case(console, visitor, fields))


def next_case(console: ConsoleDep, visitor: Reviewer, fields: Mapping[str, str]) -> str:
    """Return the address of the next case, claimed, or of the queue if there is none."""
    kept, caller = _kept(fields), visitor.caller
    mild = console.wellness.condition(caller.key_id).limited
    case = console.queue.take_next(filters_of(kept), reviewer=caller.key_id, role=caller.role, mild=mild)
    if case is None and mild and not fields.get("done"):
        return "/console/queue?" + urlencode({**kept, "done": "milder"})
    if case is None:
        return "/console/queue?" + urlencode({**kept, "done": fields.get("done", "none")})
    return f"/console/episodes/{case.episode_id}?" + urlencode({**kept, "done": fields.get("done", "")})


def _kept(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: fields[name][:MAX_VALUE] for name in FIELDS if fields.get(name)}


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
        held=value["only"] == "held",
        order=Order.OLDEST if value["order"] == "oldest" else Order.RISKIEST,
    )
