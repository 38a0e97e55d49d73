"""Webhooks on the console: what admins do there, what auditors see, and that nobody else comes near."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.app import build_courier
from gateway.auth import Role
from tests.api_gate import Gate, build_gate
from tests.console_gate import Browser, signed_in
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


def add(admin: Browser, there: Receiver) -> tuple[str, str]:
    """Add an endpoint by its form; returns its page and its secret."""
    page = admin.send("/console/webhooks", page="/console/webhooks", status=200, url=there.url, events="submission.*")
    secret, path = (
        re.search(r"(whsec_[^<]+)</code>", page),
        re.search(r'href="(/console/webhooks/wh_[0-9a-f]{16})"', page),
    )
    assert secret is not None
    assert path is not None
    return path.group(1), secret.group(1)


def test_admin_adds_tries_out_repeats_and_disables(gate: Gate, there: Receiver) -> None:
    admin = signed_in(gate, "ada", Role.ADMIN)
    path, secret = add(admin, there)
    assert secret not in admin.get("/console/webhooks") + admin.get(path)
    assert admin.send(f"{path}/test", page=path) == f"{path}?done=test"
    gate.submit("---\ntitle: x\nvoices:\n  ANN: hum-low\n---\nANN: Hello.\n")
    send(gate)
    assert sorted(there.kinds()) == ["submission.received", "webhook.test"]
    page = admin.get(f"{path}?done=test")
    assert "A trial message is on its way" in page
    assert page.count("delivered") == 2
    message = re.findall(r'action="(/console/webhooks/wh_\w+/deliveries/msg_\w+)"', page)[0]
    admin.send(message, page=path)
    send(gate)
    assert len(there.received) == 3
    assert len({one.id for one in there.received}) == 2
    assert "sent again" in admin.get(f"{path}?done=again")
    page = admin.send(f"{path}/secret", page=path, status=200)
    assert secret not in page
    assert "signs beside it until" in page
    admin.send(f"{path}/disable", page=path)
    assert "disabled" in admin.get("/console/webhooks")
    admin.send(f"{path}/enable", page=path)
    assert "in use" in admin.get("/console/webhooks")


def test_mistake_keeps_what_was_typed(gate: Gate) -> None:
    admin = signed_in(gate, "ada", Role.ADMIN)
    page = admin.send(
        "/console/webhooks",
        page="/console/webhooks",
        status=422,
        url='http://radio.example/"><script>alert(1)</script>',
        description="For the <b>newsroom</b>",
    )
    assert "https addresses on port 443" in page
    assert "For the &lt;b&gt;newsroom&lt;/b&gt;" in page
    assert "<script>alert" not in page


def test_others_change_nothing_and_auditors_see(gate: Gate, there: Receiver) -> None:
    path, _ = add(signed_in(gate, "ada", Role.ADMIN), there)
    message = f"{path}/deliveries/msg_{'0' * 24}"
    forms = ("/console/webhooks", f"{path}/test", f"{path}/disable", f"{path}/enable", f"{path}/secret", message)
    for role in (Role.AUDITOR, Role.REVIEWER, Role.SENIOR_REVIEWER, Role.SUBMITTER):
        browser = signed_in(gate, role.value, role)
        for page in ("/console/webhooks", path):
            text = browser.get(page, status=200 if role is Role.AUDITOR else 403)
            assert "Send a trial message" not in text
            assert "Add it and show its secret" not in text
        for form in forms:
            browser.send(form, status=403, url=there.url)


def test_what_is_not_there_is_not_found(gate: Gate) -> None:
    admin = signed_in(gate, "ada", Role.ADMIN)
    nothing = f"/console/webhooks/wh_{'0' * 16}"
    admin.get(nothing, status=404)
    for form in (f"{nothing}/test", f"{nothing}/disable", f"{nothing}/secret", f"{nothing}/deliveries/msg_{'0' * 24}"):
        admin.send(form, status=404)
