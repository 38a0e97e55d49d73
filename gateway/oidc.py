"""What an OpenID provider says about who signs in: the relying party's side of OpenID Connect Core 1.0.

Authorization code flow with PKCE (RFC 7636), `state` and `nonce`. What the provider answers is checked in this order:

1. Its configuration (OpenID Connect Discovery 1.0) names the issuer of the settings, and https endpoints.
2. An answer that names an issuer names this one (RFC 9207), and must where the configuration promises it.
3. The code is redeemed by this client with the verifier that only this sign-in knows.
4. The ID token is signed with a published key and an asymmetric algorithm of `ALGORITHMS`: never with `none`, nor with
   a shared secret. A key that is not known yet is looked for anew, at most every `RELOAD_SECONDS`.
5. It is from this issuer, for this client (`aud`, `azp`), in force, and made for this sign-in (`nonce`, `at_hash`).
6. Where groups are not in it, they are read from the userinfo endpoint, which must name the same subject.

The provider is chosen by the operator, so it is trusted with whom it names; its answers are still bounded in size and
time, and no error shows a code or a token.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gateway.errors import AuthenticationError, SignInUnavailableError
from gateway.outgoing import OutgoingError, Reply, ask, open_client

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
DISCOVERY = "/.well-known/openid-configuration"
TIMEOUT_SECONDS = 10.0  # for one answer of the provider, while a person waits
MAX_ANSWER_BYTES = 1 << 20  # a set of keys with certificates is a few kilobytes
FRESH_SECONDS = 3_600.0  # how long configuration and keys are kept
RELOAD_SECONDS = 10.0  # at least, between two looks for a key that is not known
LEEWAY_SECONDS = 60  # for clocks that are off
MAX_CODE = 2_048  # characters of an authorization code
MAX_GROUPS = 1_000  # of one person

_REFUSED = "the provider's answer was refused"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The secrets of one sign-in: `state` finds it again, `nonce` ties the token to it, `verifier` the code."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the provider names; all but `subject` may change from one sign-in to the next."""

    issuer: str
    subject: str
    name: str  # what people call them: a user name or an e-mail address, "" where the provider gives none
    email: str  # "" unless the provider verified it
    groups: tuple[str, ...]
    id_token: str  # a hint for signing out there


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the provider publishes about itself, as far as it is used."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str
    names_issuer: bool  # it promises `iss` in its answers (RFC 9207)
    basic: bool  # it takes the client's secret as HTTP Basic authentication


def new_attempt() -> Attempt:
    """Return fresh secrets for one sign-in; 256 bits each."""
    return Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))


class OpenIdProvider:
    """One provider; safe to use from several threads. Nothing is fetched before it is needed."""

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        scopes: Sequence[str],
        groups_claim: str,
        clock: Callable[[], datetime],
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._scopes = tuple(dict.fromkeys(("openid", *scopes)))
        self._groups_claim = groups_claim
        self._clock = clock
        self._timeout = timeout
        self._lock = threading.Lock()
        self._configuration: tuple[float, Configuration] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def begin(self, attempt: Attempt) -> str:
        """Return where to send the browser; raises `SignInUnavailableError` if the provider does not answer."""
        endpoint = self.configuration().authorization_endpoint
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(self._scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": create_s256_code_challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def finish(self, attempt: Attempt, *, code: str, named_issuer: str | None) -> Identity:
        """Return whom the provider names for this sign-in.

        Raises `AuthenticationError` for an answer that does not hold, and `SignInUnavailableError`.
        """
        configuration = self.configuration()  # 1.
        if named_issuer != self.issuer and (named_issuer is not None or configuration.names_issuer):  # 2.
            raise AuthenticationError(f"{_REFUSED}: it does not come from {self.issuer}; begin again")
        if not 0 < len(code) <= MAX_CODE:
            raise AuthenticationError(f"{_REFUSED}: it has no code; begin again")
        answer = self._redeem(configuration, code, attempt.verifier)  # 3.
        access_token, id_token = str(answer.get("access_token", "")), answer.get("id_token")
        if not isinstance(id_token, str):
            raise AuthenticationError(f"{_REFUSED}: it has no ID token; the client may lack the scope openid")
        claims = self._verified(id_token, access_token, attempt.nonce)  # 4. and 5.
        if self._groups_claim not in claims and configuration.userinfo_endpoint and access_token:  # 6.
            claims = {**self._userinfo(configuration, access_token, claims["sub"]), **claims}
        return self._identity(claims, id_token)

    def sign_out_address(self, id_token: str, *, back_to: str) -> str | None:
        """Return where a browser signs out at the provider too, or None if it offers none.

        RP-Initiated Logout 1.0. Raises `SignInUnavailableError`.
        """
        endpoint = self.configuration().end_session_endpoint
        if not endpoint:
            return None
        asked = {"id_token_hint": id_token, "client_id": self._client_id, "post_logout_redirect_uri": back_to}
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode({k: v for k, v in asked.items() if v})}"

    def configuration(self) -> Configuration:
        """Return what the provider publishes about itself; raises `SignInUnavailableError`."""
        with self._lock:
            if self._configuration is None or time.monotonic() - self._configuration[0] > FRESH_SECONDS:
                document = self._fetch(self.issuer.rstrip("/") + DISCOVERY)
                self._configuration = (time.monotonic(), self._checked(document))
            return self._configuration[1]

    def _checked(self, document: Mapping[str, Any]) -> Configuration:
        if document.get("issuer") != self.issuer:  # else another provider could speak for this one
            raise SignInUnavailableError(
                f"the provider at {self.issuer} calls itself otherwise; set ASSAY_OIDC_ISSUER to exactly its name"
            )
        found = {}
        for name in ("authorization", "token", "userinfo", "end_session"):
            found[f"{name}_endpoint"] = self._address(document.get(f"{name}_endpoint"))
        found["jwks_uri"] = self._address(document.get("jwks_uri"))
        if not all(found[name] for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")):
            raise SignInUnavailableError(f"the provider at {self.issuer} lacks an https endpoint for signing in")
        methods = document.get("token_endpoint_auth_methods_supported")
        return Configuration(
            **found,
            names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
            basic=not isinstance(methods, list) or "client_secret_basic" in methods,
        )

    def _address(self, value: object) -> str:
        """Return an address that is as safe as the issuer's, or ""."""
        if not isinstance(value, str):
            return ""
        return value if urlsplit(value).scheme in ("https", urlsplit(self.issuer).scheme) else ""

    def _redeem(self, configuration: Configuration, code: str, verifier: str) -> dict[str, Any]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
            "client_id": self._client_id,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if self._client_secret and configuration.basic:  # RFC 6749, section 2.3.1: both are encoded as in a form
            pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        elif self._client_secret:
            fields["client_secret"] = self._client_secret
        reply = self._ask("POST", configuration.token_endpoint, headers, urlencode(fields).encode())
        if 400 <= reply.status < 500:
            raise AuthenticationError(f"{_REFUSED}: it does not accept the code ({_slug_of(reply)}); begin again")
        return self._json(reply)

    def _verified(self, id_token: str, access_token: str, nonce: str) -> dict[str, Any]:
        try:
            token = jwt.decode(id_token, self._keys_for(id_token), algorithms=ALGORITHMS)
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self.issuer},
                    "aud": {"essential": True, "value": self._client_id},
                },
                {"nonce": nonce, "client_id": self._client_id, "access_token": access_token},
            )
            claims.validate(now=int(self._clock().timestamp()), leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            # Its class names the check; its text might quote the token.
            raise AuthenticationError(
                f"{_REFUSED}: the ID token does not hold ({_reason(error)}); begin again"
            ) from None
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise AuthenticationError(f"{_REFUSED}: it names nobody; begin again")
        return dict(claims)

    def _keys_for(self, id_token: str) -> KeySet:
        """Return the provider's keys, read anew where the token names one that is not known: keys are rotated."""
        wanted = _header_of(id_token).get("kid")
        uri = self.configuration().jwks_uri
        with self._lock:
            age = RELOAD_SECONDS if self._keys is None else time.monotonic() - self._keys[0]
            known = {key.kid for key in self._keys[1].keys} if self._keys is not None else set()
            if self._keys is None or age > FRESH_SECONDS or (wanted not in known and age >= RELOAD_SECONDS):
                self._keys = (time.monotonic(), _signing_keys(self._fetch(uri)))
            return self._keys[1]

    def _userinfo(self, configuration: Configuration, access_token: str, subject: str) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {access_token}", "accept": "application/json"}
        claims = self._json(self._ask("GET", configuration.userinfo_endpoint, headers))
        if claims.get("sub") != subject:
            raise AuthenticationError(f"{_REFUSED}: its userinfo is about somebody else; begin again")
        return claims

    def _identity(self, claims: Mapping[str, Any], id_token: str) -> Identity:
        groups = claims.get(self._groups_claim, [])
        groups = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        email = claims.get("email")
        verified = isinstance(email, str) and claims.get("email_verified") is True
        named = (claims.get(name) for name in ("preferred_username", "email"))
        return Identity(
            issuer=self.issuer,
            subject=claims["sub"],
            name=next((name for name in named if isinstance(name, str) and name), ""),
            email=str(email) if verified else "",
            groups=tuple(group for group in groups[:MAX_GROUPS] if isinstance(group, str)),
            id_token=id_token,
        )

    def _fetch(self, url: str) -> dict[str, Any]:
        return self._json(self._ask("GET", url, {"accept": "application/json"}))

    def _json(self, reply: Reply) -> dict[str, Any]:
        try:
            found = json.loads(reply.body) if reply.status == 200 else None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise SignInUnavailableError(f"the provider {self.issuer} does not answer as it should; try again later")
        return found

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        deadline = time.monotonic() + self._timeout
        try:
            with closing(open_client(timeout=self._timeout)) as client:
                return ask(client, method, url, body=body, headers=headers, limit=MAX_ANSWER_BYTES, deadline=deadline)
        except OutgoingError as error:
            raise SignInUnavailableError(f"the provider {self.issuer} does not answer: {error}; try later") from error


def _signing_keys(document: Mapping[str, Any]) -> KeySet:
    """Return the public signing keys of a JWK Set; what is for encryption, secret or not understood is left out."""
    usable = []
    for key in document.get("keys", []) if isinstance(document.get("keys"), list) else []:
        if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig":
            try:
                usable += KeySet.import_key_set({"keys": [key]}).keys
            except (JoseError, ValueError, TypeError, KeyError):
                continue  # safe to ignore because a token that is signed with it is refused
    return KeySet(usable)


def _header_of(token: str) -> dict[str, Any]:
    part = token.partition(".")[0]
    header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(header, dict):
        raise ValueError("the token's header is no object")  # the caller knows ValueError
    return header


def _slug_of(reply: Reply) -> str:
    """Return the provider's word for what is wrong, if it is one of a few letters."""
    try:
        error = json.loads(reply.body).get("error")
    except (ValueError, AttributeError):
        error = None
    known = isinstance(error, str) and error.isascii() and error.replace("_", "").isalpha() and len(error) < 40
    return str(error) if known else f"status {reply.status}"


def _reason(error: Exception) -> str:
    claim = getattr(error, "claim", None)
    return f"claim {claim}" if isinstance(claim, str) else type(error).__name__.removesuffix("Error")
