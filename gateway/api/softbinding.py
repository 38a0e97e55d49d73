"""C2PA Soft Binding Resolution API (C2PA 2.4, base path /v1): from marks and sound to manifests, for any validator.

Reading only: manifests come into this repository by being made here. What it can do it says under
`/.well-known/c2pa-soft-binding-resolution` and `/v1/services/...`. Queries that cannot be understood are `400`, as that
specification wants it. No hit is an empty list.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.backend import Backend, BackendDep
from gateway.api.bodies import described_by, read_json
from gateway.api.examinations import Examination
from gateway.api.media import PUBLIC_HEADERS
from gateway.api.problems import problem_responses
from gateway.api.softbinding_schemas import (
    AlgorithmOut,
    AlgorithmsOut,
    BindingIn,
    CapabilitiesOut,
    DiscoveryOut,
    MatchesOut,
    MatchOut,
    ReferenceIn,
    ServiceStatusOut,
)
from gateway.api.verifications import AUDIO_BODY, MOST_WAIT_SECONDS, begun
from gateway.errors import (
    BusyError,
    GatewayError,
    InvalidRequestError,
    MalformedQueryError,
    NotFoundError,
    TooLargeError,
    UriTooLongError,
)
from gateway.verification.jumbf import active_manifest
from gateway.verification.resolver import Match

router = APIRouter(tags=["soft binding resolution"])

SPECIFICATION = "2.4.0"
BASE = "/v1"
MOST_RESULTS = 100
DEFAULT_RESULTS = 10
MAX_VALUE_CHARACTERS = 1_024  # base64 of the longest value of any algorithm on C2PA's list, and more
MAX_QUERY_BYTES = 8_192
MANIFEST_TYPE = "application/c2pa"
MaxResults = Annotated[
    str | None, Query(alias="maxResults", description=f"1 to {MOST_RESULTS}; {DEFAULT_RESULTS} by default.")
]


def _count(max_results: str | None) -> int:
    if max_results is None:
        return DEFAULT_RESULTS
    if not (max_results.isascii() and max_results.isdecimal() and len(max_results) < 10 and int(max_results) > 0):
        raise MalformedQueryError("maxResults must be a whole number of 1 or more")
    return min(int(max_results), MOST_RESULTS)


@router.get("/v1/matches/byBinding", responses=problem_responses(400, 414, 429, 503))
def get_by_binding(
    request: Request,
    backend: BackendDep,
    response: Response,
    value: Annotated[str | None, Query(description="Base64 of the soft binding's value.")] = None,
    alg: Annotated[str | None, Query(description="Soft binding algorithm.")] = None,
    max_results: MaxResults = None,
) -> MatchesOut:
    """Return the manifests whose soft binding has this value."""
    if value is None or alg is None:
        raise MalformedQueryError("a query needs `value` and `alg`")
    if len(value) > MAX_VALUE_CHARACTERS:
        raise UriTooLongError(f"`value` is longer than {MAX_VALUE_CHARACTERS} characters; send it by POST")
    return _by_binding(request, backend, response, alg, value, max_results)


async def binding_body(request: Request) -> BindingIn:
    """Return the query in the body."""
    try:
        return await read_json(request, BindingIn, limit=MAX_QUERY_BYTES)
    except InvalidRequestError as error:
        raise MalformedQueryError('send {"alg": ..., "value": base64} as JSON') from error


@router.post(
    "/v1/matches/byBinding",
    responses=problem_responses(400, 408, 413, 415, 429, 503),
    openapi_extra=described_by(BindingIn),
)
def post_by_binding(
    request: Request,
    body: Annotated[BindingIn, Depends(binding_body)],
    backend: BackendDep,
    response: Response,
    max_results: MaxResults = None,
) -> MatchesOut:
    """Return the manifests whose soft binding has this value."""
    return _by_binding(request, backend, response, body.alg, body.value, max_results)


@router.post(
    "/v1/matches/byContent",
    responses=problem_responses(400, 408, 413, 415, 422, 429, 503),
    openapi_extra={"requestBody": AUDIO_BODY},
)
def post_by_content(
    examination: Annotated[Examination, Depends(begun)],
    backend: BackendDep,
    response: Response,
    alg: Annotated[str | None, Query(description="Only by this algorithm; every layer is looked for anyway.")] = None,
    max_results: MaxResults = None,
) -> MatchesOut:
    """Return the manifests of the episodes that are heard in the uploaded sound; nothing of it is kept."""
    most = _count(max_results)
    if alg is not None and alg not in backend.resolver.algorithms:
        raise MalformedQueryError(f"'{alg[:80]}' is not resolved here; see /v1/services/supportedAlgorithms")
    return _heard(backend, response, examination, most)


async def reference_body(request: Request) -> ReferenceIn:
    """Return the address in the body."""
    try:
        return await read_json(request, ReferenceIn, limit=MAX_QUERY_BYTES)
    except InvalidRequestError as error:
        raise MalformedQueryError('send {"referenceUrl": ..., "assetLength": bytes} as JSON') from error


@router.post(
    "/v1/matches/byReference",
    responses=problem_responses(400, 404, 408, 413, 415, 422, 429, 502, 503),
    openapi_extra=described_by(ReferenceIn),
)
def post_by_reference(
    body: Annotated[ReferenceIn, Depends(reference_body)],
    request: Request,
    backend: BackendDep,
    response: Response,
    max_results: MaxResults = None,
) -> MatchesOut:
    """Return the manifests of the episodes heard in a file elsewhere, where the operator allows to fetch it."""
    most = _count(max_results)
    if backend.fetcher is None:
        raise NotFoundError("addresses are not fetched here; send the file to /v1/matches/byContent")
    backend.throttle.admit(request.client.host if request.client else "")
    if body.assetLength > backend.toolchain.settings.max_upload_bytes:
        raise TooLargeError(
            "the file is larger than is examined here", limit=backend.toolchain.settings.max_upload_bytes
        )
    return _heard(backend, response, backend.examinations.begin(backend.fetcher.fetch(body.referenceUrl)), most)


@router.get(
    "/v1/manifests/{manifest_id}",
    response_class=Response,
    responses={
        200: {"description": "The manifest store.", "content": {MANIFEST_TYPE: {}}},
        **problem_responses(400, 404, 503),
    },
)
def get_manifest(
    manifest_id: Annotated[str, Path(max_length=255, description="Label of the active manifest.")],
    backend: BackendDep,
    active_only: Annotated[
        str, Query(alias="returnActiveManifest", description="`true`: the active manifest alone.")
    ] = "false",
) -> Response:
    """Return a manifest store as it was signed, or only its active manifest."""
    if active_only not in ("true", "false"):
        raise MalformedQueryError("returnActiveManifest must be true or false")
    digest = backend.resolver.manifest_sha256(manifest_id)
    if digest is None:
        raise NotFoundError("no released episode has this manifest")
    store = backend.toolchain.blobs.read(digest)
    content = active_manifest(store) if active_only == "true" else store
    return Response(content, headers=dict(PUBLIC_HEADERS), media_type=MANIFEST_TYPE)


@router.get("/v1/services/supportedAlgorithms", responses=problem_responses(503))
def get_algorithms(backend: BackendDep, response: Response) -> AlgorithmsOut:
    """Name the soft binding algorithms whose values are resolved."""
    response.headers.update(PUBLIC_HEADERS)
    return AlgorithmsOut(watermarks=[AlgorithmOut(alg=name) for name in sorted(backend.resolver.algorithms)])


@router.get("/v1/services/capabilities")
def get_capabilities(backend: BackendDep, response: Response) -> CapabilitiesOut:
    """Say which optional parts of the specification are here."""
    response.headers.update(PUBLIC_HEADERS)
    there = ["queryByContent", *(["queryByReference"] if backend.fetcher is not None else [])]
    return CapabilitiesOut(c2paSpecificationVersion=SPECIFICATION, supportedCapabilities=there)


@router.get("/v1/services/status")
def get_status(backend: BackendDep, response: Response) -> ServiceStatusOut:
    """Say whether queries are answered."""
    response.headers.update(PUBLIC_HEADERS)
    try:
        backend.resolver.manifest_sha256("a look-up that finds nothing")
    except GatewayError:
        status = "down"
    else:
        status = "ok"
    return ServiceStatusOut(status=status, timestamp=backend.toolchain.clock().astimezone(UTC))


@router.get("/.well-known/c2pa-soft-binding-resolution")
def get_discovery(response: Response) -> DiscoveryOut:
    """Tell validators where the interface is."""
    response.headers.update(PUBLIC_HEADERS)
    return DiscoveryOut(
        apiEndpoint=BASE,
        c2paSpecificationVersion=SPECIFICATION,
        capabilitiesEndpoint=f"{BASE}/services/capabilities",
        statusEndpoint=f"{BASE}/services/status",
    )


def _by_binding(
    request: Request, backend: Backend, response: Response, alg: str, value: str, max_results: str | None
) -> MatchesOut:
    most = _count(max_results)
    try:
        # A plus sign that was not escaped arrives as a space; both alphabets of base64 are read.
        spelled = value.replace(" ", "+").replace("-", "+").replace("_", "/")
        raw = base64.b64decode(spelled + "=" * (-len(spelled) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedQueryError("`value` is not base64") from error
    backend.throttle.admit(request.client.host if request.client else "")
    return _matches(response, backend.resolver.by_binding(alg, raw, most=most))


def _heard(backend: Backend, response: Response, examination: Examination, most: int) -> MatchesOut:
    report = examination.wait(MOST_WAIT_SECONDS)
    if report is None:
        raise BusyError("the file takes too long for this query; use /v1/verifications", retry_after=60)
    return _matches(response, backend.resolver.by_report(report, most=most))


def _matches(response: Response, matches: Sequence[Match]) -> MatchesOut:
    response.headers.update(PUBLIC_HEADERS)
    return MatchesOut(matches=[MatchOut(manifestId=one.manifest_label, similarityScore=one.score) for one in matches])
