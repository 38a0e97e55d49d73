"""Taking in sound that was made elsewhere; from then on it is a submission like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.access import SubmitterCaller
from gateway.api.backend import BackendDep
from gateway.api.bodies import media_type_of, read_form
from gateway.api.problems import problem_responses
from gateway.api.schemas import EXAMPLE_ID, Model
from gateway.api.submissions import IdempotencyKey
from gateway.errors import InvalidRequestError, UnsupportedMediaError
from gateway.sequencing import settle_soon
from gateway.submissions import State
from gateway.uploads.arrival import MAX_TITLE, Offer, receive, tools_for
from synth.credentials import SourceType

router = APIRouter(tags=["submissions"])

MULTIPART = "multipart/form-data"
FIELDS = frozenset({"title", "show", "language", "source_type"})
_SOURCES = [one.value for one in SourceType]
_BODY = {
    "required": True,
    "description": "The file, and what its sender says about it.",
    "content": {
        MULTIPART: {
            "schema": {
                "type": "object",
                "required": ["file", "title", "source_type"],
                "properties": {
                    "file": {"type": "string", "contentMediaType": "application/octet-stream"},
                    "title": {"type": "string", "minLength": 1, "maxLength": MAX_TITLE},
                    "show": {"type": "string", "maxLength": MAX_TITLE},
                    "language": {"type": "string", "pattern": "^[a-z]{2,3}$", "default": "en"},
                    "source_type": {
                        "type": "string",
                        "enum": _SOURCES,
                        "description": "How it came about (IPTC). Logged and signed as declared, never as verified.",
                    },
                },
            }
        }
    },
}


class IntakeOut(Model):
    """What became of a file."""

    id: str = Field(description="The episode.", examples=[EXAMPLE_ID])
    state: State
    recognised: bool = Field(description="True: exactly this file was released here before, and nothing is made anew.")
    links: dict[str, str]


@dataclass(frozen=True, slots=True)
class Sent:
    """A file and what came with it."""

    data: bytes
    offer: Offer


async def sent_file(
    request: Request, caller: SubmitterCaller, backend: BackendDep, idempotency_key: IdempotencyKey = None
) -> Sent:
    """Return the file; the caller, the type and the size are checked before and while the body is read."""
    del caller
    tools_for(backend.toolchain)
    if (media_type := media_type_of(request)) != MULTIPART:
        raise UnsupportedMediaError(f"send {MULTIPART}, not '{media_type[:80]}'")
    async with backend.places.taken():
        data, fields = await read_form(request, limit=backend.toolchain.settings.max_upload_bytes)
    if unknown := sorted(fields.keys() - FIELDS):
        raise InvalidRequestError(f"the field '{unknown[0][:40]}' is not known; send {', '.join(sorted(FIELDS))}")
    if not data:
        raise InvalidRequestError("the file is empty; send the audio file itself")
    source = fields.get("source_type", "")
    if source not in _SOURCES:
        raise InvalidRequestError(f"say how the sound came about: source_type is one of {', '.join(_SOURCES)}")
    offer = Offer(
        title=fields.get("title", ""),
        show=fields.get("show", ""),
        language=fields.get("language", "en"),
        source_type=SourceType(source),
        idempotency_key=idempotency_key,
    )
    return Sent(data, offer)


@router.post(
    "/v1/intakes",
    status_code=202,
    responses={
        200: {"model": IntakeOut, "description": "Recognised: this file was released here before."},
        202: {
            "description": "Stored, and waiting to be listened to.",
            "headers": {"Location": {"description": "Where to see its status.", "schema": {"type": "string"}}},
        },
        **problem_responses(401, 403, 408, 409, 410, 413, 415, 422, 503),
    },
    openapi_extra={"requestBody": _BODY},
)
def take_in(
    caller: SubmitterCaller, sent: Annotated[Sent, Depends(sent_file)], backend: BackendDep, response: Response
) -> IntakeOut:
    """Hand in sound that was made elsewhere. It is listened to and screened, then marked, signed, logged and released.

    Its own credentials are kept as those of the file that ours derives from. What is no recording, or cannot be heard,
    is refused at once; what the policy does not let pass is `blocked`, or waits for a person.
    """
    arrival = receive(sent.data, sent.offer, toolchain=backend.toolchain, api_key_id=caller.key_id)
    if arrival.recognised is not None:
        response.status_code = 200
        links = {"episode": f"/v1/episodes/{arrival.episode_id}", "proof": f"/v1/log/proof/{arrival.episode_id}"}
        return IntakeOut(id=arrival.episode_id, state=arrival.recognised.state, recognised=True, links=links)
    # If we crash here, the submission is stored but not queued; the sweep finds it.
    settle_soon(backend.toolchain.database, backend.toolchain.log)
    backend.enqueue(arrival.episode_id)
    address = f"/v1/submissions/{arrival.episode_id}"
    response.headers["Location"] = address
    assert arrival.submission is not None
    state = State(arrival.submission.state)
    return IntakeOut(id=arrival.episode_id, state=state, recognised=False, links={"self": address})
