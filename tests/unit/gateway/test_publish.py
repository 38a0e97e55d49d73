"""Release examines stored evidence again, and refuses when any part of it is missing, foreign or changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from audit.checkpoint import LogKey
from audit.log import Log
from gateway import publish
from gateway.errors import ConflictError, ReleaseRefusedError, StorageError
from gateway.publish import Evidence, Purpose
from gateway.submissions import Clip, EpisodeApproval, EpisodeReceipt, EpisodeRelease, State, lock
from tests.gateway_chain import ORIGIN, Chain, a_clip, build_chain


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return build_chain(tmp_path)


@pytest.fixture
def approved(chain: Chain) -> str:
    """An approved episode whose intent is announced."""
    episode_id = approve(chain)
    with chain.database.write() as session:
        publish.intend(session, lock(session, episode_id), log=chain.tools.log, at=chain.clock())
    return episode_id


def approve(chain: Chain) -> str:
    episode_id = chain.submit()
    pipeline = chain.pipeline
    for step in (pipeline.screen, pipeline.produce, pipeline.listen, pipeline.log, pipeline.decide):
        step(episode_id)
    assert chain.row(episode_id).state == State.APPROVED
    return episode_id


def gather(chain: Chain, episode_id: str) -> Evidence:
    with chain.database.read() as session:
        return publish.gather(session, episode_id)


def examine(chain: Chain, evidence: Evidence) -> publish.Clearance:
    return publish.examine(evidence, log=chain.tools.log, blobs=chain.tools.blobs, policy=None)


def change(chain: Chain, act: Callable[[Session], object]) -> None:
    with chain.database.write() as session:
        act(session)


def blob_path(chain: Chain, digest: str) -> Path:
    return chain.tools.settings.blob_folder / "sha256" / digest[:2] / digest[2:]


def assert_refused(chain: Chain, episode_id: str, reason: str) -> None:
    """Neither the examination nor the step as a whole lets it through."""
    with pytest.raises(ReleaseRefusedError, match=reason):
        examine(chain, gather(chain, episode_id))
    assert chain.run(episode_id) == "failed"
    assert chain.row(episode_id).failure == "release-refused"
    with chain.database.read() as session:
        assert session.get(EpisodeRelease, episode_id) is None


def test_complete_evidence_clears_the_episode(chain: Chain, approved: str) -> None:
    clearance = examine(chain, gather(chain, approved))
    assert clearance.episode_id == approved
    with chain.database.write() as session:
        publish.release(session, lock(session, approved), clearance, log=chain.tools.log, at=chain.clock())
    assert chain.row(approved).state == State.RELEASED
    with chain.database.read() as session:
        newest = chain.tools.log.latest_checkpoint(session)
        release = session.get(EpisodeRelease, approved)
    assert newest is not None
    assert release is not None
    assert release.entry_index < newest.size  # the release itself is covered by a signature


def test_intent_is_announced_once(chain: Chain, approved: str) -> None:
    change(
        chain,
        lambda session: publish.intend(session, lock(session, approved), log=chain.tools.log, at=chain.clock()),
    )
    assert chain.kinds(approved).count("release.intended") == 1


def test_episode_without_approval_is_refused(chain: Chain, approved: str) -> None:
    change(chain, lambda session: session.delete(session.get(EpisodeApproval, approved)))
    with pytest.raises(ReleaseRefusedError, match="nobody said yes"):
        gather(chain, approved)
    assert chain.run(approved) == "failed"


def test_intent_without_approval_is_refused(chain: Chain) -> None:
    episode_id = approve(chain)
    change(chain, lambda session: session.delete(session.get(EpisodeApproval, episode_id)))
    assert chain.run(episode_id) == "failed"
    assert chain.row(episode_id).failure == "release-refused"
    assert "release.intended" not in chain.kinds(episode_id)


def test_missing_receipt_of_the_clip_is_refused(chain: Chain, approved: str) -> None:
    change(chain, lambda session: session.delete(session.get(EpisodeReceipt, (approved, "clip"))))
    with pytest.raises(ReleaseRefusedError, match="no receipt for: clip"):
        gather(chain, approved)


def test_receipt_that_cannot_be_read_is_refused(chain: Chain, approved: str) -> None:
    change(chain, lambda session: setattr(session.get(EpisodeReceipt, (approved, "clip")), "text", "not a receipt"))
    with pytest.raises(ReleaseRefusedError, match="cannot be read"):
        gather(chain, approved)


def test_receipt_signed_by_another_key_is_refused(chain: Chain, approved: str) -> None:
    other = Log(origin=ORIGIN, key=LogKey.generate())
    with pytest.raises(ReleaseRefusedError, match="does not verify"):
        publish.examine(gather(chain, approved), log=other, blobs=chain.tools.blobs, policy=None)


def test_receipt_of_another_episode_is_refused(chain: Chain, approved: str) -> None:
    other = approve(chain)
    change(chain, lambda session: publish.intend(session, lock(session, other), log=chain.tools.log, at=chain.clock()))
    theirs, ours = gather(chain, other), gather(chain, approved)
    for purpose in Purpose:
        mixed = replace(
            ours,
            receipts={**ours.receipts, purpose: theirs.receipts[purpose]},
            stored_checkpoints=ours.stored_checkpoints | theirs.stored_checkpoints,
        )
        with pytest.raises(ReleaseRefusedError, match=f"the receipt of the {purpose.value} is for"):
            examine(chain, mixed)


def test_receipt_used_for_another_purpose_is_refused(chain: Chain, approved: str) -> None:
    evidence = gather(chain, approved)
    swapped = {**evidence.receipts, Purpose.APPROVAL: evidence.receipts[Purpose.CLIP]}
    with pytest.raises(ReleaseRefusedError, match=r"not for approval\.granted"):
        examine(chain, replace(evidence, receipts=swapped))


def test_receipt_under_a_checkpoint_that_is_not_stored_is_refused(chain: Chain, approved: str) -> None:
    with pytest.raises(ReleaseRefusedError, match="rests on a checkpoint that is not stored"):
        examine(chain, replace(gather(chain, approved), stored_checkpoints=frozenset()))


def test_changed_receipt_is_refused(chain: Chain, approved: str) -> None:
    evidence = gather(chain, approved)
    receipt = evidence.receipts[Purpose.CLIP]
    forged = replace(receipt, leaf=receipt.leaf.replace(b"urn:c2pa", b"urn:c3pa"))
    assert forged != receipt
    with pytest.raises(ReleaseRefusedError, match="does not verify"):
        examine(chain, replace(evidence, receipts={**evidence.receipts, Purpose.CLIP: forged}))


def test_clip_that_was_added_after_production_is_refused(chain: Chain, approved: str) -> None:
    clip = a_clip(approved, "audio/ogg")
    chain.tools.blobs.put(clip.data)

    def add(session: Session) -> None:
        first = session.exec(select(Clip)).first()
        assert first is not None
        fields = {**first.model_dump(), "sha256": clip.sha256, "media_type": clip.media_type, "size": len(clip.data)}
        session.add(Clip(**fields))

    change(chain, add)
    assert_refused(chain, approved, "not the ones that the log says were produced")


def test_clip_row_that_points_to_other_bytes_is_refused(chain: Chain, approved: str) -> None:
    other = chain.tools.blobs.put(b"other sound")
    change(
        chain,
        lambda session: session.execute(text(f"UPDATE clip SET sha256 = '{other}' WHERE media_type = 'audio/wav'")),
    )
    assert_refused(chain, approved, "not the ones that the log says were produced")


def test_episode_without_clips_is_refused(chain: Chain, approved: str) -> None:
    change(chain, lambda session: session.execute(text("DELETE FROM clip")))
    assert_refused(chain, approved, "has no clips")


def test_approval_row_that_names_another_person_is_refused(chain: Chain, approved: str) -> None:
    change(chain, lambda session: setattr(session.get(EpisodeApproval, approved), "approver", "reviewer1"))
    assert_refused(chain, approved, "another approver")


def test_approval_row_that_names_another_entry_is_refused(chain: Chain, approved: str) -> None:
    change(chain, lambda session: setattr(session.get(EpisodeApproval, approved), "entry_index", 0))
    assert_refused(chain, approved, "another entry than the approval")


def test_file_whose_bytes_were_changed_is_not_released(chain: Chain, approved: str) -> None:
    (first, *_) = gather(chain, approved).clips
    blob_path(chain, first.sha256).write_bytes(b"other sound")
    with pytest.raises(StorageError, match="does not hold the bytes"):
        examine(chain, gather(chain, approved))
    assert chain.run(approved) == "failed"
    assert chain.row(approved).failure == "storage-unavailable"


def test_file_that_is_gone_is_not_released(chain: Chain, approved: str) -> None:
    (first, *_) = gather(chain, approved).clips
    blob_path(chain, first.sha256).unlink()
    with pytest.raises(StorageError, match="missing"):
        examine(chain, gather(chain, approved))
    assert chain.run(approved) == "failed"


def test_clearance_of_one_episode_releases_no_other(chain: Chain, approved: str) -> None:
    clearance = examine(chain, gather(chain, approved))
    other = approve(chain)
    with chain.database.write() as session, pytest.raises(ReleaseRefusedError, match="not for"):
        publish.release(session, lock(session, other), clearance, log=chain.tools.log, at=chain.clock())
    assert chain.row(other).state == State.APPROVED


def test_clips_that_changed_after_the_examination_are_not_released(chain: Chain, approved: str) -> None:
    clearance = examine(chain, gather(chain, approved))
    change(chain, lambda session: session.execute(text("DELETE FROM clip WHERE media_type = 'audio/wav'")))
    with chain.database.write() as session, pytest.raises(ReleaseRefusedError, match="changed after"):
        publish.release(session, lock(session, approved), clearance, log=chain.tools.log, at=chain.clock())


def test_episode_is_released_once_only(chain: Chain, approved: str) -> None:
    clearance = examine(chain, gather(chain, approved))
    assert chain.run(approved) == "released"
    with chain.database.write() as session, pytest.raises(ConflictError):
        publish.release(session, lock(session, approved), clearance, log=chain.tools.log, at=chain.clock())
    assert chain.kinds(approved).count("episode.released") == 1
