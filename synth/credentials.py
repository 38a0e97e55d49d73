"""What signed credentials say about a clip, before signing and after reading (pure values, no I/O).

Standard: Content Credentials, C2PA Technical Specification 2.4. The manifest itself is written and read in
`synth/manifest.py`; keys and files are the business of the adapter behind the two ports at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from synth.errors import CredentialsError

SPEAKABLE_VERDICTS = ("allow", "review")  # after "review" a person decides about release, not about speaking


@dataclass(frozen=True, slots=True)
class ClipVoice:
    """A voice that speaks in the clip: catalogue id, and the engine with its version and weights."""

    id: str
    version: str
    consent_digest: str | None = None  # "sha256:<hex>" of the record, when the voice is a real person's


@dataclass(frozen=True, slots=True)
class ClipMark:
    """A watermark in the clip, and how a stranger who decodes it finds the manifest again."""

    layer: str
    version: str
    algorithm: str  # soft-binding algorithm name, for example "org.assay-gateway.audioseal.2"
    value: bytes  # what the mark says, big-endian


@dataclass(frozen=True, slots=True)
class ClipMusic:
    """Music that was mixed into the clip, which no voice of ours made."""

    name: str  # of the asset
    digest: str  # "sha256:<hex>" of its file
    licence: str
    attribution: str  # whom to name; empty where nobody asks


@dataclass(frozen=True, slots=True)
class ClipFingerprint:
    """What the clip sounds like: the digest of its whole fingerprint, and a stretch of it that a copy can be held
    against; the whole has 40 bytes per second and stays in the repository.
    """

    algorithm: str  # soft-binding algorithm name
    digest: str  # "sha256:<hex>" of `Fingerprint.to_bytes()` of the whole clip
    excerpt: bytes  # `Fingerprint.to_bytes()` of the stretch
    start: float  # seconds, of the stretch in the clip
    end: float  # seconds


@dataclass(frozen=True, slots=True)
class Screening:
    """What screening decided before a word was spoken; digests are "sha256:<hex>".

    Raises `CredentialsError` for any verdict after which nothing may be spoken.
    """

    verdict: str  # one of `SPEAKABLE_VERDICTS`
    decision_id: str  # names the decision in the audit log
    policy_id: str
    policy_version: str
    policy_digest: str
    script_digest: str  # of the author's text, which itself never enters the manifest
    entry_index: int  # of the decision in the audit log
    leaf_hash: str  # of that entry (RFC 6962), so that the manifest proves what the log said when it was signed

    def __post_init__(self) -> None:
        if self.verdict not in SPEAKABLE_VERDICTS:
            raise CredentialsError(f"a script whose verdict is '{self.verdict}' must not be spoken; screen it again")


class SourceType(StrEnum):
    """How an upload came about, as its sender declares it (IPTC digital source types); nobody has verified it."""

    TRAINED = "trainedAlgorithmicMedia"  # made by a trained model
    COMPOSITE_TRAINED = "compositeWithTrainedAlgorithmicMedia"  # recorded or made, and partly by a trained model
    COMPOSITE_SYNTHETIC = "compositeSynthetic"  # put together, some of it synthetic
    ALGORITHMIC = "algorithmicMedia"  # made by a program without training, such as a synthesiser
    CAPTURE = "digitalCapture"  # recorded
    COMPOSITE_CAPTURE = "compositeCapture"  # put together of recordings
    HUMAN_EDITS = "humanEdits"  # recorded, then changed by people with tools that are no AI
    CREATION = "digitalCreation"  # made by people with digital instruments

    @property
    def is_synthetic(self) -> bool:
        """True if a machine is declared to have made some of it."""
        return self in _SYNTHETIC


_SYNTHETIC = frozenset(
    {SourceType.TRAINED, SourceType.COMPOSITE_TRAINED, SourceType.COMPOSITE_SYNTHETIC, SourceType.ALGORITHMIC}
)


@dataclass(frozen=True, slots=True)
class UploadFacts:
    """What is known of sound that was made elsewhere: which file it was, and what its sender says about it."""

    sha256: str  # hex, of the file as it was sent
    media_type: str
    source_type: SourceType  # declared, not verified
    words_screened: int  # that were heard in it and judged; 0 says that nothing was
    kept_marks: tuple[str, ...] = ()  # layers whose mark was in it and stays as it is


@dataclass(frozen=True, slots=True)
class ParentFile:
    """A file that a clip is derived from; its own credentials, if it has some, are kept with the clip's."""

    data: bytes
    media_type: str
    title: str


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """Everything that we claim about one clip: ids, digests and labels, never the script and never personal data."""

    episode_id: str
    title: str
    show: str
    language: str  # BCP 47 primary tag
    created_at: datetime  # timezone-aware
    duration: float  # seconds
    spoken_disclosure: bool  # the clip itself says aloud that it is synthetic
    voices: tuple[ClipVoice, ...]  # at least one, unless it is an upload
    marks: tuple[ClipMark, ...]  # at least one, in the order of embedding
    fingerprint: ClipFingerprint
    screening: Screening
    plan_digest: str  # `Script.plan_digest()`: voices, words, order and pauses
    log_origin: str  # name of the audit log whose entries carry the episode id
    software_version: str
    detector_url: str = ""  # where anyone can check the clip
    upload: UploadFacts | None = None  # of sound that was made elsewhere
    music: tuple[ClipMusic, ...] = ()


@dataclass(frozen=True, slots=True)
class SoftBinding:
    """A watermark, or a stretch of the fingerprint, as the manifest names it: algorithm and value."""

    algorithm: str
    value: bytes


@dataclass(frozen=True, slots=True)
class ClaimedFacts:
    """Our assertions as found in a manifest; a field is None when it is missing or of the wrong type.

    They are the signer's words: worth as much as `CredentialsReport.state` says.
    """

    episode_id: str | None
    show: str | None
    language: str | None
    plan_digest: str | None
    verdict: str | None
    decision_id: str | None
    policy_id: str | None
    policy_version: str | None
    policy_digest: str | None
    script_digest: str | None
    log_origin: str | None
    entry_index: int | None
    leaf_hash: str | None
    fingerprint_digest: str | None
    consents: tuple[tuple[str, str], ...]  # (voice id, digest of the consent record)
    spoken_disclosure: bool | None
    soft_bindings: tuple[SoftBinding, ...]


class CredentialsState(StrEnum):
    """What the credentials in a file are worth."""

    TRUSTED = "trusted"  # intact, and signed by a signer under our own trust anchors
    VALID = "valid"  # intact, but signed by somebody unknown: never show this as verified
    INVALID = "invalid"  # there are credentials, and they do not hold for this file
    ABSENT = "absent"  # there are none, which says nothing about where the file comes from


class CredentialsDetail(StrEnum):
    """Why the state is what it is."""

    INTACT = "intact"  # trusted, without any failure
    UNKNOWN_SIGNER = "unknown_signer"  # valid: signer is under no anchor of ours, or not allowed to sign claims
    CONTENT_CHANGED = "content_changed"  # invalid: our signer's manifest is whole, the sound or tags around it are not
    SIGNER_EXPIRED = "signer_expired"  # invalid: certificate over, no trusted time-stamp; cannot be told whose it was
    BROKEN = "broken"  # invalid: the manifest itself was altered, or its signer is unknown and the content changed
    UNREADABLE = "unreadable"  # invalid: the file or its manifest is too damaged to be judged
    NOT_FOUND = "not_found"  # absent: an audio file without a manifest
    REMOTE_ONLY = "remote_only"  # absent: the file points to a manifest elsewhere, which we never fetch
    UNSUPPORTED = "unsupported"  # absent: not a container in which we read manifests


@dataclass(frozen=True, slots=True)
class CredentialsReport:
    """What reading the credentials of one file found."""

    state: CredentialsState
    detail: CredentialsDetail
    codes: tuple[str, ...] = ()  # C2PA failure codes, sorted
    signer: str | None = None  # organisation that the signing certificate names
    certificate_serial: str | None = None  # decimal
    label: str | None = None  # of the active manifest; identifies it
    signed_at: datetime | None = None  # only from a trusted time-stamp
    generator: str | None = None  # "<software> <version>" that wrote the claim
    facts: ClaimedFacts | None = None  # only when the manifest is whole, and its signer ours or known to be a stranger


class CredentialsReader(Protocol):
    """Reads credentials; behind a port because the library is an engine that only the composition root may name.

    Obligations: opens no connection; never raises for a hostile file but reports it; safe to call from several
    threads and after `fork`.
    """

    def read(self, data: bytes, media_type: str, *, manifest_store: bytes | None = None) -> CredentialsReport:
        """Judge the credentials in `data`, or those in `manifest_store` as if they were in it."""


class CredentialsSigner(CredentialsReader, Protocol):
    """Signs clips, and reads them with its own trust anchors; obligations as for reading."""

    def sign(
        self, data: bytes, media_type: str, facts: ClipFacts, parent: ParentFile | None = None
    ) -> tuple[bytes, bytes]:
        """Return the signed file and its manifest store, or raise `CredentialsError`; an upload needs its `parent`.

        The store is embedded in the file, or belongs beside it (`.c2pa`) where the container has no place for it.
        The result has been verified against its own hash. Nothing may touch the bytes afterwards.
        """
