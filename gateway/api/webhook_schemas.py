"""What the routes of webhooks take and give."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from gateway.api.schemas import Model, Stored
from gateway.webhooks.endpoints import MAX_DESCRIPTION, MOST_FILTERS
from gateway.webhooks.rows import Off, Standing

EXAMPLE_WEBHOOK = "wh_0123456789abcdef"
EXAMPLE_MESSAGE = "msg_0123456789abcdef01234567"


class WebhookIn(Model):
    """An address to be told of changes."""

    url: str = Field(
        max_length=2_048, description="https, on port 443.", examples=["https://radio.example/hooks/assay"]
    )
    events: list[str] = Field(
        default_factory=list,
        max_length=MOST_FILTERS,
        description="Kinds of events, or groups like `episode.*`; none: all.",
        examples=[["review.requested", "episode.*"]],
    )
    owner: str | None = Field(
        None, max_length=64, description="Id of the API key whose submissions it hears of; none: everybody's."
    )
    description: str = Field("", max_length=MAX_DESCRIPTION, description="For people.")


class WebhookOut(Model):
    """An endpoint, without its secret."""

    id: str = Field(examples=[EXAMPLE_WEBHOOK])
    url: str
    events: list[str]
    owner: str | None
    description: str
    created_at: datetime
    failing_since: datetime | None = Field(description="No message arrived since; after five days it is disabled.")
    disabled_at: datetime | None
    disabled_reason: Off | None


class NewWebhookOut(WebhookOut):
    """An endpoint with its secret, which is shown this once."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class SecretOut(Model):
    """The secret that signs from now on; the one before signs beside it for a day."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class WebhookList(Model):
    """The endpoints that the caller may know of, oldest first."""

    webhooks: list[WebhookOut]


class AttemptOut(Stored):
    """One try to deliver a message."""

    at: datetime
    status: int | None = Field(description="Of the answer, if there was one.")
    error: str
    seconds: float


class DeliveryOut(Model):
    """A message, and what came of it."""

    id: str = Field(description="The header `webhook-id`, the same at every attempt.", examples=[EXAMPLE_MESSAGE])
    type: str = Field(examples=["episode.released"])
    episode_id: str | None
    entry: int | None = Field(description="Index of the event in the log.")
    created_at: datetime
    standing: Standing
    next_attempt_at: datetime | None
    attempts: list[AttemptOut]


class DeliveryPage(Model):
    """Messages of an endpoint, newest first."""

    deliveries: list[DeliveryOut]
    next_before: str | None = Field(description="Send it as `before` for the page that follows; null on the last.")
