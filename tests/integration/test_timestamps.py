"""Time stamps over checkpoints, from an authority that runs OpenSSL, and from several that should not be believed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from sqlalchemy import text

from audit.countersignatures import stamps_of
from audit.errors import TimestampError
from audit.note import split_note
from audit.timestamp import MAX_RESPONSE_BYTES, read_roots, request_stamp, verify_stamp
from gateway.countersigner import Countersigner
from gateway.countersigning import Countersigning
from gateway.submissions import State
from gateway.timestamping import Timestamps
from tests.audit_log import drop_guards
from tests.gateway_chain import Chain, build_chain
from tests.stamp_authority import Authority, make_authority, running_authority
from tests.witnesses import pretender, send

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the authority of these tests is OpenSSL")
REPLY = "application/timestamp-reply"
CHECKPOINT = "gateway.example/audit\n1\nYmFzZTY0\n"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authorities") / "good")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    chain = build_chain(tmp_path_factory.mktemp("sealed"), clock=now)  # type: ignore[arg-type]
    chain.run(chain.submit())
    yield chain
    chain.tools.close()


def client_of(
    chain: Chain, url: str, *, roots: tuple[x509.Certificate, ...], clock: Callable[[], datetime] = now
) -> Timestamps:
    return Timestamps(url=url, roots=roots, database=chain.database, clock=clock, timeout=1.0)


def newest(chain: Chain) -> Any:
    with chain.database.read() as session:
        return chain.tools.log.latest_checkpoint(session)


class TestTokens:
    def test_a_good_one_says_when(self, authority: Authority) -> None:
        request = request_stamp(CHECKPOINT)
        response = authority.answer(request.body)
        stated = verify_stamp(response, CHECKPOINT, roots=[authority.root], nonce=request.nonce)
        assert abs(stated - now()) < timedelta(minutes=1)
        assert verify_stamp(response, CHECKPOINT, roots=read_roots(authority.root_pem)) == stated

    def test_another_text_nonce_or_root_is_refused(self, authority: Authority, tmp_path: Path) -> None:
        request = request_stamp(CHECKPOINT)
        response = authority.answer(request.body)
        with pytest.raises(TimestampError, match="Mismatch between messages"):
            verify_stamp(response, CHECKPOINT.replace("1", "2"), roots=[authority.root])
        with pytest.raises(TimestampError, match="Nonce mismatch"):
            verify_stamp(response, CHECKPOINT, roots=[authority.root], nonce=request.nonce + 1)
        with pytest.raises(TimestampError, match="does not verify"):
            verify_stamp(response, CHECKPOINT, roots=[make_authority(tmp_path / "other").root])
        with pytest.raises(TimestampError, match="no root certificate"):
            verify_stamp(response, CHECKPOINT, roots=[])

    @pytest.mark.parametrize(
        "dates",
        [
            {
                "valid_until": datetime.now(UTC) - timedelta(hours=1),
                "valid_from": datetime.now(UTC) - timedelta(days=9),
            },
            {"valid_from": datetime.now(UTC) + timedelta(hours=1)},
        ],
    )
    def test_a_certificate_that_was_not_valid_when_it_stamped_is_refused(self, tmp_path: Path, dates: Any) -> None:
        expired = make_authority(tmp_path / "expired", **dates)
        with pytest.raises(TimestampError, match="does not verify"):
            verify_stamp(expired.answer(request_stamp(CHECKPOINT).body), CHECKPOINT, roots=[expired.root])

    def test_a_certificate_for_something_else_is_refused(self, authority: Authority, tmp_path: Path) -> None:
        """OpenSSL itself would not sign with it, so the good certificate is swapped after the fact."""
        wrong = make_authority(tmp_path / "server", usage=ExtendedKeyUsageOID.SERVER_AUTH)
        with pytest.raises(TimestampError):
            verify_stamp(authority.answer(request_stamp(CHECKPOINT).body), CHECKPOINT, roots=[wrong.root])

    def test_no_changed_byte_is_accepted_with_another_time(self, authority: Authority) -> None:
        response = authority.answer(request_stamp(CHECKPOINT).body)
        stated = verify_stamp(response, CHECKPOINT, roots=[authority.root])
        refused = 0
        for position in range(0, len(response), 3):
            changed = response[:position] + bytes([response[position] ^ 1]) + response[position + 1 :]
            try:
                assert verify_stamp(changed, CHECKPOINT, roots=[authority.root]) == stated
            except TimestampError:
                refused += 1
        assert refused > len(response) // 3 * 0.9

    @pytest.mark.parametrize(
        "response", [b"", b"0", b"\x30\x03\x02\x01\x00", b"<html>", b"\x00" * 100, b"\x30\x84\xff\xff\xff\xff"]
    )
    def test_what_is_no_response_is_refused(self, authority: Authority, response: bytes) -> None:
        with pytest.raises(TimestampError):
            verify_stamp(response, CHECKPOINT, roots=[authority.root])

    def test_a_refusal_of_the_authority_and_a_huge_answer_are_refused(self, authority: Authority) -> None:
        refusal = authority.answer(request_stamp(CHECKPOINT).body[:-10] + b"\x00" * 10)
        with pytest.raises(TimestampError):
            verify_stamp(refusal, CHECKPOINT, roots=[authority.root])
        with pytest.raises(TimestampError, match="at most"):
            verify_stamp(b"\x30" * (MAX_RESPONSE_BYTES + 1), CHECKPOINT, roots=[authority.root])

    @pytest.mark.parametrize(
        "pem", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    )
    def test_roots_that_are_none_are_refused(self, pem: bytes) -> None:
        with pytest.raises(TimestampError, match="not PEM"):
            read_roots(pem)


def answers(status: int, body: bytes, media_type: str = REPLY) -> AbstractContextManager[str]:
    return pretender(lambda handler, _: send(handler, status, body, media_type))


class TestBadAuthority:
    def refused(self, chain: Chain, authority: Authority, url: str, reason: str, **options: Any) -> None:
        client = client_of(chain, url, roots=(authority.root,), **options)
        with pytest.raises(TimestampError, match=reason):
            client.stamp(newest(chain))
        client.close()
        with chain.database.read() as session:
            assert stamps_of(session, newest(chain).size) == []

    def test_answers_that_are_none(self, sealed: Chain, authority: Authority) -> None:
        old = authority.answer(request_stamp(split_note(newest(sealed).note)[0]).body)
        for status, body, media_type, reason in (
            (500, b"", REPLY, "it answered 500"),
            (302, b"", REPLY, "it answered 302"),
            (200, old, "text/html", "text/html"),
            (200, b"\x30\x00", REPLY, "cannot be read|does not verify"),
            (200, b"\x30" * 70_000, REPLY, "longer than"),
            (200, old, REPLY, "Nonce mismatch"),
        ):
            with answers(status, body, media_type) as url:
                self.refused(sealed, authority, url, reason)

    def test_nobody_there_and_nobody_answering(self, sealed: Chain, authority: Authority) -> None:
        self.refused(sealed, authority, "http://127.0.0.1:1/", "cannot be reached")
        with pretender(lambda handler, _: time.sleep(2)) as url:
            self.refused(sealed, authority, url, "cannot be reached")

    def test_a_stamp_over_another_text(self, sealed: Chain, authority: Authority) -> None:
        def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
            send(handler, 200, authority.answer(request_stamp("another text").body), REPLY)

        with pretender(answer) as url:
            self.refused(sealed, authority, url, "Nonce mismatch|Mismatch between messages")

    def test_a_clock_that_is_hours_off(self, sealed: Chain, authority: Authority) -> None:
        with running_authority(authority) as url:
            later = client_of(sealed, url, roots=(authority.root,), clock=lambda: now() + timedelta(hours=2))
            with pytest.raises(TimestampError, match="compare the clocks"):
                later.stamp(newest(sealed))
            later.close()


@pytest.fixture
def stamped_chain(tmp_path: Path, authority: Authority) -> Iterator[Callable[..., Chain]]:
    built: list[Chain] = []

    def make(url: str, *, required: bool) -> Chain:
        chain = build_chain(tmp_path / "gateway", clock=now)  # type: ignore[arg-type]
        others = Countersigning(
            database=chain.database,
            log=chain.tools.log,
            timestamps=client_of(chain, url, roots=(authority.root,)),
            stamp_demanded=required,
        )
        tools = replace(chain.tools, countersigning=others)
        chain = Chain(tools, type(chain.pipeline)(toolchain=tools), chain.desk, chain.clock, chain.enqueued)
        built.append(chain)
        return chain

    yield make
    for chain in built:
        chain.tools.close()


def countersigner(chain: Chain) -> Countersigner:
    return Countersigner(
        countersigning=chain.tools.countersigning,
        database=chain.database,
        enqueue=chain.enqueued.append,
        publish=lambda: None,
    )


class TestRelease:
    def test_nobody_waits_for_a_stamp_that_is_not_demanded(
        self, stamped_chain: Callable[..., Chain], authority: Authority
    ) -> None:
        chain = stamped_chain("http://127.0.0.1:1/", required=False)
        assert chain.run(chain.submit()) == State.RELEASED
        assert countersigner(chain).turn() is False  # asked, and to be asked again

    def test_the_newest_checkpoint_is_stamped_in_the_background(
        self, stamped_chain: Callable[..., Chain], authority: Authority
    ) -> None:
        with running_authority(authority) as url:
            chain = stamped_chain(url, required=False)
            assert chain.run(chain.submit()) == State.RELEASED
            assert countersigner(chain).turn() is True
        with chain.database.read() as session:
            (stamp,) = stamps_of(session, newest(chain).size)
            assert list(chain.tools.countersigning.problems(session)) == []
        assert abs(stamp.stamped - now()) < timedelta(minutes=1)

    def test_where_it_is_demanded_release_waits_and_goes_on(
        self, stamped_chain: Callable[..., Chain], authority: Authority
    ) -> None:
        working = False

        def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
            if working:
                send(handler, 200, authority.answer(body), REPLY)
            else:
                send(handler, 503, b"", "text/plain")

        with pretender(answer) as url:
            chain = stamped_chain(url, required=True)
            episode_id = chain.submit()
            assert chain.run(episode_id) == State.APPROVED
            assert "the time stamp: it answered 503" in chain.row(episode_id).waiting_for
            assert countersigner(chain).turn() is False
            working = True
            assert countersigner(chain).turn() is True
            assert chain.enqueued == [episode_id]
            assert chain.run(episode_id) == State.RELEASED

    def test_a_stored_stamp_that_somebody_changed_is_named(
        self, stamped_chain: Callable[..., Chain], authority: Authority
    ) -> None:
        with running_authority(authority) as url:
            chain = stamped_chain(url, required=False)
            chain.run(chain.submit())
            countersigner(chain).turn()
        drop_guards(chain.database.writer, "audit_timestamp")
        with chain.database.write() as session:
            session.execute(text("UPDATE audit_timestamp SET stamped = '2020-01-01 00:00:00.000000'"))
        with chain.database.read() as session:
            (problem,) = chain.tools.countersigning.problems(session)
        assert "the time beside the stamp" in problem
