"""Signing in with an OpenID provider, over HTTP on both sides: who comes in, as what, and who must not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlmodel import col, select

from gateway.accounts import Account, ConsoleSession, create_link, disable_account, find_account
from gateway.auth import Role
from gateway.federation import SignInAttempt
from tests.api_gate import PUBLIC_URL, Gate, build_gate
from tests.console_gate import Browser, make_account, signed_in
from tests.openid_provider import CLIENT, SECRET, Lying, lying_provider, packaged_provider

ROLES = {"seniors": "senior_reviewer", "reviewers": "reviewer", "writers": "submitter", "it": "admin"}
START = "/console/sign-in/provider"


def gate_with(folder: Path, issuer: str, **changes: Any) -> Gate:
    options: dict[str, Any] = {"oidc_client_id": CLIENT, "oidc_client_secret": SECRET, "oidc_roles": ROLES}
    return build_gate(folder, oidc_issuer=issuer, oidc_label="Harbour Radio", **{**options, **changes})


@pytest.fixture
def provider() -> Iterator[Lying]:
    with lying_provider() as provider:
        provider.claims = {"sub": "u-1", "groups": ["reviewers"], "preferred_username": "Ruth"}
        yield provider


@pytest.fixture
def gate(tmp_path: Path, provider: Lying) -> Iterator[Gate]:
    gate = gate_with(tmp_path, provider.url)
    gate.chain.clock.now = datetime.now(UTC)
    yield gate
    gate.chain.database.dispose()


def there_and_back(browser: Browser, provider: Lying, status: int = 303, wanted: str = "") -> str:
    """Sign in as the provider's claims say; returns where it leads, or the page that answers."""
    begun = browser.client.get(START + (f"?next={wanted}" if wanted else ""))
    assert begun.status_code == 303, begun.text
    back = browser.client.get(provider.authorise(begun.headers["location"]))
    assert back.status_code == status, back.text
    return str(back.headers.get("location", back.text))


def accounts(gate: Gate) -> list[Account]:
    with gate.chain.database.read() as session:
        return list(session.exec(select(Account).order_by(col(Account.created_at))))


def test_somebody_signs_in_and_works_as_what_their_groups_say(gate: Gate, provider: Lying) -> None:
    browser = Browser(gate)
    assert "Sign in with Harbour Radio" in browser.get("/console/sign-in")
    assert there_and_back(browser, provider, wanted="/console/queue%3Forder=oldest") == "/console/queue?order=oldest"
    assert "Take the next case" in browser.get("/console/queue")
    page = browser.get("/console/account")
    assert "You sign in at" in page
    assert "Choose a password" not in page
    (account,) = accounts(gate)
    assert (account.name, account.role, account.subject) == ("ruth", "reviewer", "u-1")
    assert gate.chain.kinds(account.id) == ["account.created"]


def test_role_follows_the_groups_at_every_sign_in_and_older_sessions_end(gate: Gate, provider: Lying) -> None:
    first, second = Browser(gate), Browser(gate)
    there_and_back(first, provider)
    provider.claims["groups"] = ["others", "it", "seniors"]
    there_and_back(second, provider)
    first.get("/console/queue", status=303)
    (account,) = accounts(gate)
    assert account.role == "senior_reviewer"  # the first of the settings, not of the provider's list
    assert gate.chain.kinds(account.id) == ["account.created", "account.role_changed"]


def test_nobody_without_a_role_gets_a_session_and_the_page_says_why(gate: Gate, provider: Lying) -> None:
    for groups in ([], ["others"], None, "Reviewers"):
        provider.claims["groups"] = groups
        browser = Browser(gate)
        page = there_and_back(browser, provider, status=403)
        assert "none of your groups there has a role here" in page
        browser.get("/console/queue", status=303)
    assert accounts(gate) == []


def test_who_loses_their_role_loses_their_sessions(gate: Gate, provider: Lying) -> None:
    first, second = Browser(gate), Browser(gate)
    there_and_back(first, provider)
    provider.claims["groups"] = ["others"]
    there_and_back(second, provider, status=403)
    first.get("/console/queue", status=303)


def test_session_of_somebody_else_in_the_same_browser_ends_when_the_one_who_came_back_has_no_role(
    gate: Gate, provider: Lying
) -> None:
    browser = signed_in(gate, "rosa", Role.REVIEWER)
    provider.claims["groups"] = []
    there_and_back(browser, provider, status=403)
    browser.get("/console/queue", status=303)


def test_account_is_bound_to_the_subject_and_not_to_a_name(gate: Gate, provider: Lying) -> None:
    make_account(gate, "ruth", Role.ADMIN)
    there_and_back(Browser(gate), provider)
    provider.claims |= {"sub": "u-2", "preferred_username": "Ruth"}
    there_and_back(Browser(gate), provider)
    local, one, two = accounts(gate)
    assert local.issuer is None
    assert (one.subject, two.subject) == ("u-1", "u-2")
    assert len({local.name, one.name, two.name}) == 3
    provider.claims["preferred_username"] = "somebody-new"
    there_and_back(Browser(gate), provider)
    assert len(accounts(gate)) == 3


def test_whatever_name_the_provider_gives_makes_an_account(gate: Gate, provider: Lying) -> None:
    names = ("", "<script>alert(1)</script>", "ü" * 400, "../../etc", "acct_0", " ", "a" * 5_000)
    for number, name in enumerate(names):
        provider.claims |= {"sub": f"u-{number}", "preferred_username": name}
        browser = Browser(gate)
        there_and_back(browser, provider)
        assert "<script>alert" not in browser.get("/console/account")
    assert len(accounts(gate)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9._@+-]{1,100}", one.name) for one in accounts(gate))


def test_session_that_somebody_planted_is_not_taken_over(gate: Gate, provider: Lying) -> None:
    browser, thief, planted = Browser(gate), Browser(gate), "a" * 43
    browser.client.cookies.set("__Host-assay-session", planted, domain="gate.example")
    there_and_back(browser, provider)
    thief.client.cookies.set("__Host-assay-session", planted, domain="gate.example")
    thief.get("/console/account", status=303)


def test_answer_to_somebody_elses_sign_in_signs_nobody_in(gate: Gate, provider: Lying) -> None:
    """Login CSRF: a stranger begins, stops before the last step, and sends the address to the victim."""
    stranger, victim = Browser(gate), Browser(gate)
    address = provider.authorise(stranger.client.get(START).headers["location"])
    victim.client.get(START)  # the victim's browser has a sign-in of its own under way
    answer = victim.client.get(address)
    assert answer.status_code == 401
    assert "not begun in this browser" in answer.text
    victim.get("/console/queue", status=303)
    assert stranger.client.get(address).status_code == 401  # it was used up
    assert "/token" not in provider.asked


def test_answer_counts_once_and_not_for_ever(gate: Gate, provider: Lying) -> None:
    browser = Browser(gate)
    address = provider.authorise(browser.client.get(START).headers["location"])
    cookies = dict(browser.client.cookies)
    assert browser.client.get(address).status_code == 303
    browser.client.cookies.update(cookies)
    assert browser.client.get(address).status_code == 401
    late = Browser(gate)
    address = provider.authorise(late.client.get(START).headers["location"])
    gate.chain.clock.now += timedelta(minutes=10)
    assert late.client.get(address).status_code == 401


def test_made_up_answers_are_refused(gate: Gate) -> None:
    for query in ("", "?state=x", "?state=x&code=y", "?code=y", "?error=access_denied", "?state=%00&code=%ff", "?iss="):
        answer = Browser(gate).client.get(f"/console/sign-in/callback{query}")
        assert answer.status_code == 401
        assert "begin again" in answer.text


def test_refusal_at_the_provider_is_told_without_quoting_strangers(gate: Gate, provider: Lying) -> None:
    for error, told in (("access_denied", "access_denied"), ("<b>x</b>", "without saying why")):
        browser = Browser(gate)
        state = provider.authorise(browser.client.get(START).headers["location"]).rpartition("state=")[2]
        answer = browser.client.get("/console/sign-in/callback", params={"state": state, "error": error})
        assert answer.status_code == 401
        assert told in answer.text
        assert "<b>" not in answer.text


def test_mixed_up_provider_is_refused_before_the_code_is_sent(gate: Gate, provider: Lying) -> None:
    browser = Browser(gate)
    address = provider.authorise(browser.client.get(START).headers["location"], iss="https://evil.example")
    assert browser.client.get(address).status_code == 401
    assert "/token" not in provider.asked


def test_sign_in_leads_nowhere_else(gate: Gate, provider: Lying) -> None:
    for wanted in ("https://evil.example/", "//evil.example", "/console/..//evil", "javascript:x"):
        assert urlsplit(there_and_back(Browser(gate), provider, wanted=wanted))[:2] == ("", "")


def test_disabled_account_stays_out_whatever_the_provider_says(gate: Gate, provider: Lying) -> None:
    browser = Browser(gate)
    there_and_back(browser, provider)
    with gate.chain.database.write() as session:
        disable_account(session, "ruth", at=gate.chain.clock(), log=gate.chain.tools.log)
    assert "disabled" in there_and_back(Browser(gate), provider, status=403)
    browser.get("/console/queue", status=303)


def test_account_of_the_provider_has_neither_password_nor_codes_nor_links(gate: Gate, provider: Lying) -> None:
    browser = Browser(gate)
    there_and_back(browser, provider)
    page = browser.send(
        "/console/account/password", new="correct horse battery", again="correct horse battery", status=422
    )
    assert "no password here" in page
    with gate.chain.database.write() as session:
        link = create_link(session, find_account(session, "ruth"), at=gate.chain.clock())
    Browser(gate).send(f"/console/link/{link}", page=f"/console/link/{link}", status=401)


def test_signing_out_offers_to_sign_out_there_as_well(gate: Gate, provider: Lying) -> None:
    browser = Browser(gate)
    there_and_back(browser, provider)
    page = browser.send("/console/sign-out", status=200)
    (address,) = re.findall(rf'href="({re.escape(provider.url)}/end\?[^"]+)"', page)
    assert "id_token_hint=ey" in address
    assert "post_logout_redirect_uri=https%3A%2F%2Fgate.example%2Fconsole%2Fsign-in" in address
    browser.get("/console/queue", status=303)


def test_id_token_is_kept_sealed(gate: Gate, provider: Lying) -> None:
    there_and_back(Browser(gate), provider)
    with gate.chain.database.read() as session:
        (held,) = session.exec(select(ConsoleSession)).all()
        assert session.exec(select(SignInAttempt)).all() == []
    assert str(held.hint).startswith("sealed1.")


def test_provider_that_is_away_is_said_so_and_local_accounts_still_work(gate: Gate, provider: Lying) -> None:
    provider.document = {"issuer": "https://somebody.example"}
    answer = Browser(gate).client.get(START)
    assert answer.status_code == 503
    assert "ASSAY_OIDC_ISSUER" in answer.text
    signed_in(gate, "rosa", Role.REVIEWER).get("/console/queue")


def test_wanted_domain_must_be_verified(tmp_path: Path, provider: Lying) -> None:
    gate = gate_with(tmp_path, provider.url, oidc_email_domains=("harbour.example",))
    gate.chain.clock.now = datetime.now(UTC)
    provider.claims |= {"email": "ruth@Harbour.example", "email_verified": True}
    there_and_back(Browser(gate), provider)
    for email, verified in (("ruth@evil.example", True), ("ruth@harbour.example", False), ("harbour.example", True)):
        provider.claims |= {"email": email, "email_verified": verified}
        page = there_and_back(Browser(gate), provider, status=403)
        assert "verified e-mail address of harbour.example" in page
    gate.chain.database.dispose()


def test_local_accounts_can_be_switched_off(tmp_path: Path, provider: Lying) -> None:
    gate = gate_with(tmp_path, provider.url)
    gate.chain.clock.now = datetime.now(UTC)
    local = signed_in(gate, "rosa", Role.REVIEWER)
    gate.chain.database.dispose()
    gate = gate_with(tmp_path, provider.url, local_accounts=False)
    gate.chain.clock.now = datetime.now(UTC)
    held = Browser(gate)
    held.client.cookies.update(local.client.cookies)
    held.get("/console/queue", status=303)
    page = held.get("/console/sign-in")
    assert 'name="password"' not in page
    assert "Sign in with Harbour Radio" in page
    link = make_account(gate, "rita", Role.REVIEWER)[1]
    for path, fields in (("/console/sign-in", {"name": "x", "password": "y"}), (f"/console/link/{link}", {})):
        assert held.client.post(path, data=fields).status_code == 403
    there_and_back(Browser(gate), provider)
    gate.chain.database.dispose()


def test_without_a_provider_there_is_no_way_to_one(tmp_path: Path) -> None:
    gate = build_gate(tmp_path)
    browser = Browser(gate)
    assert "Sign in with" not in browser.get("/console/sign-in")
    for path in (START, "/console/sign-in/callback?state=x&code=y"):
        browser.get(path, status=404)
    gate.chain.database.dispose()


def test_one_client_cannot_begin_for_ever(gate: Gate) -> None:
    browser = Browser(gate)
    assert {browser.client.get(START).status_code for _ in range(12)} == {303, 429}


def test_provider_from_a_package_signs_somebody_in_and_out(tmp_path: Path) -> None:
    """Nothing of ours is on the other side."""
    ruth = {"sub": "ruth-at-work", "groups": ["reviewers"], "email": "ruth@harbour.example", "email_verified": True}
    with packaged_provider(tmp_path, [ruth, {"sub": "guest", "groups": ["guests"]}]) as issuer:
        gate = gate_with(tmp_path / "home", issuer)
        gate.chain.clock.now = datetime.now(UTC)

        def go(browser: Browser, sub: str) -> httpx.Response:
            address = browser.client.get(START).headers["location"]
            answer = httpx.post(address, data={"sub": sub}, trust_env=False)
            assert answer.status_code == 302, answer.text
            assert answer.headers["location"].startswith(PUBLIC_URL)
            return browser.client.get(answer.headers["location"])

        browser = Browser(gate)
        assert go(browser, "ruth-at-work").headers["location"] == "/console/"
        assert "Take the next case" in browser.get("/console/queue")
        assert [one.name for one in accounts(gate)] == ["ruth@harbour.example"]
        assert go(Browser(gate), "guest").status_code == 403
        (address,) = re.findall(r'href="([^"]+end_session[^"]+)"', browser.send("/console/sign-out", status=200))
        left = httpx.get(address.replace("&amp;", "&"), trust_env=False)
        assert left.status_code == 200
        assert "https://gate.example/console/sign-in" in left.text
        gate.chain.database.dispose()
