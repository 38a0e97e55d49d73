"""The public pages: a form that takes a file, and results to read; they work without scripts, cookies and log-ins."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.api.backend import Backend, BackendDep
from gateway.api.examinations import Examination
from gateway.api.verifications import VerificationId, receive_upload
from gateway.errors import GatewayError, NotFoundError, detail_for, problem_for
from gateway.pages.views import static_file
from synth.errors import SynthError

router = APIRouter(include_in_schema=False)

PAGE_SECONDS = 25.0  # that the page waits for a result before it says that it will look again
STATIC_CACHE = "public, max-age=3600"
# What a page may load: its own style sheet, script and pictures. No inline style or script, no frame, no other site.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@router.get("/")
@router.get("/verify")
def get_form(backend: BackendDep) -> Response:
    """Show the form."""
    return _page(backend.pages.form())


@router.post("/verify")
async def post_file(request: Request, backend: BackendDep) -> Response:
    """Examine the file of the form, and show the result or, for a long file, a page that looks again."""
    try:
        examination = backend.examinations.begin(await receive_upload(request, backend))
    except (GatewayError, SynthError) as error:
        return _refusal(backend, error)
    return await run_in_threadpool(_show, backend, examination, PAGE_SECONDS)


@router.get("/verify/{verification_id}")
def get_result(verification_id: VerificationId, backend: BackendDep) -> Response:
    """Show a result that is still kept, or that it is not there yet."""
    try:
        examination = backend.examinations.find(verification_id)
    except NotFoundError as error:
        return _refusal(backend, error)
    return _show(backend, examination, 0.0, redirect=False)


@router.get("/pages/{name}")
def get_static(name: Annotated[str, Path(max_length=64)]) -> Response:
    """Return a style sheet or script of the pages."""
    found = static_file(name)
    if found is None:
        raise NotFoundError("there is nothing at this address")
    content, media_type = found
    return Response(content, headers={"Cache-Control": STATIC_CACHE}, media_type=media_type)


def _show(backend: Backend, examination: Examination, wait: float, *, redirect: bool = True) -> Response:
    address = f"/verify/{examination.id}"
    try:
        report = examination.wait(wait)
    except (GatewayError, SynthError) as error:
        return _refusal(backend, error)
    if report is None:
        return RedirectResponse(address, 303) if redirect else _page(backend.pages.pending(address))
    label = report.episode.manifest_label if report.episode is not None and report.episode.state == "released" else None
    page = backend.pages.result(
        report,
        signed_url=f"/v1/verifications/{examination.id}/signed",
        manifest_url=f"/v1/manifests/{quote(label, safe='')}" if label else None,
    )
    return _page(page)


def _refusal(backend: Backend, error: Exception) -> Response:
    problem = problem_for(error)
    page = backend.pages.problem(title=problem.title, detail=detail_for(error), status=problem.status)
    headers = {}
    if isinstance(error, GatewayError) and "retry_after" in error.extensions:
        headers["Retry-After"] = str(error.extensions["retry_after"])
    return _page(page, status=problem.status, headers=headers)


def _page(content: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(content, status, {**PAGE_HEADERS, **(headers or {})}, "text/html; charset=utf-8")
