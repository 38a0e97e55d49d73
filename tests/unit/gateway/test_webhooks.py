"""Webhooks from the event to the receiver: signed, once for each event, again until it arrives, to nobody else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from standardwebhooks import Webhook, WebhookVerificationError

from audit.event import EventKind
from gateway.accounts import add_account
from gateway.auth import Caller, Role, create_key
from gateway.errors import ConflictError, FetchError, InvalidRequestError, KeyMaterialError, NotFoundError
from gateway.fetching import UrlPoster
from gateway.sealing import Seal
from gateway.submissions import ReviewCase
from gateway.webhooks.courier import PAUSES, Courier
from gateway.webhooks.endpoints import FILTERS, Endpoints
from gateway.webhooks.fanout import fan_out
from gateway.webhooks.messages import TOLD
from gateway.webhooks.rows import Standing, WebhookDelivery, WebhookEndpoint
from gateway.webhooks.signing import new_secret, signed_headers
from tests.gateway_chain import REVIEWER, SUBMITTER, Chain, build_chain
from tests.webhook_receiver import Receiver, receiver

KEY = bytes(range(32))
PUBLIC_URL = "https://gate.example"
ADMIN = Caller("operator", Role.ADMIN, "operator")


on_both = pytest.mark.parametrize("kind", ["sqlite", "postgres"])  # where locks matter


@pytest.fixture
def kind() -> str:
    return "sqlite"


@pytest.fixture
def chain(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    url = "" if kind == "sqlite" else str(request.getfixturevalue("postgres_url"))
    chain = build_chain(tmp_path, database_url=url)
    chain.clock.now = datetime.now(UTC)  # the official verifier looks at the clock
    yield chain
    chain.database.dispose()


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as there:
        yield there


class Hooks:
    """Endpoints and courier around a chain."""

    def __init__(self, chain: Chain, there: Receiver, *, seconds: float = 5.0) -> None:
        self.chain = chain
        self.there = there
        self.seal = Seal(lambda: KEY)
        poster = UrlPoster(seconds=seconds, inside=(there.host,))
        database, clock = chain.database, chain.clock
        self.endpoints = Endpoints(database=database, log=chain.tools.log, clock=clock, seal=self.seal, poster=poster)
        self.courier = Courier(
            database=database,
            clock=clock,
            seal=self.seal,
            poster=poster,
            endpoints=self.endpoints,
            public_url=PUBLIC_URL,
        )

    def add(self, *events: str, owner: str | None = None, url: str = "") -> tuple[WebhookEndpoint, str]:
        return self.endpoints.add(url or self.there.url, events=events, owner=owner, description="", by="operator")

    def deliveries(self, row: WebhookEndpoint) -> list[WebhookDelivery]:
        return self.endpoints.deliveries(row.id, limit=100)[::-1]

    def find(self, row: WebhookEndpoint) -> WebhookEndpoint:
        return self.endpoints.find(row.id, ADMIN)

    def send_everything(self) -> None:
        for _ in range(50):
            if not self.courier.turn():
                return
        raise AssertionError("there is no end to it")


@pytest.fixture
def hooks(chain: Chain, there: Receiver) -> Hooks:
    return Hooks(chain, there)


@on_both
def test_every_change_of_an_episode_is_told_once_in_order_and_the_official_verifier_agrees(hooks: Hooks) -> None:
    _, secret = hooks.add()
    released = hooks.chain.submit("Good morning.")
    hooks.chain.run(released)
    reviewed = hooks.chain.submit("please review")
    hooks.chain.run(reviewed)
    hooks.chain.desk.claim(reviewed, reviewer=REVIEWER)
    hooks.chain.desk.reject(reviewed, reviewer=REVIEWER, reason="Not as it is.", changes=True)
    hooks.send_everything()
    hooks.send_everything()
    told = [one.verified(secret) for one in hooks.there.received]
    assert [one["type"] for one in told if one["data"]["episode_id"] == released] == [
        "submission.received",
        "screening.decided",
        "clip.produced",
        "speech.heard",
        "clip.logged",
        "approval.granted",
        "episode.released",
    ]
    last = told[-1]
    assert last["type"] == "submission.rejected"
    assert last["data"]["facts"]["outcome"] == "request_changes"
    assert last["data"]["state"] == "rejected"
    assert last["data"]["links"]["submission"] == f"{PUBLIC_URL}/v1/submissions/{reviewed}"
    entries = [one["data"]["entry"] for one in told]
    assert entries == sorted(set(entries))
    assert len({one.id for one in hooks.there.received}) == len(told)


def test_messages_hold_no_word_of_a_script_nor_a_reason(hooks: Hooks) -> None:
    hooks.add()
    episode = hooks.chain.submit("please review Zanzibar")
    hooks.chain.run(episode)
    hooks.chain.desk.claim(episode, reviewer=REVIEWER)
    hooks.chain.desk.reject(episode, reviewer=REVIEWER, reason="Because of Timbuktu.")
    hooks.send_everything()
    everything = b"".join(one.body for one in hooks.there.received)
    assert hooks.there.received
    for word in (b"Zanzibar", b"Timbuktu", b"Morning briefing", REVIEWER.encode(), SUBMITTER.encode()):
        assert word not in everything


def test_endpoint_hears_of_what_happens_after_it_was_made(hooks: Hooks) -> None:
    hooks.chain.run(hooks.chain.submit())
    hooks.add()
    hooks.send_everything()
    assert hooks.there.received == []


def test_filters_choose_kinds_and_groups(hooks: Hooks) -> None:
    hooks.add("episode.*", "review.requested")
    hooks.chain.run(hooks.chain.submit())
    hooks.chain.run(hooks.chain.submit("please review"))
    hooks.send_everything()
    assert hooks.there.kinds() == ["episode.released", "review.requested"]


@on_both
def test_owner_hears_of_their_own_and_of_what_their_other_keys_sent(hooks: Hooks) -> None:
    now, tools = hooks.chain.clock(), hooks.chain.tools
    with hooks.chain.database.write() as session:
        person = add_account(session, "ann", Role.SUBMITTER, at=now, log=tools.log).id
        first, second, other = (
            create_key(session, Role.SUBMITTER, name, now, account_id=account).split("_")[1]
            for name, account in (("one", person), ("two", person), ("other", None))
        )
    hooks.add("submission.received", owner=first)
    sent = {key: hooks.chain.submit(f"From {key}.", api_key_id=key) for key in (first, second, other)}
    hooks.send_everything()
    assert [one.document["data"]["episode_id"] for one in hooks.there.received] == [sent[first], sent[second]]


def test_only_owner_and_those_who_see_all_know_of_an_endpoint(hooks: Hooks) -> None:
    with hooks.chain.database.write() as session:
        mine, theirs = (
            create_key(session, Role.SUBMITTER, name, hooks.chain.clock()).split("_")[1] for name in ("mine", "theirs")
        )
    owned, _ = hooks.add(owner=mine)
    everything, _ = hooks.add()
    seen = {
        role: {one.id for one in hooks.endpoints.visible(Caller(key, role, "x"))}
        for key, role in ((mine, Role.SUBMITTER), ("r", Role.REVIEWER), ("a", Role.AUDITOR), ("b", Role.ADMIN))
    }
    assert seen[Role.SUBMITTER] == {owned.id}
    assert seen[Role.REVIEWER] == set()
    assert seen[Role.AUDITOR] == seen[Role.ADMIN] == {owned.id, everything.id}
    with pytest.raises(NotFoundError):
        hooks.endpoints.find(owned.id, Caller(theirs, Role.SUBMITTER, "x"))


@on_both
def test_failed_message_is_sent_again_with_the_same_id_and_bytes_and_a_fresh_signature(hooks: Hooks) -> None:
    row, secret = hooks.add("submission.received")
    hooks.there.answers = [500, 302, 404]
    hooks.chain.submit()
    for _ in range(4):
        hooks.courier.turn()
        hooks.chain.clock.now += timedelta(hours=12)
    assert len({(one.id, one.body) for one in hooks.there.received}) == 1
    assert len({one.headers["webhook-timestamp"] for one in hooks.there.received}) == 4
    hooks.there.received[0].verified(secret)
    (delivery,) = hooks.deliveries(row)
    assert delivery.standing == Standing.DELIVERED
    assert [one["status"] for one in delivery.attempts] == [500, 302, 404, 204]
    assert hooks.find(row).failing_since is None


def test_pauses_grow_and_the_eighth_try_is_the_last(hooks: Hooks) -> None:
    row, _ = hooks.add("submission.received")
    hooks.there.answers = [503] * 20
    hooks.chain.submit()
    for pause in PAUSES:
        assert hooks.courier.turn() == 1
        hooks.chain.clock.now += pause * 0.85
        assert hooks.courier.turn() == 0  # not yet
        hooks.chain.clock.now += pause * 0.3
    assert hooks.courier.turn() == 1
    hooks.chain.clock.now += timedelta(days=2)
    assert hooks.courier.turn() == 0
    (delivery,) = hooks.deliveries(row)
    assert (delivery.standing, len(delivery.attempts)) == (Standing.FAILED, 8)
    assert timedelta(hours=27) < sum(PAUSES, timedelta()) < timedelta(hours=29)


def test_receiver_that_asks_for_time_gets_it_within_reason(hooks: Hooks) -> None:
    row, _ = hooks.add("submission.received")
    hooks.there.answers, hooks.there.headers = [429, 429], {"Retry-After": "1200"}
    hooks.chain.submit()
    hooks.courier.turn()
    hooks.chain.clock.now += timedelta(minutes=19)
    assert hooks.courier.turn() == 0
    hooks.chain.clock.now += timedelta(minutes=2)
    hooks.there.headers = {"Retry-After": "99999999999999999999"}
    assert hooks.courier.turn() == 1
    hooks.chain.clock.now += timedelta(hours=25)
    assert hooks.courier.turn() == 1
    assert hooks.deliveries(row)[0].standing == Standing.DELIVERED


@on_both
def test_receiver_that_is_gone_is_not_asked_again_and_the_log_says_so(hooks: Hooks) -> None:
    row, _ = hooks.add("submission.received")
    hooks.there.answers = [410]
    for _ in range(3):
        hooks.chain.submit()
    hooks.send_everything()
    hooks.chain.clock.now += timedelta(days=1)
    hooks.chain.submit()
    hooks.send_everything()
    assert len(hooks.there.received) == 1
    assert hooks.find(row).disabled_reason == "gone"
    assert {one.standing for one in hooks.deliveries(row)} == {Standing.FAILED}
    hooks.chain.submit()  # gives what waits its place
    assert hooks.chain.kinds(row.id) == ["webhook.created", "webhook.disabled"]


def test_endpoint_where_nothing_arrives_for_days_is_disabled(hooks: Hooks) -> None:
    row, _ = hooks.add("submission.received")
    hooks.there.answers = [500] * 100
    for _ in range(6):
        hooks.chain.submit()
        hooks.courier.turn()
        hooks.chain.clock.now += timedelta(days=1)
    assert hooks.find(row).disabled_reason == "failing"
    with pytest.raises(ConflictError, match="disabled"):
        hooks.endpoints.try_out(row.id)


@on_both
def test_endpoint_that_was_off_hears_of_what_comes_and_the_rest_is_sent_by_hand(hooks: Hooks) -> None:
    row, secret = hooks.add("submission.received")
    hooks.chain.submit("The first.")
    fan_out(hooks.chain.database, clock=hooks.chain.clock, public_url=PUBLIC_URL)
    hooks.endpoints.disable(row.id, by="operator")
    hooks.endpoints.disable(row.id, by="operator")
    hooks.chain.submit("Meanwhile.")
    hooks.send_everything()
    assert hooks.there.received == []
    hooks.endpoints.enable(row.id, by="operator")
    hooks.chain.submit("Afterwards.")
    hooks.send_everything()
    assert len(hooks.there.received) == 1
    missed = hooks.deliveries(row)[0]
    hooks.endpoints.redeliver(row.id, missed.id)
    with pytest.raises(ConflictError, match="on its way"):
        hooks.endpoints.redeliver(row.id, missed.id)
    hooks.send_everything()
    assert hooks.there.received[1].id == missed.id
    hooks.endpoints.redeliver(row.id, missed.id)  # once more, also what arrived
    hooks.send_everything()
    assert [one.id for one in hooks.there.received[1:]] == [missed.id] * 2
    hooks.there.received[2].verified(secret)


def test_message_of_another_endpoint_is_not_there(hooks: Hooks) -> None:
    one, _ = hooks.add("submission.received")
    two, _ = hooks.add("submission.received")
    hooks.chain.submit()
    hooks.send_everything()
    with pytest.raises(NotFoundError):
        hooks.endpoints.redeliver(two.id, hooks.deliveries(one)[0].id)
    with pytest.raises(NotFoundError):
        hooks.endpoints.redeliver("wh_none", hooks.deliveries(one)[0].id)


def test_replaced_secret_signs_beside_the_new_one_for_a_day(hooks: Hooks) -> None:
    row, old = hooks.add("submission.received")
    new = hooks.endpoints.rotate(row.id, by="operator")
    hooks.chain.submit()
    hooks.send_everything()
    for secret in (old, new):
        hooks.there.received[0].verified(secret)
    hooks.chain.clock.now += timedelta(hours=24)
    hooks.endpoints.try_out(row.id)
    hooks.send_everything()
    later = hooks.there.received[1]
    at = datetime.fromtimestamp(int(later.headers["webhook-timestamp"]), UTC)
    assert later.headers["webhook-signature"] == Webhook(new).sign(later.id, at, later.body.decode())


@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp"])
def test_signature_covers_body_id_and_time(change: str) -> None:
    secret, at = new_secret(), datetime.now(UTC)
    headers = signed_headers(b'{"a":1}', message_id="msg_1", at=at, secrets_in_force=[secret])
    Webhook(secret).verify(b'{"a":1}', headers)
    if change == "webhook-timestamp":
        headers[change] = str(int(headers[change]) + 1)
    elif change == "webhook-id":
        headers[change] = "msg_2"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b'{"a":2}' if change == "body" else b'{"a":1}', headers)


def test_secrets_are_nowhere_in_the_clear(hooks: Hooks) -> None:
    row, secret = hooks.add()
    assert secret.startswith("whsec_")
    assert secret not in row.secret
    assert json.dumps(hooks.find(row).model_dump(mode="json")).count("sealed1.") == 1


def test_lost_key_costs_no_try(hooks: Hooks) -> None:
    row, _ = hooks.add("submission.received")
    hooks.chain.submit()

    def lost() -> bytes:
        raise KeyMaterialError("rows.key is missing")

    key, hooks.seal._read_key = hooks.seal._read_key, lost
    hooks.courier.turn()
    assert hooks.deliveries(row)[0].attempts == []
    hooks.seal._read_key = key
    hooks.chain.clock.now += timedelta(minutes=5)
    hooks.send_everything()
    assert hooks.deliveries(row)[0].standing == Standing.DELIVERED


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "https://example.org:8443/hook",
        "https://user:secret@example.org/hook",
        "ftp://example.org",
        "https://",
        "http://127.0.0.1:1/hook",
        "https://exa mple.org/",
        "",
        "https://example.org/" + "x" * 3_000,
    ],
)
def test_address_that_messages_never_go_to_is_refused_at_once(there: Receiver, url: str, tmp_path: Path) -> None:
    chain = build_chain(tmp_path)
    with pytest.raises(InvalidRequestError, match="ASSAY_WEBHOOK_INSIDE_HOSTS"):
        Hooks(chain, there).endpoints.add(url, events=(), owner=None, description="", by="operator")
    chain.database.dispose()


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:10.0.0.1", "100.64.0.1"]
)
def test_name_that_leads_inside_gets_nothing(address: str) -> None:
    poster = UrlPoster(seconds=2.0, resolve=lambda host, port: [address])
    with pytest.raises(FetchError, match="public https addresses alone"):
        poster.post("https://hooks.example.org/", b"{}", {})


def test_receiver_that_hangs_or_redirects_is_left(there: Receiver) -> None:
    poster = UrlPoster(seconds=0.3, inside=(there.host,))
    there.delay = 1.0
    with pytest.raises(FetchError, match="did not answer"):
        poster.post(there.url, b"{}", {})
    there.delay, there.answers, there.headers = 0.0, [302], {"Location": there.url}
    assert poster.post(there.url, b"{}", {}).status == 302
    assert len(there.received) == 2


def test_wrong_filters_owners_and_descriptions_are_named(hooks: Hooks) -> None:
    for changes in (
        {"events": ["account.created"]},
        {"events": ["nonsense"]},
        {"events": ["episode.*"] * 2 + ["*"]},
        {"owner": "nobody"},
        {"description": "x" * 201},
        {"description": "a\nb"},
    ):
        options: dict[str, Any] = {"events": (), "owner": None, "description": "", "by": "operator", **changes}
        with pytest.raises(InvalidRequestError):
            hooks.endpoints.add(hooks.there.url, **options)


def test_what_is_not_about_an_episode_is_told_to_nobody(hooks: Hooks) -> None:
    hooks.add()
    with hooks.chain.database.write() as session:
        add_account(session, "ann", Role.SUBMITTER, at=hooks.chain.clock(), log=hooks.chain.tools.log)
    hooks.send_everything()
    assert hooks.there.received == []
    assert not {EventKind.ACCOUNT_CREATED, EventKind.KEY_CREATED, EventKind.WEBHOOK_CREATED} & set(TOLD)
    assert {"episode.*", "appeal.filed", "submission.received"} <= FILTERS


@on_both
def test_two_couriers_at_once_tell_everything_once(hooks: Hooks) -> None:
    hooks.add("submission.received")
    ids = {hooks.chain.submit(f"Number {number}.") for number in range(12)}
    other = Hooks(hooks.chain, hooks.there).courier
    threads = [threading.Thread(target=courier.turn) for courier in (hooks.courier, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hooks.send_everything()
    told = [one.document["data"]["episode_id"] for one in hooks.there.received]
    assert sorted(told) == sorted(ids)


@on_both
def test_backlog_of_one_receiver_holds_up_nobody_else(hooks: Hooks) -> None:
    with receiver() as dead:
        both = UrlPoster(seconds=5.0, inside=(hooks.there.host, dead.host))
        hooks.endpoints._poster = hooks.courier._poster = both
        dead.answers = [500] * 1_000
        hooks.add("submission.received", url=dead.url)
        hooks.add("submission.received")
        for number in range(40):
            hooks.chain.submit(f"Number {number}.")
        hooks.courier.turn()
        hooks.courier.turn()
        assert len(hooks.there.received) == 40
        assert len(dead.received) == 1  # it rests, and its backlog with it


@on_both
def test_crash_between_sending_and_noting_sends_again_under_the_same_id(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, _ = hooks.add("submission.received")
    hooks.chain.submit()

    def die(*_: object, **__: object) -> None:
        raise OSError("the machine lost power")

    monkeypatch.setattr(hooks.courier, "_note", die)
    with pytest.raises(OSError, match="power"):
        hooks.courier.turn()
    monkeypatch.undo()
    assert hooks.courier.turn() == 0  # claimed by whoever died
    hooks.chain.clock.now += timedelta(minutes=2)
    hooks.send_everything()
    assert len({one.id for one in hooks.there.received}) == 1
    assert len(hooks.there.received) == 2
    assert hooks.deliveries(row)[0].standing == Standing.DELIVERED


@on_both
def test_settled_messages_are_forgotten_and_waiting_ones_kept(hooks: Hooks) -> None:
    row, _ = hooks.add("submission.received")
    hooks.chain.submit("Delivered.")
    hooks.send_everything()
    hooks.there.answers = [500]
    hooks.chain.submit("Waiting.")
    hooks.send_everything()
    hooks.chain.clock.now += timedelta(days=31)
    hooks.courier.prune()
    assert [one.standing for one in hooks.deliveries(row)] == [Standing.WAITING]


def test_thread_sends_by_itself_and_stops(hooks: Hooks) -> None:
    hooks.courier._idle = 0.02
    hooks.add("submission.received")
    hooks.courier.start()
    hooks.chain.submit()
    for _ in range(500):
        if hooks.there.received:
            break
        threading.Event().wait(0.02)
    hooks.courier.stop()
    hooks.courier.stop()
    assert hooks.there.kinds() == ["submission.received"]


def test_state_of_a_case_is_told_with_a_link_to_the_console(hooks: Hooks) -> None:
    hooks.add("review.requested")
    episode = hooks.chain.submit("please review")
    hooks.chain.run(episode)
    hooks.send_everything()
    (one,) = hooks.there.received
    assert one.document["data"]["links"]["console"] == f"{PUBLIC_URL}/console/episodes/{episode}"
    with hooks.chain.database.read() as session:
        assert session.exec(select(ReviewCase.episode_id)).all() == [episode]
