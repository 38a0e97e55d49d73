"""Where people land after signing in."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from gateway.console.doors import ConsoleRoute, Visitor, see
from gateway.console.site import ConsoleDep

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


@router.get("/console")
def without_slash() -> Response:
    """Lead to the first page."""
    return see("/console/")


@router.get("/console/")
def home(console: ConsoleDep, visitor: Visitor) -> Response:
    """Greet who is signed in."""
    return console.pages.page("home.html", visitor=visitor)
