"""An episode's page: script, sound, findings, evidence, history and trail; and the decision about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.api.episodes import FileName
from gateway.api.media import PRIVATE, StoredFile, serve_file
from gateway.api.schemas import EpisodeId
from gateway.api.visibility import visible_submission
from gateway.auth import REVIEWERS, Role
from gateway.colleagues import find_colleague
from gateway.console.casefile import read_case
from gateway.console.condition import condition_of
from gateway.console.doors import ConsoleRoute, Posted, Reader, Reviewer, see
from gateway.console.queue import FIELDS, NOTICES, next_case
from gateway.console.site import Console, ConsoleDep
from gateway.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from gateway.releases import EXTENSIONS
from gateway.review import Outcome
from gateway.secondlooks import must_stay_blind
from gateway.sessions import SignedIn
from gateway.submissions import Clip, State

EntryIndex = Annotated[int, Path(ge=0, lt=2**53)]

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})", re.ASCII)  # a sentence that was ticked, by its place


HOLDS = {  # how long a case is put off
    "1": timedelta(hours=1),
    "4": timedelta(hours=4),
    "24": timedelta(days=1),
    "72": timedelta(days=3),
    "168": timedelta(days=7),
}


@router.get("/console/episodes/{episode_id}")
def show_episode(episode_id: EpisodeId, request: Request, console: ConsoleDep, visitor: Reader) -> Response:
    """Show a case."""
    return case_page(request.query_params, console, visitor, episode_id)


@router.get("/console/episodes/{episode_id}/audio/{file_name}")
def get_audio(
    episode_id: EpisodeId, file_name: FileName, request: Request, console: ConsoleDep, visitor: Reader
) -> Response:
    """Return the marked file, whole or in ranges, to whoever may hear it; never to a cache."""
    clip = _clip(console, visitor, episode_id, file_name)
    blobs = console.backend.toolchain.blobs
    file = StoredFile(lambda: blobs.open(clip.sha256), clip.size, clip.media_type, clip.sha256)
    headers = {"Cache-Control": PRIVATE, "Content-Disposition": "inline"}
    return serve_file(request, file, headers)


@router.get("/console/episodes/{episode_id}/waveform/{file_name}")
def get_waveform(episode_id: EpisodeId, file_name: FileName, console: ConsoleDep, visitor: Reader) -> Response:
    """Return the picture of the marked file's sound."""
    clip = _clip(console, visitor, episode_id, file_name)
    return Response(
        console.waveforms.svg(clip.sha256),
        media_type="image/svg+xml",
        headers={"Cache-Control": "private, max-age=600"},
    )


@router.get("/console/episodes/{episode_id}/proof/{index}")
def get_proof(episode_id: EpisodeId, index: EntryIndex, console: ConsoleDep, visitor: Reader) -> Response:
    """Return the proof that an entry about this episode is in the log, made and verified now; `assay log verify` reads
    it.
    """
    tools = console.backend.toolchain
    with tools.database.read() as session:
        visible_submission(session, visitor.caller, episode_id)
        if index not in {one.index for one in tools.log.events_for(session, episode_id)}:
            raise NotFoundError(f"episode {episode_id} has no entry {index}")
        text = tools.log.prove(session, index).to_text()
    name = f"attachment; filename={episode_id}-{index}.tlog-proof"
    return Response(text, media_type="text/plain", headers={"Content-Disposition": name, "Cache-Control": PRIVATE})


@router.post("/console/episodes/{episode_id}/claim")
def claim(episode_id: EpisodeId, console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Take a case, or prolong one's own lease."""
    caller = visitor.caller
    console.backend.reviews.claim(episode_id, reviewer=caller.key_id, role=caller.role)
    return see(f"/console/episodes/{episode_id}?" + urlencode(_kept(fields)))


@router.post("/console/episodes/{episode_id}/extend")
def extend(episode_id: EpisodeId, request: Request, console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Prolong one's own lease; the page's script asks for JSON and stays where it is."""
    until = console.backend.reviews.extend(episode_id, reviewer=visitor.caller.key_id)
    console.wellness.touch(visitor.caller.key_id)
    if request.headers.get("accept", "") == "application/json":
        return JSONResponse({"until": until.isoformat()})
    return see(f"/console/episodes/{episode_id}?" + urlencode(_kept(fields)))


@router.post("/console/episodes/{episode_id}/release")
def release(episode_id: EpisodeId, console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Give a case back."""
    caller = visitor.caller
    console.backend.reviews.release(episode_id, reviewer=caller.key_id, role=caller.role)
    return see("/console/queue?" + urlencode({**_kept(fields), "done": "released"}))


@router.post("/console/episodes/{episode_id}/hand-over")
def hand_over(episode_id: EpisodeId, console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Give a case to a colleague."""
    caller = visitor.caller
    tools = console.backend.toolchain
    with tools.database.read() as session:
        to, to_role = find_colleague(session, fields.get("to", ""), now=tools.clock())
    console.backend.reviews.hand_over(episode_id, reviewer=caller.key_id, to=to, to_role=to_role, role=caller.role)
    return see("/console/queue?" + urlencode({**_kept(fields), "done": "handed_over"}))


@router.post("/console/episodes/{episode_id}/hold")
def hold(episode_id: EpisodeId, console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Put a case off for a while, and take the next or go back to the queue."""
    caller, hours = visitor.caller, HOLDS.get(fields.get("hours", ""))
    try:
        if hours is None:
            raise InvalidRequestError("choose how long to put the case off")
        until = console.backend.toolchain.clock() + hours
        console.backend.reviews.hold(
            episode_id, reviewer=caller.key_id, reason=fields.get("reason", ""), until=until, role=caller.role
        )
    except (ConflictError, InvalidRequestError) as error:
        return case_page(fields, console, visitor, episode_id, mistake=error.detail, status=error.status)
    return see("/console/queue?" + urlencode({**_kept(fields), "done": "held"}))


@router.post("/console/episodes/{episode_id}/decision")
def decide(episode_id: EpisodeId, console: ConsoleDep, visitor: Reviewer, fields: Posted) -> Response:
    """Decide a case, or escalate it; what was typed is kept if that cannot be."""
    try:
        done = _decide(console, visitor, episode_id, fields)
    except (ConflictError, InvalidRequestError) as error:
        return case_page(fields, console, visitor, episode_id, mistake=error.detail, status=error.status)
    if done == Outcome.GOLDEN:
        return see(f"/console/golden/{episode_id}")
    if fields.get("then") == "next":
        return see(next_case(console, visitor, {**_kept(fields), "done": done}))
    return see("/console/queue?" + urlencode({**_kept(fields), "done": done}))


def _decide(console: Console, visitor: SignedIn, episode_id: str, fields: Mapping[str, str]) -> str:
    desk, caller = console.backend.reviews, visitor.caller
    reason, verdict = fields.get("reason", ""), fields.get("verdict", "")
    if not fields.get("version", "").isdecimal():
        raise InvalidRequestError("the form lacks the version of what was read; open the page again")
    version, who = int(fields["version"][:9]), caller.key_id
    categories = [one for one in fields.get("category", "").split(",") if one]
    if verdict == "approve":
        return desk.approve(episode_id, reviewer=who, reason=reason, version=version, role=caller.role).value
    if verdict == "escalate":
        desk.escalate(episode_id, reviewer=who, reason=reason, role=caller.role)
        return "escalated"
    if verdict not in ("reject", "request_changes", "redact"):
        raise InvalidRequestError("choose what to decide: nothing is chosen for you")
    if not categories:
        raise InvalidRequestError("a refusal needs at least one category of the policy")
    if verdict == "redact":
        spans = [(int(match[1]), int(match[2])) for match in RANGE.finditer(fields.get("sentence", ""))]
        if not spans:
            raise InvalidRequestError("choose the sentences to take out")
        revision = desk.redact(
            episode_id,
            reviewer=who,
            spans=spans,
            reason=reason,
            version=version,
            role=caller.role,
            categories=categories,
        )
        return Outcome.REDACTED.value if revision else Outcome.GOLDEN.value
    changes = verdict == "request_changes"
    outcome: Outcome = desk.reject(
        episode_id,
        reviewer=who,
        reason=reason,
        version=version,
        role=caller.role,
        categories=categories,
        changes=changes,
    )
    return outcome.value


def case_page(
    fields: Mapping[str, str],
    console: Console,
    visitor: SignedIn,
    episode_id: str,
    *,
    mistake: str = "",
    status: int = 200,
) -> Response:
    """Show a case, with what was typed in `fields` and why it could not be done."""
    tools, caller = console.backend.toolchain, visitor.caller
    now = tools.clock()
    with tools.database.read() as session:
        if must_stay_blind(session, episode_id, caller.key_id, now):
            raise ForbiddenError("you take a second look at this episode; decide it first, and see its page then")
        found = read_case(session, episode_id, caller, log=tools.log, now=now)
    chosen = [one for one in fields.get("category", "").split(",") if one]
    return console.pages.page(
        "episode.html",
        status=status,
        visitor=visitor,
        now=now,
        file=found,
        held=found.waiting is not None and found.waiting.claimed_by == caller.key_id,
        decides=caller.role in REVIEWERS,
        lease_seconds=int(console.backend.reviews.lease.total_seconds()),
        reasons=console.reasons,
        draft={
            "reason": fields.get("reason", "")[:4_000],
            "verdict": fields.get("verdict", ""),
            "category": chosen,
            "sentence": fields.get("sentence", "").split(","),
        },
        takes_back=caller.role is Role.SENIOR_REVIEWER and found.row.state == State.RELEASED,
        asked=_kept(fields),
        mistake=mistake,
        pace=condition_of(console, visitor),
        notice=NOTICES.get(fields.get("done", ""), ""),
        origin=tools.log.origin,
    )


def _kept(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: fields[name][:200] for name in FIELDS if fields.get(name)}


def _clip(console: Console, visitor: SignedIn, episode_id: str, file_name: str) -> Clip:
    sha256, _, extension = file_name.partition(".")
    with console.backend.toolchain.database.read() as session:
        visible_submission(session, visitor.caller, episode_id)
        clip = session.get(Clip, sha256)
    if clip is None or clip.episode_id != episode_id or EXTENSIONS.get(clip.media_type) != extension:
        raise NotFoundError("there is no such audio")
    return clip
