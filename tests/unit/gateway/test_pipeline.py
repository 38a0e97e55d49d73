"""The steps: each leaves its state with its event, and whatever goes wrong ends in a named state."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlmodel import select, update

from audit.errors import LogDivergedError
from audit.published import read_checkpoint_file
from audit.receipt import Receipt, verify_receipt
from gateway.errors import DatabaseUnavailableError, KeyMaterialError, NotFoundError, StorageError
from gateway.submissions import (
    Clip,
    EpisodeApproval,
    EpisodeFingerprint,
    EpisodeReceipt,
    EpisodeRelease,
    ReviewCase,
    State,
    Timeline,
    lock,
)
from synth.fingerprint import Fingerprint
from tests.gateway_chain import HUM, Chain, QuickProducer, build_chain


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return build_chain(tmp_path)


class Breaking(QuickProducer):
    """Raises the given errors, one per call, and then works."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self._errors = list(errors)

    def produce(self, *arguments: Any, **named: Any) -> Any:
        if self._errors:
            raise self._errors.pop(0)
        return super().produce(*arguments, **named)


def patiently(name: str, step: Callable[[], str], *, patient: bool) -> str:
    """As the engine: a patient step gets three tries."""
    for _ in range(2 if patient else 0):
        try:
            return step()
        except Exception:  # noqa: BLE001  # what DBOS does
            continue
    return step()


def test_allowed_script_becomes_a_released_episode(chain: Chain) -> None:
    episode_id = chain.submit()
    assert chain.run(episode_id) == "released"
    assert chain.kinds(episode_id) == [
        "submission.received",
        "screening.decided",
        "clip.produced",
        "speech.heard",
        "clip.logged",
        "approval.granted",
        "release.intended",
        "episode.released",
    ]
    with chain.database.read() as session:
        clips = session.exec(select(Clip).where(Clip.episode_id == episode_id)).all()
        timeline = session.get(Timeline, episode_id)
        fingerprint = session.get(EpisodeFingerprint, episode_id)
        approval = session.get(EpisodeApproval, episode_id)
        release = session.get(EpisodeRelease, episode_id)
        receipts = session.exec(select(EpisodeReceipt).where(EpisodeReceipt.episode_id == episode_id)).all()
        events = {one.event.kind.value: one for one in chain.tools.log.events_for(session, episode_id)}
    assert {clip.media_type for clip in clips} == {"audio/mpeg", "audio/wav"}
    for clip in clips:
        assert chain.tools.blobs.verify(clip.sha256) == clip.size
        assert chain.tools.blobs.exists(clip.manifest_sha256)
    assert timeline is not None
    assert timeline.cues == [{"start": 0.0, "end": 1.0, "speaker": "Anna", "text": "Good morning.", "utterance": None}]
    assert timeline.timings == [["speak", 0.0], ["sign audio/mpeg", 0.0]]
    assert fingerprint is not None
    assert Fingerprint.from_bytes(fingerprint.data) == HUM
    assert approval is not None
    assert (approval.approver, approval.entry_index) == ("policy", events["approval.granted"].index)
    assert release is not None
    assert release.entry_index == events["episode.released"].index
    assert {row.purpose: row.entry_index for row in receipts} == {
        "clip": events["clip.produced"].index,
        "approval": events["approval.granted"].index,
        "intent": events["release.intended"].index,
    }
    for row in receipts:
        receipt = Receipt.from_text(row.text)
        verify_receipt(receipt, leaf=receipt.leaf, origin=chain.tools.log.origin, verifier=chain.tools.log.verifier)


def test_log_names_everything_that_made_the_episode_and_none_of_its_words(chain: Chain) -> None:
    episode_id = chain.submit("Unrepeatable sentence.")
    chain.run(episode_id)
    with chain.database.read() as session:
        events = {one.event.kind.value: one for one in chain.tools.log.events_for(session, episode_id)}
    decided = events["screening.decided"].event.facts
    assert decided["policy_digest"] == "sha256:" + "1" * 64
    assert decided["models"] == [["words", "sha256:" + "2" * 64]]
    produced = events["clip.produced"].event.facts
    assert produced["voices"] == {"quiet": "quiet-1"}
    assert [clip["marks"] for clip in produced["clips"]] == [[["keyed", "1"]]] * 2  # type: ignore[call-overload, index, union-attr]
    for one in events.values():
        assert b"Unrepeatable" not in one.leaf
        assert b"briefing" not in one.leaf


def test_last_checkpoint_that_was_signed_is_published_beside_the_database(chain: Chain) -> None:
    chain.run(chain.submit())
    with chain.database.read() as session:
        newest = chain.tools.log.latest_checkpoint(session)
    assert newest is not None
    assert read_checkpoint_file(chain.tools.settings.published_checkpoint) == newest.note


def test_nothing_is_released_while_its_evidence_cannot_be_published(chain: Chain) -> None:
    folder = chain.tools.settings.log_folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_bytes(b"a file where the folder should be")
    episode_id = chain.submit()
    assert chain.run(episode_id) == "failed"
    assert chain.row(episode_id).failure == "storage-unavailable"
    assert "episode.released" not in chain.kinds(episode_id)


def test_release_is_tried_again_when_the_disk_is_back(chain: Chain) -> None:
    folder = chain.tools.settings.log_folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_bytes(b"a file where the folder should be")
    episode_id = chain.submit()

    def mending(name: str, step: Any, *, patient: bool) -> str:
        try:
            return str(step())
        except StorageError:
            assert (name, patient) == ("release", True)
            assert chain.row(episode_id).state == "approved"
            folder.unlink()
            return str(step())

    assert chain.pipeline.advance(episode_id, mending) == "released"
    assert chain.kinds(episode_id).count("release.intended") == 1


def test_folder_that_cannot_be_written_stops_no_release_where_settings_allow_that(tmp_path: Path) -> None:
    chain = build_chain(tmp_path, release_needs_published_log=False)
    folder = chain.tools.settings.log_folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_bytes(b"a file where the folder should be")
    assert chain.run(chain.submit()) == "released"


def test_blocked_script_is_never_spoken(chain: Chain) -> None:
    episode_id = chain.submit("please block")
    assert chain.run(episode_id) == "blocked"
    assert chain.kinds(episode_id) == ["submission.received", "screening.decided", "submission.blocked"]
    assert chain.tools.producer.calls == []  # type: ignore[attr-defined]
    decision = chain.row(episode_id).decision
    assert decision is not None
    assert decision["verdict"] == "block"
    json.dumps(decision)


def test_reviewable_script_is_spoken_and_waits(chain: Chain) -> None:
    episode_id = chain.submit("please review")
    assert chain.run(episode_id) == "awaiting_review"
    assert chain.kinds(episode_id)[-1] == "review.requested"
    with chain.database.read() as session:
        assert session.get(ReviewCase, episode_id) is not None
        assert session.get(EpisodeApproval, episode_id) is None
    assert chain.run(episode_id) == "awaiting_review"
    assert len(chain.kinds(episode_id)) == 6


def test_allowed_script_waits_too_where_people_decide_everything(tmp_path: Path) -> None:
    chain = build_chain(tmp_path, approve_allowed=False)
    episode_id = chain.submit()
    assert chain.run(episode_id) == "awaiting_review"
    assert "approval.granted" not in chain.kinds(episode_id)


def test_every_step_that_runs_again_changes_nothing(chain: Chain) -> None:
    episode_id = chain.submit()
    pipeline = chain.pipeline
    for step in (pipeline.screen, pipeline.produce, pipeline.log, pipeline.decide, pipeline.release):
        state, kinds, version = step(episode_id), chain.kinds(episode_id), chain.row(episode_id).version
        assert step(episode_id) == state
        assert chain.kinds(episode_id) == kinds
        assert chain.row(episode_id).version == version
    assert chain.run(episode_id) == "released"
    assert chain.tools.producer.calls == [episode_id]  # type: ignore[attr-defined]


def test_steps_out_of_order_do_nothing(chain: Chain) -> None:
    episode_id = chain.submit()
    pipeline = chain.pipeline
    for step in (pipeline.produce, pipeline.log, pipeline.decide, pipeline.release):
        assert step(episode_id) == "received"
    assert chain.kinds(episode_id) == ["submission.received"]


@pytest.mark.parametrize(
    ("words", "reason", "during"),
    [("please break", "screening-failed", "received"), ("please crackle", "read-back-failed", "screened")],
)
def test_step_that_cannot_be_done_fails_with_its_reason(chain: Chain, words: str, reason: str, during: str) -> None:
    episode_id = chain.submit(words)
    assert chain.run(episode_id) == "failed"
    row = chain.row(episode_id)
    assert row.failure == reason
    assert row.failure_detail
    with chain.database.read() as session:
        failed = chain.tools.log.events_for(session, episode_id)[-1].event
    assert failed.kind.value == "submission.failed"
    assert failed.facts == {"reason": reason, "during": during}
    assert chain.run(episode_id) == "failed"


def test_unexpected_error_fails_without_telling_its_message(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chain = build_chain(tmp_path, producer=Breaking(RuntimeError("cannot speak 'Good morning.'")))
    episode_id = chain.submit()
    assert chain.run(episode_id) == "failed"
    row = chain.row(episode_id)
    assert row.failure == "internal-error"
    assert "Good morning" not in str(row.failure_detail)
    assert "Good morning" not in caplog.text
    assert "produce" in caplog.text  # the frames are there for whoever mends it


def test_missing_key_is_the_reason_of_the_failure(tmp_path: Path) -> None:
    missing = KeyMaterialError("key file claim-signer.key is missing; run `assay keygen` or restore it")
    chain = build_chain(tmp_path, producer=Breaking(missing))
    episode_id = chain.submit()
    assert chain.run(episode_id) == "failed"
    assert chain.row(episode_id).failure == "key-material"
    assert "claim-signer.key is missing" in str(chain.row(episode_id).failure_detail)


def test_passing_fault_is_tried_again(tmp_path: Path) -> None:
    full = StorageError("the disk is full")
    chain = build_chain(tmp_path, producer=Breaking(full, full))
    episode_id = chain.submit()
    assert chain.pipeline.advance(episode_id, patiently) == "released"
    with chain.database.read() as session:
        history = [one.event for one in chain.tools.log.events_for(session, episode_id)]
    (told,) = [event for event in history if event.kind.value == "step.failed"]  # two tries, one event
    assert told.facts == {"step": "produce", "reason": "storage-unavailable"}


def test_release_that_could_not_be_done_yet_is_told_and_done_later(chain: Chain, tmp_path: Path) -> None:
    episode_id = chain.submit()
    for step in ("screen", "produce", "listen", "log", "decide"):
        getattr(chain.pipeline, step)(episode_id)
    with chain.database.read() as session:
        clip = session.exec(select(Clip).where(Clip.episode_id == episode_id)).first()
    assert clip is not None
    data = chain.tools.blobs.read(clip.sha256)
    chain.tools.blobs.remove(clip.sha256)
    with pytest.raises(StorageError):
        chain.pipeline._attempt(chain.pipeline.release, episode_id)
    chain.tools.blobs.put(data)
    assert chain.run(episode_id) == "released"
    assert chain.kinds(episode_id)[-2:] == ["release.failed", "episode.released"]


def test_refused_release_is_told_before_the_episode_fails(chain: Chain) -> None:
    episode_id = chain.submit()
    for step in ("screen", "produce", "listen", "log", "decide"):
        getattr(chain.pipeline, step)(episode_id)
    with chain.database.write() as session:
        session.execute(update(EpisodeApproval).values(approver="somebody else"))
    assert chain.run(episode_id) == "failed"
    with chain.database.read() as session:
        *_, told, failed = [one.event for one in chain.tools.log.events_for(session, episode_id)]
    assert (told.kind.value, told.facts) == ("release.failed", {"reason": "release-refused", "final": True})
    assert failed.kind.value == "submission.failed"


def test_disk_that_stays_full_fails_the_episode(tmp_path: Path) -> None:
    chain = build_chain(tmp_path, producer=Breaking(*[StorageError("the disk is full")] * 9))
    episode_id = chain.submit()
    assert chain.pipeline.advance(episode_id, patiently) == "failed"
    assert chain.row(episode_id).failure == "storage-unavailable"
    assert chain.kinds(episode_id)[-1] == "submission.failed"


def test_database_that_stays_away_keeps_the_episode_where_it_was(tmp_path: Path) -> None:
    away = OperationalError("SELECT 1", {}, Exception("the server closed the connection"))
    chain = build_chain(tmp_path, producer=Breaking(*[away] * 4))
    episode_id = chain.submit()
    with pytest.raises(OperationalError):
        chain.pipeline.advance(episode_id, patiently)
    assert chain.row(episode_id).state == State.SCREENED
    assert "submission.failed" not in chain.kinds(episode_id)
    assert chain.pipeline.advance(episode_id, patiently) == "released"


def test_log_that_does_not_add_up_stops_the_episode(chain: Chain) -> None:
    episode_id = chain.submit()
    chain.pipeline.screen(episode_id)
    chain.pipeline.produce(episode_id)

    def diverged(*arguments: object, **named: object) -> None:
        raise LogDivergedError("entry 0 is missing or was changed; run fsck")

    chain.tools.log.seal = diverged  # type: ignore[method-assign, assignment]
    assert chain.run(episode_id) == "failed"
    row = chain.row(episode_id)
    assert row.failure == "audit-log"


def test_decision_that_was_lost_never_passes(chain: Chain) -> None:
    episode_id = chain.submit()
    for step in (chain.pipeline.screen, chain.pipeline.produce, chain.pipeline.listen, chain.pipeline.log):
        step(episode_id)
    with chain.database.write() as session:
        lock(session, episode_id).decision = None
    assert chain.run(episode_id) == "failed"
    assert "episode.released" not in chain.kinds(episode_id)


def test_failure_after_the_end_changes_nothing(chain: Chain) -> None:
    episode_id = chain.submit()
    chain.run(episode_id)
    assert chain.pipeline.abandon(episode_id, RuntimeError("late")) == "released"
    assert chain.row(episode_id).failure is None
    assert "submission.failed" not in chain.kinds(episode_id)


def test_unknown_episode_is_not_found(chain: Chain) -> None:
    with pytest.raises(NotFoundError):
        chain.pipeline.screen("ep_unknown")


def test_slower_worker_that_lost_the_race_stores_nothing(chain: Chain) -> None:
    # A paused worker comes back while another has gone on: its clips must not join the episode.
    episode_id = chain.submit()
    chain.pipeline.screen(episode_id)

    def overtaken(name: str) -> None:
        if len(chain.tools.producer.calls) == 1:  # type: ignore[attr-defined]
            chain.pipeline.produce(episode_id)

    chain.tools.producer._before = overtaken  # type: ignore[attr-defined]
    assert chain.pipeline.produce(episode_id) == "produced"
    with chain.database.read() as session:
        assert len(session.exec(select(Clip)).all()) == 2
    assert chain.kinds(episode_id).count("clip.produced") == 1


def test_clip_with_a_false_digest_is_never_stored_as_produced(chain: Chain) -> None:
    class Lying(QuickProducer):
        def produce(self, *arguments: Any, **named: Any) -> Any:
            from dataclasses import replace

            made = super().produce(*arguments, **named)
            return replace(made, clips=tuple(replace(clip, sha256="0" * 64) for clip in made.clips))

    lying = build_chain(chain.tools.settings.home, producer=Lying())
    episode_id = lying.submit()
    assert lying.pipeline.advance(episode_id, patiently) == "failed"
    assert "clip.produced" not in lying.kinds(episode_id)


def test_full_database_is_named_unavailable(tmp_path: Path) -> None:
    chain = build_chain(tmp_path)
    with chain.database.writer.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    @event.listens_for(chain.database.writer, "checkout")
    def limit(connection: Any, *rest: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")  # SQLite's own "disk full"

    def fill() -> None:
        for _ in range(50):
            chain.submit("word " * 2000)

    with pytest.raises(DatabaseUnavailableError, match="full"):
        fill()
