"""Webhooks: admins manage endpoints; whoever owns one sees what was sent there, and may have it sent again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request

from gateway.api.access import AdminCaller, WebhookReader
from gateway.api.backend import BackendDep
from gateway.api.bodies import described_by, read_json
from gateway.api.problems import problem_responses
from gateway.api.webhook_schemas import (
    EXAMPLE_MESSAGE,
    EXAMPLE_WEBHOOK,
    AttemptOut,
    DeliveryOut,
    DeliveryPage,
    NewWebhookOut,
    SecretOut,
    WebhookIn,
    WebhookList,
    WebhookOut,
)
from gateway.auth import Role
from gateway.errors import ForbiddenError
from gateway.webhooks.rows import Off, Standing, WebhookDelivery, WebhookEndpoint

router = APIRouter(tags=["webhooks"])

MAX_WEBHOOK_BYTES = 16_384  # of a body that describes an endpoint
MAX_PAGE = 100

WebhookId = Annotated[
    str, Path(pattern="^wh_[0-9a-f]{16}$", description="Id of the endpoint.", examples=[EXAMPLE_WEBHOOK])
]
MessageId = Annotated[
    str, Path(pattern="^msg_[0-9a-f]{24}$", description="Id of the message.", examples=[EXAMPLE_MESSAGE])
]


async def new_webhook(request: Request, caller: AdminCaller) -> WebhookIn:
    """Return the body; the caller is checked before it is read."""
    del caller
    return await read_json(request, WebhookIn, limit=MAX_WEBHOOK_BYTES)


@router.post(
    "/v1/webhooks",
    status_code=201,
    responses=problem_responses(401, 403, 408, 409, 413, 415, 422, 503),
    openapi_extra=described_by(WebhookIn),
)
def add(caller: AdminCaller, body: Annotated[WebhookIn, Depends(new_webhook)], backend: BackendDep) -> NewWebhookOut:
    """Have an address told of what happens from now on; its secret is in this answer and nowhere else."""
    row, secret = backend.webhooks.add(
        body.url, events=body.events, owner=body.owner, description=body.description, by=caller.key_id
    )
    return NewWebhookOut(**_shown(row).model_dump(), secret=secret)


@router.get("/v1/webhooks", responses=problem_responses(401, 403, 503))
def list_(caller: WebhookReader, backend: BackendDep) -> WebhookList:
    """List endpoints: a submitter's own; for auditors and admins, all."""
    return WebhookList(webhooks=[_shown(row) for row in backend.webhooks.visible(caller)])


@router.get("/v1/webhooks/{webhook_id}", responses=problem_responses(401, 403, 404, 422, 503))
def show(webhook_id: WebhookId, caller: WebhookReader, backend: BackendDep) -> WebhookOut:
    """Show one endpoint."""
    return _shown(backend.webhooks.find(webhook_id, caller))


@router.post("/v1/webhooks/{webhook_id}/disable", status_code=204, responses=problem_responses(401, 403, 404, 422, 503))
def disable(webhook_id: WebhookId, caller: AdminCaller, backend: BackendDep) -> None:
    """Send nothing more there."""
    backend.webhooks.disable(webhook_id, by=caller.key_id)


@router.post("/v1/webhooks/{webhook_id}/enable", status_code=204, responses=problem_responses(401, 403, 404, 422, 503))
def enable(webhook_id: WebhookId, caller: AdminCaller, backend: BackendDep) -> None:
    """Tell it of what happens from now on; what happened meanwhile is not told."""
    backend.webhooks.enable(webhook_id, by=caller.key_id)


@router.post("/v1/webhooks/{webhook_id}/secret", responses=problem_responses(401, 403, 404, 422, 503))
def rotate(webhook_id: WebhookId, caller: AdminCaller, backend: BackendDep) -> SecretOut:
    """Replace the secret; for a day, messages carry a signature under each."""
    return SecretOut(secret=backend.webhooks.rotate(webhook_id, by=caller.key_id))


@router.post(
    "/v1/webhooks/{webhook_id}/test", status_code=202, responses=problem_responses(401, 403, 404, 409, 422, 503)
)
def try_out(webhook_id: WebhookId, caller: WebhookReader, backend: BackendDep) -> DeliveryOut:
    """Send a message of type `webhook.test`; a worker delivers it, see the deliveries."""
    _require_owner(caller.role)
    backend.webhooks.find(webhook_id, caller)
    return _sent(backend.webhooks.try_out(webhook_id))


@router.get("/v1/webhooks/{webhook_id}/deliveries", responses=problem_responses(401, 403, 404, 422, 503))
def list_deliveries(
    webhook_id: WebhookId,
    caller: WebhookReader,
    backend: BackendDep,
    standing: Annotated[Standing | None, Query(description="Only messages of which this became.")] = None,
    before: Annotated[
        str | None, Query(pattern="^msg_[0-9a-f]{24}$", description="`next_before` of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
) -> DeliveryPage:
    """List what was sent to an endpoint in the last 30 days, newest first, with every attempt."""
    backend.webhooks.find(webhook_id, caller)
    rows = backend.webhooks.deliveries(webhook_id, limit=limit + 1, before=before, standing=standing)
    more = rows[limit - 1].id if len(rows) > limit else None
    return DeliveryPage(deliveries=[_sent(row) for row in rows[:limit]], next_before=more)


@router.post(
    "/v1/webhooks/{webhook_id}/deliveries/{message_id}/redelivery",
    status_code=202,
    responses=problem_responses(401, 403, 404, 409, 422, 503),
)
def redeliver(webhook_id: WebhookId, message_id: MessageId, caller: WebhookReader, backend: BackendDep) -> DeliveryOut:
    """Send a message again: the same id, the same bytes, a fresh signature."""
    _require_owner(caller.role)
    backend.webhooks.find(webhook_id, caller)
    return _sent(backend.webhooks.redeliver(webhook_id, message_id))


def _require_owner(role: Role) -> None:
    if role is Role.AUDITOR:
        raise ForbiddenError("an auditor reads, and has nothing sent")


def _shown(row: WebhookEndpoint) -> WebhookOut:
    return WebhookOut(
        id=row.id,
        url=row.url,
        events=row.events,
        owner=row.owner,
        description=row.description,
        created_at=row.created_at,
        failing_since=row.failing_since,
        disabled_at=row.disabled_at,
        disabled_reason=Off(row.disabled_reason) if row.disabled_reason else None,
    )


def _sent(row: WebhookDelivery) -> DeliveryOut:
    return DeliveryOut(
        id=row.id,
        type=row.kind,
        episode_id=row.episode_id,
        entry=row.entry,
        created_at=row.created_at,
        standing=Standing(row.standing),
        next_attempt_at=row.next_attempt_at,
        attempts=[AttemptOut.model_validate(one) for one in row.attempts],
    )
