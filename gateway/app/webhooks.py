"""Webhooks, put together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit.log import Log
    from gateway.db import Database
    from gateway.settings import Settings
    from gateway.webhooks.courier import Courier
    from gateway.webhooks.endpoints import Endpoints


def build_endpoints(settings: Settings, *, database: Database, log: Log, clock: Callable[[], datetime]) -> Endpoints:
    """Return what can be done with endpoints."""
    from gateway.app.rowsecrets import build_seal
    from gateway.fetching import UrlPoster
    from gateway.webhooks.courier import POST_SECONDS
    from gateway.webhooks.endpoints import Endpoints

    return Endpoints(
        database=database,
        log=log,
        clock=clock,
        seal=build_seal(settings, database),
        poster=UrlPoster(seconds=POST_SECONDS, inside=settings.webhook_inside_hosts),
    )


def build_courier(settings: Settings, *, database: Database, log: Log, clock: Callable[[], datetime]) -> Courier:
    """Return what sends messages, not started."""
    from gateway.app.rowsecrets import build_seal
    from gateway.fetching import UrlPoster
    from gateway.webhooks.courier import POST_SECONDS, Courier

    return Courier(
        database=database,
        clock=clock,
        seal=build_seal(settings, database),
        poster=UrlPoster(seconds=POST_SECONDS, inside=settings.webhook_inside_hosts),
        endpoints=build_endpoints(settings, database=database, log=log, clock=clock),
        public_url=settings.public_url,
    )
