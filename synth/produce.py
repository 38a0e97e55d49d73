"""Makes an episode: the only way out of this package, and nothing unmarked or unsigned takes it.

For one script, in this order:

0. look: every asset that the script names is here, and is what it is said to be.
1. speak: the script becomes sound, with cues and chapters; then its music is mixed in.
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

from synth.assets import AssetCard, AssetCatalogue, AssetKind
from synth.audio import ChapterMark, Cue, MarkedSpeech, SignedClip, Speech, check_samples
from synth.credentials import (
    ClipFacts,
    ClipMark,
    ClipMusic,
    ClipVoice,
    CredentialsSigner,
    ParentFile,
    Screening,
    UploadFacts,
)
from synth.errors import CredentialsError, MarkUnavailableError, ReadBackError
from synth.excerpt import bound_fingerprint
from synth.imprint import Imprint
from synth.manifest import SOFT_BINDINGS, SoftBindingAlgorithm
from synth.master import TARGET_LUFS, master
from synth.memory import return_freed_memory
from synth.mix import Room, mix
from synth.pictures import Cover
from synth.readback import Expected, read_back
from synth.reminders import Reminder
from synth.rendition import MARKED_CEILING_DBTP, encode_on_target
from synth.script import Script
from synth.speak import SAMPLE_RATE, speak
from synth.tags import tag
from synth.voice import VoiceCatalogue
from synth.watermark import InPlaceWatermark, Payload, Watermark

RENDITIONS = ("audio/mpeg", "audio/wav")
MASTER_CEILING_DBTP = -3.0  # the marks raise peaks by up to 5 dB, at few places, and are limited again with them


@dataclass(frozen=True, slots=True)
class Programme:
    """What a clip is, apart from its sound."""

    title: str
    show: str
    language: str
    plan_digest: str  # "sha256:<hex>" of what was to be spoken, or of the file that an upload came in
    voices: tuple[ClipVoice, ...] = ()
    spoken_disclosure: bool = False
    upload: UploadFacts | None = None
    assets: tuple[AssetCard, ...] = ()  # music and pictures that went in
    author: str = ""  # who made it, where that is not the publisher
    cover: Cover | None = None


class Stage(StrEnum):
    """The steps of production, in order."""

    SPEAK = "speak"  # once per episode
    MIX = "mix"  # once per episode that has music
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
    assets: tuple[AssetCard, ...] = ()  # music and pictures that went in


@dataclass(frozen=True, slots=True)
class Work:
    """One run of production."""

    episode_id: str
    at: datetime
    screening: Screening
    may_be_short: bool = False
    parent: ParentFile | None = None


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
        assets: AssetCatalogue | None = None,
        reminder: Callable[[str], Reminder | None] = lambda language: None,  # noqa: ARG005  # nothing is said again
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
        self._assets = assets or AssetCatalogue()
        self._reminder = reminder
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
        report = progress or _ignore
        times: list[StageTime] = []
        # 0.
        assets = self._assets.require(script)
        sounds = {
            card.name: self._assets.sound(card.name, SAMPLE_RATE) for card in assets if card.kind is not AssetKind.COVER
        }
        cover = self._assets.cover(script.cover.name) if script.cover else None
        room = Room.of(script, {name: len(sound) / SAMPLE_RATE for name, sound in sounds.items()})
        # 1.
        with self._timed(times, Stage.SPEAK):
            speech = speak(
                script,
                self._catalogue,
                disclosure=disclosure,
                # Who wants no disclosure, as speech on request, wants no reminder of it either.
                reminder=self._reminder(script.language) if disclosure is not None else None,
                room=room,
                workers=self._workers,
                progress=lambda done, total: report(Stage.SPEAK, done, total),
            )
        return_freed_memory()  # sentences leave as much behind as the programme needs
        if sounds:
            with self._timed(times, Stage.MIX):
                speech = mix(speech, script, sounds)
            report(Stage.MIX, 1, 1)
        voices = dict.fromkeys(voice_id for _, voice_id in script.voices)
        given = consents or {}
        programme = Programme(
            title=script.title,
            show=script.show,
            language=script.language,
            plan_digest=script.plan_digest(),
            voices=tuple(ClipVoice(name, self._catalogue.get(name).version, given.get(name)) for name in voices),
            spoken_disclosure=disclosure is not None,
            assets=assets,
            author=script.author,
            cover=cover,
        )
        return self._finish(
            speech,
            programme,
            Work(episode_id, at, screening, may_be_short=may_be_short),
            times=times,
            report=report,
            renditions=renditions,
        )

    def adopt(
        self,
        speech: Speech,
        programme: Programme,
        *,
        episode_id: str,
        at: datetime,
        screening: Screening,
        parent: ParentFile,
        progress: Progress | None = None,
    ) -> Production:
        """Return sound that was made elsewhere as marked, signed and read-back clips, like `produce` from step 2 on.

        `parent` is the file that it came in, whose credentials are kept. Marks that `programme.upload` says are in it
        already are not set again: two marks of one layer would destroy each other. The samples of `speech` are changed.
        """
        work = Work(episode_id, at, screening, parent=parent)
        return self._finish(speech, programme, work, times=[], report=progress or _ignore, renditions=None)

    def _finish(
        self,
        speech: Speech,
        programme: Programme,
        work: Work,
        *,
        times: list[StageTime],
        report: Progress,
        renditions: Sequence[str] | None,
    ) -> Production:
        kept = programme.upload.kept_marks if programme.upload is not None else ()
        marks = tuple(mark for mark in self._marks if mark.name not in kept)
        if not marks:
            raise MarkUnavailableError(
                f"the sound carries the mark '{kept[0]}' already, and no other is configured; set ASSAY_MARKS to both"
            )
        # 2.
        with self._timed(times, Stage.MASTER):
            mastered = master(speech, target_lufs=self._target_lufs, ceiling_dbtp=MASTER_CEILING_DBTP, in_place=True)
        report(Stage.MASTER, 1, 1)
        # 3.
        with self._timed(times, Stage.MARK):
            marked = self._mark(mastered, work.episode_id, marks, report)
        wanted = self._renditions if renditions is None else tuple(renditions)
        with self._timed(times, Stage.ENCODE, wanted[0]):
            encoded = encode_on_target(marked, wanted[0], target_lufs=self._target_lufs)
        facts = self._facts(programme, work, marked, marks, encoded)
        tags = self._imprint.tags(facts, marked.chapters, author=programme.author, cover=programme.cover)
        clips: list[SignedClip] = []
        for media_type in wanted:
            return_freed_memory()
            # 4. The first one is encoded above, because the fingerprint in all manifests is of what listeners get.
            if clips:
                with self._timed(times, Stage.ENCODE, media_type):
                    encoded = encode_on_target(marked, media_type, target_lufs=self._target_lufs)
            # 5.
            with self._timed(times, Stage.TAG, media_type):
                tagged = tag(encoded, media_type, tags)
            del encoded  # a WAV of an hour has 320 MB
            # 6.
            with self._timed(times, Stage.SIGN, media_type):
                signed, store = self._signer.sign(tagged, media_type, facts, work.parent)
            del tagged
            # 7.
            with self._timed(times, Stage.READ_BACK, media_type):
                clip = read_back(
                    signed,
                    store,
                    expected=Expected(media_type, facts, tags, self._target_lufs, may_be_short=work.may_be_short),
                    marks=marks,
                    credentials=self._signer,
                )
            clips.append(clip)
            report(Stage.READ_BACK, len(clips), len(wanted))
        return Production(tuple(clips), marked.cues, marked.chapters, marked.duration, tuple(times), programme.assets)

    def _mark(self, speech: Speech, episode_id: str, marks: Sequence[Watermark], report: Progress) -> MarkedSpeech:
        """Set every mark; the samples of `speech` become those of the result, because an hour of them has 640 MB."""
        samples = speech.samples
        for done, mark in enumerate(marks, start=1):
            if isinstance(mark, InPlaceWatermark):
                mark.embed_in_place(samples, speech.sample_rate, Payload(episode_id))
            else:
                marked = mark.embed(samples, speech.sample_rate, Payload(episode_id))
                if len(marked) != len(samples):
                    raise ReadBackError(f"the mark '{mark.name}' changed the number of samples; its engine is broken")
                samples[:] = marked
            check_samples(samples, speech.sample_rate)
            report(Stage.MARK, done, len(marks))
        # Some milliseconds a few decibels softer hurt no mark; turning everything down would miss the loudness.
        master(speech, target_lufs=self._target_lufs, ceiling_dbtp=MARKED_CEILING_DBTP, in_place=True)
        return MarkedSpeech(
            samples=samples,
            sample_rate=speech.sample_rate,
            cues=speech.cues,
            chapters=speech.chapters,
            episode_id=episode_id,
            marks=tuple((mark.name, mark.version) for mark in marks),
        )

    def _facts(
        self, programme: Programme, work: Work, marked: MarkedSpeech, marks: Sequence[Watermark], encoded: bytes
    ) -> ClipFacts:
        payload = Payload(marked.episode_id)
        bindings = [self._soft_bindings[mark.name] for mark in marks]
        return ClipFacts(
            episode_id=marked.episode_id,
            title=programme.title,
            show=programme.show,
            language=programme.language,
            created_at=work.at,
            duration=marked.duration,
            spoken_disclosure=programme.spoken_disclosure,
            voices=programme.voices,
            marks=tuple(
                ClipMark(mark.name, mark.version, binding.name, binding.value(payload))
                for mark, binding in zip(marks, bindings, strict=True)
            ),
            fingerprint=bound_fingerprint(encoded),
            screening=work.screening,
            plan_digest=programme.plan_digest,
            log_origin=self._log_origin,
            software_version=self._software_version,
            detector_url=self._imprint.detector_url,
            upload=programme.upload,
            music=tuple(
                ClipMusic(card.name, f"sha256:{card.sha256}", card.licence, card.attribution)
                for card in programme.assets
                if card.kind is not AssetKind.COVER
            ),
        )

    @contextmanager
    def _timed(self, times: list[StageTime], stage: Stage, media_type: str | None = None) -> Iterator[None]:
        start = self._clock()
        yield
        times.append(StageTime(stage, media_type, self._clock() - start))


def _ignore(stage: Stage, done: int, total: int) -> None:
    """Report progress to nobody."""
