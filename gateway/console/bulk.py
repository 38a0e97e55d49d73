"""Deciding many cases that are alike: choose them, look at the choice once more, and see what became of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.bulk import Chosen, Likeness, Result, alike, decide_each
from gateway.console.doors import ConsoleRoute, Posted, Reviewer
from gateway.console.site import Console, ConsoleDep
from gateway.errors import InvalidRequestError
from gateway.review import OTHER, WaitingCase, categories_of, usable_reason
from gateway.sessions import SignedIn
from gateway.submissions import Submission

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

GONE = "it is not like the others any more, or not yours to decide"
CHOSEN = re.compile(r"(ep_[0-9a-z]{1,29})@([0-9]{1,9})", re.ASCII)  # a case and the version that was shown
VERDICTS = {
    "approve": "Approve: may be released",
    "request_changes": "Request changes: not as it is",
    "reject": "Reject: for good",
    "escalate": "Escalate to a senior reviewer",
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the pages carry along: the case that the others are like, and how."""

    like: str
    by: Likeness
    rule: str

    @property
    def verdicts(self) -> dict[str, str]:
        """What may be decided: only of the same script, a yes was thought about once for all."""
        return {one: label for one, label in VERDICTS.items() if one != "approve" or self.by is Likeness.SCRIPT}


@router.get("/console/alike/{episode_id}")
def choose(episode_id: str, request: Request, console: ConsoleDep, visitor: Reviewer) -> Response:
    """Show the cases that are like one, to tick them."""
    asked = _asked({**request.query_params, "like": episode_id})
    return _choices(console, visitor, asked, {})


@router.post("/console/alike/{episode_id}/confirm")
def confirm(episode_id: str, console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Show once more what is about to be decided, and about which cases."""
    asked = _asked({**fields, "like": episode_id})
    try:
        chosen = _chosen(fields)
        _check(asked, fields)
    except InvalidRequestError as error:
        return _choices(console, visitor, asked, fields, mistake=error.detail, status=error.status)
    known = {one.episode_id: one for one in _alike(console, visitor, asked)}
    return console.pages.page(
        "alike_confirm.html",
        visitor=visitor,
        asked=asked,
        cases=[(one, known[one.episode_id]) for one in chosen if one.episode_id in known],
        gone=[one for one in chosen if one.episode_id not in known],
        label=VERDICTS[fields["verdict"]],
        fields={name: fields.get(name, "") for name in ("verdict", "category", "reason")},
    )


@router.post("/console/alike/{episode_id}/decide")
def decide(episode_id: str, console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Decide each of the cases, and say what became of it."""
    asked, caller, desk = _asked({**fields, "like": episode_id}), visitor.caller, console.backend.reviews
    try:
        chosen = _chosen(fields)
        _check(asked, fields)
    except InvalidRequestError as error:
        return _choices(console, visitor, asked, fields, mistake=error.detail, status=error.status)
    may = {one.episode_id for one in _alike(console, visitor, asked)}
    verdict, reason = fields["verdict"], fields["reason"]
    categories = [one for one in fields.get("category", "").split(",") if one]

    def act(one: Chosen) -> str:
        who, role = caller.key_id, caller.role
        if verdict == "approve":
            approved = desk.approve(one.episode_id, reviewer=who, reason=reason, version=one.version, role=role)
            return approved.value
        if verdict == "escalate":
            desk.escalate(one.episode_id, reviewer=who, reason=reason, role=role)
            return "escalated"
        return desk.reject(
            one.episode_id,
            reviewer=who,
            reason=reason,
            version=one.version,
            role=role,
            categories=categories,
            changes=verdict == "request_changes",
        ).value

    still = [one for one in chosen if one.episode_id in may]
    results = decide_each(desk, still, act, reviewer=caller.key_id, role=caller.role) if still else []
    results += [Result(one.episode_id, "", GONE) for one in chosen if one.episode_id not in may]
    with console.backend.toolchain.database.read() as session:
        titles = {one.episode_id: session.get_one(Submission, one.episode_id).title for one in results if one.outcome}
    done = sum(1 for one in results if one.outcome)
    return console.pages.page("alike_done.html", visitor=visitor, results=results, titles=titles, done=done)


def _asked(fields: Mapping[str, str]) -> _Asked:
    by = Likeness.RULE if fields.get("by") == Likeness.RULE else Likeness.SCRIPT
    return _Asked(fields["like"][:64], by, fields.get("rule", "")[:64])


def _alike(console: Console, visitor: SignedIn, asked: _Asked) -> list[WaitingCase]:
    tools, caller = console.backend.toolchain, visitor.caller
    with tools.database.read() as session:
        return alike(
            session,
            asked.like,
            by=asked.by,
            rule=asked.rule,
            reviewer=caller.key_id,
            role=caller.role,
            now=tools.clock(),
        )


def _chosen(fields: Mapping[str, str]) -> list[Chosen]:
    named = [one for one in fields.get("case", "").split(",") if one]
    found = [CHOSEN.fullmatch(one) for one in named]
    if not found or None in found:
        raise InvalidRequestError("choose one case or more")
    return [Chosen(match.group(1), int(match.group(2))) for match in found if match is not None]


def _check(asked: _Asked, fields: Mapping[str, str]) -> None:
    if fields.get("verdict", "") not in asked.verdicts:
        raise InvalidRequestError("choose what to decide: nothing is chosen for you")
    usable_reason(fields.get("reason", ""))
    if fields["verdict"] in ("reject", "request_changes") and not fields.get("category"):
        raise InvalidRequestError("a refusal needs at least one category of the policy")


def _choices(
    console: Console,
    visitor: SignedIn,
    asked: _Asked,
    fields: Mapping[str, str],
    *,
    mistake: str = "",
    status: int = 200,
) -> Response:
    cases = _alike(console, visitor, asked)
    tools = console.backend.toolchain
    with tools.database.read() as session:
        row = session.get(Submission, cases[0].episode_id) if cases else None
        categories = categories_of(session, row) - {OTHER} if row is not None else set()
    return console.pages.page(
        "alike.html",
        status=status,
        visitor=visitor,
        now=tools.clock(),
        asked=asked,
        cases=cases,
        categories=[*sorted(categories), OTHER],
        templates=console.reasons,
        mistake=mistake,
        draft={
            "reason": fields.get("reason", "")[:4_000],
            "verdict": fields.get("verdict", ""),
            "category": fields.get("category", "").split(","),
            "case": fields.get("case", "").split(","),
        },
    )
