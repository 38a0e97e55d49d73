"""Puts the console's pages on an application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.staticfiles import StaticFiles

from gateway.console import (
    appeals,
    bulk,
    episode,
    home,
    provider,
    quality,
    queue,
    secondlooks,
    signin,
    takeback,
    webhooks,
)
from gateway.console.pages import STATIC

if TYPE_CHECKING:
    from fastapi import FastAPI

    from gateway.console.site import Console

ROUTERS = (
    signin.router,
    provider.router,
    home.router,
    queue.router,
    episode.router,
    takeback.router,
    bulk.router,
    appeals.router,
    webhooks.router,
    quality.router,
    secondlooks.router,
)


def mount_console(app: FastAPI, console: Console) -> None:
    """Make `app` show the console; call it once, after the API is mounted and before the first request."""
    app.state.console = console
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/console/static", StaticFiles(directory=STATIC), name="console-static")
