"""API keys: made once, stored as digests, refused alike whatever is wrong."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.auth import KEY_PATTERN, Authenticator, Caller, Role, authorise, create_key, list_keys, revoke_key
from gateway.db import Database, migrate, open_database
from gateway.errors import AuthenticationError, ForbiddenError, InvalidRequestError, NotFoundError
from gateway.submissions import ApiKey
from tests.gateway_chain import Clock


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database at the newest migration, to be copied: migrating takes longer than all tests here."""
    path = tmp_path_factory.mktemp("auth") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(tmp_path: Path, migrated: Path) -> Iterator[Database]:
    shutil.copy(migrated, tmp_path / "assay.db")
    database = open_database(f"sqlite:///{tmp_path / 'assay.db'}")
    yield database
    database.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def made(database: Database, clock: Clock, role: Role = Role.SUBMITTER, *, days: int | None = None) -> str:
    at = clock()
    with database.write() as session:
        return create_key(session, role, "desk", at, expires_at=at + timedelta(days=days) if days else None)


def test_new_key_opens_with_its_role_and_name(database: Database, clock: Clock) -> None:
    key = made(database, clock, Role.REVIEWER)
    caller = Authenticator(database=database, clock=clock).authenticate(key)
    assert (caller.role, caller.name) == (Role.REVIEWER, "desk")
    assert key.split("_")[1] == caller.key_id


def test_stored_row_does_not_hold_the_secret(database: Database, clock: Clock) -> None:
    secret = made(database, clock).split("_")[2]
    with database.read() as session:
        (row,) = list_keys(session)
    assert all(secret not in str(value) for value in row.model_dump().values())
    assert re.fullmatch(r"[0-9a-f]{64}", row.secret_digest)


def test_key_has_more_than_256_random_bits(database: Database, clock: Clock) -> None:
    match = KEY_PATTERN.fullmatch(made(database, clock))
    assert match is not None
    assert 62 ** len(match.group(2)) > 2**256


def test_two_keys_never_share_id_or_secret(database: Database, clock: Clock) -> None:
    keys = [made(database, clock).split("_") for _ in range(20)]
    assert len({key[1] for key in keys}) == len({key[2] for key in keys}) == 20


def test_every_refusal_says_the_same(database: Database, clock: Clock) -> None:
    revoked, expired, good = made(database, clock), made(database, clock, days=1), made(database, clock)
    with database.write() as session:
        revoke_key(session, revoked.split("_")[1], clock())
    clock.now += timedelta(days=2)
    head, key_id, secret = good.split("_")
    bad = [
        "",
        "assay",
        good + "x",
        good[:-1],
        f"{head}_{key_id}_{secret[::-1]}",
        f"{head}_{'A' * 12}_{secret}",
        f"{head}_{key_id}_{'é' * 43}",
        f" {good}",
        f"{good}\n",
        good.upper(),
        revoked,
        expired,
    ]
    messages = set()
    authenticator = Authenticator(database=database, clock=clock)
    for presented in bad:
        with pytest.raises(AuthenticationError) as caught:
            authenticator.authenticate(presented)
        messages.add(str(caught.value))
    assert len(messages) == 1
    assert authenticator.authenticate(good)


def test_key_is_refused_from_the_moment_it_expires(database: Database, clock: Clock) -> None:
    key = made(database, clock, days=1)
    authenticator = Authenticator(database=database, clock=clock)
    with database.read() as session:
        expires_at = list_keys(session)[0].expires_at
    assert expires_at is not None
    clock.now = expires_at - timedelta(seconds=1)
    assert authenticator.authenticate(key)
    clock.now = expires_at - timedelta(microseconds=1)  # the next reading is exactly the expiry
    with pytest.raises(AuthenticationError):
        authenticator.authenticate(key)


def test_unknown_role_in_the_database_opens_nothing(database: Database, clock: Clock) -> None:
    key = made(database, clock)
    with database.write() as session:
        row = session.get(ApiKey, key.split("_")[1])
        assert row is not None
        row.role = "owner"
    with pytest.raises(AuthenticationError):
        Authenticator(database=database, clock=clock).authenticate(key)


def test_last_use_is_noted_at_most_once_a_minute(database: Database, clock: Clock) -> None:
    key = made(database, clock)
    authenticator = Authenticator(database=database, clock=clock)

    def last_used() -> object:
        with database.read() as session:
            return list_keys(session)[0].last_used_at

    assert last_used() is None
    authenticator.authenticate(key)
    first = last_used()
    assert first is not None
    authenticator.authenticate(key)
    assert last_used() == first
    clock.now += timedelta(minutes=1)
    authenticator.authenticate(key)
    assert last_used() != first


def test_failed_attempt_does_not_count_as_use(database: Database, clock: Clock) -> None:
    head, key_id, _ = made(database, clock).split("_")
    with pytest.raises(AuthenticationError):
        Authenticator(database=database, clock=clock).authenticate(f"{head}_{key_id}_{'x' * 43}")
    with database.read() as session:
        assert list_keys(session)[0].last_used_at is None


def test_revoking_twice_keeps_the_first_time(database: Database, clock: Clock) -> None:
    key_id = made(database, clock).split("_")[1]
    first = clock()
    for at in (first, clock()):
        with database.write() as session:
            revoke_key(session, key_id, at)
    with database.read() as session:
        assert list_keys(session)[0].revoked_at == first


def test_revoking_an_unknown_key_is_an_error(database: Database, clock: Clock) -> None:
    with pytest.raises(NotFoundError), database.write() as session:
        revoke_key(session, "nobody", clock())


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "line\nbreak", "bell\x07"])
def test_key_without_a_usable_name_is_refused(database: Database, clock: Clock, name: str) -> None:
    with pytest.raises(InvalidRequestError), database.write() as session:
        create_key(session, Role.ADMIN, name, clock())


def test_key_that_would_be_expired_already_is_refused(database: Database, clock: Clock) -> None:
    with pytest.raises(InvalidRequestError), database.write() as session:
        create_key(session, Role.ADMIN, "late", clock(), expires_at=clock.now - timedelta(days=1))


def test_naive_time_is_refused(database: Database, clock: Clock) -> None:
    with pytest.raises(InvalidRequestError), database.write() as session:
        create_key(session, Role.ADMIN, "naive", clock().replace(tzinfo=None))


def test_nobody_passes_an_empty_set_of_roles() -> None:
    for role in Role:
        with pytest.raises(ForbiddenError):
            authorise(Caller("k", role, "n"), frozenset())
