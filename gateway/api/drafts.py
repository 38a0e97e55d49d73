"""First drafts of scripts from sources; nothing is stored, and a submission is screened anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request

from gateway.api.access import SubmitterCaller
from gateway.api.backend import BackendDep
from gateway.api.bodies import described_by, read_json
from gateway.api.problems import problem_responses
from gateway.api.schemas import DecisionOut, Model
from gateway.drafting import MOST_SOURCE_CHARACTERS, MOST_SOURCES, MOST_TOPIC_CHARACTERS, Drafter, Source
from gateway.errors import ConflictError
from gateway.facts import decision_document

router = APIRouter(tags=["submissions"])

MAX_BODY_BYTES = MOST_SOURCE_CHARACTERS * 6 + 65_536  # every character as "\\u00e9"


class SourceIn(Model):
    """A text that the draft may rest on."""

    title: str = Field(min_length=1, max_length=300)
    text: str = Field(min_length=1, max_length=MOST_SOURCE_CHARACTERS)
    url: str = Field("", max_length=2_048, pattern=r"^(https?://.*)?$")


class DraftIn(Model):
    """What to draft a script about, and what it may rest on."""

    topic: str = Field(min_length=1, max_length=MOST_TOPIC_CHARACTERS, examples=["The new bridge"])
    sources: list[SourceIn] = Field(min_length=1, max_length=MOST_SOURCES)
    language: str = Field("en", pattern=r"^[a-z]{2,3}$")
    words: int = Field(300, ge=50, le=3_000, description="About how long it should be.")


class CitationOut(Model):
    """What one turn rests on."""

    start: int = Field(description="Half-open range of characters of the script.")
    end: int
    source: int | None = Field(description="Number of the source, from 1.")
    quote: str
    supported: bool = Field(description="The quotation stands in the source word for word, and so do all numbers.")


class DraftOut(Model):
    """A draft: a script as `POST /v1/submissions` takes it."""

    script: str
    citations: list[CitationOut]
    decision: DecisionOut


async def draft_request(request: Request, caller: SubmitterCaller, backend: BackendDep) -> AsyncIterator[DraftIn]:
    """Yield the request's document while holding a place; the caller is checked before it is read."""
    del caller
    async with backend.screening_places.taken():
        yield await read_json(request, DraftIn, limit=MAX_BODY_BYTES)


@router.post(
    "/v1/drafts",
    responses=problem_responses(401, 403, 408, 409, 413, 415, 422, 502, 503),
    openapi_extra=described_by(DraftIn),
)
def draft(document: Annotated[DraftIn, Depends(draft_request)], backend: BackendDep) -> DraftOut:
    """Draft a script from sources, with what each turn rests on and what the policy says about it.

    Sources are data: what they ask for is not done. Nothing is stored or submitted.
    """
    tools = backend.toolchain
    made = drafter_of(backend.drafter).draft(
        document.topic,
        [Source(one.title, one.text, one.url) for one in document.sources],
        voices=[
            name
            for name, voice in sorted(tools.voices.voices.items())
            if voice.language == document.language and not _is_real(tools.voices.cards.get(name))
        ],
        screener=tools.screener,
        language=document.language,
        words=document.words,
    )
    return DraftOut(
        script=made.script,
        citations=[
            CitationOut(start=one.start, end=one.end, source=one.source, quote=one.quote, supported=one.supported)
            for one in made.citations
        ],
        decision=DecisionOut.model_validate(decision_document(made.decision)),
    )


def drafter_of(drafter: Drafter | None) -> Drafter:
    """Return the drafter; raises `ConflictError` where no endpoint is configured."""
    if drafter is None:
        raise ConflictError("no language model drafts here; set ASSAY_DRAFT_URL and ASSAY_DRAFT_MODEL")
    return drafter


def _is_real(card: object) -> bool:
    return bool(getattr(card, "real_person", False))
