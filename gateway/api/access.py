"""Who may call what: deny by default, one declaration per route.

The key comes as `Authorization: Bearer assay_...`, never in a URL or a cookie: there is nothing to forge across sites.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from gateway.api.backend import BackendDep
from gateway.auth import Caller, Role, authorise
from gateway.errors import AuthenticationError

READERS_OF_ALL = frozenset({Role.AUDITOR, Role.ADMIN})

_bearer = HTTPBearer(
    scheme_name="ApiKey",
    bearerFormat="assay_<key id>_<secret>",
    description="An API key, made by `assay apikey create`; its role decides what it opens.",
    auto_error=False,
)
_Presented = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def optional_caller(request: Request, backend: BackendDep, presented: _Presented) -> Caller | None:
    """Return the caller, or None when no credentials came; bad credentials are refused, never taken for none."""
    if "authorization" not in request.headers:
        return None
    return backend.authenticator.authenticate(presented.credentials if presented is not None else "")


OptionalCaller = Annotated[Caller | None, Depends(optional_caller)]


class Requires:
    """A dependency that lets only these roles through."""

    def __init__(self, *roles: Role) -> None:
        self._roles = frozenset(roles)

    def __call__(self, caller: OptionalCaller) -> Caller:
        """Return the caller, or raise `AuthenticationError` (401) or `ForbiddenError` (403)."""
        if caller is None:
            raise AuthenticationError("this needs an API key; send it as 'Authorization: Bearer assay_...'")
        return authorise(caller, self._roles)


SubmitterCaller = Annotated[Caller, Depends(Requires(Role.SUBMITTER))]
ReviewerCaller = Annotated[Caller, Depends(Requires(Role.REVIEWER, Role.SENIOR_REVIEWER))]
ReviewReader = Annotated[Caller, Depends(Requires(Role.REVIEWER, Role.SENIOR_REVIEWER, Role.AUDITOR))]
SubmissionReader = Annotated[Caller, Depends(Requires(*Role))]
SubmissionLister = Annotated[Caller, Depends(Requires(Role.SUBMITTER, Role.AUDITOR, Role.ADMIN))]
WithdrawalCaller = Annotated[Caller, Depends(Requires(Role.SUBMITTER, Role.REVIEWER, Role.SENIOR_REVIEWER, Role.ADMIN))]
ScreeningCaller = Annotated[Caller, Depends(Requires(Role.SUBMITTER, Role.REVIEWER, Role.SENIOR_REVIEWER, Role.ADMIN))]
WebhookReader = Annotated[Caller, Depends(Requires(Role.SUBMITTER, Role.AUDITOR, Role.ADMIN))]
PronunciationCaller = Annotated[Caller, Depends(Requires(Role.REVIEWER, Role.SENIOR_REVIEWER, Role.ADMIN))]
AdminCaller = Annotated[Caller, Depends(Requires(Role.ADMIN))]
