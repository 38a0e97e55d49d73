"""The HTTP side of a witness: `add-checkpoint` and the checkpoints last cosigned (C2SP tlog-witness v1.0.0).

What is accepted is decided in `audit.witness`, and remembered by `audit.witness_store`; this module only carries bytes.
Put TLS in front of it. Requests need no authentication: a checkpoint counts by the signature of its log.
"""

from __future__ import annotations

import asyncio
import logging

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from audit.errors import AuditError, WitnessRefusalError
from audit.witness import MAX_BODY_BYTES, NOTE_MEDIA_TYPE, Refusal
from audit.witness_store import Witness

BODY_SECONDS = 10.0  # for a request of a few kilobytes; a slower client is cut off

logger = logging.getLogger(__name__)


def witness_app(witness: Witness, *, prefix: str = "") -> Starlette:
    """Return the application that answers for `witness` below `prefix`; it serves several requests at a time."""

    async def add_checkpoint(request: Request) -> Response:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(request)
        except TimeoutError:
            return _answer(408, "the request took too long to arrive\n")
        except ClientDisconnect:
            return _answer(400, "the request ended early\n")
        if body is None:
            return _answer(413, f"a request has at most {MAX_BODY_BYTES} bytes\n")
        try:
            line = await run_in_threadpool(witness.add_checkpoint, body)
        except WitnessRefusalError as refusal:
            if refusal.status == Refusal.INCONSISTENT:
                # Signed by the log itself, so this is evidence against it, and it was kept.
                logger.warning("a log contradicts what this witness has cosigned: %s", refusal)
            return _answer(refusal.status, refusal.body, refusal.media_type)
        except AuditError as error:  # its state, or its clock
            logger.error("%s", error)
            return _answer(503, "the witness cannot work now; nothing was cosigned\n")
        return _answer(200, line)

    async def checkpoint(request: Request) -> Response:
        try:
            note = await run_in_threadpool(witness.checkpoint, request.path_params["origin"])
        except AuditError as error:
            logger.error("%s", error)
            return _answer(503, "the witness cannot work now\n")
        if note is None:
            return _answer(404, "this witness has cosigned nothing of such a log\n")
        return _answer(200, note)

    prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""
    return Starlette(
        routes=[
            Route(f"{prefix}/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route(f"{prefix}/{{origin}}/checkpoint", checkpoint, methods=["GET"]),
        ]
    )


async def _read(request: Request) -> bytes | None:
    """Return the body, or None as soon as it is known to be too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _answer(status: int, text: str, media_type: str = NOTE_MEDIA_TYPE) -> Response:
    # The header is given as it is: Starlette would add a charset, which the protocol's own type does not have.
    return Response(text.encode(), status_code=status, headers={"content-type": media_type})
