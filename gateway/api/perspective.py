"""Perspective's `comments:analyze`, for those who must leave it: its service closes after 31 December 2026."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import ConfigDict, Field
from starlette.requests import Request

from gateway.api.access import ScreeningCaller
from gateway.api.backend import BackendDep
from gateway.api.bodies import described_by, read_json
from gateway.api.problems import problem_responses
from gateway.api.schemas import Model
from gateway.api.screenings import body_limit, refuse_long
from gateway.api.taxonomy import PERSPECTIVE_CLASSES
from gateway.errors import InvalidRequestError
from gateway.screening import Format, read_manuscript
from policies.scores import Examination

router = APIRouter(tags=["screening"])


class CommentIn(Model):
    """The comment; anything but plain text is read as plain text."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    text: str = Field(min_length=1)
    type: str | None = None


class AttributeIn(Model):
    """What is asked of one attribute."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    scoreType: Literal["PROBABILITY"] | None = None  # noqa: N815 - Perspective's name
    scoreThreshold: float | None = Field(None, ge=0.0, le=1.0)  # noqa: N815


class AnalyzeIn(Model):
    """Perspective's request; `doNotStore` is always honoured, because nothing is stored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    comment: CommentIn
    requestedAttributes: dict[str, AttributeIn] = Field(min_length=1)  # noqa: N815
    languages: list[str] = Field(default_factory=list, max_length=10)
    spanAnnotations: bool = False  # noqa: N815
    clientToken: str | None = Field(None, max_length=1_000)  # noqa: N815


class AnalyzeOut(Model):
    """Perspective's answer."""

    attributeScores: dict[str, Any]  # noqa: N815
    languages: list[str]
    clientToken: str | None = None  # noqa: N815


async def analyze_request(request: Request, caller: ScreeningCaller, backend: BackendDep) -> AsyncIterator[AnalyzeIn]:
    """Yield the request's document while holding a place; the caller is checked before the body is read."""
    del caller
    async with backend.screening_places.taken():
        yield await read_json(request, AnalyzeIn, limit=body_limit(backend))


@router.post(
    "/v1alpha1/comments:analyze",
    responses=problem_responses(400, 401, 403, 408, 413, 415, 422, 503),
    openapi_extra=described_by(AnalyzeIn),
)
def analyze(document: Annotated[AnalyzeIn, Depends(analyze_request)], backend: BackendDep) -> AnalyzeOut:
    """Score a comment by the attributes of Perspective that our model has, per sentence and as a whole."""
    unknown = sorted(set(document.requestedAttributes) - set(PERSPECTIVE_CLASSES))
    if unknown:
        known = ", ".join(PERSPECTIVE_CLASSES)
        raise InvalidRequestError(f"attributes {unknown[:5]} are not scored here; ask for some of: {known}")
    language = document.languages[0] if document.languages else "en"
    supported = backend.toolchain.screener.policy.languages
    if language.partition("-")[0].lower() not in supported:
        raise InvalidRequestError(f"language '{language[:35]}' cannot be judged; this policy knows {list(supported)}")
    refuse_long(backend, [document.comment.text])
    manuscript = read_manuscript(document.comment.text, written_as=Format.TEXT, language=language)
    examination = backend.toolchain.screener.examine(manuscript)
    scores = {name: _attribute(examination, name, document.spanAnnotations) for name in document.requestedAttributes}
    kept = {
        name: score
        for name, score in scores.items()
        if score["summaryScore"]["value"] >= (document.requestedAttributes[name].scoreThreshold or 0.0)
    }
    return AnalyzeOut(attributeScores=kept, languages=[language], clientToken=document.clientToken)


def _attribute(examination: Examination, name: str, with_spans: bool) -> dict[str, Any]:
    category = PERSPECTIVE_CLASSES[name]
    if category not in {one for sentence in examination.sentences for one in sentence.scores} and examination.sentences:
        raise InvalidRequestError(f"the model in use has no class for {name}; ask for others")
    parts = [
        _span(sentence.span.start, sentence.span.end, sentence.scores[category]) for sentence in examination.sentences
    ]
    value = examination.scores.get(category, 0.0)
    end = max((sentence.span.end for sentence in examination.sentences), default=0)
    return {"spanScores": parts if with_spans else [_span(0, end, value)], "summaryScore": _score(value)}


def _span(begin: int, end: int, value: float) -> dict[str, Any]:
    return {"begin": begin, "end": end, "score": _score(value)}


def _score(value: float) -> dict[str, Any]:
    return {"value": round(value, 4), "type": "PROBABILITY"}  # as many digits as a finding keeps
