"""The policy in force, in the words that an author needs before writing; never its word lists."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from gateway.api.access import SubmissionReader
from gateway.api.backend import BackendDep
from gateway.api.problems import problem_responses
from gateway.api.schemas import GuidanceOut, Model

router = APIRouter(tags=["screening"])


class DisclosureOut(Model):
    """A sentence that every release carries."""

    id: str
    where: str = Field(examples=["spoken", "show_notes", "metadata"])
    text: str


class PolicyOut(Model):
    """What scripts are judged by."""

    id: str = Field(examples=["default"])
    version: str = Field(examples=["2026-11-25"])
    digest: str = Field(description="SHA-256 of the whole pack; every decision names it.")
    languages: list[str]
    description: str
    rules: list[str] = Field(description="Rules that are enabled.")
    not_evaluated: list[str] = Field(description="Categories that this policy declares it cannot judge.")
    disclosures: list[DisclosureOut]
    guidance: list[GuidanceOut] = Field(description="Per group of categories: what passes and what does not.")
    most_script_bytes: int = Field(description="Longest script that is taken, in bytes of UTF-8.")


@router.get("/v1/policy", responses=problem_responses(401, 503))
def get_policy(backend: BackendDep, caller: SubmissionReader) -> PolicyOut:
    """Return the policy in force: what is judged, what passes, and what every episode discloses."""
    del caller
    policy = backend.toolchain.screener.policy
    return PolicyOut(
        id=policy.id,
        version=policy.version,
        digest=policy.digest,
        languages=list(policy.languages),
        description=policy.description,
        rules=[name for name, rule in policy.rules if getattr(rule, "enabled", False)],
        not_evaluated=list(policy.not_evaluated),
        disclosures=[DisclosureOut(id=one.id, where=one.where, text=one.text) for one in policy.disclosures],
        guidance=[GuidanceOut.model_validate(one, from_attributes=True) for one in policy.category_guidance],
        most_script_bytes=backend.toolchain.settings.max_script_bytes,
    )
