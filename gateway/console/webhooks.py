"""Webhooks on the console: admins manage endpoints and see what was sent there; auditors see it too."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from gateway.auth import Role
from gateway.console.doors import Admits, ConsoleRoute, Fields, Posted, see
from gateway.console.site import Console, ConsoleDep
from gateway.errors import ConflictError, InvalidRequestError
from gateway.sessions import SignedIn
from gateway.webhooks.endpoints import FILTERS

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

SHOWN = 50  # messages of a page
DONE = {
    "test": "A trial message is on its way; reload the page to see what became of it.",
    "again": "The message is sent again; reload the page to see what became of it.",
    "disable": "Nothing more is sent there.",
    "enable": "It is told of what happens from now on.",
}

Watcher = Annotated[SignedIn, Depends(Admits(frozenset({Role.ADMIN, Role.AUDITOR})))]
Manager = Annotated[SignedIn, Depends(Admits(frozenset({Role.ADMIN})))]
WebhookId = Annotated[str, Path(pattern="^wh_[0-9a-f]{16}$")]
MessageId = Annotated[str, Path(pattern="^msg_[0-9a-f]{24}$")]


@router.get("/console/webhooks")
def list_webhooks(console: ConsoleDep, visitor: Watcher) -> Response:
    """Show all endpoints, and let admins add one."""
    return _list_page(console, visitor)


@router.post("/console/webhooks")
def add_webhook(console: ConsoleDep, visitor: Manager, fields: Posted) -> Response:
    """Add an endpoint and show its secret, this once; what was typed is kept if that cannot be."""
    chosen = [one for one in fields.get("events", "").split(",") if one]
    try:
        row, secret = console.backend.webhooks.add(
            fields.get("url", ""),
            events=chosen,
            owner=fields.get("owner", "").strip() or None,
            description=fields.get("description", ""),
            by=visitor.caller.key_id,
        )
    except (InvalidRequestError, ConflictError) as error:
        return _list_page(console, visitor, mistake=error.detail, draft=fields, status=error.status)
    page = console.pages.page("webhooksecret.html", visitor=visitor, row=row, secret=secret)
    page.headers["Cache-Control"] = "no-store"
    return page


@router.get("/console/webhooks/{webhook_id}")
def show_webhook(
    webhook_id: WebhookId,
    console: ConsoleDep,
    visitor: Watcher,
    done: str = "",
    before: Annotated[str | None, Query(pattern="^msg_[0-9a-f]{24}$")] = None,
) -> Response:
    """Show one endpoint and what was sent there, newest first."""
    row = console.backend.webhooks.find(webhook_id, visitor.caller)
    found = console.backend.webhooks.deliveries(webhook_id, limit=SHOWN + 1, before=before)
    return console.pages.page(
        "webhook.html",
        visitor=visitor,
        row=row,
        deliveries=found[:SHOWN],
        more=found[SHOWN - 1].id if len(found) > SHOWN else None,
        manages=visitor.caller.role is Role.ADMIN,
        notice=DONE.get(done, ""),
    )


@router.post("/console/webhooks/{webhook_id}/test")
def try_out(webhook_id: WebhookId, console: ConsoleDep, visitor: Manager, fields: Posted) -> Response:
    """Send a trial message."""
    del visitor, fields
    console.backend.webhooks.try_out(webhook_id)
    return see(f"/console/webhooks/{webhook_id}?done=test")


@router.post("/console/webhooks/{webhook_id}/disable")
def disable(webhook_id: WebhookId, console: ConsoleDep, visitor: Manager, fields: Posted) -> Response:
    """Send nothing more there."""
    del fields
    console.backend.webhooks.disable(webhook_id, by=visitor.caller.key_id)
    return see(f"/console/webhooks/{webhook_id}?done=disable")


@router.post("/console/webhooks/{webhook_id}/enable")
def enable(webhook_id: WebhookId, console: ConsoleDep, visitor: Manager, fields: Posted) -> Response:
    """Tell it of what happens from now on."""
    del fields
    console.backend.webhooks.enable(webhook_id, by=visitor.caller.key_id)
    return see(f"/console/webhooks/{webhook_id}?done=enable")


@router.post("/console/webhooks/{webhook_id}/secret")
def rotate(webhook_id: WebhookId, console: ConsoleDep, visitor: Manager, fields: Posted) -> Response:
    """Replace the secret and show the new one, this once."""
    del fields
    secret = console.backend.webhooks.rotate(webhook_id, by=visitor.caller.key_id)
    row = console.backend.webhooks.find(webhook_id, visitor.caller)
    page = console.pages.page("webhooksecret.html", visitor=visitor, row=row, secret=secret)
    page.headers["Cache-Control"] = "no-store"
    return page


@router.post("/console/webhooks/{webhook_id}/deliveries/{message_id}")
def send_again(
    webhook_id: WebhookId, message_id: MessageId, console: ConsoleDep, visitor: Manager, fields: Posted
) -> Response:
    """Send a message again."""
    del visitor, fields
    console.backend.webhooks.redeliver(webhook_id, message_id)
    return see(f"/console/webhooks/{webhook_id}?done=again")


def _list_page(
    console: Console, visitor: SignedIn, *, mistake: str = "", draft: Fields | None = None, status: int = 200
) -> Response:
    typed = draft or {}
    return console.pages.page(
        "webhooks.html",
        status=status,
        visitor=visitor,
        rows=console.backend.webhooks.visible(visitor.caller),
        manages=visitor.caller.role is Role.ADMIN,
        groups=sorted(one for one in FILTERS if one.endswith(".*")),
        chosen=typed.get("events", "").split(","),
        draft={name: typed.get(name, "") for name in ("url", "owner", "description")},
        mistake=mistake,
    )
