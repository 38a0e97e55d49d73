"""Taking a released episode back from the console: for senior reviewers, with a public reason."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gateway.auth import Role
from gateway.console.doors import Admits, ConsoleRoute, Posted, see
from gateway.console.site import Console, ConsoleDep
from gateway.errors import ConflictError, InvalidRequestError, NotFoundError, WithdrawnError
from gateway.releases import find_published
from gateway.sessions import SignedIn
from gateway.withdrawal import MAX_REASON, withdraw

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

EPISODE = re.compile(r"ep_[0-9a-z]{1,29}", re.ASCII)
Senior = Annotated[SignedIn, Depends(Admits(frozenset({Role.SENIOR_REVIEWER})))]


@router.get("/console/withdrawals")
def show_form(request: Request, console: ConsoleDep, visitor: Senior) -> Response:
    """Ask for the episode and the reason."""
    return _page(console, visitor, {"episode": request.query_params.get("episode", "")})


@router.post("/console/withdrawals")
def take_back(console: ConsoleDep, visitor: Senior, fields: Posted) -> Response:
    """Take a released episode back; what was typed is kept if that cannot be."""
    tools, caller = console.backend.toolchain, visitor.caller
    episode_id, replacement = fields.get("episode", "").strip(), fields.get("replacement", "").strip()
    try:
        if fields.get("sure") != "yes":
            raise InvalidRequestError("say that you mean it: there is no way back")
        for one in (episode_id, replacement or episode_id):
            if EPISODE.fullmatch(one) is None:
                raise InvalidRequestError("name an episode by its id, like ep_9m3k0000000000000000")
        at = tools.clock()
        with tools.database.write() as session:
            withdraw(
                session,
                episode_id,
                reason=fields.get("reason", ""),
                by=caller.key_id,
                role=caller.role.value,
                at=at,
                log=tools.log,
                replacement=replacement or None,
            )
    except (ConflictError, InvalidRequestError, NotFoundError, WithdrawnError) as error:
        return _page(console, visitor, fields, mistake=error.detail, status=error.status)
    return see("/console/queue?done=withdrawn")


def _page(
    console: Console, visitor: SignedIn, fields: dict[str, str] | Posted, *, mistake: str = "", status: int = 200
) -> Response:
    episode_id = fields.get("episode", "").strip()[:64]
    with console.backend.toolchain.database.read() as session:
        found = find_published(session, episode_id) if EPISODE.fullmatch(episode_id) else None
    return console.pages.page(
        "takeback.html",
        status=status,
        visitor=visitor,
        found=found,
        draft={name: fields.get(name, "")[:2_000] for name in ("episode", "reason", "replacement")},
        longest=MAX_REASON,
        mistake=mistake,
    )
