"""Commitments: what the log says about a text in place of its digest, until the text is erased.

An entry of the log stays for ever, and the digest of a short text can be guessed and compared. So every episode has a
random secret in its own row, and the log holds HMAC-SHA256 of the digest under that secret. Who has both the text and
the secret can show that the log means this text; once the secret is destroyed, an entry says nothing about any text.

Trust: whoever can read the table of secrets can confirm a guess, as could whoever reads the texts beside it. It
protects the published log, not the database.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlmodel import Session

from gateway.submissions import EpisodeSecret

SECRET_BYTES = 32  # as long as the hash: RFC 2104, section 3


def digest_of(text: str) -> str:
    """SHA-256 of a UTF-8 text as "sha256:<hex>"."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def secret_of(session: Session, episode_id: str) -> bytes:
    """Return the episode's secret, made in the caller's transaction where it is the first to need it.

    An episode that was erased gets a new one: the old is gone for good, and what is written later has to go with it.
    """
    row = session.get(EpisodeSecret, episode_id)
    if row is not None:
        return row.secret
    row = EpisodeSecret(episode_id=episode_id, secret=secrets.token_bytes(SECRET_BYTES))
    session.add(row)
    return row.secret


def commit(secret: bytes, label: str, digest: str) -> str:
    """Return "hmac-sha256:<hex>" of a digest; `label` says of what, so that equal texts do not look equal."""
    return "hmac-sha256:" + hmac.new(secret, f"{label}\n{digest}".encode(), hashlib.sha256).hexdigest()


def commit_text(session: Session, episode_id: str, label: str, text: str) -> str:
    """Return the commitment to a text of an episode, under the episode's secret."""
    return commit(secret_of(session, episode_id), label, digest_of(text))
