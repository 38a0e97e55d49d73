"""The product on one page: what happens to a submission, in order.

0. Accept (`gateway.intake`): read the script, check its voices, store it. → received
1. Screen: may this be spoken?                                            → screened, or blocked
2. Produce: speak, mark, sign, read back; store the files.                → produced
3. Listen: transcribe the finished audio, compare it with the script,
   screen what was heard.                                                 → heard, or blocked
4. Log: seal the log over the clips, prove it, keep the receipt.          → logged
5. Decide: the policy approves, or a person is asked (`gateway.review`).  → approved, or awaiting_review
6. Release: announce, wait for witnesses where the policy has a quorum,
   examine all evidence again, make public.                               → released
   Then policies in shadow judge the script too (`gateway.shadow`), for later comparison; they change no state.

Each step does its heavy work first, holding no lock, and then commits the new state and its event in one transaction.
The event waits in the log's outbox for its place, which it gets right after the commit, or from whoever comes next.
The state is checked again under the row's lock, so a step commits exactly once however often it is run: a crash costs
the step that was running and nothing else. What fails for good becomes the state `failed`, with a reason and an event.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from datetime import datetime
from functools import partial
from hashlib import sha256

from sqlmodel import Session, select

from audit.errors import AuditError, LogDivergedError
from audit.event import Event, EventKind, Fact
from audit.log import LoggedEvent
from audit.merkle import leaf_hash
from gateway import publish, shadow
from gateway.announcements import disclosure_in
from gateway.appealed import block_was_overturned
from gateway.cases import open_case
from gateway.commitments import commit, commit_text, secret_of
from gateway.consent import required_consents
from gateway.db import is_unavailable
from gateway.engine import Durably
from gateway.errors import (
    ConflictError,
    ConsentMissingError,
    GatewayError,
    NotFoundError,
    ReleaseRefusedError,
    StorageError,
    detail_for,
    problem_for,
)
from gateway.facts import (
    clip_facts,
    clip_row,
    decision_document,
    decision_facts,
    fingerprint_row,
    hearing_facts,
    hearing_row,
    planned_sentences,
    timeline_row,
)
from gateway.intake import pronunciation_verdicts, voices_of
from gateway.manuscripts import manuscript_of
from gateway.pronunciations import unapproved, with_unapproved
from gateway.quality.golden import is_golden
from gateway.sequencing import settle, settle_soon
from gateway.submissions import (
    RESTING,
    TERMINAL,
    Clip,
    EpisodeApproval,
    EpisodeHearing,
    EpisodeReceipt,
    State,
    Submission,
    Timeline,
    lock,
    move,
)
from gateway.toolchain import Toolchain
from gateway.uploads import adoption, hearing
from policies.decision import Verdict, strictest
from policies.soundness import PlannedSentence
from synth.credentials import Screening
from synth.errors import SignerUnavailableError
from synth.formats import parse_script

SYSTEM, POLICY = "system", "policy"  # actors that are no API key
LISTENED_TYPE = "audio/mpeg"  # the lossy rendition: whatever survives its coding is in the others too
POLICY_REASON = "The policy found nothing, and approval without a person is switched on."

logger = logging.getLogger(__name__)

Change = Callable[[Session, Submission, datetime], None]
Progress = Callable[[str, str, int, int], None]


class Pipeline:
    """Runs the steps for one episode at a time; holds no state, so one instance serves all threads."""

    def __init__(self, *, toolchain: Toolchain, progress: Progress | None = None) -> None:
        self._tools = toolchain
        self._progress = progress  # told how production comes along: (episode id, stage, parts done, parts in all)
        self._steps = (
            ("screen", self.screen),
            ("produce", self.produce),
            ("listen", self.listen),
            ("log", self.log),
            ("decide", self.decide),
            ("release", self.release),
        )

    def advance(self, episode_id: str, durably: Durably) -> str:
        """Run the steps that the episode's state still needs, and return the state in which it rests."""
        state = State.RECEIVED.value
        for name, step in self._steps:
            try:
                state = durably(name, partial(self._attempt, step, episode_id), patient=True)
            except Exception:  # noqa: BLE001  # a passing fault that did not pass; what it is now decides
                state = durably(f"{name}, last try", partial(self._last_try, step, episode_id), patient=False)
            if state in RESTING:
                break
        if self._tools.shadows:  # last, when the episode rests: what decides nothing must not delay anything either
            durably("shadow", partial(self._shadow, episode_id, state), patient=False)
        return state

    def screen(self, episode_id: str) -> str:
        """1. Judge the script by the policy in force."""
        row = self._read(episode_id)
        if row.state != State.RECEIVED:
            return row.state
        if (upload := hearing.upload_of(self._tools, row)) is not None:
            return self._commit(episode_id, State.RECEIVED, hearing.listen(self._tools, row, upload))
        script = parse_script(row.script)
        decision = self._tools.screener.screen(manuscript_of(script))
        with self._tools.database.read() as session:
            decision = with_unapproved(decision, unapproved(session, script))

        def change(session: Session, row: Submission, at: datetime) -> None:
            row.decision = decision_document(decision)
            blocked = decision.verdict is Verdict.BLOCK
            move(row, State.BLOCKED if blocked else State.SCREENED, at=at)
            facts = decision_facts(decision, secret_of(session, row.id))
            events = [Event(EventKind.SCREENING_DECIDED, at, row.id, POLICY, facts)]
            if blocked:
                because: dict[str, Fact] = {"policy_digest": decision.policy_digest}
                events.append(Event(EventKind.SUBMISSION_BLOCKED, at, row.id, POLICY, because))
            self._tools.log.record(session, *events)

        return self._commit(episode_id, State.RECEIVED, change)

    def produce(self, episode_id: str) -> str:
        """2. Make the clips and store their bytes; what a lost try stored stays behind as blobs that no row names."""
        row = self._read(episode_id)
        if row.state != State.SCREENED:
            return row.state
        if (upload := hearing.upload_of(self._tools, row)) is not None:
            made = adoption.adopt(self._tools, row, upload, screening=self._screening(row), progress=self._progress)
            return self._commit(episode_id, State.SCREENED, made)
        script = parse_script(row.script)
        with self._tools.database.read() as session:
            consents = self._consents(session, row)
        production = self._tools.producer.produce(
            script,
            episode_id=episode_id,
            at=self._tools.clock(),
            screening=self._screening(row),
            disclosure=disclosure_in(self._tools.settings, script.language) or None,
            consents=consents,
            progress=partial(self._progress, episode_id) if self._progress else None,
        )
        manifests = {}
        for clip in production.clips:
            if self._tools.blobs.put(clip.data) != clip.sha256:
                raise StorageError(f"a clip of episode {episode_id} does not have the digest that it claims")
            manifests[clip.sha256] = self._tools.blobs.put(clip.manifest_store)
        fingerprint = self._tools.fingerprint(production.clips[0])

        def change(session: Session, row: Submission, at: datetime) -> None:
            session.add(timeline_row(row.id, production))
            session.add(fingerprint_row(row.id, fingerprint))
            described: list[Fact] = []
            for clip in sorted(production.clips, key=lambda clip: clip.sha256):
                session.add(clip_row(clip, manifests[clip.sha256], at))
                described.append(clip_facts(clip, manifests[clip.sha256]))
            facts: dict[str, Fact] = {
                "plan_commitment": commit(secret_of(session, row.id), "plan", script.plan_digest()),
                "duration": production.duration,
                "clips": described,
                "fingerprint_sha256": sha256(fingerprint.to_bytes()).hexdigest(),
                "voices": {voice: self._tools.voices.get(voice).version for _, voice in script.voices},
            }
            if consents:
                facts["consents"] = {**consents}
            if production.assets:
                facts["assets"] = {card.name: f"sha256:{card.sha256}" for card in production.assets}
            move(row, State.PRODUCED, at=at)
            self._tools.log.record(session, Event(EventKind.CLIP_PRODUCED, at, row.id, SYSTEM, facts))

        return self._commit(episode_id, State.SCREENED, change)

    def listen(self, episode_id: str) -> str:
        """3. Judge what the finished audio says; where nobody listens, say so, and `decide` acts on it."""
        row = self._read(episode_id)
        if row.state != State.PRODUCED:
            return row.state
        if hearing.upload_of(self._tools, row) is not None:
            return self._commit(episode_id, State.PRODUCED, hearing.go_on(self._tools))
        hear, heard, clip = self._tools.hear, None, None
        if hear is not None:
            script, clip = parse_script(row.script), self._released_sound(episode_id)
            plan = self._plan(episode_id)
            heard = hear(self._tools.blobs.read(clip), manuscript_of(script), dict(script.voices), plan)

        def change(session: Session, row: Submission, at: datetime) -> None:
            blocked = heard is not None and heard.decision.verdict is Verdict.BLOCK
            # Where a person overturned the block, the sound says what the script said: people decide, two of them.
            blocked = blocked and not block_was_overturned(session, row.id)
            move(row, State.BLOCKED if blocked else State.HEARD, at=at)
            facts: dict[str, Fact] = {"checked": heard is not None}
            if heard is not None and clip is not None:
                facts |= hearing_facts(heard, clip, secret_of(session, row.id))
                session.add(hearing_row(row.id, heard, clip, at))
            events = [Event(EventKind.SPEECH_HEARD, at, row.id, POLICY, facts)]
            if heard is not None and blocked:
                because: dict[str, Fact] = {"policy_digest": heard.decision.policy_digest}
                events.append(Event(EventKind.SUBMISSION_BLOCKED, at, row.id, POLICY, because))
            self._tools.log.record(session, *events)

        return self._commit(episode_id, State.PRODUCED, change)

    def log(self, episode_id: str) -> str:
        """4. Sign the log as it now stands, and keep a proof that the clips are in it."""
        log = self._tools.log

        def change(session: Session, row: Submission, at: datetime) -> None:
            checkpoint = log.seal(session, at=at)
            produced = self._logged(session, row.id, EventKind.CLIP_PRODUCED)
            receipt = log.prove(session, produced.index, checkpoint)  # verified before it is returned
            session.add(
                EpisodeReceipt(
                    episode_id=row.id,
                    purpose=publish.Purpose.CLIP.value,
                    entry_index=produced.index,
                    text=receipt.to_text(),
                )
            )
            facts: dict[str, Fact] = {
                "entry": produced.index,
                "checkpoint_size": checkpoint.size,
                "checkpoint_root": checkpoint.root.hex(),
            }
            move(row, State.LOGGED, at=at)
            log.record(session, Event(EventKind.CLIP_LOGGED, at, row.id, SYSTEM, facts))

        state = self._commit(episode_id, State.HEARD, change)
        self._tools.log_files.publish_if_possible(self._tools.database.read)
        return state

    def decide(self, episode_id: str) -> str:
        """5. Approve by policy if nothing was found and settings allow it; otherwise open a case for a person."""

        def change(session: Session, row: Submission, at: datetime) -> None:
            found = [self._verdict(row), self._heard_verdict(session, row.id), self._consent_verdict(session, row)]
            verdict = strictest([*found, *pronunciation_verdicts(session, row)])
            facts: dict[str, Fact] = {"verdict": verdict.value}
            # What a reviewer took sentences out of, a reviewer decides: nobody has heard what is left.
            alone = verdict is Verdict.ALLOW and self._tools.settings.approve_allowed and row.revises is None
            if alone and not is_golden(session, row.id):
                move(row, State.APPROVED, at=at)
                facts |= {
                    "clips": [*publish.clip_digests(session, row.id)],
                    "role": POLICY,
                    "reason_commitment": commit_text(session, row.id, "reason", POLICY_REASON),
                }
                index = self._tools.log.append(session, Event(EventKind.APPROVAL_GRANTED, at, row.id, POLICY, facts))
                session.add(
                    EpisodeApproval(
                        episode_id=row.id, approver=POLICY, reason=POLICY_REASON, approved_at=at, entry_index=index
                    )
                )
            else:
                move(row, State.AWAITING_REVIEW, at=at)
                open_case(session, row, verdict, at=at, settings=self._tools.settings)
                self._tools.log.record(session, Event(EventKind.REVIEW_REQUESTED, at, row.id, POLICY, facts))

        return self._commit(episode_id, State.LOGGED, change)

    def release(self, episode_id: str) -> str:
        """6. Announce, examine everything again, and make the episode public."""
        log = self._tools.log

        def announce(session: Session, row: Submission, at: datetime) -> None:
            if is_golden(session, row.id):
                raise ReleaseRefusedError(f"episode {row.id} is a golden item; it is never released")
            self._consents(session, row)  # one that was revoked since it was spoken stops the release
            publish.intend(session, row, log=log, at=at)

        # If we crash after this commit, the intent stands in the log without a release, and the next try uses it.
        state = self._commit(episode_id, State.APPROVED, announce)
        if state != State.APPROVED:
            return state
        if not self._countersigned(episode_id):
            return state  # `gateway.countersigner` gives the episode back when nothing lacks any more
        # Outsiders must be able to see the intent before the episode; where they cannot, the episode waits.
        if self._tools.settings.release_needs_published_log:
            self._tools.log_files.publish(self._tools.database.read)
        else:
            self._tools.log_files.publish_if_possible(self._tools.database.read)
        with self._tools.database.read() as session:
            evidence = publish.gather(session, episode_id)
        clearance = publish.examine(
            evidence, log=log, blobs=self._tools.blobs, policy=self._tools.countersigning.policy
        )

        def go_public(session: Session, row: Submission, at: datetime) -> None:
            self._consents(session, row)
            publish.release(session, row, clearance, log=log, at=at)

        state = self._commit(episode_id, State.APPROVED, go_public)
        self._tools.log_files.publish_if_possible(self._tools.database.read)
        return state

    def _countersigned(self, episode_id: str) -> bool:
        """Rest the receipts on a checkpoint that others have signed too, where the settings demand it.

        False where a signature lacks: the episode's row then says which, and nobody is kept busy with waiting.
        """
        others = self._tools.countersigning
        if not others.demanded:
            return True
        with self._tools.database.read() as session:
            intent = session.get_one(EpisodeReceipt, (episode_id, publish.Purpose.INTENT.value)).entry_index
        cover = others.cover(intent)

        def change(session: Session, row: Submission, at: datetime) -> None:
            del at
            row.waiting_for = cover.lacking or None
            session.add(row)
            if cover.checkpoint is not None:
                publish.rest_on(session, row.id, cover.checkpoint, log=self._tools.log)

        self._commit(episode_id, State.APPROVED, change)
        if cover.checkpoint is None:
            logger.warning("episode %s waits for %s", episode_id, cover.lacking)
        return cover.checkpoint is not None

    def abandon(self, episode_id: str, error: Exception) -> str:
        """Record that the episode failed for good, with a reason, unless it has come to an end before."""
        problem = problem_for(error)
        at = self._tools.clock()
        with self._tools.database.write() as session:
            row = lock(session, episode_id)
            if row.state in TERMINAL:
                return row.state
            facts: dict[str, Fact] = {"reason": problem.slug, "during": row.state}
            row.failure, row.failure_detail, row.waiting_for = problem.slug, detail_for(error), None
            move(row, State.FAILED, at=at)
            self._tools.log.record(session, Event(EventKind.SUBMISSION_FAILED, at, row.id, SYSTEM, facts))
        settle_soon(self._tools.database, self._tools.log)
        logger.warning("episode %s failed: %s (%s)", episode_id, problem.slug, type(error).__name__)
        if problem.slug == GatewayError.slug:
            # A fault of ours. The frames without the message, because an engine's message may quote the script.
            logger.error("%s", "".join(traceback.format_tb(error.__traceback__)))
        return State.FAILED.value

    def _shadow(self, episode_id: str, state: str) -> str:
        """Let the policies in shadow judge the same script; returns `state` whatever happens."""
        shadow.run(episode_id, toolchain=self._tools)
        return state

    def _attempt(self, step: Callable[[str], str], episode_id: str) -> str:
        """Run a step; only a fault that may pass is raised, so that it is tried again."""
        try:
            return step(episode_id)
        except Exception as error:
            if is_unavailable(error):
                raise
            final = not isinstance(error, StorageError | SignerUnavailableError)
            self._tell(step, episode_id, error, final=final)
            if not final:
                raise
            return self.abandon(episode_id, error)

    def _last_try(self, step: Callable[[str], str], episode_id: str) -> str:
        """Run a step once more; now only an unreachable database is raised, because it cannot record a failure."""
        try:
            return step(episode_id)
        except Exception as error:
            if is_unavailable(error):
                raise  # the episode keeps its state, and the sweep begins again when the database is back
            self._tell(step, episode_id, error, final=True)
            return self.abandon(episode_id, error)

    def _tell(self, step: Callable[[str], str], episode_id: str, error: Exception, *, final: bool) -> None:
        """Log that a step failed and is tried again, or that a release did; once until something else happens."""
        facts: dict[str, Fact] = {"reason": problem_for(error).slug}
        if step == self.release:
            kind, facts = EventKind.RELEASE_FAILED, {**facts, "final": final}
        elif final:
            return  # `abandon` says what became of it
        else:
            kind, facts = EventKind.STEP_FAILED, {**facts, "step": step.__name__}
        at = self._tools.clock()
        try:
            with self._tools.database.write() as session:
                lock(session, episode_id)
                history = self._tools.log.events_for(session, episode_id)
                if not history or (history[-1].event.kind, history[-1].event.facts) != (kind, facts):
                    self._tools.log.append(session, Event(kind, at, episode_id, SYSTEM, facts))
        except AuditError:
            # Safe to go on: the log is out of order, and that is what the episode will fail for or wait on.
            logger.warning("episode %s: %s could not be logged", episode_id, kind.value)

    def _read(self, episode_id: str) -> Submission:
        with self._tools.database.read() as session:
            row = session.get(Submission, episode_id)
        if row is None:
            raise NotFoundError(f"there is no episode '{episode_id}'")
        return row

    def _commit(self, episode_id: str, expected: State, change: Change) -> str:
        """Make `change` in one transaction if the episode still is in `expected`, and return the state after it."""
        at = self._tools.clock()
        with self._tools.database.write() as session:
            row = lock(session, episode_id)
            if row.state == expected:
                change(session, row, at)
            state = row.state
        # If we crash here, the event waits for its place in the log; the keeper or the next seal sees to it.
        settle_soon(self._tools.database, self._tools.log)
        return state

    def _screening(self, row: Submission) -> Screening:
        """Return what the credentials say about the screening, with its entry in the log as the decision's name."""
        settle(self._tools.database, self._tools.log)  # the entry's number is part of what is signed
        with self._tools.database.read() as session:
            overturned = block_was_overturned(session, row.id)
            kind = EventKind.APPEAL_DECIDED if overturned else EventKind.SCREENING_DECIDED
            decided = self._logged(session, row.id, kind)
        decision = row.decision or {}
        return Screening(
            # What a person let be spoken in spite of the policy, people must review before it is released.
            verdict=Verdict.REVIEW.value if overturned else self._verdict(row).value,
            decision_id=f"{self._tools.log.origin}#{decided.index}",
            policy_id=str(decision["policy_id"]),
            policy_version=str(decision["policy_version"]),
            policy_digest=str(decision["policy_digest"]),
            script_digest=row.script_digest,
            entry_index=decided.index,
            leaf_hash=f"sha256:{leaf_hash(decided.leaf).hex()}",
        )

    @staticmethod
    def _verdict(row: Submission) -> Verdict:
        """The stored verdict; raises `ConflictError` if there is none, so that a lost decision never passes."""
        if not row.decision:
            raise ConflictError(f"episode {row.id} is {row.state} without a decision; it must not go on")
        return Verdict(str(row.decision["verdict"]))

    def _heard_verdict(self, session: Session, episode_id: str) -> Verdict:
        """The verdict on what was heard; a person must decide where the policy wants it and nobody listened."""
        hearing = session.get(EpisodeHearing, episode_id)
        if hearing is not None:
            return Verdict(str(hearing.decision["verdict"]))
        return Verdict.REVIEW if self._tools.hearing_required else Verdict.ALLOW

    def _consents(self, session: Session, row: Submission) -> dict[str, str]:
        """Return the digest of the consent for each real person's voice; raises `ConsentMissingError`."""
        tools, voices = self._tools, voices_of(row)
        return required_consents(session, voices, cards=tools.voices.cards, settings=tools.settings, at=tools.clock())

    def _consent_verdict(self, session: Session, row: Submission) -> Verdict:
        """A person must look at an episode whose consent was revoked since it was spoken; it will not be released."""
        try:
            self._consents(session, row)
        except ConsentMissingError:
            return Verdict.REVIEW
        return Verdict.ALLOW

    def _plan(self, episode_id: str) -> list[PlannedSentence]:
        """Return when each sentence should be heard; nothing for an episode that was made before that was stored."""
        with self._tools.database.read() as session:
            return planned_sentences(session.get(Timeline, episode_id))

    def _released_sound(self, episode_id: str) -> str:
        """SHA-256 of the MP3, or of another rendition where there is none: what most listeners will hear."""
        with self._tools.database.read() as session:
            clips = session.exec(select(Clip).where(Clip.episode_id == episode_id)).all()
        if not clips:
            raise ConflictError(f"episode {episode_id} is produced, but has no clips; it must not go on")
        return min(clips, key=lambda clip: (clip.media_type != LISTENED_TYPE, clip.sha256)).sha256

    def _logged(self, session: Session, episode_id: str, kind: EventKind) -> LoggedEvent:
        for logged in self._tools.log.events_for(session, episode_id):
            if logged.event.kind is kind:
                return logged
        raise LogDivergedError(f"episode {episode_id} has no event {kind.value} in the log; run fsck")
