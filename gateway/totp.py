"""Codes of authenticator apps (TOTP, RFC 6238), with SHA-1, six digits and 30 seconds: what every app can do (pure)."""

from __future__ import annotations

import secrets
from datetime import datetime

import pyotp

STEP_SECONDS = 30  # RFC 6238, section 5.2
DRIFT = 1  # steps before and after that count, for clocks that are off


def new_totp_secret() -> str:
    """Return 160 random bits in base 32, as RFC 4226 recommends."""
    return pyotp.random_base32()


def totp_address(account_name: str, secret: str, *, issuer: str) -> str:
    """Return the `otpauth://` address that an authenticator app reads."""
    return pyotp.TOTP(secret, interval=STEP_SECONDS).provisioning_uri(name=account_name, issuer_name=issuer)


def matching_step(secret: str, code: str, at: datetime) -> int | None:
    """Return the step (RFC 6238) whose code this is, the clock's or one beside it, or None."""
    digits = code.replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) == 6):
        return None
    current = int(at.timestamp()) // STEP_SECONDS
    found = None
    try:
        generator = pyotp.HOTP(secret)
        for step in range(current - DRIFT, current + DRIFT + 1):
            if secrets.compare_digest(generator.at(step), digits):
                found = step
    except ValueError:  # the secret is not base 32
        return None
    return found
