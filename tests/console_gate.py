"""People at the console: browsers that are signed in, and how forms are read off a page and sent."""

from __future__ import annotations

import re

from argon2 import PasswordHasher
from starlette.testclient import TestClient

from gateway.accounts import Account, add_account, create_link
from gateway.auth import Role
from tests.api_gate import PUBLIC_URL, Gate

QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)  # the tests are not after anybody's password
TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


class Browser:
    """One person's browser: cookies, and forms that carry the token of the page they were on."""

    def __init__(self, gate: Gate) -> None:
        self.client = TestClient(gate.app, base_url=PUBLIC_URL, follow_redirects=False, raise_server_exceptions=False)

    def get(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, (path, answer.status_code, answer.text[-2000:])
        return answer.text

    def send(self, path: str, page: str = "", status: int = 303, **fields: str) -> str:
        """Send a form with the token of `page`; returns where it leads, or the page that answers."""
        token = TOKEN.search(self.get(page or "/console/account"))
        assert token is not None
        answer = self.client.post(path, data={"form_token": token.group(1), **fields})
        assert answer.status_code == status, (path, answer.status_code, answer.text[-3000:])
        return str(answer.headers.get("location", answer.text))

    def use_link(self, link: str) -> str:
        return self.send(f"/console/link/{link}", page=f"/console/link/{link}")


def make_account(gate: Gate, name: str, role: Role) -> tuple[Account, str]:
    """Return an account and the token of a link that signs in once."""
    now = gate.chain.clock()
    with gate.chain.database.write() as session:
        account = add_account(session, name, role, at=now, log=gate.chain.tools.log)
        return account, create_link(session, account, at=now)


def signed_in(gate: Gate, name: str, role: Role) -> Browser:
    browser = Browser(gate)
    browser.use_link(make_account(gate, name, role)[1])
    return browser
