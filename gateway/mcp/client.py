"""The HTTP interface as the tools use it, with one caller's key: over the network, or inside the same process.

This class is the closed list of what an agent can reach. It has no method for the review, for erasure or for keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 150.0  # a long script is screened in a minute; longer than the longest wait for a verification
QUOTED_ERRORS = 10  # places of a request that did not fit, at most


class ToolError(Exception):
    """What a tool cannot do, in words that tell the agent what to change; it never leaves this package."""


class GateClient:
    """Asks the gate; every method raises `ToolError` for a refusal, or when there is no answer."""

    def __init__(self, http: httpx.AsyncClient, *, address: str) -> None:
        """`http` carries base address and key; `address` is how people reach the gate, for links."""
        self._http = http
        self._address = address.rstrip("/")

    def link(self, path: str) -> str:
        """Return the address of a path for people."""
        return f"{self._address}{path}"

    async def policy(self) -> dict[str, Any]:
        """Return the policy in force."""
        return await self._ask("GET", "/v1/policy")

    async def voices(self) -> dict[str, Any]:
        """Return the voices that scripts may name."""
        return await self._ask("GET", "/v1/voices")

    async def screen(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Judge a text or a script; nothing is kept."""
        return await self._ask("POST", "/v1/screenings", json=document)

    async def submit(self, script: str, *, idempotency_key: str) -> dict[str, Any]:
        """Hand in a script."""
        headers = {"Idempotency-Key": idempotency_key}
        return await self._ask("POST", "/v1/submissions", json={"script": script}, headers=headers)

    async def submission(self, episode_id: str) -> dict[str, Any]:
        """Return a submission with all that became of it."""
        return await self._ask("GET", f"/v1/submissions/{quote(episode_id, safe='')}")

    async def submissions(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Return a page of submissions."""
        return await self._ask("GET", "/v1/submissions", params=query)

    async def withdraw(self, episode_id: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Take a released episode back."""
        return await self._ask("POST", f"/v1/episodes/{quote(episode_id, safe='')}/withdrawal", json=document)

    async def verify(self, data: bytes, *, wait: float) -> dict[str, Any]:
        """Have a file examined; the answer has a `conclusion`, or a `status` and an `id` to ask again with."""
        headers = {"Content-Type": "application/octet-stream"}
        return await self._ask("POST", "/v1/verifications", params={"wait": wait}, content=data, headers=headers)

    async def verification(self, verification_id: str, *, wait: float) -> dict[str, Any]:
        """Return the result of an examination that was begun before, in the same shape."""
        return await self._ask("GET", f"/v1/verifications/{quote(verification_id, safe='')}", params={"wait": wait})

    async def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise ToolError(
                f"the gateway at {self._address} does not answer ({type(error).__name__}); try again later, or ask the "
                "user to check its address"
            ) from error
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ToolError(
                f"what answers at {self._address} is no Assay gateway (status {answer.status_code}); ask the user to "
                "check its address"
            )
        if answer.status_code >= 400:
            raise ToolError(refusal(answer.status_code, document))
        return document


def refusal(status: int, problem: Mapping[str, Any]) -> str:
    """Return a problem document (RFC 9457) as one sentence with everything that helps to mend the request."""
    slug = str(problem.get("type", "")).rpartition("/")[2] or f"status {status}"
    words = [f"refused ({slug}): {problem.get('detail') or problem.get('title') or 'no reason was given'}"]
    for error in list(problem.get("errors") or [])[:QUOTED_ERRORS]:
        words.append(json.dumps(error, ensure_ascii=True))
    if "retry_after" in problem:
        words.append(f"Try again in {problem['retry_after']} s.")
    return " ".join(words)
