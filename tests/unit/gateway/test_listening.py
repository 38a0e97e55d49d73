"""The step between production and the log: what the finished audio says decides with the script, and is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.commitments import commit, secret_of
from gateway.inspection import inspect
from gateway.pipeline import Pipeline
from gateway.submissions import Clip, EpisodeApproval, EpisodeHearing, State
from tests.gateway_chain import Chain, build_chain, plainly


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return build_chain(tmp_path)


def hearing_of(chain: Chain, episode_id: str) -> EpisodeHearing | None:
    with chain.database.read() as session:
        return session.get(EpisodeHearing, episode_id)


def problems_of(chain: Chain) -> list[str]:
    tools = chain.tools
    found = inspect(chain.database, log=tools.log, blobs=tools.blobs, files=tools.log_files)
    return list(found.problems)


def with_tools(chain: Chain, **changes: object) -> Pipeline:
    return Pipeline(toolchain=replace(chain.tools, **changes))  # type: ignore[arg-type]


def test_transcript_is_kept_in_a_row_and_only_a_commitment_to_it_in_the_log(chain: Chain) -> None:
    episode_id = chain.submit()
    assert chain.run(episode_id) == State.RELEASED
    hearing = hearing_of(chain, episode_id)
    assert hearing is not None
    assert hearing.transcript == [["Unrepeatable.", 0.0, 1.0, 0.9]]
    with chain.database.read() as session:
        clip = session.get(Clip, hearing.clip_sha256)
        (event,) = [
            one for one in chain.tools.log.events_for(session, episode_id) if one.event.kind.value == "speech.heard"
        ]
    assert clip is not None
    assert clip.media_type == "audio/mpeg"
    assert event.event.facts["clip"] == clip.sha256
    with chain.database.read() as session:
        commitment = commit(secret_of(session, episode_id), "transcript", hearing.transcript_digest)
    assert event.event.facts["transcript_commitment"] == commitment
    assert event.event.facts["checked"] is True
    assert b"Unrepeatable" not in event.leaf


def test_what_is_heard_otherwise_waits_for_a_person_although_the_script_is_allowed(chain: Chain) -> None:
    episode_id = chain.submit("please mumble")
    assert chain.run(episode_id) == State.AWAITING_REVIEW
    assert chain.row(episode_id).decision["verdict"] == "allow"  # type: ignore[index]
    with chain.database.read() as session:
        assert session.get(EpisodeApproval, episode_id) is None


def test_what_must_not_be_heard_blocks_the_episode_before_it_is_logged_as_done(chain: Chain) -> None:
    episode_id = chain.submit("please curse")
    assert chain.run(episode_id) == State.BLOCKED
    assert chain.kinds(episode_id)[-2:] == ["speech.heard", "submission.blocked"]
    assert hearing_of(chain, episode_id) is not None


def test_recogniser_that_fails_fails_the_episode_by_name(chain: Chain) -> None:
    episode_id = chain.submit("please deafen")
    assert chain.run(episode_id) == State.FAILED
    assert chain.row(episode_id).failure == "screening-failed"
    assert hearing_of(chain, episode_id) is None


def test_episode_that_nobody_heard_is_never_approved_by_a_policy_that_asks_for_it(chain: Chain) -> None:
    episode_id = chain.submit()
    deaf = with_tools(chain, hear=None)
    assert deaf.advance(episode_id, plainly) == State.AWAITING_REVIEW
    with chain.database.read() as session:
        (facts,) = [
            one.event.facts
            for one in chain.tools.log.events_for(session, episode_id)
            if one.event.kind.value == "speech.heard"
        ]
    assert facts == {"checked": False}


def test_lost_hearing_is_a_question_to_a_person_and_not_an_approval(chain: Chain) -> None:
    episode_id = chain.submit()
    for step in (chain.pipeline.screen, chain.pipeline.produce, chain.pipeline.listen, chain.pipeline.log):
        step(episode_id)
    with chain.database.write() as session:
        session.delete(session.get_one(EpisodeHearing, episode_id))
    assert chain.run(episode_id) == State.AWAITING_REVIEW


def test_policy_without_the_spoken_check_releases_without_it(chain: Chain) -> None:
    episode_id = chain.submit()
    silent = with_tools(chain, hear=None, hearing_required=False)
    assert silent.advance(episode_id, plainly) == State.RELEASED


def test_step_that_is_run_twice_hears_once(chain: Chain) -> None:
    episode_id = chain.submit()
    chain.pipeline.screen(episode_id)
    chain.pipeline.produce(episode_id)
    assert chain.pipeline.listen(episode_id) == "heard"
    assert chain.pipeline.listen(episode_id) == "heard"
    assert chain.kinds(episode_id).count("speech.heard") == 1


def test_fsck_notices_a_transcript_or_verdict_that_the_log_does_not_know(chain: Chain) -> None:
    first, second = chain.submit(), chain.submit("please mumble")
    chain.run(first)
    chain.run(second)
    assert problems_of(chain) == []
    with chain.database.write() as session:
        session.get_one(EpisodeHearing, first).transcript = [["Altered.", 0.0, 1.0, 0.9]]
        row = session.get_one(EpisodeHearing, second)
        row.decision = {**row.decision, "verdict": "allow"}
    assert sorted(problem.split(":")[0] for problem in problems_of(chain)) == sorted(
        [f"transcript of {first}", f"transcript of {second}"]
    )
