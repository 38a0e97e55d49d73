"""Endpoints: made, listed, disabled, given another secret; and what was sent to them.

Admins make endpoints. One with an owner hears of what that API key, or another key of the same person, submitted; its
owner sees it, what was sent there, and may have that sent again. One without an owner hears of everything.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, or_
from sqlmodel import Session, col, func, select, update

from audit.event import Event, EventKind, Fact
from audit.log import Log
from audit.store import read_head
from gateway.auth import Caller, Role, person_of
from gateway.db import Database
from gateway.errors import ConflictError, FetchError, InvalidRequestError, NotFoundError
from gateway.fetching import UrlPoster
from gateway.sealing import Seal
from gateway.submissions import ApiKey
from gateway.webhooks.messages import TEST, TOLD, trial_body
from gateway.webhooks.rows import Off, Standing, WebhookDelivery, WebhookEndpoint
from gateway.webhooks.signing import new_secret

SECRET = "webhook"  # noqa: S105  # what is sealed, as `Seal` knows it
OVERLAP = timedelta(hours=24)  # how long a replaced secret signs beside the new one
MOST_ENDPOINTS = 100  # each reads the log for itself
MOST_FILTERS = 50
MAX_DESCRIPTION = 200  # characters
FILTERS = frozenset({kind.value for kind in TOLD} | {f"{kind.value.partition('.')[0]}.*" for kind in TOLD})


class Endpoints:
    """What can be done with endpoints; safe to use from several threads and processes."""

    def __init__(
        self, *, database: Database, log: Log, clock: Callable[[], datetime], seal: Seal, poster: UrlPoster
    ) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._seal = seal
        self._poster = poster

    def add(
        self, url: str, *, events: Sequence[str], owner: str | None, description: str, by: str
    ) -> tuple[WebhookEndpoint, str]:
        """Make an endpoint that hears of what happens from now on; returns it with its secret, shown this once.

        Raises `InvalidRequestError` for an address, a filter or an owner that cannot be, `ConflictError` for one too
        many, and `KeyMaterialError` without the key that seals secrets.
        """
        try:
            self._poster.check(url)
        except FetchError as error:
            raise InvalidRequestError(
                "messages go to https addresses on port 443 alone, without credentials; the operator may name hosts "
                "inside the own network in ASSAY_WEBHOOK_INSIDE_HOSTS"
            ) from error
        chosen = list(dict.fromkeys(events))
        if len(chosen) > MOST_FILTERS or not FILTERS.issuperset(chosen):
            raise InvalidRequestError(f"the filters are up to {MOST_FILTERS} of: {', '.join(sorted(FILTERS))}")
        if len(description) > MAX_DESCRIPTION or not description.isprintable():
            raise InvalidRequestError(f"a description has up to {MAX_DESCRIPTION} printable characters")
        now, secret = self._clock(), new_secret()
        row = WebhookEndpoint(
            id="wh_" + secrets.token_hex(8),
            url=url,
            owner=owner,
            events=chosen,
            description=description,
            secret="",
            next_entry=0,
            created_at=now,
            created_by=by,
        )
        row.secret = self._seal.seal(secret, purpose=SECRET, owner=row.id)
        with self._database.write() as session:
            if owner is not None and session.get(ApiKey, owner) is None:
                raise InvalidRequestError(f"there is no API key '{owner}'; `assay apikey list` shows the ids")
            if session.exec(select(func.count()).select_from(WebhookEndpoint)).one() >= MOST_ENDPOINTS:
                raise ConflictError(
                    f"there are {MOST_ENDPOINTS} endpoints already; each one costs a reading of the log"
                )
            row.next_entry = read_head(session).size
            session.add(row)
            self._note(session, EventKind.WEBHOOK_CREATED, row, by, {"owner": owner})
        return row, secret

    def visible(self, caller: Caller) -> list[WebhookEndpoint]:
        """Return the endpoints that this caller may know of, oldest first."""
        with self._database.read() as session:
            rows = session.exec(select(WebhookEndpoint).order_by(col(WebhookEndpoint.created_at))).all()
            return [row for row in rows if _may_see(session, caller, row)]

    def find(self, endpoint_id: str, caller: Caller) -> WebhookEndpoint:
        """Return one; raises `NotFoundError` for one that does not exist as far as the caller may know."""
        with self._database.read() as session:
            row = session.get(WebhookEndpoint, endpoint_id)
            if row is None or not _may_see(session, caller, row):
                raise NotFoundError(f"there is no webhook '{endpoint_id}'")
        return row

    def disable(self, endpoint_id: str, *, by: str, reason: Off = Off.OPERATOR) -> None:
        """Send nothing more there; doing it twice changes nothing. Raises `NotFoundError`."""
        with self._database.write() as session:
            self.switch_off(session, _locked(session, endpoint_id), by=by, reason=reason)

    def switch_off(self, session: Session, row: WebhookEndpoint, *, by: str, reason: Off) -> None:
        """Do what `disable` does to a row that the caller's transaction has locked."""
        if row.disabled_at is not None:
            return
        row.disabled_at, row.disabled_reason = self._clock(), reason.value
        session.add(row)
        waiting = col(WebhookDelivery.standing) == Standing.WAITING.value
        session.execute(
            update(WebhookDelivery)
            .where(col(WebhookDelivery.endpoint_id) == row.id, waiting)
            .values(standing=Standing.FAILED.value)
        )
        self._note(session, EventKind.WEBHOOK_DISABLED, row, by, {"reason": reason.value})

    def enable(self, endpoint_id: str, *, by: str) -> None:
        """Tell of what happens from now on; what happened meanwhile is not told. Raises `NotFoundError`."""
        with self._database.write() as session:
            row = _locked(session, endpoint_id)
            if row.disabled_at is not None:
                row.disabled_at = row.disabled_reason = row.failing_since = None
                row.next_entry = read_head(session).size
                session.add(row)
                self._note(session, EventKind.WEBHOOK_ENABLED, row, by, {})

    def rotate(self, endpoint_id: str, *, by: str) -> str:
        """Return a new secret; the old one signs beside it for `OVERLAP`. Raises `NotFoundError`."""
        secret = new_secret()
        with self._database.write() as session:
            row = _locked(session, endpoint_id)
            row.previous_secret, row.previous_until = row.secret, self._clock() + OVERLAP
            row.secret = self._seal.seal(secret, purpose=SECRET, owner=row.id)
            session.add(row)
            self._note(session, EventKind.WEBHOOK_ROTATED, row, by, {})
        return secret

    def try_out(self, endpoint_id: str) -> WebhookDelivery:
        """Put a message there that says nothing but that it is one, and return it.

        Raises `NotFoundError`, and `ConflictError` for an endpoint that is disabled.
        """
        now = self._clock()
        with self._database.write() as session:
            row = _locked(session, endpoint_id)
            _require_enabled(row)
            delivery = new_delivery(row, kind=TEST, body=trial_body(row.id, now), at=now)
            session.add(delivery)
        return delivery

    def deliveries(
        self, endpoint_id: str, *, limit: int, before: str | None = None, standing: Standing | None = None
    ) -> list[WebhookDelivery]:
        """Return what was sent there, or is to be, newest first, from behind the message `before` on.

        Raises `NotFoundError` if there is no such message.
        """
        statement = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
        at, name = col(WebhookDelivery.created_at), col(WebhookDelivery.id)
        with self._database.read() as session:
            if before is not None:
                last = session.get(WebhookDelivery, before)
                if last is None or last.endpoint_id != endpoint_id:
                    raise NotFoundError(f"webhook '{endpoint_id}' has no message '{before}'; start without `before`")
                statement = statement.where(or_(at < last.created_at, and_(at == last.created_at, name < last.id)))
            if standing is not None:
                statement = statement.where(WebhookDelivery.standing == standing.value)
            return list(session.exec(statement.order_by(at.desc(), name.desc()).limit(limit)))

    def redeliver(self, endpoint_id: str, delivery_id: str) -> WebhookDelivery:
        """Send a message again, with the same id and the same bytes, and with all its tries before it.

        Raises `NotFoundError`, and `ConflictError` for one that is under way or whose endpoint is disabled.
        """
        with self._database.write() as session:
            row = _locked(session, endpoint_id)
            delivery = session.get(WebhookDelivery, delivery_id, with_for_update=True)
            if delivery is None or delivery.endpoint_id != endpoint_id:
                raise NotFoundError(f"webhook '{endpoint_id}' has no message '{delivery_id}'")
            _require_enabled(row)
            if delivery.standing == Standing.WAITING.value:
                raise ConflictError("this message is on its way; wait for what becomes of it")
            delivery.standing, delivery.tries, delivery.next_attempt_at = Standing.WAITING.value, 0, self._clock()
            session.add(delivery)
        return delivery

    def _note(self, session: Session, kind: EventKind, row: WebhookEndpoint, by: str, facts: dict[str, Fact]) -> None:
        session.flush()
        self._log.record(session, Event(kind, self._clock(), row.id, by, facts))


def has_secrets(database: Database) -> bool:
    """True if some endpoint's messages cannot be signed without the key that seals secrets."""
    with database.read() as session:
        return session.exec(select(WebhookEndpoint.id).limit(1)).first() is not None


def new_delivery(
    row: WebhookEndpoint,
    *,
    kind: str,
    body: bytes,
    at: datetime,
    entry: int | None = None,
    episode_id: str | None = None,
) -> WebhookDelivery:
    """Return a message for an endpoint, due at once."""
    return WebhookDelivery(
        id=f"msg_{entry or 0:012x}{secrets.token_hex(6)}",  # in the order of the log where times are the same
        endpoint_id=row.id,
        entry=entry,
        kind=kind,
        episode_id=episode_id,
        body=body.decode(),
        created_at=at,
        standing=Standing.WAITING.value,
        next_attempt_at=at,
        attempts=[],
    )


def _locked(session: Session, endpoint_id: str) -> WebhookEndpoint:
    row = session.get(WebhookEndpoint, endpoint_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFoundError(f"there is no webhook '{endpoint_id}'; `assay webhook list` shows all")
    return row


def _require_enabled(row: WebhookEndpoint) -> None:
    if row.disabled_at is not None:
        raise ConflictError(f"webhook '{row.id}' is disabled ({row.disabled_reason}); enable it first")


def _may_see(session: Session, caller: Caller, row: WebhookEndpoint) -> bool:
    if caller.role in (Role.ADMIN, Role.AUDITOR):
        return True
    return row.owner is not None and person_of(session, row.owner) == person_of(session, caller.key_id)
