"""Everything the console's pages need, as one frozen value, and the typed way to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from gateway.accounts import Accounts
from gateway.api.backend import Backend
from gateway.api.throttle import Throttle
from gateway.console.pages import Pages
from gateway.console.reasons import Reason
from gateway.console.waveform import Waveforms
from gateway.federation import Federation
from gateway.quality.wellness import Wellness
from gateway.queue import Queue
from gateway.secondlooks import SecondLooks
from gateway.sessions import Sessions
from gateway.settings import Environment

SIGN_IN_BURST = 10  # tries of one client at once ...
SIGN_IN_INTERVAL_SECONDS = 6.0  # ... and then one per so many seconds


@dataclass(frozen=True, slots=True)
class Console:
    """What `gateway.app` puts behind the pages; every member is safe to use from several threads."""

    backend: Backend
    accounts: Accounts
    sessions: Sessions
    pages: Pages
    queue: Queue
    waveforms: Waveforms
    reasons: tuple[Reason, ...]  # what a decision's reason can begin with
    throttle: Throttle  # how often one client may try to sign in
    wellness: Wellness
    second_looks: SecondLooks
    federation: Federation | None = None  # the organisation's provider, where one is set up

    @property
    def secure(self) -> bool:
        """True where the console is reached by https, so that cookies never travel in the clear."""
        return self.backend.toolchain.settings.public_url.startswith("https://")

    @property
    def strict(self) -> bool:
        """True where nobody works without a password and codes."""
        return self.backend.toolchain.settings.environment is Environment.PRODUCTION

    @property
    def session_cookie(self) -> str:
        """Name of the cookie with the session; the prefix ties it to this host and to https (RFC 6265bis)."""
        return "__Host-assay-session" if self.secure else "assay-session"

    @property
    def visit_cookie(self) -> str:
        """Name of the cookie that ties the sign-in form to a browser."""
        return "__Host-assay-visit" if self.secure else "assay-visit"

    @property
    def attempt_cookie(self) -> str:
        """Name of the cookie that ties a sign-in with the provider to a browser."""
        return "__Host-assay-attempt" if self.secure else "assay-attempt"


def console_of(request: Request) -> Console:
    """Return the console that `mount` put on the application."""
    console = request.app.state.console
    assert isinstance(console, Console)
    return console


ConsoleDep = Annotated[Console, Depends(console_of)]
