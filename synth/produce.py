"""Makes an episode: the only way out of this package, and nothing unmarked or unsigned takes it.

For one script, in this order:

1. speak: the script becomes sound, with cues and chapters.
2. master: loudness and peaks as published, with room for what follows.
3. mark: every configured watermark, in the configured order; then the limiter again, for the peaks that they raise.

Then for each rendition:

4. encode: and again, where the codec pushed the peaks over the ceiling or the loudness off its target.
5. tag: everything that players show, because a later tag would break the signature.
6. sign: C2PA credentials over the final bytes.
7. read back: from those bytes, as a stranger would.

Whatever fails, the whole episode fails with an error that says what; no step is skipped and no clip is returned.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from synth.aigc import AigcLabel
from synth.audio import ChapterMark, Cue, MarkedSpeech, SignedClip, Speech, check_samples
from synth.credentials import ClipFacts, ClipMark, ClipVoice, CredentialsSigner, Screening
from synth.errors import CredentialsError, MarkUnavailableError, ReadBackError
from synth.excerpt import bound_fingerprint
from synth.manifest import GENERATOR, SOFT_BINDINGS, SoftBindingAlgorithm
from synth.master import TARGET_LUFS, master
from synth.music import refuse_unknown_assets
from synth.readback import Expected, read_back
from synth.rendition import MARKED_CEILING_DBTP, encode_on_target
from synth.script import Script
from synth.speak import speak
from synth.tags import Tags, tag
from synth.voice import VoiceCatalogue
from synth.watermark import Payload, Watermark

RENDITIONS = ("audio/mpeg", "audio/wav")
MASTER_CEILING_DBTP = -3.0  # the marks raise peaks by up to 5 dB, at few places, and are limited again with them


@dataclass(frozen=True, slots=True)
class Imprint:
    """What every clip of this installation says to listeners and players."""

    ai_disclosure: str = "Made with AI: the voices in this recording are synthetic."  # plain words, shown by players
    publisher: str = ""
    detector_url: str = ""  # where anyone can check the file (EU Code of Practice, measure 3.4)
    aigc_producer: str = ""  # registered code of the provider; empty leaves the label of GB 45438-2025 out

    def tags(self, facts: ClipFacts, chapters: tuple[ChapterMark, ...]) -> Tags:
        """Return the tags of one clip."""
        producer, clip = self.aigc_producer, facts.episode_id
        return Tags(
            title=facts.title,
            show=facts.show,
            artist=self.publisher,
            language=facts.language,
            date=facts.created_at.date().isoformat(),
            comment=self.ai_disclosure,
            encoder=f"{GENERATOR} {facts.software_version}",
            episode_id=facts.episode_id,
            ai_disclosure=self.ai_disclosure,
            detector_url=self.detector_url,
            aigc=AigcLabel(producer, clip, producer, clip) if producer else None,
            chapters=chapters,
            duration=facts.duration,
        )


class Stage(StrEnum):
    """The steps of production, in order."""

    SPEAK = "speak"  # once per episode
    MASTER = "master"  # once per episode
    MARK = "mark"  # once per episode
    ENCODE = "encode"  # once per rendition, as all below
    TAG = "tag"
    SIGN = "sign"
    READ_BACK = "read_back"


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long one stage took; `media_type` is None for the stages that all renditions share."""

    stage: Stage
    media_type: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Production:
    """A finished episode: one clip per rendition, all of the same sound."""

    clips: tuple[SignedClip, ...]
    cues: tuple[Cue, ...]
    chapters: tuple[ChapterMark, ...]
    duration: float  # seconds, of the sound before encoding
    times: tuple[StageTime, ...]


Progress = Callable[[Stage, int, int], None]
"""Called in the producing thread with (stage, parts done, parts in all)."""


class Producer:
    """Turns cleared scripts into clips with one fixed set of voices, marks and keys.

    Safe to share between threads when its parts are. Raises `MarkUnavailableError` at once when there is no mark to
    set, or one that manifests have no name for: nothing is ever produced without.
    """

    def __init__(
        self,
        *,
        catalogue: VoiceCatalogue,
        marks: Sequence[Watermark],
        signer: CredentialsSigner,
        log_origin: str,
        software_version: str,
        imprint: Imprint | None = None,
        renditions: Sequence[str] = RENDITIONS,
        soft_bindings: Mapping[str, SoftBindingAlgorithm] = SOFT_BINDINGS,
        target_lufs: float = TARGET_LUFS,
        workers: int = 2,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        names = [mark.name for mark in marks]
        if not marks:
            raise MarkUnavailableError("no watermark is configured; nothing may be produced without one")
        if len(set(names)) < len(names):
            raise MarkUnavailableError(f"a watermark is configured twice: {', '.join(names)}; name each layer once")
        if missing := [name for name in names if name not in soft_bindings]:
            raise MarkUnavailableError(f"no soft-binding algorithm is known for: {', '.join(missing)}; configure one")
        if not renditions:
            raise CredentialsError("no rendition is configured; there would be nothing to sign")
        self._catalogue = catalogue
        self._marks = tuple(marks)
        self._signer = signer
        self._log_origin = log_origin
        self._software_version = software_version
        self._imprint = imprint or Imprint()
        self._renditions = tuple(renditions)
        self._soft_bindings = MappingProxyType(dict(soft_bindings))
        self._target_lufs = target_lufs
        self._workers = workers
        self._clock = clock

    def produce(
        self,
        script: Script,
        *,
        episode_id: str,
        at: datetime,
        screening: Screening,
        disclosure: str | None,
        consents: Mapping[str, str] | None = None,
        progress: Progress | None = None,
        renditions: Sequence[str] | None = None,
        may_be_short: bool = False,
    ) -> Production:
        """Return the episode as marked, signed and read-back clips, one per rendition.

        `disclosure` is spoken at the start; `screening` is what cleared the script; `consents` holds, for voices that
        are a real person's, the digest of the consent record ("sha256:<hex>" by voice id). `renditions` replaces the
        usual ones; with `may_be_short`, a sound too short to read marks from passes without that.

        Raises `SynthError` (its subclass says which stage) and then returns nothing at all.
        """
        refuse_unknown_assets(script.source, script.assets, known=())
        report = progress or _ignore
        times: list[StageTime] = []
        # 1.
        with self._timed(times, Stage.SPEAK):
            speech = speak(
                script,
                self._catalogue,
                disclosure=disclosure,
                workers=self._workers,
                progress=lambda done, total: report(Stage.SPEAK, done, total),
            )
        # 2.
        with self._timed(times, Stage.MASTER):
            mastered = master(speech, target_lufs=self._target_lufs, ceiling_dbtp=MASTER_CEILING_DBTP)
        report(Stage.MASTER, 1, 1)
        # 3.
        with self._timed(times, Stage.MARK):
            marked = self._mark(mastered, episode_id, report)
        wanted = self._renditions if renditions is None else tuple(renditions)
        with self._timed(times, Stage.ENCODE, wanted[0]):
            encoded = encode_on_target(marked, wanted[0], target_lufs=self._target_lufs)
        facts = self._facts(
            script, marked, encoded, at, screening, spoken_disclosure=disclosure is not None, consents=consents or {}
        )
        tags = self._imprint.tags(facts, marked.chapters)
        clips: list[SignedClip] = []
        for media_type in wanted:
            # 4. The first one is encoded above, because the fingerprint in all manifests is of what listeners get.
            if clips:
                with self._timed(times, Stage.ENCODE, media_type):
                    encoded = encode_on_target(marked, media_type, target_lufs=self._target_lufs)
            # 5.
            with self._timed(times, Stage.TAG, media_type):
                tagged = tag(encoded, media_type, tags)
            # 6.
            with self._timed(times, Stage.SIGN, media_type):
                signed, store = self._signer.sign(tagged, media_type, facts)
            # 7.
            with self._timed(times, Stage.READ_BACK, media_type):
                clip = read_back(
                    signed,
                    store,
                    expected=Expected(media_type, facts, tags, self._target_lufs, may_be_short=may_be_short),
                    marks=self._marks,
                    credentials=self._signer,
                )
            clips.append(clip)
            report(Stage.READ_BACK, len(clips), len(wanted))
        return Production(tuple(clips), marked.cues, marked.chapters, marked.duration, tuple(times))

    def _mark(self, speech: Speech, episode_id: str, report: Progress) -> MarkedSpeech:
        samples = speech.samples
        for done, mark in enumerate(self._marks, start=1):
            marked = mark.embed(samples, speech.sample_rate, Payload(episode_id))
            check_samples(marked, speech.sample_rate)
            if len(marked) != len(samples):
                raise ReadBackError(f"the mark '{mark.name}' changed the number of samples; its engine is broken")
            samples = marked
            report(Stage.MARK, done, len(self._marks))
        # Some milliseconds a few decibels softer hurt no mark; turning everything down would miss the loudness.
        unlimited = Speech(samples, speech.sample_rate)
        samples = master(unlimited, target_lufs=self._target_lufs, ceiling_dbtp=MARKED_CEILING_DBTP).samples
        return MarkedSpeech(
            samples=samples,
            sample_rate=speech.sample_rate,
            cues=speech.cues,
            chapters=speech.chapters,
            episode_id=episode_id,
            marks=tuple((mark.name, mark.version) for mark in self._marks),
        )

    def _facts(
        self,
        script: Script,
        marked: MarkedSpeech,
        encoded: bytes,
        at: datetime,
        screening: Screening,
        *,
        spoken_disclosure: bool,
        consents: Mapping[str, str],
    ) -> ClipFacts:
        payload = Payload(marked.episode_id)
        bindings = [self._soft_bindings[mark.name] for mark in self._marks]
        voices = dict.fromkeys(voice_id for _, voice_id in script.voices)
        return ClipFacts(
            episode_id=marked.episode_id,
            title=script.title,
            show=script.show,
            language=script.language,
            created_at=at,
            duration=marked.duration,
            spoken_disclosure=spoken_disclosure,
            voices=tuple(ClipVoice(name, self._catalogue.get(name).version, consents.get(name)) for name in voices),
            marks=tuple(
                ClipMark(mark.name, mark.version, binding.name, binding.value(payload))
                for mark, binding in zip(self._marks, bindings, strict=True)
            ),
            fingerprint=bound_fingerprint(encoded),
            screening=screening,
            plan_digest=script.plan_digest(),
            log_origin=self._log_origin,
            software_version=self._software_version,
            detector_url=self._imprint.detector_url,
        )

    @contextmanager
    def _timed(self, times: list[StageTime], stage: Stage, media_type: str | None = None) -> Iterator[None]:
        start = self._clock()
        yield
        times.append(StageTime(stage, media_type, self._clock() - start))


def _ignore(stage: Stage, done: int, total: int) -> None:
    """Report progress to nobody."""
