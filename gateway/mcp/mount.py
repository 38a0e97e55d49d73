"""`/mcp` on the HTTP service: the protocol's streamable HTTP, without sessions, behind the API key.

1. Only POST is served: there is no session to end, and nothing to be told without asking.
2. A request from a page of elsewhere (`Origin`) is refused, as the protocol's security warning asks.
3. The key is checked before a byte of the body is read. There is no OAuth here, and none is advertised.
4. Each tool then calls the HTTP interface of this same process with that key: every rule, role and limit of it holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from gateway.errors import AuthenticationError, ForbiddenError
from gateway.mcp.client import ANSWER_SECONDS, CONNECT_SECONDS, GateClient

if TYPE_CHECKING:
    from fastapi import FastAPI
    from mcp.server import ServerRequestContext
    from starlette.types import Receive, Scope, Send

    from gateway.api.backend import Backend

PATH = "/mcp"
MOST_BODY_BYTES = 4 << 20  # of one message; a script has its own, smaller limit
_INSIDE = "http://gate.invalid"  # never resolved: the transport calls the application itself


class AgentDoor:
    """The ASGI application at `/mcp`; it works while `running` is entered, which the service's lifespan does."""

    def __init__(self, app: FastAPI, backend: Backend) -> None:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from gateway.mcp.server import build_server

        self._app = app
        self._authenticator = backend.authenticator
        self._public_url = backend.toolchain.settings.public_url
        parts = urlsplit(self._public_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._sessions = StreamableHTTPSessionManager(
            build_server(version=app.version, opening=self._opening),
            json_response=True,
            stateless=True,
            max_request_body_size=MOST_BODY_BYTES,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while the block runs; it can be entered once."""
        async with self._sessions.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what is refused here gets a problem document as everywhere."""
        headers = Headers(scope=scope)
        # 1.
        if scope["method"] != "POST":
            raise HTTPException(405, headers={"Allow": "POST"})
        # 2.
        if headers.get("origin", self._origin) != self._origin:
            raise ForbiddenError("requests from pages of other sites are not served; use a client outside a browser")
        # 3.
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationError("this needs an API key; send it as 'Authorization: Bearer assay_...'")
        await asyncio.to_thread(self._authenticator.authenticate, key.strip())
        # 4.
        await self._sessions.handle_request(scope, receive, send)

    @asynccontextmanager
    async def _opening(self, context: ServerRequestContext[Any, Any]) -> AsyncIterator[GateClient]:
        request = context.request
        assert isinstance(request, Request)  # this transport always has one
        headers = {"Authorization": request.headers["authorization"]}
        caller = (request.client.host, request.client.port) if request.client else ("", 0)
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False, client=caller)
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        async with httpx.AsyncClient(
            transport=transport, base_url=_INSIDE, headers=headers, timeout=timeout, trust_env=False
        ) as http:
            yield GateClient(http, address=self._public_url)


def mount_agents(app: FastAPI, backend: Backend) -> AgentDoor:
    """Put `/mcp` on an application that has the HTTP interface; the lifespan has to enter `running`."""
    door = AgentDoor(app, backend)
    app.router.routes.append(Route(PATH, endpoint=door))
    return door
