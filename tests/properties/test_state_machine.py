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
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule
from hypothesis.strategies import booleans, integers, sampled_from
from sqlmodel import select

from audit.fsck import fsck
from gateway.errors import GatewayError, StorageError
from gateway.publish import Purpose
from gateway.submissions import TRANSITIONS, EpisodeApproval, EpisodeReceipt, EpisodeRelease, State, Submission
from tests.gateway_chain import OTHER_REVIEWER, REVIEWER, SUBMITTER, Chain, build_chain

WORDS = ("Good morning.", "please review", "please block", "please break", "please crackle")
STEPS = ("screen", "produce", "listen", "log", "decide", "release")
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

    @initialize(target=episodes)
    def two_to_begin_with(self) -> Any:
        return multiple(self.submit_words("Good morning."), self.submit_words("please review"))

    @precondition(lambda self: len(self.seen) < 4)  # few episodes go further in the same number of moves
    @rule(target=episodes, words=sampled_from(WORDS))
    def submit(self, words: str) -> str:
        return self.submit_words(words)

    @rule(episode=episodes)
    def run_the_next_step(self, episode: str) -> None:
        self.run_step(episode, self.next_step(episode))

    @rule()
    def run_all_to_rest(self) -> None:
        for episode in self.seen:
            for _ in STEPS:
                self.run_step(episode, self.next_step(episode))

    @rule(person=sampled_from(PEOPLE), approve=booleans())
    def review_all(self, person: str, approve: bool) -> None:
        for episode in self.seen:
            self.claim(episode, person)
            self.decide(episode, person, approve)

    @rule(episode=episodes, step=sampled_from(STEPS))
    def run_any_step(self, episode: str, step: str) -> None:
        self.run_step(episode, step)

    @rule(episode=episodes, step=sampled_from(STEPS), late=booleans(), nth=integers(1, 2))
    def crash_on_the_way(self, episode: str, step: str, late: bool, nth: int) -> None:
        """Go as far as a step, and die in its nth transaction, before its commit or after it."""
        while self.next_step(episode) in STEPS[: STEPS.index(step)]:
            self.run_step(episode, self.next_step(episode))
        chain, original, calls = self.chain, self.chain.pipeline._commit, iter(range(1, 9))

        def dying(episode_id: str, expected: State, change: Any) -> str:
            doomed = next(calls) == nth

            def half_done(*arguments: Any) -> None:
                change(*arguments)
                raise Crash

            state = original(episode_id, expected, half_done if doomed and not late else change)
            if doomed:
                raise Crash
            return state

        chain.pipeline._commit = dying  # type: ignore[method-assign]
        try:
            chain.pipeline._last_try(getattr(chain.pipeline, self.next_step(episode)), episode)
        except Crash:
            pass
        finally:
            chain.pipeline._commit = original  # type: ignore[method-assign]
        self.note(episode)

    @rule(episode=episodes, person=sampled_from(PEOPLE))
    def claim_one(self, episode: str, person: str) -> None:
        self.claim(episode, person)

    @rule(episode=episodes, person=sampled_from(PEOPLE), approve=booleans())
    def decide_one(self, episode: str, person: str, approve: bool) -> None:
        self.decide(episode, person, approve)

    @rule(minutes=integers(1, 20))
    def time_passes(self, minutes: int) -> None:
        self.chain.clock.now += timedelta(minutes=minutes)

    @rule(episode=episodes, chance=integers(1, 10))
    def give_up(self, episode: str, chance: int) -> None:
        if chance == 10:
            self.chain.pipeline.abandon(episode, StorageError("the operator gave up"))
            self.note(episode)

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
            assert told == ([state] if state in ends.values() else [])

    @invariant()
    def log_is_sound(self) -> None:
        log = self.chain.tools.log
        with self.chain.database.read() as session:
            fsck(session, origin=log.origin, verifier=log.verifier).require_sound()

    def submit_words(self, words: str) -> str:
        episode_id = self.chain.submit(words)
        self.seen[episode_id] = [State.RECEIVED]
        return episode_id

    def run_step(self, episode: str, step: str) -> None:
        self.chain.pipeline._last_try(getattr(self.chain.pipeline, step), episode)
        self.note(episode)

    def claim(self, episode: str, person: str) -> None:
        self.refusable(self.chain.desk.claim, episode, reviewer=person)

    def decide(self, episode: str, person: str, approve: bool) -> None:
        act = self.chain.desk.approve if approve else self.chain.desk.reject
        self.refusable(act, episode, reviewer=person, reason="Checked.")
        self.note(episode)

    def next_step(self, episode: str) -> str:
        place = ("received", "screened", "produced", "heard", "logged", "approved")
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
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestGate = pytest.mark.slow(Gate.TestCase)
