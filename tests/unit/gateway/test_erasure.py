"""Erasure: the words are gone from every file, and every proof still verifies."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlmodel import select

from audit.event import EventKind
from audit.receipt import Receipt, verify_receipt
from gateway import erasure as erasing
from gateway.accounts import Account, SignInLink, add_account, create_link
from gateway.auth import Role
from gateway.blobs import LocalBlobs
from gateway.commitments import commit, digest_of
from gateway.erasure import GONE, Eraser, Reason
from gateway.errors import ConflictError, DatabaseUnavailableError, NotFoundError, StorageError
from gateway.inspection import inspect
from gateway.releases import find_published, find_released
from gateway.soundindex import SoundKey
from gateway.submissions import (
    ApiKey,
    Clip,
    EpisodeApproval,
    EpisodeFingerprint,
    EpisodeHearing,
    EpisodeReceipt,
    EpisodeSecret,
    Erasure,
    ReviewCase,
    State,
    Submission,
    Timeline,
)
from gateway.withdrawal import withdraw
from synth.segments import SegmentCache
from tests.gateway_chain import REVIEWER, SUBMITTER, Chain, build_chain

MARKER = "xylophonequartz"  # stands in script, title-like places, reasons and findings, and nowhere else
ASKED: dict[str, Any] = {"reason": Reason.REQUEST, "by": "operator", "role": "operator"}


@pytest.fixture(params=["sqlite", "postgres"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    chain = build_chain(tmp_path, database_url=url)
    yield chain
    chain.database.dispose()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Chain]:
    chain = build_chain(tmp_path)
    yield chain
    chain.database.dispose()


def eraser(chain: Chain, **options: Any) -> Eraser:
    return Eraser(database=chain.database, log=chain.tools.log, blobs=chain.tools.blobs, clock=chain.clock, **options)


def problems(chain: Chain) -> tuple[str, ...]:
    with chain.database.write() as session:
        chain.tools.log.seal(session, at=chain.clock())
    return inspect(chain.database, log=chain.tools.log, blobs=chain.tools.blobs, files=chain.tools.log_files).problems


def rejected(chain: Chain, words: str = f"please review the {MARKER}") -> str:
    episode_id = chain.submit(words)
    assert chain.run(episode_id) == State.AWAITING_REVIEW
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    chain.desk.reject(episode_id, reviewer=REVIEWER, reason=f"It says {MARKER}.")
    return episode_id


def files_with(home: Path, marker: str) -> list[str]:
    return sorted(
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and marker.encode() in path.read_bytes()
    )


def test_words_are_gone_from_every_file_and_every_proof_verifies(local: Chain, tmp_path: Path) -> None:
    before = [local.submit(f"Good morning number {n}. " + "It rains. " * 400) for n in range(3)]
    episode_id = rejected(local, f"please review the {MARKER}. " + f"And {MARKER} again. " * 800)  # overflow pages
    after = [local.submit(f"Good evening number {n}.") for n in range(3)]
    for other in before + after:
        assert local.run(other) == State.RELEASED
    assert problems(local) == ()
    assert "assay.db" in "".join(files_with(tmp_path, MARKER))
    with local.database.read() as session:
        receipts = [row.text for row in session.exec(select(EpisodeReceipt))]
        leaves = [one.leaf for one in local.tools.log.events_for(session, episode_id)]

    done = eraser(local).erase(episode_id, **ASKED, audio=True)

    assert done.done_at >= done.requested_at
    assert files_with(tmp_path, MARKER) == []  # with the connections still open
    assert files_with(tmp_path, "Unrepeatable.") != []  # what was heard in the others
    assert problems(local) == ()
    for text in receipts:
        receipt = Receipt.from_text(text)
        verify_receipt(receipt, leaf=receipt.leaf, origin=local.tools.log.origin, verifier=local.tools.log.verifier)
    with local.database.read() as session:
        kept = [one.leaf for one in local.tools.log.events_for(session, episode_id)]
    assert kept[: len(leaves)] == leaves
    assert local.kinds(episode_id)[-2:] == ["erasure.requested", "erasure.done"]
    assert [local.row(other).title for other in before] == ["Morning briefing"] * 3


def test_no_row_of_the_episode_holds_a_text_or_the_digest_of_one(chain: Chain) -> None:
    episode_id = rejected(chain)
    script_digest = chain.row(episode_id).script_digest
    eraser(chain).erase(episode_id, **ASKED, audio=True)
    row = chain.row(episode_id)
    assert (row.script, row.script_digest, row.request_digest, row.decision) == ("", "", "", None)
    assert (row.title, row.show, row.state) == (GONE, GONE, State.REJECTED)
    with chain.database.read() as session:
        for table in (EpisodeSecret, EpisodeHearing, Timeline, EpisodeFingerprint, EpisodeApproval):
            assert session.get(table, episode_id) is None
        case = session.get_one(ReviewCase, episode_id)
        assert (case.reason, case.verdict, case.decided_by) == (None, "reject", REVIEWER)
        leaves = b"".join(one.leaf for one in chain.tools.log.events_for(session, episode_id))
    assert script_digest.encode() not in leaves
    assert digest_of(f"It says {MARKER}.").encode() not in leaves
    assert problems(chain) == ()


def test_commitment_opens_before_and_never_after(chain: Chain) -> None:
    episode_id = rejected(chain)
    with chain.database.read() as session:
        secret = session.get_one(EpisodeSecret, episode_id).secret
        first = chain.tools.log.events_for(session, episode_id)[0].event
    digest = chain.row(episode_id).script_digest
    assert first.facts["script_commitment"] == commit(secret, "script", digest)
    eraser(chain).erase(episode_id, **ASKED)
    with chain.database.read() as session:
        assert session.get(EpisodeSecret, episode_id) is None
        assert chain.tools.log.events_for(session, episode_id)[0].event == first


def test_equal_texts_of_two_episodes_have_different_commitments(chain: Chain) -> None:
    one, two = chain.submit(), chain.submit()
    with chain.database.read() as session:
        facts = [chain.tools.log.events_for(session, episode_id)[0].event.facts for episode_id in (one, two)]
    assert facts[0]["script_commitment"] != facts[1]["script_commitment"]
    assert facts[0]["script_commitment"] != facts[0]["plan_commitment"]


def test_what_is_released_stays_released_and_its_sound_is_kept(chain: Chain) -> None:
    episode_id = chain.submit(f"The {MARKER} is public.")
    assert chain.run(episode_id) == State.RELEASED
    with pytest.raises(ConflictError, match="withdraw it before"):
        eraser(chain).erase(episode_id, **ASKED, audio=True)
    eraser(chain).erase(episode_id, **ASKED)
    with chain.database.read() as session:
        episode = find_released(session, episode_id)
        clips = session.exec(select(Clip).where(Clip.episode_id == episode_id)).all()
        approval = session.get_one(EpisodeApproval, episode_id)
    assert episode is not None
    assert episode.title == "Morning briefing"
    assert MARKER in episode.cues[0].text  # everybody can hear it
    assert [chain.tools.blobs.verify(clip.sha256) for clip in clips] == [clip.size for clip in clips]
    assert approval.reason == ""
    assert chain.row(episode_id).script == ""
    assert problems(chain) == ()


def test_without_audio_the_sound_stays_and_with_it_nothing_can_be_heard(chain: Chain) -> None:
    episode_id = rejected(chain)
    with chain.database.read() as session:
        clips = session.exec(select(Clip).where(Clip.episode_id == episode_id)).all()
    names = [name for clip in clips for name in (clip.sha256, clip.manifest_sha256)]
    eraser(chain).erase(episode_id, **ASKED)
    assert all(chain.tools.blobs.exists(name) for name in names)
    eraser(chain).erase(episode_id, **ASKED, audio=True)
    assert not any(chain.tools.blobs.exists(name) for name in names)
    assert chain.kinds(episode_id)[-4:] == ["erasure.requested", "erasure.done"] * 2
    assert problems(chain) == ()


def test_episode_that_waits_for_a_reviewer_fails_as_erased(chain: Chain) -> None:
    episode_id = chain.submit("please review")
    chain.run(episode_id)
    eraser(chain).erase(episode_id, **ASKED)
    assert (chain.row(episode_id).state, chain.row(episode_id).failure) == (State.FAILED, GONE)
    assert chain.desk.waiting() == []
    assert chain.kinds(episode_id)[-3:] == ["submission.failed", "erasure.requested", "erasure.done"]
    with pytest.raises(ConflictError):
        chain.desk.claim(episode_id, reviewer=REVIEWER)


def test_episode_that_is_being_worked_on_is_not_erased(chain: Chain) -> None:
    episode_id = chain.submit()
    with pytest.raises(ConflictError, match="being worked on"):
        eraser(chain).erase(episode_id, **ASKED)
    assert chain.row(episode_id).script
    with pytest.raises(NotFoundError):
        eraser(chain).erase("ep_unknown", **ASKED)
    assert chain.run(episode_id) == State.RELEASED


@pytest.mark.parametrize("step", ["rows", "files", "scrub", "scrubbed"])
def test_interrupted_erasure_is_named_by_fsck_and_finished_later(
    chain: Chain, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    episode_id = rejected(chain)

    def fail(*_: Any, **__: Any) -> None:
        raise StorageError("the disk went away")

    def fail_after(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        fail()

    real = erasing.scrub
    with monkeypatch.context() as patch:
        if step == "rows":
            patch.setattr(erasing, "_clear", fail)
        elif step == "files":
            patch.setattr(LocalBlobs, "remove", fail)
        else:
            patch.setattr(erasing, "scrub", fail if step == "scrub" else fail_after)
        with pytest.raises(StorageError):
            eraser(chain).erase(episode_id, **ASKED, audio=True)
    assert any("not finished" in problem for problem in problems(chain))
    assert eraser(chain).resume() == 1
    assert problems(chain) == ()
    assert chain.kinds(episode_id).count("erasure.done") == 1
    assert eraser(chain).resume() == 0


def test_fsck_finds_what_an_erasure_should_have_taken(chain: Chain) -> None:
    episode_id = rejected(chain)
    with chain.database.read() as session:
        clip = session.exec(select(Clip).where(Clip.episode_id == episode_id)).first()
    assert clip is not None
    data = chain.tools.blobs.read(clip.sha256)
    eraser(chain).erase(episode_id, **ASKED, audio=True)
    chain.tools.blobs.put(data)
    assert any("still stored" in problem for problem in problems(chain))
    chain.tools.blobs.remove(clip.sha256)
    with chain.database.write() as session:
        row = session.get_one(type(chain.row(episode_id)), episode_id)
        row.script = "It came back from a backup."
    assert any("still hold text" in problem for problem in problems(chain))


def test_person_behind_a_key_is_erased_with_everything_they_submitted(chain: Chain) -> None:
    with chain.database.write() as session:
        session.add(
            ApiKey(id=SUBMITTER, secret_digest="0" * 64, role="submitter", name="Jane Doe", created_at=chain.clock())
        )
    kept, gone = chain.submit(f"The {MARKER} is public."), rejected(chain)
    assert chain.run(kept) == State.RELEASED
    busy = chain.submit()
    person = eraser(chain).erase_person(SUBMITTER, **ASKED, audio=True)
    assert [one.episode_id for one in person.episodes] == [gone]
    assert {episode_id for episode_id, _ in person.left} == {kept, busy}
    with chain.database.read() as session:
        key = session.get_one(ApiKey, SUBMITTER)
        said = [one.event for one in chain.tools.log.events_for(session, SUBMITTER)]
    assert (key.name, key.revoked_at is not None) == (GONE, True)
    assert [event.kind for event in said] == [
        EventKind.ERASURE_REQUESTED,
        EventKind.APIKEY_REVOKED,
        EventKind.ERASURE_DONE,
    ]
    assert said[-1].facts["left"] == 2
    with pytest.raises(NotFoundError):
        eraser(chain).erase_person("nobody", **ASKED)


def test_person_who_signs_in_is_erased_with_name_password_and_sessions(chain: Chain, tmp_path: Path) -> None:
    now = chain.clock()
    with chain.database.write() as session:
        account = add_account(session, f"{MARKER}@press.example", Role.REVIEWER, at=now, log=chain.tools.log)
        account.password_hash, account.codes_secret = f"$argon2id${MARKER}", "SECRET"
        create_link(session, account, at=now)
    person = eraser(chain).erase_person(account.id, **ASKED)
    assert (person.episodes, person.left) == ((), ())
    with chain.database.read() as session:
        row = session.get_one(Account, account.id)
        said = [one.event.kind.value for one in chain.tools.log.events_for(session, account.id)]
        assert session.exec(select(SignInLink)).all() == []
    assert (row.name, row.password_hash, row.codes_secret) == (f"{GONE}-{account.id}", None, None)
    assert row.disabled_at is not None
    assert said == ["account.created", "erasure.requested", "account.disabled", "erasure.done"]
    if chain.database.is_sqlite:
        assert files_with(tmp_path, MARKER) == []


def test_what_a_restored_backup_brings_back_is_named_and_erased_again(chain: Chain) -> None:
    episode_id, untouched = rejected(chain), rejected(chain)
    with chain.database.write() as session:
        session.add(ApiKey(id="gone", secret_digest="0" * 64, role="auditor", name="Jane", created_at=chain.clock()))
    eraser(chain).erase(episode_id, **ASKED)
    eraser(chain).erase(episode_id, **ASKED, audio=True)
    eraser(chain).erase_person("gone", **ASKED)
    assert eraser(chain).redo() == 0
    with chain.database.write() as session:  # as rows from before the erasure would be
        session.delete(session.get_one(Erasure, episode_id))
        session.get_one(Submission, episode_id).script = f"It says {MARKER}."
        session.get_one(ApiKey, "gone").name = "Jane"
    assert [problem for problem in problems(chain) if "brought it back" in problem] == [
        f"erasure of {episode_id}: a backup brought it back",
        "erasure of gone: a backup brought it back",
    ]
    assert eraser(chain).redo() == 2
    assert problems(chain) == ()
    assert chain.row(episode_id).script == ""
    assert chain.row(untouched).script != ""
    with chain.database.read() as session:
        assert session.get_one(Erasure, episode_id).audio
        assert session.get_one(ApiKey, "gone").name == GONE


def test_retention_erases_what_ended_long_ago_and_keeps_what_is_public(chain: Chain) -> None:
    public, refused = chain.submit(f"The {MARKER} is public."), rejected(chain)
    assert chain.run(public) == State.RELEASED
    chain.clock.now += timedelta(days=31)
    fresh = rejected(chain)
    assert eraser(chain).expire(keep=timedelta(days=30)) == 2
    assert eraser(chain).expire(keep=timedelta(days=30)) == 0
    assert [chain.row(one).script == "" for one in (public, refused, fresh)] == [True, True, False]
    with chain.database.read() as session:
        rows = {row.episode_id: (row.reason, row.audio, row.requested_by) for row in session.exec(select(Erasure))}
        assert find_released(session, public) is not None
    assert rows == {public: ("retention", False, "system"), refused: ("retention", True, "system")}
    assert problems(chain) == ()


def test_words_are_gone_from_the_tables_of_postgres_when_they_are_rewritten(tmp_path: Path, postgres_url: str) -> None:
    chain = build_chain(tmp_path, database_url=postgres_url)
    with chain.database.read() as session:
        oid = session.connection().exec_driver_sql("SELECT oid FROM pg_database WHERE datname = current_database()")
        where = session.connection().exec_driver_sql("SHOW data_directory")
        base = Path(where.scalar_one()) / "base" / str(oid.scalar_one())
    if not base.exists():
        pytest.skip("the PostgreSQL server that ASSAY_TEST_POSTGRES_URL names keeps its files elsewhere")

    def files() -> list[str]:
        with chain.database.writer.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("CHECKPOINT")
        return files_with(base, MARKER)

    episode_id = rejected(chain, f"please review the {MARKER}. " + f"And {MARKER} again. " * 800)  # stored out of line
    assert files() != []
    eraser(chain, rewrite=True).erase(episode_id, **ASKED, audio=True)
    assert files() == []
    assert problems(chain) == ()
    chain.database.dispose()


def test_reader_of_an_old_state_delays_the_end_and_no_end_is_claimed(
    local: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.scrub.CHECKPOINT_SECONDS", 0.1)
    monkeypatch.setattr("gateway.db.SQLITE_BUSY_MILLISECONDS", 100)
    episode_id = rejected(local)
    reader = sqlite3.connect(tmp_path / "assay.db", isolation_level=None)
    reader.execute("PRAGMA busy_timeout=100")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM submission").fetchone()
    local.database.dispose()  # connections with the short timeout from here on
    with pytest.raises(DatabaseUnavailableError, match="reads an old state"):
        eraser(local).erase(episode_id, **ASKED)
    assert "erasure.done" not in local.kinds(episode_id)
    reader.close()
    assert eraser(local).resume() == 1
    assert files_with(tmp_path, f"It says {MARKER}") == []


def test_rewriting_also_removes_what_was_deleted_without_zeros(local: Chain, tmp_path: Path) -> None:
    plain = sqlite3.connect(tmp_path / "assay.db", isolation_level=None)
    plain.execute("PRAGMA secure_delete=OFF")
    plain.execute("CREATE TABLE old (text TEXT)")
    plain.execute("INSERT INTO old VALUES (?)", (f"{MARKER} " * 3_000,))
    plain.execute("DELETE FROM old")
    plain.close()
    episode_id = rejected(local, "please review this")
    eraser(local).erase(episode_id, **ASKED, audio=True)
    assert files_with(tmp_path, f"{MARKER} {MARKER}") == ["assay.db"]
    eraser(local, rewrite=True).erase(episode_id, **ASKED, audio=True)
    assert files_with(tmp_path, f"{MARKER} {MARKER}") == []


def take_back(chain: Chain, episode_id: str, reason: str) -> None:
    with chain.database.write() as session:
        withdraw(
            session, episode_id, reason=reason, by=REVIEWER, role="reviewer", at=chain.clock(), log=chain.tools.log
        )


def test_what_had_to_stay_while_it_was_public_goes_when_it_is_withdrawn(chain: Chain, tmp_path: Path) -> None:
    episode_id = chain.submit(f"The {MARKER} is public.")
    assert chain.run(episode_id) == State.RELEASED
    eraser(chain).erase(episode_id, **ASKED)
    take_back(chain, episode_id, f"It says {MARKER}.")
    assert any("still hold text" in problem for problem in problems(chain))
    assert eraser(chain).resume() == 1
    assert problems(chain) == ()
    with chain.database.read() as session:
        episode = find_published(session, episode_id)
        assert session.get(EpisodeSecret, episode_id) is None
    assert episode is not None
    assert (episode.title, episode.cues, episode.state) == (GONE, (), State.WITHDRAWN)
    assert episode.withdrawal is not None
    assert episode.withdrawal.reason == GONE
    assert episode.clips  # its bytes are still recognised
    if chain.database.is_sqlite:
        assert not [name for name in files_with(tmp_path, MARKER) if name.startswith("assay.db")]


def test_sound_of_a_withdrawn_episode_goes_and_its_receipts_verify(chain: Chain) -> None:
    episode_id = chain.submit()
    assert chain.run(episode_id) == State.RELEASED
    take_back(chain, episode_id, "A mistake.")
    eraser(chain).erase(episode_id, **ASKED, audio=True)
    assert problems(chain) == ()
    with chain.database.read() as session:
        assert session.exec(select(SoundKey)).all() == []
        receipts = session.exec(select(EpisodeReceipt).where(EpisodeReceipt.episode_id == episode_id)).all()
    assert len(receipts) == 3


def test_kept_sentences_go_with_any_erasure(chain: Chain, tmp_path: Path) -> None:
    folder = tmp_path / "segments"
    SegmentCache(folder, max_bytes=1 << 20).write("ab" + "0" * 62, np.ones(10, np.float32))
    episode_id = chain.submit("please block this")
    chain.run(episode_id)
    eraser(chain, segments=folder).erase(episode_id, reason=Reason.REQUEST, by="admin1", role="admin")
    assert not folder.exists()
