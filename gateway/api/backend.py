"""Everything the routes need, as one frozen value, and the typed way to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from gateway.api.examinations import Examinations
from gateway.api.places import Places
from gateway.api.readiness import Probe
from gateway.api.throttle import Throttle
from gateway.appeals import AppealDesk
from gateway.auth import Authenticator
from gateway.drafting import Drafter
from gateway.erasure import Eraser
from gateway.fetching import UrlFetcher
from gateway.pages.views import Pages
from gateway.review import ReviewDesk
from gateway.toolchain import Toolchain
from gateway.verification.resolver import SoftBindingResolver
from gateway.verification.signing import ReportSigner
from gateway.verify import Verifier
from gateway.webhooks.endpoints import Endpoints


@dataclass(frozen=True, slots=True)
class Backend:
    """What `gateway.app` puts behind the routes; every member is safe to use from several threads."""

    toolchain: Toolchain
    enqueue: Callable[[str], None]  # gives a stored submission to the workers
    authenticator: Authenticator
    reviews: ReviewDesk
    appeals: AppealDesk
    verifier: Verifier
    eraser: Eraser
    pages: Pages  # the public ones
    probes: Sequence[Probe]
    throttle: Throttle  # how often one client may ask for a verification
    places: Places  # how many uploads are read at once
    examinations: Examinations  # verifications under way
    reports: ReportSigner
    resolver: SoftBindingResolver
    fetcher: UrlFetcher | None  # None: addresses are not fetched
    screening_places: Places  # how many screenings without a submission run at once
    drafter: Drafter | None  # None: nobody drafts
    speech_places: Places  # how many texts are spoken on request at once
    webhooks: Endpoints


def backend_of(request: Request) -> Backend:
    """Return the backend that `mount` put on the application."""
    backend = request.app.state.backend
    assert isinstance(backend, Backend)
    return backend


BackendDep = Annotated[Backend, Depends(backend_of)]
