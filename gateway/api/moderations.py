"""OpenAI's moderation interface: its official clients work unchanged against this gateway."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from starlette.requests import Request

from gateway.api.access import ScreeningCaller
from gateway.api.backend import BackendDep
from gateway.api.bodies import described_by, read_json
from gateway.api.problems import problem_responses
from gateway.api.screening_schemas import ModerationIn, ModerationOut, ModerationResult
from gateway.api.screenings import body_limit, refuse_long
from gateway.api.taxonomy import Judged, moderation_categories
from gateway.screening import Format, read_manuscript
from policies.errors import ScreeningError
from policies.scores import Examination

router = APIRouter(tags=["screening"])

LANGUAGE = "en"  # the interface has no field for it; another language is found by the language rule


async def moderation_request(
    request: Request, caller: ScreeningCaller, backend: BackendDep
) -> AsyncIterator[ModerationIn]:
    """Yield the request's document while holding a place; the caller is checked before the body is read."""
    del caller
    async with backend.screening_places.taken():
        yield await read_json(request, ModerationIn, limit=body_limit(backend))


@router.post(
    "/v1/moderations",
    responses=problem_responses(400, 401, 403, 408, 413, 415, 422, 503),
    openapi_extra=described_by(ModerationIn),
)
def moderate(document: Annotated[ModerationIn, Depends(moderation_request)], backend: BackendDep) -> ModerationOut:
    """Classify texts as OpenAI's endpoint of this name does, by the policy in force.

    `flagged` is true exactly when the policy's verdict is review or block. Categories of ours that OpenAI does not have
    are added. What no rule judges is false with an empty list of applied input types, and `coverage` says so.
    """
    texts = _texts(document)
    refuse_long(backend, texts)
    screener = backend.toolchain.screener
    examined = screener.examine_all(
        [read_manuscript(text, written_as=Format.TEXT, language=LANGUAGE) for text in texts]
    )
    results = []
    for one in examined:
        if isinstance(one, ScreeningError):
            raise one  # the interface has no place for one result's failure, and a missing one must not look clean
        results.append(_result(one))
    policy = screener.policy
    return ModerationOut(
        id=f"modr-{secrets.token_hex(12)}", model=f"assay-{policy.id}-{policy.version}", results=results
    )


def _texts(document: ModerationIn) -> list[str]:
    if isinstance(document.input, str):
        return [document.input]
    texts = [part for part in document.input if isinstance(part, str)]
    if texts:
        return texts
    # Parts are one message and have one result.
    return ["\n\n".join(part.text for part in document.input if not isinstance(part, str))]


def _result(examination: Examination) -> ModerationResult:
    judged = moderation_categories(examination)
    decision = examination.decision
    return ModerationResult(
        flagged=any(one.flagged for one in judged.values()),
        categories={name: one.flagged for name, one in judged.items()},
        category_scores={name: round(one.score, 6) for name, one in judged.items()},
        category_applied_input_types={name: ["text"] if one.evaluated else [] for name, one in judged.items()},
        coverage={name: _coverage(one) for name, one in judged.items()},
        assay={
            "verdict": decision.verdict.value,
            "policy_digest": decision.policy_digest,
            "models": [list(model) for model in decision.models],
            "findings": [
                {
                    "rule": found.rule,
                    "category": found.category,
                    "verdict": found.verdict.value,
                    "span": [found.span.start, found.span.end],
                    "explanation": found.explanation,
                }
                for found in decision.findings
            ],
        },
    )


def _coverage(judged: Judged) -> Literal["evaluated", "not_evaluated"]:
    return "evaluated" if judged.evaluated else "not_evaluated"
