"""Secrets and signatures of Standard Webhooks, symmetric: `v1`, HMAC-SHA256 (pure)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32  # the specification asks for 24 to 64


def new_secret() -> str:
    """Return a fresh secret as receivers keep it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(body: bytes, *, message_id: str, at: datetime, secrets_in_force: Sequence[str]) -> dict[str, str]:
    """Return the headers of one attempt; while a secret is being replaced, with a signature under each.

    `at` is the time of the attempt, which receivers compare with their clocks.
    """
    stamp = str(int(at.timestamp()))
    signed = f"{message_id}.{stamp}.".encode() + body
    signatures = []
    for secret in secrets_in_force:
        key = base64.b64decode(secret.removeprefix(PREFIX))
        signatures.append("v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode())
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signatures),
    }
