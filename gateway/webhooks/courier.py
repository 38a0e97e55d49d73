"""Sends what is due: one thread in every worker, and a few more while it sends.

1. A message is claimed, by moving its time ahead: no other worker sends it meanwhile. If we crash from here on, it is
   sent again, with the same id.
2. It is signed for this attempt and posted, without redirects, to public addresses alone (`gateway.fetching`).
3. What came of it is noted. 2xx: delivered. 410: the endpoint is disabled. Anything else: it is tried again after the
   pauses of `PAUSES`, longer where the receiver asks for that, and then given up. An endpoint where nothing arrived for
   `PATIENCE` is disabled.

One endpoint's messages are sent one after another, and several endpoints' side by side, so that a receiver that hangs
holds up only its own.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select, update

from audit.errors import AuditError
from gateway.db import Database
from gateway.errors import FetchError, GatewayError, KeyMaterialError
from gateway.fetching import Receipt, UrlPoster
from gateway.sealing import Seal
from gateway.webhooks.endpoints import SECRET, Endpoints
from gateway.webhooks.fanout import fan_out
from gateway.webhooks.rows import Off, Standing, WebhookDelivery, WebhookEndpoint
from gateway.webhooks.signing import signed_headers

POST_SECONDS = 15.0  # for one attempt; receivers answer first and work then
# After the first try: eight tries in about 28 hours, so that an outage of a day costs nothing.
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000))
JITTER = 0.1  # of a pause, either way: receivers that come back are not hit by everything at once
LONGEST_WISH = timedelta(hours=24)  # that a receiver may ask for by `Retry-After`
PATIENCE = timedelta(days=5)  # without a single message that arrived
CLAIM = timedelta(minutes=2)  # longer than an attempt
KEEP = timedelta(days=30)  # how long messages that have settled are shown
AT_ONCE = 25  # messages of one endpoint in one turn, ...
TURN_SECONDS = 20.0  # ... if it takes them that fast
SHORTEST_REST = timedelta(seconds=4)  # of an endpoint after a failure, doubled with each further one: shorter than the
LONGEST_REST = timedelta(minutes=5)  # pauses of a message, so that a backlog is not tried message by message
SENDERS = 4  # endpoints that are sent to at a time
IDLE_SECONDS = 2.0  # between looks
PRUNE_SECONDS = 3_600.0

logger = logging.getLogger(__name__)


class Courier:
    """Turns events into messages and sends them; `start` and `stop` it with the worker."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Callable[[], datetime],
        seal: Seal,
        poster: UrlPoster,
        endpoints: Endpoints,
        public_url: str,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._seal = seal
        self._poster = poster
        self._endpoints = endpoints
        self._public_url = public_url
        self._idle = idle_seconds
        self._resting: dict[str, tuple[datetime, int]] = {}  # endpoint → until when, after how many failures in a row
        self._pruned = -PRUNE_SECONDS
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="assay-courier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send no more; an attempt that is under way is waited for, as long as one may take."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def turn(self) -> int:
        """Make messages of what was logged, send what is due, and return how many attempts that took."""
        fan_out(self._database, clock=self._clock, public_url=self._public_url)
        now = self._clock()
        due = [batch for one in self._endpoints_due(now) if (batch := self._messages_due(one, now))]
        if not due:
            return 0
        with ThreadPoolExecutor(max_workers=SENDERS, thread_name_prefix="assay-courier") as senders:
            return sum(senders.map(self._send_all, due))

    def attempt(self, delivery_id: str) -> WebhookDelivery | None:
        """Send one message that is due now, and return it with what came of it; None if it is not, or not ours."""
        # 1.
        with self._database.write() as session:
            now = self._clock()
            claimed = session.connection().execute(
                update(WebhookDelivery)
                .where(
                    col(WebhookDelivery.id) == delivery_id,
                    col(WebhookDelivery.standing) == Standing.WAITING.value,
                    col(WebhookDelivery.next_attempt_at) <= now,
                )
                .values(next_attempt_at=now + CLAIM)
            )
            if claimed.rowcount != 1:
                return None
            delivery = session.get_one(WebhookDelivery, delivery_id)
            endpoint = session.get_one(WebhookEndpoint, delivery.endpoint_id)
        if endpoint.disabled_at is not None:
            return None
        # 2.
        try:
            in_force = self._secrets(endpoint)
        except KeyMaterialError as error:
            logger.error("webhook %s cannot be signed: %s", endpoint.id, error)
            return None  # it waits for the key, and no try is lost
        began, at = time.monotonic(), self._clock()
        receipt: Receipt | None = None
        trouble = ""
        try:
            body = delivery.body.encode()
            headers = signed_headers(body, message_id=delivery.id, at=at, secrets_in_force=in_force)
            receipt = self._poster.post(endpoint.url, body, headers)
        except FetchError as error:
            trouble = error.detail
        # 3.
        with self._database.write() as session:
            return self._note(session, delivery_id, endpoint.id, receipt, trouble, at, time.monotonic() - began)

    def prune(self) -> None:
        """Forget messages that settled long ago."""
        settled = col(WebhookDelivery.standing) != Standing.WAITING.value
        with self._database.write() as session:
            session.execute(
                delete(WebhookDelivery).where(settled, col(WebhookDelivery.created_at) < self._clock() - KEEP)
            )

    def _note(
        self,
        session: Session,
        delivery_id: str,
        endpoint_id: str,
        receipt: Receipt | None,
        trouble: str,
        at: datetime,
        seconds: float,
    ) -> WebhookDelivery:
        """Note what came of an attempt, in the caller's transaction; the endpoint is locked first, as everywhere."""
        endpoint = session.get_one(WebhookEndpoint, endpoint_id, with_for_update=True, populate_existing=True)
        delivery = session.get_one(WebhookDelivery, delivery_id, with_for_update=True, populate_existing=True)
        status = receipt.status if receipt is not None else None
        shown: dict[str, object] = {
            "at": at.isoformat(),
            "status": status,
            "error": trouble,
            "seconds": round(seconds, 3),
        }
        delivery.attempts = [*delivery.attempts, shown]
        delivery.tries += 1
        if status is not None and 200 <= status < 300:
            delivery.standing, delivery.delivered_at = Standing.DELIVERED.value, at
            delivery.next_attempt_at = endpoint.failing_since = None
        else:
            endpoint.failing_since = endpoint.failing_since or at
            pause = _pause(delivery.tries, receipt)
            delivery.next_attempt_at = None if pause is None else at + pause
            if pause is None:
                delivery.standing = Standing.FAILED.value
        session.add(endpoint)
        session.add(delivery)
        session.flush()
        if status == 410:
            self._endpoints.switch_off(session, endpoint, by="system", reason=Off.GONE)
        elif endpoint.failing_since is not None and at - endpoint.failing_since >= PATIENCE:
            self._endpoints.switch_off(session, endpoint, by="system", reason=Off.FAILING)
        session.refresh(delivery)
        return delivery

    def _endpoints_due(self, now: datetime) -> list[str]:
        """Return the endpoints with messages that are due, but for those that rest after a failure."""
        statement = (
            select(WebhookEndpoint.id)
            .join(WebhookDelivery, col(WebhookDelivery.endpoint_id) == col(WebhookEndpoint.id))
            .where(
                WebhookDelivery.standing == Standing.WAITING.value,
                col(WebhookDelivery.next_attempt_at) <= now,
                col(WebhookEndpoint.disabled_at).is_(None),
            )
            .distinct()
        )
        with self._database.read() as session:
            found = session.exec(statement).all()
        return [one for one in found if self._resting.get(one, (now, 0))[0] <= now]

    def _messages_due(self, endpoint_id: str, now: datetime) -> list[str]:
        statement = (
            select(WebhookDelivery.id)
            .where(
                WebhookDelivery.endpoint_id == endpoint_id,
                WebhookDelivery.standing == Standing.WAITING.value,
                col(WebhookDelivery.next_attempt_at) <= now,
            )
            .order_by(col(WebhookDelivery.next_attempt_at), col(WebhookDelivery.entry))
            .limit(AT_ONCE)
        )
        with self._database.read() as session:
            return list(session.exec(statement))

    def _secrets(self, endpoint: WebhookEndpoint) -> list[str]:
        held = [endpoint.secret]
        if endpoint.previous_secret and endpoint.previous_until and endpoint.previous_until > self._clock():
            held.append(endpoint.previous_secret)
        return [self._seal.open(one, purpose=SECRET, owner=endpoint.id) for one in held]

    def _send_all(self, delivery_ids: list[str]) -> int:
        """Send one endpoint's messages until one does not arrive."""
        sent, began = 0, time.monotonic()
        for delivery_id in delivery_ids:
            if self._stopping.is_set() or time.monotonic() - began > TURN_SECONDS:
                break
            result = self.attempt(delivery_id)
            if result is None:
                continue
            sent += 1
            if result.standing == Standing.DELIVERED.value:
                self._resting.pop(result.endpoint_id, None)
            else:
                failures = self._resting.get(result.endpoint_id, (None, 0))[1] + 1
                rest = min(SHORTEST_REST * 2 ** min(failures - 1, 20), LONGEST_REST)
                self._resting[result.endpoint_id] = (self._clock() + rest, failures)
                break
        return sent

    def _run(self) -> None:
        while not self._stopping.wait(self._idle):
            try:
                self.turn()
                if time.monotonic() - self._pruned >= PRUNE_SECONDS:
                    self.prune()
                    self._pruned = time.monotonic()
            except (AuditError, GatewayError) as error:
                logger.warning("webhooks wait: %s", error)
            except Exception as error:  # noqa: BLE001  # the thread must outlive whatever it meets
                logger.error("sending webhooks failed with %s", type(error).__name__)


def _pause(tries: int, receipt: Receipt | None) -> timedelta | None:
    """Return how long to wait after so many tries, or None when it was the last."""
    if tries > len(PAUSES):
        return None
    pause = PAUSES[tries - 1] * random.SystemRandom().uniform(1 - JITTER, 1 + JITTER)
    wish = timedelta(seconds=min(receipt.retry_after or 0, LONGEST_WISH.total_seconds())) if receipt else timedelta()
    return max(pause, wish)
