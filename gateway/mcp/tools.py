"""The tools themselves: what an agent can do here, and nothing else.

There is deliberately no tool that claims, approves or rejects: whatever role a key has, an agent
never decides a review.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gateway.mcp.arguments import (
    MOST_WAIT_SECONDS,
    Arguments,
    CheckArguments,
    GetArguments,
    ListArguments,
    NoArguments,
    SubmitArguments,
    VerifyArguments,
    WithdrawArguments,
)
from gateway.mcp.audio import decoded, read_below
from gateway.mcp.client import GateClient, ToolError
from gateway.mcp.repair import repairs
from gateway.mcp.results import (
    Checked,
    Episode,
    Episodes,
    Policy,
    Submitted,
    Verified,
    Voices,
    Withdrawn,
    next_step,
)
from gateway.submissions import PUBLISHED, RESTING

LOOK_SECONDS = 1.0  # between two looks at an episode that is waited for


class Answer(Protocol):
    """A result: a pydantic model that can also be read."""

    def text(self) -> str:
        """Return it for reading."""
        ...

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """Return it as JSON values."""
        ...


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool, as it is listed and called."""

    name: str
    description: str
    takes: type[Arguments]
    gives: type[Any]
    run: Callable[[GateClient, Any], Awaitable[Answer]]
    reads_only: bool = True
    destroys: bool = False


async def get_policy(gate: GateClient, _: NoArguments) -> Policy:
    """Return the policy in force."""
    return Policy.model_validate(await gate.policy())


async def list_voices(gate: GateClient, _: NoArguments) -> Voices:
    """Return the voices that a script may name."""
    return Voices.model_validate(await gate.voices())


async def check_script(gate: GateClient, given: CheckArguments) -> Checked:
    """Judge a script without submitting it."""
    document = {"text": given.script, "format": given.format, "language": given.language}
    decision = await gate.screen(document)
    return Checked(
        verdict=decision["verdict"],
        findings=repairs(decision, given.script),
        findings_total=len(decision["findings"]),
        policy=f"{decision['policy_id']} {decision['policy_version']}",
        policy_digest=decision["policy_digest"],
    )


async def submit_episode(gate: GateClient, given: SubmitArguments) -> Submitted:
    """Hand in a script; a repeated call returns the same submission."""
    digest = hashlib.sha256(given.script.encode("utf-8", "surrogatepass")).hexdigest()
    return _submitted(await gate.submit(given.script, idempotency_key=given.idempotency_key or f"mcp-{digest}"))


async def get_episode(gate: GateClient, given: GetArguments) -> Episode:
    """Return what became of a submission, after waiting for it to come to rest if asked to."""
    until = time.monotonic() + given.wait_seconds
    found = await gate.submission(given.episode_id)
    while found["state"] not in RESTING and (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(LOOK_SECONDS, left))
        found = await gate.submission(given.episode_id)
    return _episode(gate, found, with_script=given.include_script)


async def list_episodes(gate: GateClient, given: ListArguments) -> Episodes:
    """Return a page of the caller's submissions."""
    page = await gate.submissions(given.model_dump(mode="json", exclude_none=True))
    return Episodes(episodes=[_submitted(one) for one in page["items"]], next_cursor=page.get("next_cursor"))


async def withdraw_episode(gate: GateClient, given: WithdrawArguments) -> Withdrawn:
    """Take a released episode back."""
    document = given.model_dump(exclude={"episode_id"})
    return Withdrawn.model_validate(await gate.withdraw(given.episode_id, document))


def tools(*, audio_folder: Path | None) -> tuple[Tool, ...]:
    """Return all tools; files are read below `audio_folder` alone, and not at all without one."""

    async def verify_audio(gate: GateClient, given: VerifyArguments) -> Verified:
        if sum(one is not None for one in (given.audio_base64, given.path, given.verification_id)) != 1:
            raise ToolError("give exactly one of audio_base64, path and verification_id")
        if given.verification_id is not None:
            return _verified(await gate.verification(given.verification_id, wait=MOST_WAIT_SECONDS))
        if given.path is not None:
            data = await asyncio.to_thread(read_below, audio_folder, given.path)
        else:
            data = decoded(given.audio_base64 or "")
        return _verified(await gate.verify(data, wait=MOST_WAIT_SECONDS))

    return (
        Tool(
            "get_policy",
            "What scripts are judged by: rules, languages, disclosures, what passes and what does not, per category. "
            "Read it before writing a script.",
            NoArguments,
            Policy,
            get_policy,
        ),
        Tool(
            "list_voices",
            "The voices that a script may name, with language and licence.",
            NoArguments,
            Voices,
            list_voices,
        ),
        Tool(
            "check_script",
            "Judge a script or a text without submitting it. Nothing is stored. Every finding says which characters, "
            "which words, which rule, why, and what would pass.",
            CheckArguments,
            Checked,
            check_script,
        ),
        Tool(
            "submit_episode",
            "Hand in a script to be screened, spoken, marked, signed, logged and released. Returns at once with an id; "
            "follow it with get_episode. To mend a blocked script, submit the mended one: it is a new submission.",
            SubmitArguments,
            Submitted,
            submit_episode,
            reads_only=False,
        ),
        Tool(
            "get_episode",
            "State, findings, review and audio of one submission, and what to do next.",
            GetArguments,
            Episode,
            get_episode,
        ),
        Tool("list_episodes", "Your submissions, newest first.", ListArguments, Episodes, list_episodes),
        Tool(
            "withdraw_episode",
            "Take a released episode of yours back for good, with a public reason, or name the released episode that "
            "takes its place. Cannot be undone; ask the user first.",
            WithdrawArguments,
            Withdrawn,
            withdraw_episode,
            reads_only=False,
            destroys=True,
        ),
        Tool(
            "verify_audio",
            "Say whether an audio file comes from this gateway: credentials, marks, fingerprint and log.",
            VerifyArguments,
            Verified,
            verify_audio,
        ),
    )


def _submitted(found: Mapping[str, Any]) -> Submitted:
    return Submitted.model_validate({**found, "next": next_step(found["state"])})


def _episode(gate: GateClient, found: Mapping[str, Any], *, with_script: bool) -> Episode:
    decision, hearing = found.get("decision"), found.get("hearing")
    heard = hearing["decision"] if hearing else None
    script = found.get("script") or ""
    listed = [*repairs(decision, script), *repairs(heard, script)]
    released = found["state"] in PUBLISHED
    return Episode.model_validate(
        {
            **found,
            "next": next_step(found["state"]),
            "verdict": decision["verdict"] if decision else None,
            "findings": listed,
            "findings_total": sum(len(one["findings"]) for one in (decision, heard) if one),
            "heard_verdict": heard["verdict"] if heard else None,
            "episode_url": gate.link(f"/v1/episodes/{found['id']}") if released else None,
            "audio": [{**clip, "url": gate.link(clip["url"])} for clip in found.get("clips") or []],
            "script": script if with_script else None,
        }
    )


def _verified(found: Mapping[str, Any]) -> Verified:
    if "conclusion" in found:
        return Verified.model_validate(found)
    return Verified(verification_id=found.get("id"))
