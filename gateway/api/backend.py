"""Everything the routes need, as one frozen value, and the typed way to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from audit.log import Log
from gateway.api.readiness import Probe
from gateway.api.throttle import Throttle
from gateway.auth import Authenticator
from gateway.blobs import BlobStore
from gateway.db import Database
from gateway.settings import Settings
from gateway.verify import Verifier


@dataclass(frozen=True, slots=True)
class Backend:
    """What `gateway.app` puts behind the routes; every member is safe to use from several threads."""

    settings: Settings
    database: Database
    log: Log
    blobs: BlobStore
    authenticator: Authenticator
    verifier: Verifier
    probes: Sequence[Probe]
    throttle: Throttle  # of public verification
    clock: Callable[[], datetime]  # aware UTC


def backend_of(request: Request) -> Backend:
    """Return the backend that `mount` put on the application."""
    backend = request.app.state.backend
    assert isinstance(backend, Backend)
    return backend


BackendDep = Annotated[Backend, Depends(backend_of)]
