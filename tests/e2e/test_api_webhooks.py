"""Webhooks over the API: who may do what, and what they are told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.app import build_courier
from tests.api_gate import Gate, build_gate
from tests.webhook_receiver import Receiver, receiver


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as there:
        yield there


@pytest.fixture
def gate(tmp_path: Path, there: Receiver) -> Iterator[Gate]:
    gate = build_gate(tmp_path, webhook_inside_hosts=(there.host,))
    gate.chain.clock.now = datetime.now(UTC)
    yield gate
    gate.chain.database.dispose()


def send(gate: Gate) -> None:
    tools = gate.chain.tools
    courier = build_courier(tools.settings, database=tools.database, log=tools.log, clock=tools.clock)
    while courier.turn():
        pass


def add(gate: Gate, there: Receiver, **fields: Any) -> dict[str, Any]:
    answer = gate.client("admin").post("/v1/webhooks", json={"url": there.url, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def key_id(gate: Gate, who: str) -> str:
    return gate.keys[who].split("_")[1]


def test_admin_adds_an_endpoint_whose_owner_follows_their_submission(gate: Gate, there: Receiver) -> None:
    made = add(gate, there, owner=key_id(gate, "submitter"), events=["submission.*"], description="For the newsroom")
    owner, other, auditor = (gate.client(who) for who in ("submitter", "other", "auditor"))
    path = f"/v1/webhooks/{made['id']}"
    episode = gate.submit("---\ntitle: x\nvoices:\n  ANN: hum-low\n---\nANN: please block\n")
    gate.run(episode)
    send(gate)
    told = [one.verified(made["secret"]) for one in there.received]
    assert [one["type"] for one in told] == ["submission.received", "submission.blocked"]
    page = owner.get(f"{path}/deliveries?limit=1").json()
    assert page["deliveries"][0]["type"] == "submission.blocked"
    assert page["deliveries"][0]["attempts"][0]["status"] == 204
    rest = owner.get(f"{path}/deliveries", params={"before": page["next_before"]}).json()
    assert [one["type"] for one in rest["deliveries"]] == ["submission.received"]
    assert rest["next_before"] is None
    again = owner.post(f"{path}/deliveries/{page['deliveries'][0]['id']}/redelivery")
    assert (again.status_code, again.json()["standing"]) == (202, "waiting")
    send(gate)
    assert there.received[-1].id == page["deliveries"][0]["id"]
    for client, expected in ((owner, [made["id"]]), (auditor, [made["id"]]), (other, [])):
        assert [one["id"] for one in client.get("/v1/webhooks").json()["webhooks"]] == expected
    for suffix in ("", "/deliveries"):
        assert other.get(path + suffix).status_code == 404
    for suffix in ("/test", f"/deliveries/{page['deliveries'][0]['id']}/redelivery"):
        assert other.post(path + suffix).status_code == 404
        assert auditor.post(path + suffix).status_code == 403


def test_secret_is_shown_once(gate: Gate, there: Receiver) -> None:
    made = add(gate, there)
    path = f"/v1/webhooks/{made['id']}"
    admin = gate.client("admin")
    replaced = admin.post(f"{path}/secret").json()["secret"]
    assert replaced != made["secret"]
    for answer in (admin.get(path), admin.get("/v1/webhooks"), admin.get(f"{path}/deliveries")):
        for secret in (made["secret"], replaced, "sealed1"):
            assert secret not in answer.text


def test_endpoint_is_tried_out_disabled_and_enabled(gate: Gate, there: Receiver) -> None:
    made = add(gate, there)
    path, admin = f"/v1/webhooks/{made['id']}", gate.client("admin")
    assert admin.post(f"{path}/test").status_code == 202
    send(gate)
    assert there.received[0].verified(made["secret"])["type"] == "webhook.test"
    assert admin.post(f"{path}/disable").status_code == 204
    assert admin.get(path).json()["disabled_reason"] == "operator"
    refused = admin.post(f"{path}/test")
    assert refused.status_code == 409
    assert "enable it first" in refused.json()["detail"]
    assert admin.post(f"{path}/enable").status_code == 204
    assert admin.get(path).json()["disabled_at"] is None


def test_what_cannot_be_is_refused(gate: Gate) -> None:
    address = {"url": "https://radio.example/"}
    for body in (
        {},
        {"url": "http://radio.example/"},
        {**address, "events": ["no.such"]},
        {**address, "owner": "nobody"},
        {**address, "secret": "whsec_mine"},
        {**address, "description": "x" * 300},
    ):
        answer = gate.client("admin").post("/v1/webhooks", json=body)
        assert answer.status_code == 422, (body, answer.text)


def test_address_inside_gets_nothing_and_the_deliveries_say_why(gate: Gate) -> None:
    admin = gate.client("admin")
    made = admin.post("/v1/webhooks", json={"url": "https://10.0.0.1/"}).json()
    admin.post(f"/v1/webhooks/{made['id']}/test")
    send(gate)
    (sent,) = admin.get(f"/v1/webhooks/{made['id']}/deliveries").json()["deliveries"]
    assert "public https addresses alone" in sent["attempts"][0]["error"]
    assert sent["standing"] == "waiting"


def test_page_behind_a_message_that_is_not_there_is_refused(gate: Gate, there: Receiver) -> None:
    path = f"/v1/webhooks/{add(gate, there)['id']}/deliveries"
    assert gate.client("admin").get(f"{path}?before=msg_{'0' * 24}").status_code == 404
    assert gate.client("admin").get(f"{path}?before=yesterday").status_code == 422
