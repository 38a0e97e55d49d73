"""OpenID providers for tests, over HTTP on this machine: one from a package, and one that lies as it is told."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import Key, RSAKey

CLIENT = "assay-console"
SECRET = "a secret of the client / with :"

KEYS = [RSAKey.generate_key(2048, {"kid": f"key-{number}", "use": "sig"}) for number in (1, 2)]


@dataclass
class Lying:
    """A provider whose every answer a test may change; it checks the client, the code and PKCE as one should."""

    url: str = ""
    keys: list[Key] = field(default_factory=lambda: list(KEYS[:1]))
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "u-1", "groups": ["reviewers"]})
    userinfo: dict[str, Any] | None = None
    document: dict[str, Any] = field(default_factory=dict)  # over the true configuration
    sign: Callable[[dict[str, Any]], str] | None = None
    status: int = 200  # of the token endpoint
    asked: list[str] = field(default_factory=list)  # paths
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def configuration(self) -> dict[str, Any]:
        there = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "end_session_endpoint": f"{self.url}/end",
        }
        if self.userinfo is not None:
            there["userinfo_endpoint"] = f"{self.url}/userinfo"
        return {**there, **self.document}

    def authorise(self, address: str, **changes: str) -> str:
        """Do as a browser does there whose owner agrees; returns where it is sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], **changes})}"

    def token(self, fields: dict[str, str], authorisation: str) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(fields.get("code", ""), None)
        pair = httpx.BasicAuth("assay-console", "a%20secret%20of%20the%20client%20%2F%20with%20%3A")
        right = asked is not None and create_s256_code_challenge(fields["code_verifier"]) == asked["code_challenge"]
        if authorisation != pair._auth_header:
            return 401, {"error": "invalid_client"}
        if asked is None or not right or fields["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        return self.status, {
            "access_token": "access",
            "token_type": "Bearer",
            "id_token": (self.sign or self.signed)(claims),
        }

    def signed(self, claims: dict[str, Any], key: Key | None = None, **header: Any) -> str:
        key = key or self.keys[0]
        return jwt.encode({"alg": "RS256", "kid": key.kid, **header}, claims, key)


@contextmanager
def lying_provider() -> Iterator[Lying]:
    provider = Lying()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked.append(self.path)
            answers: dict[str, Any] = {
                "/.well-known/openid-configuration": provider.configuration(),
                "/keys": {"keys": [key.as_dict(private=False) for key in provider.keys]},
                "/userinfo": provider.userinfo,
            }
            self._answer(200 if answers.get(self.path) else 404, answers.get(self.path) or {})

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            fields = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*provider.token(fields, self.headers.get("Authorization", "")))

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def packaged_provider(folder: Path, people: list[dict[str, Any]]) -> Iterator[str]:
    """Run `oidc-provider-mock` in a process of its own; yields its issuer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    claims = [word for person in people for word in ("--user-claims", json.dumps(person))]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "--port",
        str(port),
        "--require-nonce",
        "true",
    ]
    with (folder / "provider.log").open("wb") as output:
        process = subprocess.Popen([*command, *claims], stdout=output, stderr=subprocess.STDOUT)
        url = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    httpx.get(f"{url}/.well-known/openid-configuration", trust_env=False).raise_for_status()
                    break
                except httpx.HTTPError:
                    assert process.poll() is None, (folder / "provider.log").read_text()
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            yield url
        finally:
            process.terminate()
            process.wait(10)
