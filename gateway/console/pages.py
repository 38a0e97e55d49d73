"""Templates into pages, with the headers of pages.

Everything is escaped unless a template says otherwise, and none does: scripts, titles and evidence are strangers' text.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import jinja2
from starlette.responses import HTMLResponse

from gateway.console import words

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
HEADERS = {
    # No inline script or style, nothing from elsewhere, and no plugin, frame or form that leads away.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Pages:
    """Renders templates; safe to use from several threads."""

    def __init__(self) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= words.FILTERS
        digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in STATIC.iterdir()}
        self._environment.globals["static"] = lambda name: f"/console/static/{name}?{digests[name]}"

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page; its template sees `values` and nothing else."""
        return HTMLResponse(self._environment.get_template(template).render(**values), status, dict(HEADERS))
