"""What webhooks leave in rows: endpoints, and the messages for each with what came of them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from audit.store import UtcDateTime


class Standing(StrEnum):
    """What became of a message."""

    WAITING = "waiting"  # it is sent when it is due
    DELIVERED = "delivered"  # the receiver answered 2xx
    FAILED = "failed"  # every try was in vain, or the endpoint was disabled; it may be sent again by hand


class Off(StrEnum):
    """Why an endpoint gets nothing."""

    OPERATOR = "operator"  # somebody disabled it
    GONE = "gone"  # the receiver answered 410
    FAILING = "failing"  # nothing arrived there for days


class WebhookEndpoint(SQLModel, table=True):
    """An address that is told of changes."""

    id: str = Field(primary_key=True, max_length=32)
    url: str = Field(sa_type=Text)
    owner: str | None = Field(default=None, max_length=64)  # API key id whose submissions it hears of; None: all
    events: list[str] = Field(sa_column=Column(JSON, nullable=False))  # filters; none: all
    description: str = Field(max_length=200)
    secret: str = Field(max_length=255)  # sealed
    previous_secret: str | None = Field(default=None, max_length=255)  # sealed; signs too until ...
    previous_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_entry: int = Field(sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), nullable=False))
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str = Field(max_length=64)  # API key id, account id or "operator"
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)  # no message arrived since
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disabled_reason: str | None = Field(default=None, max_length=16)  # `Off`


class WebhookDelivery(SQLModel, table=True):
    """One message for one endpoint."""

    __table_args__ = (
        UniqueConstraint("endpoint_id", "entry"),  # an event becomes one message, once
        Index("ix_webhookdelivery_due", "standing", "next_attempt_at"),
        Index("ix_webhookdelivery_newest", "endpoint_id", "created_at"),
    )

    id: str = Field(primary_key=True, max_length=32)  # `webhook-id`, the same at every attempt
    endpoint_id: str = Field(foreign_key="webhookendpoint.id", max_length=32)
    entry: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"))
    )  # in the log
    kind: str = Field(max_length=64)
    episode_id: str | None = Field(default=None, max_length=64)
    body: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    standing: str = Field(max_length=16)  # `Standing`
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: list[dict[str, object]] = Field(sa_column=Column(JSON, nullable=False))  # at, status, error, seconds
    tries: int = 0  # since it was made or last sent again by hand
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
