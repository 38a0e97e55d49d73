"""Puts routes, problem documents, headers and the OpenAPI description on an application."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from gateway.api import (
    appeals,
    channel,
    drafts,
    episodes,
    health,
    intakes,
    listeners,
    logbook,
    moderations,
    pages,
    perspective,
    policy,
    problems,
    pronunciations,
    reviews,
    saving,
    screenings,
    softbinding,
    speech,
    submissions,
    verifications,
    voices,
    webhooks,
    withdrawals,
)
from gateway.api.backend import Backend
from gateway.api.drafts import DraftIn
from gateway.api.listeners import FeedIn
from gateway.api.middleware import Envelope
from gateway.api.perspective import AnalyzeIn
from gateway.api.schemas import ProblemOut
from gateway.api.screening_schemas import BatchIn, ModerationIn, ScreeningIn
from gateway.api.softbinding_schemas import BindingIn, ReferenceIn
from gateway.api.speech_schemas import SpeechIn
from gateway.api.webhook_schemas import WebhookIn

ROUTERS = (
    submissions.router,
    intakes.router,
    drafts.router,
    saving.router,
    reviews.router,
    appeals.router,
    episodes.router,
    withdrawals.router,
    verifications.router,
    voices.router,
    policy.router,
    softbinding.router,
    screenings.router,
    moderations.router,
    speech.router,
    perspective.router,
    logbook.router,
    channel.router,
    listeners.router,
    webhooks.router,
    pronunciations.router,
    pages.router,
    health.router,
)
BODIES = (
    BindingIn,
    ReferenceIn,
    ScreeningIn,
    BatchIn,
    ModerationIn,
    AnalyzeIn,
    SpeechIn,
    FeedIn,
    WebhookIn,
    DraftIn,
)  # read by hand, so that their size is limited


def mount(app: FastAPI, backend: Backend) -> None:
    """Make `app` answer with `backend`; call it once, before the first request."""
    app.state.backend = backend
    public_url = backend.toolchain.settings.public_url
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app, public_url=public_url, methods=methods_of)
    app.add_middleware(Envelope, public_url=public_url)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def methods_of(path: str) -> set[str]:
    """Return every method that some route takes at `path`."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
        )
        components = schema["components"]["schemas"]
        components["Problem"] = ProblemOut.model_json_schema()
        for model in BODIES:
            described = model.model_json_schema(ref_template="#/components/schemas/{model}")
            components |= described.pop("$defs", {}) | {model.__name__: described}
        app.openapi_schema = schema
    return app.openapi_schema
