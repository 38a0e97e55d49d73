"""Whatever is done in whatever order, nothing is public that nobody approved, and nothing happens twice."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from hypothesis.strategies import integers, sampled_from
from sqlmodel import select

from audit.fsck import fsck
from gateway.errors import GatewayError
from gateway.publish import Purpose
from gateway.submissions import TRANSITIONS, EpisodeApproval, EpisodeReceipt, EpisodeRelease, State, Submission
from policies.errors import PolicyError
from synth.errors import SynthError
from tests.gateway_chain import OTHER_REVIEWER, REVIEWER, SUBMITTER, Chain, build_chain

WORDS = ("Good morning.", "please review", "please block", "please break", "please crackle")
STEPS = ("screen", "produce", "log", "decide", "release")
PEOPLE = (SUBMITTER, REVIEWER, OTHER_REVIEWER)


class Crash(BaseException):
    """Ends a step as a kill would: nothing that is still in a transaction survives."""


class Gate(RuleBasedStateMachine):
    """Submits, runs single steps in any order, crashes them, reviews, and lets time pass."""

    episodes = Bundle("episodes")

    def __init__(self) -> None:
        super().__init__()
        # In memory where there is such a folder: nobody pulls the plug here, and syncing would only take time.
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        self.chain: Chain = build_chain(Path(self.folder.name))
        self.seen: dict[str, list[str]] = {}

    def teardown(self) -> None:
        self.chain.database.dispose()
        self.folder.cleanup()

    @rule(target=episodes, words=sampled_from(WORDS))
    def submit(self, words: str) -> str:
        episode_id = self.chain.submit(words)
        self.seen[episode_id] = [State.RECEIVED]
        return episode_id

    @rule(episode=episodes, step=sampled_from(STEPS))
    def run_any_step(self, episode: str, step: str) -> None:
        attempt: Any = getattr(self.chain.pipeline, step)
        self.chain.pipeline._last_try(attempt, episode)
        self.note(episode)

    @rule(episode=episodes)
    def run_to_rest(self, episode: str) -> None:
        for _ in range(5):
            self.chain.pipeline._last_try(getattr(self.chain.pipeline, self.next_step(episode)), episode)
            self.note(episode)

    @rule(episode=episodes, step=sampled_from(STEPS), late=sampled_from((True, False)))
    def crash_in_a_step(self, episode: str, step: str, late: bool) -> None:
        chain, original = self.chain, self.chain.pipeline._commit

        def dying(episode_id: str, expected: State, change: Any) -> str:
            def half_done(*arguments: Any) -> None:
                change(*arguments)
                raise Crash

            state = original(episode_id, expected, change if late else half_done)
            if late:
                raise Crash
            return state

        chain.pipeline._commit = dying  # type: ignore[method-assign]
        try:
            getattr(chain.pipeline, step)(episode)
        except (Crash, GatewayError, PolicyError, SynthError):  # what a kill leaves is what the invariants look at
            pass
        finally:
            chain.pipeline._commit = original  # type: ignore[method-assign]
        self.note(episode)

    @rule(episode=episodes, person=sampled_from(PEOPLE))
    def claim(self, episode: str, person: str) -> None:
        self.refusable(self.chain.desk.claim, episode, reviewer=person)

    @rule(episode=episodes, person=sampled_from(PEOPLE))
    def approve(self, episode: str, person: str) -> None:
        self.refusable(self.chain.desk.approve, episode, reviewer=person, reason="Checked.")
        self.note(episode)

    @rule(episode=episodes, person=sampled_from(PEOPLE))
    def reject(self, episode: str, person: str) -> None:
        self.refusable(self.chain.desk.reject, episode, reviewer=person, reason="Not true.")
        self.note(episode)

    @rule(minutes=integers(1, 20))
    def time_passes(self, minutes: int) -> None:
        self.chain.clock.now += timedelta(minutes=minutes)

    @rule(target=episodes, episode=consumes(episodes))
    def give_up(self, episode: str) -> Any:
        self.chain.pipeline.abandon(episode, RuntimeError("the operator gave up"))
        self.note(episode)
        return multiple()

    @invariant()
    def nothing_is_public_without_evidence(self) -> None:
        with self.chain.database.read() as session:
            for release in session.exec(select(EpisodeRelease)):
                submission = session.get(Submission, release.episode_id)
                approval = session.get(EpisodeApproval, release.episode_id)
                assert submission is not None
                assert submission.state == State.RELEASED
                assert approval is not None
                assert approval.approver in ("policy", REVIEWER, OTHER_REVIEWER)
                assert submission.decision is not None
                assert submission.decision["verdict"] == "allow" or approval.approver != "policy"
                for purpose in Purpose:
                    assert session.get(EpisodeReceipt, (release.episode_id, purpose.value)) is not None
                kinds = self.chain.kinds(release.episode_id)
                order = ["clip.produced", "approval.granted", "release.intended", "episode.released"]
                assert [kind for kind in kinds if kind in order] == order

    @invariant()
    def nothing_happens_twice(self) -> None:
        for episode in self.seen:
            counted = Counter(self.chain.kinds(episode))
            del counted["review.claimed"]  # a lease may run out, and another take the case
            assert max(counted.values()) == 1

    @invariant()
    def state_and_log_tell_the_same_story(self) -> None:
        ends = {
            "submission.blocked": State.BLOCKED,
            "submission.rejected": State.REJECTED,
            "submission.failed": State.FAILED,
            "episode.released": State.RELEASED,
        }
        for episode in self.seen:
            told = [ends[kind] for kind in self.chain.kinds(episode) if kind in ends]
            state = State(self.chain.row(episode).state)
            assert told == ([state] if not TRANSITIONS[state] else [])

    @invariant()
    def log_is_sound(self) -> None:
        log = self.chain.tools.log
        with self.chain.database.read() as session:
            fsck(session, origin=log.origin, verifier=log.verifier).require_sound()

    def next_step(self, episode: str) -> str:
        place = ("received", "screened", "produced", "logged", "approved")
        state = self.chain.row(episode).state
        return STEPS[place.index(state)] if state in place else "release"

    def refusable(self, act: Any, *arguments: Any, **named: Any) -> None:
        try:
            act(*arguments, **named)
        except GatewayError as error:
            if error.status not in (403, 404, 409):
                raise

    def note(self, episode: str) -> None:
        """Follow the state and insist that it only ever moved as the table allows."""
        state = self.chain.row(episode).state
        if state != self.seen[episode][-1]:
            allowed, frontier = set[str](), {self.seen[episode][-1]}
            while frontier:
                frontier = {to.value for one in frontier for to in TRANSITIONS[State(one)]} - allowed
                allowed |= frontier
            assert state in allowed
            self.seen[episode].append(state)


Gate.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestGate = pytest.mark.slow(Gate.TestCase)
