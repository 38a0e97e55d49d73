"""Release under a quorum of witnesses: real witnesses over HTTP, and an administrator who holds the log's key.

The administrator can do anything to the database, re-sign everything, and calls the gateway's own code. What he cannot
do is make the witnesses forget.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, text, update
from sqlmodel import Session, select

from audit.checkpoint import LogKey
from audit.cosignature import CosignatureVerifier, cosign, witness_verifier
from audit.countersignatures import cosigned, stored_checkpoint
from audit.event import Event, parse_event
from audit.guards import append_only_ddl, countersignature_ddl
from audit.log import Log
from audit.merkle import EMPTY_ROOT
from audit.note import open_note, split_note
from audit.receipt import Receipt
from audit.store import CHECKPOINTS, COSIGNATURES, ENTRIES, HEAD, TILES, read_entries, read_head
from audit.tlog_policy import WitnessPolicy
from audit.witness import Submission, origin_hash
from gateway.countersigner import Countersigner
from gateway.countersigning import Countersigning
from gateway.engine import Engine, Pace, wait_until_settled
from gateway.errors import ReleaseRefusedError
from gateway.publish import Purpose, examine, gather
from gateway.submissions import EpisodeReceipt, State
from gateway.witnessing import Witnesses
from tests.audit_log import drop_guards
from tests.gateway_chain import LOG_SEED, ORIGIN, REVIEWER, WITNESS_SECONDS, Chain, build_chain
from tests.witnesses import RunningWitness, free_port, policy_of, pretender, running_witness, send

LOG_KEY = LogKey.from_seed(LOG_SEED)
LOG = LOG_KEY.verifier(ORIGIN)
LIAR = LogKey.from_seed(b"\x66" * 32)
PACE = Pace(poll=0.05, beat=0.1, lease=1.0, sweep=0.2, retry=0.05)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def witnesses(tmp_path: Path) -> Iterator[list[RunningWitness]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(running_witness(tmp_path / f"witness{number}", [LOG], name=f"w{number}.example"))
            for number in (1, 2, 3)
        ]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Chain]]:
    built: list[Chain] = []

    def make(policy: WitnessPolicy | None, name: str = "gateway", **options: Any) -> Chain:
        chain = build_chain(tmp_path / name, policy=policy, clock=now, **options)  # type: ignore[arg-type]
        built.append(chain)
        return chain

    yield make
    for chain in built:
        chain.tools.close()


def of(witnesses: Sequence[RunningWitness], quorum: str) -> WitnessPolicy:
    return policy_of(LOG, [(one.verifier, one.url) for one in witnesses], quorum=quorum)


def approved(chain: Chain) -> str:
    """An episode that a person approved and no worker has taken up since."""
    episode_id = chain.submit("Good morning, please review.")
    assert chain.run(episode_id) == State.AWAITING_REVIEW
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    chain.desk.approve(episode_id, reviewer=REVIEWER, reason="fine")
    return episode_id


def countersigner(chain: Chain) -> Countersigner:
    return Countersigner(
        countersigning=chain.tools.countersigning,
        database=chain.database,
        enqueue=chain.enqueued.append,
        publish=lambda: chain.tools.log_files.publish_if_possible(chain.database.read),
    )


def resume(chain: Chain, episode_id: str) -> str:
    chain.enqueued.clear()
    countersigner(chain).turn()
    assert chain.enqueued == [episode_id]
    return chain.run(episode_id)


def receipts(chain: Chain, episode_id: str) -> list[Receipt]:
    with chain.database.read() as session:
        rows = session.exec(select(EpisodeReceipt).where(EpisodeReceipt.episode_id == episode_id)).all()
    return [Receipt.from_text(row.text) for row in rows]


def cosign_newest(chain: Chain) -> None:
    assert chain.tools.countersigning.ask(everybody=True).troubles == {}


def rewrite(chain: Chain, change: Callable[[list[Event]], list[Event]]) -> None:
    """Replace the whole log by another one that is flawless within itself, signed by the real key."""
    shutil.rmtree(chain.tools.log_files.folder, ignore_errors=True)  # the published files would tell, too
    engine = chain.database.writer
    with chain.database.read() as session:
        size = read_head(session).size
        events = [parse_event(entry.leaf) for entry in read_entries(session, start=0, end=size)]
    drop_guards(engine)
    with Session(engine) as session, session.begin():
        for table in (COSIGNATURES, CHECKPOINTS, TILES, ENTRIES):
            session.execute(delete(table))
        session.execute(update(HEAD).values(size=0, root=EMPTY_ROOT, frontier=b""))
        chain.tools.log.append_all(session, change(events))
        chain.tools.log.seal(session, at=now())
        for statement in append_only_ddl(engine.dialect.name) + countersignature_ddl(engine.dialect.name):
            session.execute(text(statement))


def edited(events: list[Event]) -> list[Event]:
    return [replace(events[0], actor="somebody"), *events[1:]]


def others_like(events: list[Event]) -> list[Event]:
    """Events that were never logged: the same one is refused by the log itself."""
    return [replace(event, at=event.at + timedelta(hours=1)) for event in events]


class TestHonestGateway:
    def test_release_rests_on_a_quorum_that_anybody_can_check(
        self, build: Any, witnesses: list[RunningWitness]
    ) -> None:
        chain = build(of(witnesses, "all"))
        episode_id = chain.submit()
        assert chain.run(episode_id) == State.RELEASED
        for receipt in receipts(chain, episode_id):
            _, signed = open_note(receipt.note, [LOG, *(one.verifier for one in witnesses)])
            assert len(signed) == 4
            assert of(witnesses, "all").verify(receipt.note).size > receipt.index

    def test_the_newest_checkpoint_is_shown_with_its_cosignatures(
        self, build: Any, witnesses: list[RunningWitness]
    ) -> None:
        chain = build(of(witnesses, "2"))
        chain.run(chain.submit())
        cosign_newest(chain)
        with chain.database.read() as session:
            shown = chain.tools.countersigning.shown(session)
            newest = chain.tools.log.latest_checkpoint(session)
        assert shown.size == newest.size
        assert len(open_note(shown.note, [one.verifier for one in witnesses])[1]) == 3

    def test_what_has_no_quorum_yet_is_not_shown(self, build: Any, witnesses: list[RunningWitness]) -> None:
        chain = build(of(witnesses, "2"))
        chain.run(chain.submit())
        cosign_newest(chain)
        size = chain.tools.countersigning.newest_size()
        chain.run(chain.submit("Good morning, please block."))
        with chain.database.write() as session:
            chain.tools.log.seal(session, at=now())
        assert chain.tools.countersigning.newest_size() > size
        with chain.database.read() as session:
            assert chain.tools.countersigning.shown(session).size == size

    def test_no_quorum_waits_for_nobody_and_collects_what_comes(
        self, build: Any, witnesses: list[RunningWitness]
    ) -> None:
        chain = build(of(witnesses, "none"))
        assert chain.run(chain.submit()) == State.RELEASED
        cosign_newest(chain)
        with chain.database.read() as session:
            shown = chain.tools.countersigning.shown(session)
        assert len(open_note(shown.note, [one.verifier for one in witnesses])[1]) == 3

    def test_one_witness_of_three_may_be_away(self, build: Any, witnesses: list[RunningWitness]) -> None:
        gone = (witnesses[2].verifier, f"http://127.0.0.1:{free_port()}")
        chain = build(policy_of(LOG, [*((one.verifier, one.url) for one in witnesses[:2]), gone], quorum="2"))
        assert chain.run(chain.submit()) == State.RELEASED

    def test_a_witness_from_an_older_copy_is_brought_up_to_date(self, build: Any, tmp_path: Path) -> None:
        port = free_port()
        with running_witness(tmp_path / "old", [LOG], name="w1.example", port=port) as one:
            chain = build(of([one], "all"))
            assert chain.run(chain.submit()) == State.RELEASED
            one.witness._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copytree(tmp_path / "old", tmp_path / "copy")
            assert chain.run(chain.submit()) == State.RELEASED
            cosign_newest(chain)
        with running_witness(tmp_path / "copy", [LOG], name="w1.example", port=port):
            assert chain.run(chain.submit()) == State.RELEASED

    def test_on_postgresql_too(self, build: Any, witnesses: list[RunningWitness], postgres_url: str) -> None:
        chain = build(of(witnesses, "2"), database_url=postgres_url)
        assert chain.run(chain.submit()) == State.RELEASED
        rewrite(chain, edited)
        episode_id = chain.submit()
        assert chain.run(episode_id) == State.APPROVED
        assert "contradicts" in chain.row(episode_id).waiting_for


class TestWaiting:
    def test_an_episode_waits_with_its_reason_and_goes_on_when_witnesses_are_back(
        self, build: Any, tmp_path: Path
    ) -> None:
        port = free_port()
        with running_witness(tmp_path / "w", [LOG], name="w1.example", port=port) as one:
            policy = of([one], "all")
        chain = build(policy)
        episode_id = chain.submit()
        assert chain.run(episode_id) == State.APPROVED
        assert "w1: it cannot be reached" in chain.row(episode_id).waiting_for
        assert countersigner(chain).turn() is False
        assert chain.enqueued == []
        with running_witness(tmp_path / "w", [LOG], name="w1.example", port=port):
            assert resume(chain, episode_id) == State.RELEASED
        assert chain.row(episode_id).waiting_for is None
        assert chain.kinds(episode_id).count("release.intended") == 1

    def test_the_evidence_is_refused_without_the_quorum_whoever_asks(
        self, build: Any, witnesses: list[RunningWitness]
    ) -> None:
        policy = of(witnesses, "2")
        chain = build(policy_of(LOG, [(one.verifier, "") for one in witnesses], quorum="2"))
        episode_id = chain.submit()
        assert chain.run(episode_id) == State.APPROVED
        with chain.database.read() as session:
            evidence = gather(session, episode_id)
        with pytest.raises(ReleaseRefusedError, match="cosigned by nobody, which is not the quorum"):
            examine(evidence, log=chain.tools.log, blobs=chain.tools.blobs, policy=policy)

    def test_cosignatures_taken_from_another_checkpoint_are_refused(
        self, build: Any, witnesses: list[RunningWitness]
    ) -> None:
        policy = of(witnesses, "2")
        chain = build(policy)
        episode_id = chain.submit()
        assert chain.run(episode_id) == State.RELEASED
        with chain.database.read() as session:
            evidence = gather(session, episode_id)
            other = chain.tools.log.latest_checkpoint(session)
        receipt = evidence.receipts[Purpose.INTENT]
        stolen = "".join(one.line for one in split_note(receipt.note)[1][1:])
        with chain.database.read() as session:
            proven = chain.tools.log.prove(session, receipt.index, other)
        forged = replace(proven, note=other.note + stolen)
        with pytest.raises(ReleaseRefusedError, match="does not fit checkpoint and time"):
            examine(
                replace(evidence, receipts={**evidence.receipts, Purpose.INTENT: forged}),
                log=chain.tools.log, blobs=chain.tools.blobs, policy=policy,
            )  # fmt: skip

    def test_a_worker_resumes_by_itself_and_survives_a_restart_meanwhile(self, build: Any, tmp_path: Path) -> None:
        port = free_port()
        with running_witness(tmp_path / "w", [LOG], name="w1.example", port=port) as one:
            policy = of([one], "all")
        chain = build(policy)
        episode_id = chain.submit()

        def worker() -> Engine:
            engine = Engine(settings=chain.tools.settings, database=chain.database, pace=PACE)
            asking = Countersigner(
                countersigning=chain.tools.countersigning,
                database=chain.database,
                enqueue=engine.enqueue,
                publish=lambda: None,
                idle_seconds=0.1,
                max_wait_seconds=0.2,
            )
            engine.start(chain.pipeline, companions=(asking,))
            return engine

        engine = worker()
        engine.enqueue(episode_id)
        deadline = time.monotonic() + 20
        while chain.row(episode_id).waiting_for is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1.0)  # several sweeps and rounds: nobody is kept busy, nothing is begun anew
        assert engine.sweep() == []
        engine.stop()
        assert chain.row(episode_id).state == State.APPROVED
        engine = worker()
        try:
            with running_witness(tmp_path / "w", [LOG], name="w1.example", port=port):
                assert wait_until_settled(chain.database, episode_id, timeout=20) is State.RELEASED
        finally:
            engine.stop()

    def test_what_waits_for_a_quorum_that_is_no_longer_asked_for_goes_on(
        self, build: Any, witnesses: list[RunningWitness]
    ) -> None:
        chain = build(policy_of(LOG, [(witnesses[0].verifier, "")], quorum="all"))
        episode_id = chain.submit()
        assert chain.run(episode_id) == State.APPROVED
        assert "the policy says no URL" in chain.row(episode_id).waiting_for
        without = build(None)
        assert resume(without, episode_id) == State.RELEASED


class TestAdministratorWithTheLogKey:
    def refused(self, chain: Chain, episode_id: str, reason: str) -> None:
        assert chain.run(episode_id) == State.APPROVED
        assert reason in chain.row(episode_id).waiting_for
        countersigner(chain).turn()
        assert chain.run(episode_id) == State.APPROVED
        assert "episode.released" not in chain.kinds(episode_id)

    def test_rewritten_entry(self, build: Any, witnesses: list[RunningWitness]) -> None:
        chain = build(of(witnesses, "2"))
        episode_id = approved(chain)
        cosign_newest(chain)
        rewrite(chain, edited)
        self.refused(chain, episode_id, "contradicts what it has cosigned")
        assert all(one.witness.contradictions(ORIGIN) for one in witnesses)  # signed proof of what was tried

    def test_truncated_log(self, build: Any, witnesses: list[RunningWitness]) -> None:
        chain = build(of(witnesses, "2"))
        episode_id = approved(chain)
        for _ in range(2):
            chain.run(chain.submit("Good morning, please review."))
        cosign_newest(chain)
        with chain.database.read() as session:
            kept = max(one.index for one in chain.tools.log.events_for(session, episode_id)) + 1
        rewrite(chain, lambda events: events[:kept])
        self.refused(chain, episode_id, "it was rolled back")

    def test_truncated_then_extended_beyond_what_was_cosigned(
        self, build: Any, witnesses: list[RunningWitness]
    ) -> None:
        chain = build(of(witnesses, "2"))
        episode_id = approved(chain)
        chain.run(chain.submit("Good morning, please review."))
        cosign_newest(chain)
        rewrite(chain, lambda events: [*events[:-5], *others_like(events[:12])])
        self.refused(chain, episode_id, "contradicts what it has cosigned")

    def test_database_restored_from_an_old_copy(
        self, build: Any, witnesses: list[RunningWitness], tmp_path: Path
    ) -> None:
        chain = build(of(witnesses, "2"))
        episode_id = approved(chain)
        with chain.database.writer.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql(f"VACUUM INTO '{tmp_path / 'old.db'}'")
            connection.exec_driver_sql("BEGIN")
        for _ in range(2):
            chain.run(chain.submit("Good morning, please review."))
        cosign_newest(chain)
        (tmp_path / "restored").mkdir()
        shutil.copy(tmp_path / "old.db", tmp_path / "restored" / "assay.db")
        shutil.copytree(tmp_path / "gateway" / "blobs", tmp_path / "restored" / "blobs")
        restored = build(of(witnesses, "2"), name="restored")
        self.refused(restored, episode_id, "it was rolled back")

    def test_split_view_two_logs_of_one_key(self, build: Any, witnesses: list[RunningWitness]) -> None:
        """One history for witnesses 1 and 2, another for 2 and 3: at most one of them finds a quorum."""
        first = build(of(witnesses[:2], "2"), name="first")
        assert first.run(first.submit()) == State.RELEASED
        second = build(of(witnesses[1:], "2"), name="second")
        episode_id = second.submit()
        self.refused(second, episode_id, "1 cosigned")
        assert (
            "contradicts" in second.row(episode_id).waiting_for or "rolled back" in second.row(episode_id).waiting_for
        )

    @pytest.mark.parametrize(
        ("attack", "status"),
        [("rewritten", 422), ("extended", 422), ("rolled back", 400), ("stale", 409), ("other key", 403)],
    )
    def test_each_attack_has_its_status(
        self, build: Any, witnesses: list[RunningWitness], attack: str, status: int
    ) -> None:
        chain = build(of(witnesses, "all"))
        chain.run(chain.submit())
        cosign_newest(chain)
        known = chain.tools.countersigning.newest_size()
        log = chain.tools.log
        old = known
        if attack == "rewritten":
            rewrite(chain, lambda events: [*edited(events), *others_like(events[:1])])
        elif attack == "extended":
            rewrite(chain, lambda events: [*events[:-5], *others_like(events[:9])])
        elif attack == "rolled back":
            rewrite(chain, lambda events: events[:-4])
        elif attack == "stale":
            old = known - 1
        elif attack == "other key":
            log = Log(origin=ORIGIN, key=LogKey.generate())
        with chain.database.read() as session:
            size = read_head(session).size
            proof = log.prove_consistency(session, old_size=old, new_size=size) if old <= size else ()
            if attack == "other key":
                from audit.checkpoint import sign_checkpoint

                signed = sign_checkpoint(
                    origin=ORIGIN, size=size, root=read_head(session).root(), key=LogKey.generate()
                ).note
            else:
                signed = log.latest_checkpoint(session).note
        good = Submission.parse(f"old 0\n\n{signed}".encode())
        answer = httpx.post(f"{witnesses[0].url}/add-checkpoint", content=replace(good, old=old, proof=proof).body())
        assert answer.status_code == status


Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def lie(make: Callable[[str], bytes]) -> Answer:
    """Answer 200 with what `make` says about the checkpoint's text."""

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        send(handler, 200, make(Submission.parse(body).text))

    return answer


def line(text_: str, *, key: LogKey = LIAR, name: str = "w1.example", at: datetime | None = None) -> bytes:
    return cosign(text_, name=name, key=key, at=int((at or now()).timestamp())).line.encode()


def hang(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    time.sleep(3)


def trickle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    for _ in range(30):
        handler.wfile.write(b"1\r\na\r\n")
        time.sleep(0.1)


def flood(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    for _ in range(20_000):
        handler.wfile.write(b"1000\r\n" + b"a" * 4096 + b"\r\n")


def redirect(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    handler.send_response(307)
    handler.send_header("location", "http://127.0.0.1:1/add-checkpoint")
    handler.send_header("content-length", "0")
    handler.end_headers()


LIES: dict[str, tuple[Answer, str]] = {
    "no signature": (lie(lambda _: b""), "no cosignature"),
    "a page": (lie(lambda _: b"<html>welcome</html>"), "no cosignature"),
    "binary": (lie(lambda _: b"\xff\xfe\x00"), "no cosignature"),
    "another key": (lie(lambda said: line(said, key=LOG_KEY)), "by the key in the policy"),
    "another name": (lie(lambda said: line(said, name="w2.example")), "by the key in the policy"),
    "another checkpoint": (lie(lambda said: line(said.replace(ORIGIN, "log.example/other"))), "does not fit"),
    "the past": (lie(lambda said: line(said, at=now() - timedelta(days=1))), "compare the clocks"),
    "the future": (lie(lambda said: line(said, at=now() + timedelta(hours=1))), "compare the clocks"),
    "a flood": (flood, "longer than 65536 bytes"),
    "silence": (hang, "not answered|ReadTimeout"),
    "a trickle": (trickle, "not answered|took longer"),
    "a redirect": (redirect, "it answered 307"),
    "an error": (lambda handler, body: send(handler, 500, b"oh"), "it answered 500"),
    "unknown log": (lambda handler, body: send(handler, 404, b""), "it answered 404"),
    "conflict for ever": (
        lambda handler, body: send(handler, 409, b"1\n", "text/x.tlog.size"),
        "another size with every answer",
    ),
    "conflict ahead": (lambda handler, body: send(handler, 409, b"99999\n", "text/x.tlog.size"), "rolled back"),
    "conflict of another type": (lambda handler, body: send(handler, 409, b"1\n"), "without the size"),
    "conflict without a number": (
        lambda handler, body: send(handler, 409, b"\n", "text/x.tlog.size"),
        "without the size",
    ),
}


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    chain = build_chain(tmp_path_factory.mktemp("sealed"), clock=now)  # type: ignore[arg-type]
    chain.run(chain.submit())
    yield chain
    chain.tools.close()


class TestLyingWitness:
    VERIFIER: CosignatureVerifier = witness_verifier(LIAR, "w1.example")

    @pytest.mark.parametrize("what", LIES)
    def test_its_word_counts_for_nothing(self, sealed: Chain, what: str) -> None:
        answer, reason = LIES[what]
        with pretender(answer) as url:
            policy = policy_of(LOG, [(self.VERIFIER, url)], quorum="all")
            client = Witnesses(policy=policy, database=sealed.database, log=sealed.tools.log, clock=now, timeout=2.0)
            begun = time.monotonic()
            standing = client.collect(everybody=True)
            assert time.monotonic() - begun < 10
            client.close()
        assert not standing.quorum
        assert standing.cosigned == ()
        assert re.search(reason, str(standing))
        with sealed.database.read() as session:
            others = Countersigning(database=sealed.database, log=sealed.tools.log, witnesses=client)
            assert others.shown(session) is None
            assert session.execute(select(COSIGNATURES)).all() == []

    def test_an_episode_is_not_released_on_it(self, build: Any) -> None:
        with pretender(LIES["another checkpoint"][0]) as url:
            chain = build(policy_of(LOG, [(self.VERIFIER, url)], quorum="all"))
            episode_id = chain.submit()
            assert chain.run(episode_id) == State.APPROVED
            assert "does not fit" in chain.row(episode_id).waiting_for

    @pytest.mark.parametrize("what", ["silence", "a trickle", "a flood", "another key"])
    def test_beside_an_honest_quorum_it_holds_up_nobody(
        self, build: Any, witnesses: list[RunningWitness], what: str
    ) -> None:
        with pretender(LIES[what][0]) as url:
            honest = [(one.verifier, one.url) for one in witnesses[:2]]
            chain = build(policy_of(LOG, [(self.VERIFIER, url), *honest], quorum="2"))
            episode_id = approved(chain)
            begun = time.monotonic()
            assert chain.run(episode_id) == State.RELEASED
            assert time.monotonic() - begun < 0.7 * WITNESS_SECONDS


class TestRaces:
    def test_two_processes_that_collect_while_the_log_grows(self, build: Any, witnesses: list[RunningWitness]) -> None:
        chain = build(of(witnesses, "2"))
        policy = of(witnesses, "2")
        others = [
            Witnesses(policy=policy, database=chain.database, log=chain.tools.log, clock=now, timeout=5.0)
            for _ in range(2)
        ]
        done = threading.Event()
        failures: list[BaseException] = []

        def collect(one: Witnesses) -> None:
            try:
                while not done.is_set():
                    one.collect()
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

        threads = [threading.Thread(target=collect, args=(one,)) for one in others]
        for thread in threads:
            thread.start()
        released = [chain.run(chain.submit()) for _ in range(5)]
        done.set()
        for thread in threads:
            thread.join()
        for one in others:
            one.close()
        assert failures == []
        assert set(released) <= {State.RELEASED, State.APPROVED}
        # Every stored cosignature is good, and nobody's memory contradicts the log.
        cosign_newest(chain)
        with chain.database.read() as session:
            newest = chain.tools.countersigning.shown(session)
            for row in session.execute(select(CHECKPOINTS.c.size)).all():
                checkpoint = stored_checkpoint(session, row.size, origin=ORIGIN, verifier=LOG)
                policy.cosigners(cosigned(session, checkpoint).note)
        for witness in witnesses:
            note = httpx.get(f"{witness.url}/{origin_hash(ORIGIN)}/checkpoint").text
            assert split_note(note)[0] == split_note(newest.note)[0]
