"""Everything that the steps need, as one frozen value; `gateway.app` builds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit.log import Log
    from gateway.blobs import BlobStore
    from gateway.countersigning import Countersigning
    from gateway.db import Database
    from gateway.logfiles import LogFiles
    from gateway.settings import Settings
    from policies.screen import Screener
    from policies.soundness import PlannedSentence
    from policies.spoken import Hearing, SpokenCheck
    from policies.text import Manuscript
    from policies.transcript import Transcript
    from synth.assets import AssetCatalogue
    from synth.audio import SignedClip, Speech
    from synth.credentials import CredentialsReport
    from synth.fingerprint import Fingerprint
    from synth.produce import Producer
    from synth.voice import VoiceCatalogue
    from synth.watermark import Watermark


@dataclass(frozen=True, slots=True)
class OpenedUpload:
    """A stranger's file, parsed."""

    sound: Speech  # at the rate of programmes
    media_type: str  # by its bytes
    damaged: int  # packets that could not be decoded
    credentials: CredentialsReport | None


@dataclass(frozen=True, slots=True)
class ExaminedUpload:
    """What verification says about a stranger's file."""

    conclusion: str  # `gateway.verification.report.Conclusion`
    episode_id: str | None  # released here, that it is or is a copy of
    layers: tuple[str, ...]  # whose mark is in it, whoever set it


@dataclass(frozen=True, slots=True)
class UploadTools:
    """What takes sound that was made elsewhere; everything that parses it runs in confined processes."""

    open: Callable[[bytes], OpenedUpload]  # raises `AudioError` for what is not a recording within the limits
    examine: Callable[[bytes], ExaminedUpload]
    transcribe: Callable[[Speech, str], Transcript | None] | None  # None: nobody listens, or not to that language
    listener: tuple[str, str]  # (model id, digest) of who listens
    close: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Toolchain:
    """The engines and stores of one process; every member is safe to use from several threads."""

    settings: Settings
    database: Database
    log: Log
    log_files: LogFiles
    blobs: BlobStore
    screener: Screener
    voices: VoiceCatalogue
    assets: AssetCatalogue  # music and pictures that scripts may name
    producer: Producer
    marks: Sequence[Watermark]
    fingerprint: Callable[[SignedClip], Fingerprint]  # `fingerprint_clip`; what a clip's final bytes sound like
    countersigning: Countersigning  # what others sign about our checkpoints, and whether release waits for it
    clock: Callable[[], datetime]  # returns an aware UTC time
    # `hear_clip`; what a clip's final bytes say, given the manuscript, each speaker's voice, and when each sentence
    # should be heard. None: nobody listens.
    hear: Callable[[bytes, Manuscript, Mapping[str, str], Sequence[PlannedSentence]], Hearing] | None
    hearing_required: bool  # by the policy: then an episode that nobody heard is never approved without a person
    shadows: Sequence[Screener] = ()  # run beside `screener` and decide nothing
    uploads: UploadTools | None = None  # None: only scripts are taken

    def close(self) -> None:
        """Close every connection, to the database and to others."""
        if self.uploads is not None:
            self.uploads.close()
        self.countersigning.close()
        self.database.dispose()


def hear_clip(
    data: bytes,
    manuscript: Manuscript,
    voices: Mapping[str, str],
    plan: Sequence[PlannedSentence],
    *,
    check: SpokenCheck,
    disclosure: Callable[[str], str],
) -> Hearing:
    """Decode a finished clip, as a listener's player would, and judge what it says; `disclosure` by language.

    Raises `AudioError` if it cannot be decoded, `ScreeningError` if it cannot be heard.
    """
    from policies.transcript import LISTENING_RATE
    from synth.decode import decode

    sound = decode(data, target_rate=LISTENING_RATE)
    return check.check(manuscript, sound.samples, disclosure=disclosure(manuscript.language), voices=voices, plan=plan)


def fingerprint_clip(clip: SignedClip) -> Fingerprint:
    """Decode a finished clip, as a listener's player would, and fingerprint its sound; raises `AudioError`."""
    from synth import fingerprint  # brings codecs and scipy, which only workers and verifiers need
    from synth.decode import decode

    decoded = decode(clip.data, target_rate=fingerprint.RATE)
    return fingerprint.fingerprint(decoded.samples, decoded.sample_rate)
