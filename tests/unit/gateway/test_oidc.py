"""An OpenID provider that lies: every answer that must not sign anybody in."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from gateway import oidc
from gateway.errors import AuthenticationError, SignInUnavailableError
from gateway.oidc import Attempt, Identity, OpenIdProvider, new_attempt
from tests.openid_provider import CLIENT, KEYS, SECRET, Lying, lying_provider

BACK = "https://gate.example/console/sign-in/callback"


@pytest.fixture
def provider() -> Iterator[Lying]:
    with lying_provider() as provider:
        yield provider


def party(provider: Lying, **changes: Any) -> OpenIdProvider:
    return OpenIdProvider(
        **{
            "issuer": provider.url,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "redirect_uri": BACK,
            "scopes": ("profile",),
            "groups_claim": "groups",
            "clock": lambda: datetime.now(UTC),
            **changes,
        }
    )


def sign_in(provider: Lying, us: OpenIdProvider | None = None, *, attempt: Attempt | None = None) -> Identity:
    us, attempt = us or party(provider), attempt or new_attempt()
    provider.authorise(us.begin(attempt))
    return us.finish(attempt, code=f"code-{len(provider.codes) - 1}", named_issuer=None)


def test_honest_answer_names_somebody(provider: Lying) -> None:
    provider.claims |= {"preferred_username": "Ruth", "email": "ruth@example.org", "email_verified": True}
    found = sign_in(provider)
    assert (found.issuer, found.subject, found.name) == (provider.url, "u-1", "Ruth")
    assert (found.email, found.groups) == ("ruth@example.org", ("reviewers",))


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_address_that_the_provider_did_not_verify_is_none(provider: Lying, verified: object) -> None:
    provider.claims |= {"email": "boss@example.org", "email_verified": verified}
    assert sign_in(provider).email == ""


NOW = int(time.time())
WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "another client": {"aud": "somebody-else"},
    "several clients, for another": {"aud": [CLIENT, "somebody-else"], "azp": "somebody-else"},
    "several clients, for nobody": {"aud": [CLIENT, "somebody-else"]},
    "no client": {"aud": None},
    "another sign-in": {"nonce": "of another sign-in"},
    "no sign-in": {"nonce": None},
    "expired": {"exp": NOW - 3_600},
    "without end": {"exp": None},
    "end that is a word": {"exp": "never"},
    "not in force yet": {"nbf": NOW + 3_600},
    "from the future": {"iat": NOW + 3_600},
    "nobody": {"sub": None},
    "empty": {"sub": ""},
    "a number": {"sub": 7},
    "too long": {"sub": "x" * 256},
    "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("claims", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_token_that_is_not_for_this_sign_in_is_refused(provider: Lying, claims: dict[str, Any]) -> None:
    provider.claims |= claims
    with pytest.raises(AuthenticationError, match="refused"):
        sign_in(provider)


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts) + "."


def test_unsigned_token_is_refused(provider: Lying) -> None:
    provider.sign = unsigned
    with pytest.raises(AuthenticationError, match="does not hold"):
        sign_in(provider)


def test_token_signed_with_the_public_key_as_a_shared_secret_is_refused(provider: Lying) -> None:
    public = provider.keys[0].as_pem(private=False)
    secret = OctKey.import_key(base64.urlsafe_b64encode(public).decode())
    provider.sign = lambda claims: jwt.encode({"alg": "HS256", "kid": "key-1"}, claims, secret)
    with pytest.raises(AuthenticationError, match="does not hold"):
        sign_in(provider)


def test_token_signed_with_the_clients_secret_is_refused(provider: Lying) -> None:
    secret = OctKey.import_key(SECRET)
    provider.sign = lambda claims: jwt.encode({"alg": "HS256"}, claims, secret)
    with pytest.raises(AuthenticationError, match="does not hold"):
        sign_in(provider)


@pytest.mark.parametrize("header", [{"kid": "key-1"}, {"kid": "unheard"}, {"jwk": "inside"}])
def test_token_signed_with_somebody_elses_key_is_refused(provider: Lying, header: dict[str, Any]) -> None:
    stranger = RSAKey.generate_key(2048)
    if "jwk" in header:
        header = {"kid": "key-1", "jwk": stranger.as_dict(private=False)}
    provider.sign = lambda claims: provider.signed(claims, stranger, **header)
    with pytest.raises(AuthenticationError, match="does not hold"):
        sign_in(provider)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.", "é.é.é", "W10.W10.W10", "." * 50, 7, None])
def test_what_is_no_token_is_refused(provider: Lying, token: Any) -> None:
    provider.sign = lambda claims: token
    with pytest.raises(AuthenticationError, match="refused"):
        sign_in(provider)


def test_changed_token_is_refused(provider: Lying) -> None:
    def change(claims: dict[str, Any]) -> str:
        header, _, signature = provider.signed(claims).split(".")
        body = base64.urlsafe_b64encode(json.dumps({**claims, "groups": ["admins"]}).encode()).decode().rstrip("=")
        return f"{header}.{body}.{signature}"

    provider.sign = change
    with pytest.raises(AuthenticationError, match="BadSignature"):
        sign_in(provider)


def test_new_key_is_found_and_an_unknown_one_asks_no_more_than_now_and_then(
    provider: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    us, (first, second) = party(provider), KEYS
    sign_in(provider, us)
    provider.keys = [second, first]
    with pytest.raises(AuthenticationError):
        sign_in(provider, us)  # asked for a moment ago
    monkeypatch.setattr(oidc, "RELOAD_SECONDS", 0.0)
    assert sign_in(provider, us).subject == "u-1"
    monkeypatch.undo()
    provider.sign = lambda claims: provider.signed(claims, kid="unheard")
    asked = provider.asked.count("/keys")
    for _ in range(5):
        with pytest.raises(AuthenticationError):
            sign_in(provider, us)
    assert provider.asked.count("/keys") == asked


def test_key_that_was_taken_back_counts_no_longer_once_the_keys_are_read_anew(
    provider: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    us, old = party(provider), provider.keys[0]
    sign_in(provider, us)
    provider.keys = [RSAKey.generate_key(2048, {"kid": "key-9", "use": "sig"})]
    provider.sign = lambda claims: provider.signed(claims, old)
    monkeypatch.setattr(oidc, "FRESH_SECONDS", 0.0)
    with pytest.raises(AuthenticationError):
        sign_in(provider, us)


def test_code_counts_once(provider: Lying) -> None:
    us, attempt = party(provider), new_attempt()
    provider.authorise(us.begin(attempt))
    us.finish(attempt, code="code-0", named_issuer=None)
    with pytest.raises(AuthenticationError, match="invalid_grant"):
        us.finish(attempt, code="code-0", named_issuer=None)


def test_code_of_another_sign_in_is_worth_nothing(provider: Lying) -> None:
    us, theirs, ours = party(provider), new_attempt(), new_attempt()
    provider.authorise(us.begin(theirs))
    us.begin(ours)
    with pytest.raises(AuthenticationError, match="invalid_grant"):  # the verifier is ours, the challenge theirs
        us.finish(ours, code="code-0", named_issuer=None)


@pytest.mark.parametrize("code", ["", "x" * 5_000])
def test_no_code_is_not_asked_about(provider: Lying, code: str) -> None:
    with pytest.raises(AuthenticationError, match="no code"):
        party(provider).finish(new_attempt(), code=code, named_issuer=None)
    assert "/token" not in provider.asked


def test_answer_of_another_provider_is_refused_before_the_code_is_sent_anywhere(provider: Lying) -> None:
    with pytest.raises(AuthenticationError, match="does not come from"):
        party(provider).finish(new_attempt(), code="code-0", named_issuer="https://evil.example")
    provider.document = {"authorization_response_iss_parameter_supported": True}
    with pytest.raises(AuthenticationError, match="does not come from"):
        party(provider).finish(new_attempt(), code="code-0", named_issuer=None)
    assert "/token" not in provider.asked


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "ftp://gate.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": 7},
    ],
)
def test_configuration_that_does_not_fit_signs_nobody_in(provider: Lying, document: dict[str, Any]) -> None:
    provider.document = document
    with pytest.raises(SignInUnavailableError):
        party(provider).begin(new_attempt())


def test_https_issuer_gets_no_plain_endpoints() -> None:
    us = OpenIdProvider(
        issuer="https://idp.example",
        client_id=CLIENT,
        client_secret="",
        redirect_uri=BACK,
        scopes=(),
        groups_claim="groups",
        clock=lambda: datetime.now(UTC),
    )
    assert us._address("http://idp.example/token") == ""
    assert us._address("https://idp.example/token") != ""


def test_provider_that_is_away_or_talks_nonsense_is_said_to_be(provider: Lying) -> None:
    with pytest.raises(SignInUnavailableError, match="does not answer"):
        party(provider, issuer="http://127.0.0.1:9", timeout=1.0).begin(new_attempt())
    provider.status = 500
    with pytest.raises(SignInUnavailableError, match="as it should"):
        sign_in(provider)


def test_groups_come_from_userinfo_where_the_token_has_none(provider: Lying) -> None:
    provider.claims = {"sub": "u-1"}
    provider.userinfo = {"sub": "u-1", "groups": ["reviewers"], "iss": "https://evil.example"}
    found = sign_in(provider)
    assert (found.groups, found.issuer) == (("reviewers",), provider.url)
    provider.userinfo = {"sub": "u-2", "groups": ["admins"]}
    with pytest.raises(AuthenticationError, match="somebody else"):
        sign_in(provider)


@pytest.mark.parametrize(
    ("groups", "found"), [("reviewers", ("reviewers",)), ({"a": 1}, ()), (None, ()), ([1, "a", None], ("a",))]
)
def test_groups_in_every_shape(provider: Lying, groups: Any, found: tuple[str, ...]) -> None:
    provider.claims["groups"] = groups
    assert sign_in(provider).groups == found


def test_errors_show_neither_codes_nor_tokens(provider: Lying) -> None:
    provider.claims |= {"nonce": "a nonce that nobody may see"}
    with pytest.raises(AuthenticationError) as refused:
        sign_in(provider)
    assert "nobody may see" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_sign_out_address_names_the_session(provider: Lying) -> None:
    address = party(provider).sign_out_address("the token", back_to="https://gate.example/console/sign-in")
    assert address is not None
    assert address.startswith(f"{provider.url}/end?id_token_hint=the+token&client_id=assay-console&post_logout")
    provider.document = {"end_session_endpoint": None}
    assert party(provider).sign_out_address("the token", back_to="x") is None
