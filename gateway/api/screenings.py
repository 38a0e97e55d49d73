"""Screening without submitting: findings with spans and evidence, one text or a batch; nothing is kept."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request

from gateway.api.access import ScreeningCaller
from gateway.api.backend import Backend, BackendDep
from gateway.api.bodies import described_by, read_json
from gateway.api.problems import problem_responses
from gateway.api.schemas import SpanOut
from gateway.api.screening_schemas import (
    BatchIn,
    BatchItemOut,
    BatchOut,
    ItemProblemOut,
    ScreeningIn,
    ScreeningOut,
    SentenceScoresOut,
)
from gateway.errors import TooLargeError, detail_for, problem_for
from gateway.facts import decision_document
from gateway.screening import read_manuscript
from policies.errors import ScreeningError
from policies.scores import Examination
from policies.text import Manuscript
from synth.errors import ScriptError

router = APIRouter(tags=["screening"])

JSON_GROWTH = 6  # "\u00e9" is six bytes for one; the limit on the text itself applies after decoding
OVERHEAD_BYTES = 65_536  # names, languages and punctuation of a whole batch


async def screening_request(
    request: Request, caller: ScreeningCaller, backend: BackendDep
) -> AsyncIterator[ScreeningIn]:
    """Yield the request's document while holding a place; the caller is checked before the body is read."""
    del caller
    async with backend.screening_places.taken():
        yield await read_json(request, ScreeningIn, limit=body_limit(backend))


async def batch_request(request: Request, caller: ScreeningCaller, backend: BackendDep) -> AsyncIterator[BatchIn]:
    """Yield a batch in the same way."""
    del caller
    async with backend.screening_places.taken():
        yield await read_json(request, BatchIn, limit=body_limit(backend))


def body_limit(backend: Backend) -> int:
    """Return how many bytes the body of a screening may have."""
    return backend.toolchain.settings.max_script_bytes * JSON_GROWTH + OVERHEAD_BYTES


def refuse_long(backend: Backend, texts: list[str]) -> None:
    """Raise `TooLargeError` if the texts together are longer than one script may be."""
    limit = backend.toolchain.settings.max_script_bytes
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    if size > limit:
        raise TooLargeError(f"the text has {size} bytes, more than {limit}; send less at a time", limit=limit)


@router.post(
    "/v1/screenings",
    responses=problem_responses(400, 401, 403, 408, 413, 415, 422, 503),
    openapi_extra=described_by(ScreeningIn),
)
def screen(document: Annotated[ScreeningIn, Depends(screening_request)], backend: BackendDep) -> ScreeningOut:
    """Judge a text or a script by the policy in force, and say why.

    Nothing is stored, logged or released, and nothing is cleared: a submission is screened again.
    """
    refuse_long(backend, [document.text])
    began = time.perf_counter()
    manuscript = read_manuscript(document.text, written_as=document.format, language=document.language)
    examination = backend.toolchain.screener.examine(manuscript)
    return _out(examination, seconds=time.perf_counter() - began, with_sentences=document.sentences)


@router.post(
    "/v1/screenings/batch",
    responses=problem_responses(400, 401, 403, 408, 413, 415, 422, 503),
    openapi_extra=described_by(BatchIn),
)
def screen_batch(document: Annotated[BatchIn, Depends(batch_request)], backend: BackendDep) -> BatchOut:
    """Judge up to 1,000 texts at once, which is faster than one by one.

    Each has its own result or its own problem; one that cannot be judged never takes the others with it.
    """
    refuse_long(backend, [item.text for item in document.items])
    began = time.perf_counter()
    read: list[Manuscript | ScriptError] = []
    for item in document.items:
        try:
            read.append(read_manuscript(item.text, written_as=item.format, language=item.language))
        except ScriptError as error:
            read.append(error)
    examined = iter(backend.toolchain.screener.examine_all([one for one in read if isinstance(one, Manuscript)]))
    items = []
    for item, one in zip(document.items, read, strict=True):
        result = next(examined) if isinstance(one, Manuscript) else one
        if isinstance(result, Examination):
            items.append(BatchItemOut(id=item.id, screening=_out(result, with_sentences=item.sentences)))
        else:
            items.append(BatchItemOut(id=item.id, problem=_problem(result)))
    return BatchOut(items=items, seconds=round(time.perf_counter() - began, 4))


def _out(examination: Examination, *, seconds: float | None = None, with_sentences: bool) -> ScreeningOut:
    sentences = [
        SentenceScoresOut(
            span=SpanOut(start=sentence.span.start, end=sentence.span.end),
            scores={name: round(score, 4) for name, score in sorted(sentence.scores.items())},
        )
        for sentence in examination.sentences
    ]
    return ScreeningOut.model_validate(
        {
            **decision_document(examination.decision),
            "scores": {name: round(score, 4) for name, score in sorted(examination.scores.items())},
            "sentences": sentences if with_sentences else None,
            "seconds": None if seconds is None else round(seconds, 4),
        }
    )


def _problem(error: ScriptError | ScreeningError) -> ItemProblemOut:
    problem = problem_for(error)
    return ItemProblemOut(reason=problem.slug, title=problem.title, detail=detail_for(error))
