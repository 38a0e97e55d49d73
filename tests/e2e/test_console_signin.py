"""Signing in over HTTP: what lets somebody in, and what must not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from fastapi.routing import APIRoute
from sqlmodel import select

from gateway.accounts import ConsoleSession, disable_account, reset_account
from gateway.auth import Role
from gateway.cli.embedded import EmbeddedGate, demo_sign_in
from gateway.console.mount import ROUTERS
from tests.api_gate import Gate, a_script, build_gate
from tests.console_gate import TOKEN, Browser, make_account, signed_in

PASSWORD = "correct horse battery"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = build_gate(tmp_path)
    yield gate
    gate.chain.database.dispose()


def cookie_of(browser: Browser) -> str:
    return str(browser.client.cookies["__Host-assay-session"])


def try_to_sign_in(browser: Browser, password: str = PASSWORD, code: str = "", status: int = 303) -> str:
    fields = {"name": "ruth", "password": password, "code": code, "next": "/console/account"}
    return browser.send("/console/sign-in", page="/console/sign-in", status=status, **fields)


def test_link_signs_in_once(gate: Gate) -> None:
    account, link = make_account(gate, "ruth", Role.REVIEWER)
    browser = Browser(gate)
    assert browser.use_link(link) == "/console/"
    assert account.id in browser.get("/console/account")
    other = Browser(gate)
    assert "used before" in other.send(f"/console/link/{link}", page=f"/console/link/{link}", status=401)
    other.get("/console/account", status=303)


def test_link_that_the_demo_prints_opens_the_queue_it_leaves(gate: Gate) -> None:
    tools = gate.chain.tools
    embedded = EmbeddedGate(tools.settings, tools, None, caller="nobody")  # type: ignore[arg-type]  # needs no engine
    waiting = gate.make(a_script("please review", title="Left by the demo", sentences=2))
    for _ in range(2):  # the demo may be run as often as one likes
        browser = Browser(gate)
        assert browser.use_link(demo_sign_in(embedded)) == "/console/"
        assert waiting in browser.get("/console/queue")
        page = f"/console/episodes/{waiting}"
        browser.send(f"{page}/claim", page=page)
        browser.send(f"{page}/release", page=page)


def test_looking_at_a_link_does_not_use_it_up(gate: Gate) -> None:
    _, link = make_account(gate, "ruth", Role.REVIEWER)
    for _ in range(3):
        assert "Sign in" in Browser(gate).get(f"/console/link/{link}")
    Browser(gate).use_link(link)


def test_link_is_too_old_after_a_day(gate: Gate) -> None:
    _, link = make_account(gate, "ruth", Role.REVIEWER)
    gate.chain.clock.now += timedelta(hours=24)
    Browser(gate).send(f"/console/link/{link}", page=f"/console/link/{link}", status=401)


def test_session_cookie_is_out_of_reach_of_scripts_and_other_sites(gate: Gate) -> None:
    browser = Browser(gate)
    link = make_account(gate, "ruth", Role.REVIEWER)[1]
    token = TOKEN.search(browser.get(f"/console/link/{link}"))
    assert token is not None
    answer = browser.client.post(f"/console/link/{link}", data={"form_token": token.group(1)})
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-assay-session=")
    for attribute in ("httponly", "secure", "samesite=lax", "path=/"):
        assert attribute in cookie
    assert "domain" not in cookie


def test_session_that_somebody_planted_is_not_taken_over(gate: Gate) -> None:
    planted = "a" * 43
    browser = Browser(gate)
    browser.client.cookies.set("__Host-assay-session", planted, domain="gate.example")
    browser.use_link(make_account(gate, "ruth", Role.REVIEWER)[1])
    held = {cookie.value for cookie in browser.client.cookies.jar if cookie.name == "__Host-assay-session"}
    assert held != {planted}
    thief = Browser(gate)
    thief.client.cookies.set("__Host-assay-session", planted, domain="gate.example")
    thief.get("/console/account", status=303)


def test_signing_in_again_ends_the_session_of_before(gate: Gate) -> None:
    browser = signed_in(gate, "ruth", Role.REVIEWER)
    before = cookie_of(browser)
    browser.use_link(make_account(gate, "rosa", Role.REVIEWER)[1])
    assert cookie_of(browser) != before
    thief = Browser(gate)
    thief.client.cookies.set("__Host-assay-session", before, domain="gate.example")
    thief.get("/console/account", status=303)


def test_password_and_code_sign_in_and_no_code_works_twice(gate: Gate) -> None:
    browser = signed_in(gate, "ruth", Role.REVIEWER)
    browser.send("/console/account/password", new=PASSWORD, again=PASSWORD)
    assert try_to_sign_in(Browser(gate)) == "/console/account"
    secret = pyotp.random_base32()
    generator = pyotp.TOTP(secret)
    browser.send("/console/account/codes", secret=secret, code=generator.at(gate.chain.clock()))
    try_to_sign_in(Browser(gate), status=401)
    try_to_sign_in(Browser(gate), code=generator.at(gate.chain.clock()), status=401)  # it was used for setting up
    gate.chain.clock.now += timedelta(seconds=30)
    code = generator.at(gate.chain.clock())
    assert try_to_sign_in(Browser(gate), code=code) == "/console/account"
    try_to_sign_in(Browser(gate), code=code, status=401)
    gate.chain.clock.now += timedelta(minutes=5)
    try_to_sign_in(Browser(gate), "not the password", generator.at(gate.chain.clock()), status=401)
    try_to_sign_in(Browser(gate), code=generator.at(gate.chain.clock() - timedelta(minutes=2)), status=401)


def test_many_wrong_passwords_make_the_right_one_wait(gate: Gate) -> None:
    signed_in(gate, "ruth", Role.REVIEWER).send("/console/account/password", new=PASSWORD, again=PASSWORD)
    browser = Browser(gate)
    for _ in range(5):
        try_to_sign_in(browser, "guess of somebody", status=401)
    refused = try_to_sign_in(browser, status=401)
    assert "too many tries" in refused
    gate.chain.clock.now += timedelta(seconds=2)
    assert try_to_sign_in(browser) == "/console/account"


def test_one_network_cannot_try_for_ever(gate: Gate) -> None:
    browser = Browser(gate)
    page = TOKEN.search(browser.get("/console/sign-in"))
    assert page is not None
    fields = {"form_token": page.group(1), "name": "nobody", "password": "x"}
    answers = [browser.client.post("/console/sign-in", data=fields).status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]


@pytest.mark.parametrize("name", ["nobody", "ruth", "RUTH ", "' or 1=1 --", "\x00", "ü" * 90])
def test_refusal_does_not_tell_who_exists(gate: Gate, name: str) -> None:
    make_account(gate, "ruth", Role.REVIEWER)  # has no password yet: nothing opens it
    browser = Browser(gate)
    answer = browser.send("/console/sign-in", page="/console/sign-in", status=401, name=name, password="")
    assert "name, password or code are not right" in answer


def test_session_ends_after_an_idle_hour_and_after_a_day(gate: Gate) -> None:
    browser = signed_in(gate, "ruth", Role.REVIEWER)
    for _ in range(24):
        gate.chain.clock.now += timedelta(minutes=59)
        browser.get("/console/account")
    gate.chain.clock.now += timedelta(minutes=25)
    browser.get("/console/account", status=303)
    idle = signed_in(gate, "rosa", Role.REVIEWER)
    gate.chain.clock.now += timedelta(hours=1)
    idle.get("/console/account", status=303)


def test_session_is_extended_as_often_as_somebody_asks(gate: Gate) -> None:
    browser = signed_in(gate, "ruth", Role.REVIEWER)
    token = TOKEN.search(browser.get("/console/account"))
    assert token is not None
    ends = []
    for _ in range(12):
        gate.chain.clock.now += timedelta(minutes=58)
        answer = browser.client.post(
            "/console/session", data={"form_token": token.group(1)}, headers={"Accept": "application/json"}
        )
        ends.append(datetime.fromisoformat(answer.json()["until"]) - gate.chain.clock.now)
    assert all(timedelta(minutes=59) < left <= timedelta(hours=1) for left in ends)
    assert browser.send("/console/session") == "/console/"
    gate.chain.clock.now += timedelta(hours=1)
    answer = browser.client.post("/console/session", data={"form_token": token.group(1)})
    assert answer.headers["location"].startswith("/console/sign-in")


def test_pages_say_when_the_session_is_over(gate: Gate) -> None:
    browser = signed_in(gate, "ruth", Role.REVIEWER)
    page = browser.get("/console/account")
    until = re.search(r'data-until="([^"]+)" data-now="([^"]+)"', page)
    assert until is not None
    left = datetime.fromisoformat(until.group(1)) - datetime.fromisoformat(until.group(2))
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    assert "data-until" not in Browser(gate).get("/console/sign-in")


def test_signed_out_is_signed_out_on_the_server(gate: Gate) -> None:
    browser = signed_in(gate, "ruth", Role.REVIEWER)
    token = cookie_of(browser)
    browser.send("/console/sign-out")
    browser.client.cookies.set("__Host-assay-session", token, domain="gate.example")
    browser.get("/console/account", status=303)


@pytest.mark.parametrize("end", [disable_account, reset_account])
def test_disabled_or_reset_account_is_out_at_once_and_the_log_says_so(gate: Gate, end: object) -> None:
    assert callable(end)
    account, link = make_account(gate, "ruth", Role.REVIEWER)
    browser = Browser(gate)
    browser.use_link(link)
    with gate.chain.database.write() as session:
        end(session, "ruth", at=gate.chain.clock(), log=gate.chain.tools.log)
    browser.get("/console/account", status=303)
    assert gate.chain.kinds(account.id)[0] == "account.created"
    assert gate.chain.kinds(account.id)[-1] in {"account.disabled", "account.reset"}


def test_tokens_are_not_in_the_database(gate: Gate) -> None:
    browser = signed_in(gate, "ruth", Role.REVIEWER)
    with gate.chain.database.read() as session:
        held = [row.digest for row in session.exec(select(ConsoleSession))]
    assert len(held) == 1
    assert cookie_of(browser) not in held


def posts() -> list[str]:
    return sorted(
        route.path
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and "POST" in (route.methods or ())
    )


EPISODE = "ep_" + "0" * 20
NOTHING = {"webhook_id": "wh_" + "0" * 16, "message_id": "msg_" + "0" * 24, "appeal_id": "ap_" + "0" * 20, "look_id": 1}
WHO_ELSE = {"/webhooks": Role.ADMIN, "}/appeal": Role.SUBMITTER}  # whose forms are not for senior reviewers


@pytest.mark.parametrize("path", posts())
def test_no_form_is_taken_from_another_session_or_another_site(gate: Gate, path: str) -> None:
    link = make_account(gate, "rosa", Role.SENIOR_REVIEWER)[1]
    allowed = next((role for part, role in WHO_ELSE.items() if part in path), Role.SENIOR_REVIEWER)
    path = path.format(token=link, episode_id=EPISODE, number=1, **NOTHING)
    browser = signed_in(gate, "ruth", allowed)
    page = "/console/sign-in" if path.endswith("sign-in") or "/link/" in path else "/console/account"
    token = TOKEN.search(browser.get(page))
    stranger = TOKEN.search(signed_in(gate, "carl", Role.SENIOR_REVIEWER).get("/console/account"))
    assert token is not None
    assert stranger is not None
    good = {"form_token": token.group(1)}
    for fields in ({"x": ""}, {"form_token": ""}, {"form_token": "ü"}, {"form_token": stranger.group(1)}):
        assert browser.client.post(path, data=fields).status_code == 403
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ):
        assert browser.client.post(path, data=good, headers=headers).status_code == 403
    assert browser.client.post(path, json=good).status_code == 415
    assert browser.client.post(path, data={**good, "x": "y" * 70_000}).status_code == 413
    # With everything in place the door is open; what lies behind it may still refuse.
    assert browser.client.post(path, data=good, headers={"Sec-Fetch-Site": "same-origin"}).status_code not in {403, 415}


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/console/../x\r\nSet-Cookie: a=b", "javascript:x"],
)
def test_sign_in_leads_nowhere_else(gate: Gate, wanted: str) -> None:
    page = Browser(gate).client.get("/console/sign-in", params={"next": wanted}).text
    assert 'name="next" value="/console/"' in page
    signed_in(gate, "ruth", Role.REVIEWER).send("/console/account/password", new=PASSWORD, again=PASSWORD)
    fields = {"name": "ruth", "password": PASSWORD, "next": wanted}
    assert Browser(gate).send("/console/sign-in", page="/console/sign-in", **fields) == "/console/"


def test_production_asks_for_password_and_codes_before_anything_else(tmp_path: Path) -> None:
    gate = build_gate(tmp_path, environment="production")
    browser = Browser(gate)
    assert browser.use_link(make_account(gate, "ruth", Role.REVIEWER)[1]) == "/console/account"
    assert "set up codes" in browser.get("/console/", status=403)
    browser.send("/console/account/password", new=PASSWORD, again=PASSWORD)
    browser.get("/console/", status=403)
    secret = pyotp.random_base32()
    browser.send("/console/account/codes", secret=secret, code=pyotp.TOTP(secret).at(gate.chain.clock()))
    assert browser.client.get("/console/").status_code in {200, 303}
    gate.chain.database.dispose()


def test_pages_carry_a_strict_policy_and_nothing_inline(gate: Gate) -> None:
    browser = signed_in(gate, "ruth", Role.REVIEWER)
    answer = browser.client.get("/console/account")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "<style" not in answer.text
    assert " style=" not in answer.text
    assert " onclick=" not in answer.text
