"""Whether the process lives, whether it can work, and what its problems mean."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from gateway.api.backend import BackendDep
from gateway.api.problems import known_problems, problem_responses
from gateway.api.readiness import ask_all
from gateway.api.schemas import ComponentOut, KnownProblemOut, LivenessOut, ReadinessOut
from gateway.errors import NotFoundError

router = APIRouter(tags=["operation"])


@router.get("/livez")
def get_liveness() -> LivenessOut:
    """Say that the process answers, and nothing else: restarting it would mend nothing that `/readyz` names."""
    return LivenessOut(status="alive")


@router.get("/readyz", responses={503: {"model": ReadinessOut, "description": "Something is missing; it is named."}})
def get_readiness(backend: BackendDep, response: Response) -> ReadinessOut:
    """Ask everything that the process cannot do without, and name each with its reason."""
    answers = ask_all(backend.probes)
    ready = all(answer.ok for answer in answers)
    response.status_code = 200 if ready else 503
    return ReadinessOut(
        status="ready" if ready else "not_ready",
        components=[ComponentOut(name=one.name, ok=one.ok, reason=one.reason) for one in answers],
    )


@router.get("/problems/{slug}", responses=problem_responses(404))
def get_problem(slug: Annotated[str, Path(pattern=r"^[a-z-]{1,64}$")]) -> KnownProblemOut:
    """Explain a problem type."""
    for known in known_problems():
        if known.problem.slug == slug:
            problem = known.problem
            return KnownProblemOut(slug=slug, status=problem.status, title=problem.title, meaning=known.meaning)
    raise NotFoundError(f"no problem is called '{slug}'")
