"""Secrets in rows: what opens them, and everything that must not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from alembic import command
from sqlmodel import col, select

from gateway.accounts import CODES, Account, Accounts, add_account, reset_account, seal_codes
from gateway.app.rowsecrets import build_seal
from gateway.auth import Role
from gateway.db import migrate, migration_config, open_database
from gateway.errors import AuthenticationError, KeyMaterialError
from gateway.keys import KeyFiles
from gateway.sealing import Seal
from tests.console_gate import QUICK
from tests.gateway_chain import Chain, build_chain

KEY, OTHER_KEY = bytes(range(32)), bytes(32)
PASSWORD = "correct horse battery"


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = build_chain(tmp_path)
    yield chain
    chain.database.dispose()


def sealed(secret: str = "JBSWY3DPEHPK3PXP", owner: str = "acct_1") -> str:
    return Seal(lambda: KEY).seal(secret, purpose=CODES, owner=owner)


def test_what_was_sealed_opens_for_the_same_purpose_and_owner_only() -> None:
    seal = Seal(lambda: KEY)
    assert seal.open(sealed(), purpose=CODES, owner="acct_1") == "JBSWY3DPEHPK3PXP"
    for purpose, owner in (("webhook", "acct_1"), (CODES, "acct_2")):
        with pytest.raises(KeyMaterialError, match="was changed"):
            seal.open(sealed(), purpose=purpose, owner=owner)


def test_the_same_secret_never_looks_the_same_twice() -> None:
    assert len({sealed() for _ in range(20)}) == 20


def test_another_key_is_told_from_a_damaged_row() -> None:
    with pytest.raises(KeyMaterialError, match=r"restore that key.*account reset"):
        Seal(lambda: OTHER_KEY).open(sealed(), purpose=CODES, owner="acct_1")


@pytest.mark.parametrize(
    "change", [lambda s: s[:-2] + ("AA" if s[-2:] != "AA" else "BB"), lambda s: s[:30], lambda s: s + "!"]
)
def test_changed_value_opens_nothing(change: object) -> None:
    assert callable(change)
    with pytest.raises(KeyMaterialError):
        Seal(lambda: KEY).open(change(sealed()), purpose=CODES, owner="acct_1")


@pytest.mark.parametrize("value", ["JBSWY3DPEHPK3PXP", "", "sealed2.abc.def", "sealed1", "sealed1..", "."])
def test_what_was_never_sealed_is_no_secret(value: str) -> None:
    with pytest.raises(KeyMaterialError):
        Seal(lambda: KEY).open(value, purpose=CODES, owner="acct_1")


def an_account(chain: Chain, name: str = "ruth") -> str:
    with chain.database.write() as session:
        return add_account(session, name, Role.REVIEWER, at=chain.clock(), log=chain.tools.log).id


def accounts_of(chain: Chain, seal: Seal) -> Accounts:
    return Accounts(database=chain.database, clock=chain.clock, seal=seal, hasher=QUICK)


def codes_in_rows(chain: Chain) -> list[str | None]:
    with chain.database.read() as session:
        return list(session.exec(select(Account.codes_secret).order_by(col(Account.name))))


def test_codes_work_and_their_secret_is_nowhere_in_the_database(chain: Chain, tmp_path: Path) -> None:
    seal = build_seal(chain.tools.settings, chain.database)
    accounts, account_id, secret = accounts_of(chain, seal), an_account(chain), pyotp.random_base32()
    accounts.set_password(account_id, "", PASSWORD)
    accounts.set_totp(account_id, secret, pyotp.TOTP(secret).at(chain.clock()))
    chain.clock.now += timedelta(minutes=1)
    assert accounts.check("ruth", PASSWORD, pyotp.TOTP(secret).at(chain.clock())).id == account_id
    for file in tmp_path.glob("assay.db*"):
        assert secret.encode() not in file.read_bytes()


def test_secrets_of_an_earlier_version_are_sealed_at_the_first_start(chain: Chain, tmp_path: Path) -> None:
    account_id, secret = an_account(chain), pyotp.random_base32()
    with chain.database.write() as session:
        session.get_one(Account, account_id).codes_secret = secret
    seal = build_seal(chain.tools.settings, chain.database)
    assert seal.open(str(codes_in_rows(chain)[0]), purpose=CODES, owner=account_id) == secret
    assert seal_codes(chain.database, seal) == 0
    for file in tmp_path.glob("assay.db*"):
        assert secret.encode() not in file.read_bytes()


def test_lost_key_lets_nobody_in_without_codes_and_a_reset_helps(chain: Chain) -> None:
    settings = chain.tools.settings
    accounts, secret = accounts_of(chain, build_seal(settings, chain.database)), pyotp.random_base32()
    for name in ("ruth", "rosa"):
        accounts.set_password(an_account(chain, name), "", PASSWORD)
    with chain.database.read() as session:
        ruth = session.exec(select(Account.id).where(Account.name == "ruth")).one()
    accounts.set_totp(ruth, secret, pyotp.TOTP(secret).at(chain.clock()))
    KeyFiles(settings.keys).path("rows.key").unlink()
    seal = build_seal(settings, chain.database)
    assert not KeyFiles(settings.keys).path("rows.key").exists()  # a new one would hide what happened
    accounts = accounts_of(chain, seal)
    chain.clock.now += timedelta(minutes=1)
    for code in ("", pyotp.TOTP(secret).at(chain.clock())):
        with pytest.raises(KeyMaterialError, match=r"rows\.key is missing"):
            accounts.check("ruth", PASSWORD, code)
    with pytest.raises(AuthenticationError):
        accounts.check("ruth", "a wrong password", "")
    assert accounts.check("rosa", PASSWORD, "").name == "rosa"
    with chain.database.write() as session:
        reset_account(session, "ruth", at=chain.clock(), log=chain.tools.log)
    build_seal(settings, chain.database)
    assert KeyFiles(settings.keys).path("rows.key").exists()
    with pytest.raises(AuthenticationError):
        accounts.check("ruth", PASSWORD, "")


def test_migration_keeps_secrets_and_the_way_back_drops_what_it_cannot_read(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'assay.db'}"
    migrate(url)
    database = open_database(url)
    columns = "(id, name, role, password_hash, {}, totp_step, failures, created_at)"
    row = "INSERT INTO account " + columns + " VALUES ('{}', '{}', 'reviewer', 'hash', '{}', 0, 0, '2026-03-01')"
    with database.writer.begin() as connection:
        command.downgrade(migration_config(connection), "0011")
        connection.exec_driver_sql(row.format("totp_secret", "acct_1", "ruth", "JBSWY3DPEHPK3PXP"))
        connection.exec_driver_sql("INSERT INTO signinlink VALUES ('d', 'acct_1', '2026-03-01')")
        command.upgrade(migration_config(connection), "0012")
        connection.exec_driver_sql(row.format("codes_secret", "acct_2", "rosa", "sealed1.x.y"))
        held = "SELECT id, {} FROM account ORDER BY id"
        found = connection.exec_driver_sql(held.format("codes_secret")).all()
        assert [tuple(one) for one in found] == [("acct_1", "JBSWY3DPEHPK3PXP"), ("acct_2", "sealed1.x.y")]
        command.downgrade(migration_config(connection), "0011")
        found = connection.exec_driver_sql(held.format("password_hash, totp_secret")).all()
        assert [tuple(one) for one in found] == [("acct_1", "hash", "JBSWY3DPEHPK3PXP"), ("acct_2", None, None)]
    database.dispose()
