"""A worker's work, watched: how long each step took, what it decided, and why an episode was held up.

A step is counted where it changed the episode's state; one that finds its work done already took no time and says
nothing. Counting follows the commit, so a crash in between loses a number, never an episode.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from sqlmodel import Session, select
from structlog.contextvars import bound_contextvars

from gateway.db import Database
from gateway.engine import Durably, Step, Work
from gateway.observation.metrics import Metrics
from gateway.observation.tracing import Span, Tracer
from gateway.submissions import RESTING, Clip, EpisodeHearing, State, Submission, Timeline
from gateway.tracecontext import parse

RETRIED = "retried"  # the outcome of a step that raised and is tried again

logger = logging.getLogger(__name__)


class ObservedWork:
    """Work that is counted in `metrics`; otherwise as the work inside. Safe to use from several threads."""

    def __init__(
        self,
        work: Work,
        *,
        database: Database,
        metrics: Metrics,
        tracer: Tracer,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._work = work
        self._tracer = tracer
        self._database = database
        self._metrics = metrics
        self._monotonic = monotonic

    def advance(self, episode_id: str, durably: Durably) -> str:
        """Run the steps that remain, and count each, in the trace of the request that submitted the episode."""
        before, traceparent = self._found(episode_id)

        def observed(name: str, step: Step, *, patient: bool) -> str:
            nonlocal before
            after = durably(name, partial(self._measure, episode_id, name, step, before), patient=patient)
            before = after
            return after

        with bound_contextvars(episode_id=episode_id), self._span("episode", episode_id, traceparent):
            return self._work.advance(episode_id, observed)

    def abandon(self, episode_id: str, error: Exception) -> str:
        """Record that the episode failed, and count it."""
        before, _ = self._found(episode_id)
        after = self._work.abandon(episode_id, error)
        if after != before:
            self._tell(episode_id, "abandon", after)
        return after

    def _measure(self, episode_id: str, name: str, step: Step, before: str) -> str:
        stage = name.partition(",")[0]
        started = self._monotonic()
        try:
            with self._span(stage, episode_id) as span:
                after = step()
                span.note(assay__state=after)
        except Exception:
            self._metrics.stage(stage, outcome=RETRIED, seconds=self._monotonic() - started)
            raise
        seconds = self._monotonic() - started
        if after != before:
            self._metrics.stage(stage, outcome=after, seconds=seconds)
            logger.info(
                "episode %s is %s",
                episode_id,
                after,
                extra={"stage": stage, "state": after, "seconds": round(seconds, 3)},
            )
            self._tell(episode_id, stage, after)
        return after

    def _tell(self, episode_id: str, stage: str, state: str) -> None:
        try:
            with self._database.read() as session:
                self._count(session, episode_id, stage, state)
        except Exception as error:  # noqa: BLE001  # safe to ignore: a number is lost, and the episode is not its matter
            logger.warning("episode %s was not counted: %s", episode_id, type(error).__name__)

    def _count(self, session: Session, episode_id: str, stage: str, state: str) -> None:
        row = session.get_one(Submission, episode_id)
        if stage == "screen":
            self._count_findings(row.decision, heard="script")
        elif stage == "listen" and (hearing := session.get(EpisodeHearing, episode_id)) is not None:
            self._count_findings(hearing.decision, heard="speech")
        elif stage == "produce" and (timeline := session.get(Timeline, episode_id)) is not None:
            parts: defaultdict[str, float] = defaultdict(float)
            for part, seconds in timeline.timings:  # "speak", but "encode audio/mpeg"
                parts[str(part).partition(" ")[0]] += float(str(seconds))
            lengths = session.exec(select(Clip.duration).where(Clip.episode_id == episode_id)).all()
            self._metrics.production(parts, audio_seconds=max(lengths, default=0.0))
        if state == State.FAILED:
            self._metrics.failure(row.failure or "unknown")
        if state in RESTING:
            self._metrics.settled(state)

    def _count_findings(self, decision: Mapping[str, object] | None, *, heard: str) -> None:
        found = (decision or {}).get("findings")
        for finding in found if isinstance(found, list) else ():
            if finding["verdict"] != "allow":
                self._metrics.finding(rule=str(finding["rule"]), verdict=str(finding["verdict"]), heard=heard)

    @contextmanager
    def _span(self, name: str, episode_id: str, traceparent: str | None = None) -> Iterator[Span]:
        with self._tracer.span(name, parent=parse(traceparent)) as span:
            span.note(assay__episode_id=episode_id)
            yield span

    def _found(self, episode_id: str) -> tuple[str, str | None]:
        """The episode's state, and who submitted it in which trace."""
        with self._database.read() as session:
            found = session.exec(
                select(Submission.state, Submission.traceparent).where(Submission.id == episode_id)
            ).one_or_none()
        return ("", None) if found is None else (found[0], found[1])
