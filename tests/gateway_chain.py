"""A whole gateway with stages that take no time: real database, log, blobs and state machine; a stand-in for sound.

What is screened follows from the script's words, so that tests choose a path by writing a script.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from audit.checkpoint import LogKey
from audit.log import Log
from audit.tlog_policy import WitnessPolicy
from gateway.blobs import LocalBlobs
from gateway.countersigning import Countersigning
from gateway.db import Database, migrate, open_database
from gateway.intake import submit
from gateway.logfiles import LogFiles
from gateway.pipeline import Pipeline
from gateway.review import ReviewDesk
from gateway.sequencing import settle
from gateway.settings import Settings
from gateway.submissions import Submission
from gateway.toolchain import Toolchain
from gateway.witnessing import Witnesses
from policies.decision import Decision, Finding, Span, Verdict, strictest
from policies.errors import ScreeningError
from policies.policy import DEFAULT_PACK, Policy
from policies.scores import Examination, SentenceScores
from policies.sentences import split_sentences
from policies.spoken import Hearing
from policies.text import Manuscript
from policies.transcript import HeardWord, Transcript
from synth.assets import AssetCatalogue
from synth.audio import ChapterMark, Cue, SignedClip
from synth.errors import ReadBackError
from synth.fingerprint import Fingerprint, fingerprint
from synth.produce import Production, Stage, StageTime
from synth.script import Script
from synth.voice import VoiceCatalogue

ORIGIN = "gateway.example/audit"
LOG_SEED = bytes(range(32))
WITNESS_SECONDS = 8.0  # for one answer of a witness
SUBMITTER, REVIEWER, OTHER_REVIEWER = "submitter1", "reviewer1", "reviewer2"
HUM: Fingerprint = fingerprint(np.sin(np.arange(16_000, dtype=np.float32) / 8).astype(np.float32), 8_000)


def script_of(words: str, title: str = "Morning briefing") -> str:
    return f"---\ntitle: {title}\nlanguage: en\nvoices:\n  Anna: quiet\n---\n\nAnna: {words}\n"


class QuietVoice:
    """A voice of one second of near silence."""

    id, language, sample_rate, version = "quiet", "en", 16_000, "quiet-1"

    def unspeakable(self, text: str) -> None:
        return None

    def speak(self, text: str, *, seed: int) -> Any:
        return np.full(self.sample_rate, 0.01, dtype=np.float32)


class WordScreener:
    """Says what the script asks it to say: "please block", "please review", "please break"."""

    policy = Policy.load(DEFAULT_PACK)  # for its id, version and languages; its rules are not run

    def examine(self, manuscript: Manuscript) -> Examination:
        sentences = split_sentences(manuscript)
        scores = dict.fromkeys(("toxicity", "severe_toxicity", "identity_attack", "insult"), 0.25)
        scored = [SentenceScores(Span(sentence.start, sentence.end), scores) for sentence in sentences]
        return Examination(self.screen(manuscript), tuple(scored))

    def examine_all(self, manuscripts: Sequence[Manuscript]) -> list[Examination | ScreeningError]:
        examined: list[Examination | ScreeningError] = []
        for manuscript in manuscripts:
            try:
                examined.append(self.examine(manuscript))
            except ScreeningError as error:
                examined.append(error)
        return examined

    def screen(self, manuscript: Manuscript) -> Decision:
        if "please break" in manuscript.text:
            raise ScreeningError("rule 'toxicity' could not run")
        verdict = Verdict.ALLOW
        for asked in (Verdict.REVIEW, Verdict.BLOCK):
            if f"please {asked.value}" in manuscript.text:
                verdict = asked
        finding = Finding("words", "request", verdict, Span(0, 3), 1.0, "The script asked for it.")
        return Decision(
            verdict=verdict,
            findings=() if verdict is Verdict.ALLOW else (finding,),
            policy_id="test",
            policy_version="1",
            policy_digest="sha256:" + "1" * 64,
            models=(("words", "sha256:" + "2" * 64),),
            script_digest=manuscript.digest,
            coverage=(("request", "evaluated"),),
        )


def listen_to(data: bytes, manuscript: Manuscript, voices: Mapping[str, str], plan: object) -> Hearing:
    """Hear what the script asks to be heard: "please mumble" is a review, "please curse" a block."""
    if "please deafen" in manuscript.text:
        raise ScreeningError("the speech recogniser failed")
    asked = {"please mumble": Verdict.REVIEW, "please curse": Verdict.BLOCK}
    verdict = strictest([verdict for words, verdict in asked.items() if words in manuscript.text])
    finding = Finding("spoken", "changed_words", verdict, Span(0, 3), 1.0, "Heard otherwise.", "transcript")
    decision = replace(
        WordScreener().screen(Manuscript("", "en", ())),
        verdict=verdict,
        findings=() if verdict is Verdict.ALLOW else (finding,),
        script_digest=manuscript.digest,
    )
    transcript = Transcript((HeardWord("Unrepeatable.", 0.0, 1.0, 0.9),), 1.0)
    return Hearing(decision, transcript, words=2, errors=0, listener=("ears", "sha256:" + "3" * 64))


class QuickProducer:
    """Returns two small clips, different on every call as signed files are."""

    def __init__(self, before: Callable[[str], None] = lambda episode_id: None) -> None:
        self.calls: list[str] = []
        self._before = before

    def produce(self, script: Script, *, episode_id: str, progress: Any = None, **named: Any) -> Production:
        self.calls.append(episode_id)
        self._before(episode_id)
        if "please crackle" in script.source:
            raise ReadBackError("the mark 'keyed' does not read back from the final file")
        return Production(
            clips=tuple(a_clip(episode_id, media_type) for media_type in ("audio/mpeg", "audio/wav")),
            cues=(Cue(0.0, 1.0, "Anna", script.utterances[0].text),),
            chapters=(ChapterMark(0.0, ""),),
            duration=1.0,
            times=(StageTime(Stage.SPEAK, None, 0.0), StageTime(Stage.SIGN, "audio/mpeg", 0.0)),
        )


def a_clip(episode_id: str, media_type: str = "audio/mpeg") -> SignedClip:
    data = f"{media_type} of {episode_id} ".encode() + secrets.token_bytes(64)
    return SignedClip(
        data=data,
        media_type=media_type,
        sha256=hashlib.sha256(data).hexdigest(),
        duration=1.0,
        loudness=-16.0,
        true_peak=-1.6,
        episode_id=episode_id,
        manifest_label=f"urn:c2pa:{secrets.token_hex(16)}",
        manifest_store=b"manifest " + secrets.token_bytes(16),
        marks=(("keyed", "1"),),
    )


class Clock:
    """A clock that tests can move; every reading is a microsecond later than the one before."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


@dataclass
class Chain:
    """Everything that a test may want to hold."""

    tools: Toolchain
    pipeline: Pipeline
    desk: ReviewDesk
    clock: Clock
    enqueued: list[str]

    @property
    def database(self) -> Database:
        return self.tools.database

    def submit(self, words: str = "Good morning.", **options: Any) -> str:
        with self.database.write() as session:
            options.setdefault("api_key_id", SUBMITTER)
            row, _ = submit(session, toolchain=self.tools, text=script_of(words), **options)
        settle(self.database, self.tools.log)
        return row.id

    def run(self, episode_id: str) -> str:
        """Advance as a worker does, without durability and without waiting."""
        return self.pipeline.advance(episode_id, plainly)

    def row(self, episode_id: str) -> Submission:
        with self.database.read() as session:
            found = session.get(Submission, episode_id)
        assert found is not None
        return found

    def kinds(self, episode_id: str) -> list[str]:
        with self.database.read() as session:
            return [logged.event.kind.value for logged in self.tools.log.events_for(session, episode_id)]


def plainly(name: str, step: Callable[[], str], *, patient: bool) -> str:
    return step()


def build_chain(
    home: Path,
    *,
    database_url: str = "",
    producer: Any = None,
    clock: Clock | None = None,
    policy: WitnessPolicy | None = None,
    **settings: Any,
) -> Chain:
    chosen = Settings(home=home, database_url=database_url, log_origin=ORIGIN, **settings)
    migrate(chosen.sqlalchemy_url)
    database = open_database(chosen.sqlalchemy_url)
    clock = clock or Clock()
    log = Log(origin=ORIGIN, key=LogKey.from_seed(LOG_SEED))
    witnesses = None
    if policy is not None:
        witnesses = Witnesses(policy=policy, database=database, log=log, clock=clock, timeout=WITNESS_SECONDS)
    countersigning = Countersigning(database=database, log=log, witnesses=witnesses)
    tools = Toolchain(
        settings=chosen,
        database=database,
        log=log,
        log_files=LogFiles(
            folder=chosen.log_folder, log=log, former=chosen.former_checkpoint, newest=countersigning.shown
        ),
        blobs=LocalBlobs(chosen.blob_folder),
        screener=WordScreener(),  # type: ignore[arg-type]  # stand-in
        voices=VoiceCatalogue({"quiet": QuietVoice()}),
        assets=AssetCatalogue(),
        producer=producer or QuickProducer(),
        marks=(),
        fingerprint=lambda clip: HUM,
        countersigning=countersigning,
        clock=clock,
        hear=listen_to,
        hearing_required=True,
    )
    enqueued: list[str] = []
    desk = ReviewDesk(database=database, log=log, clock=clock, lease=timedelta(minutes=10), enqueue=enqueued.append)
    return Chain(tools, Pipeline(toolchain=tools), desk, clock, enqueued)
