"""Verification: what can be said about an audio file that somebody hands us.

Checks, in this order:

1. Readable audio: the bytes begin as an audio container and decode within the limits.
2. Exact bytes: their SHA-256 is that of a released clip.
3. Credentials: the C2PA manifest is trusted, valid (signer unknown), invalid or absent.
4. Watermark: every configured layer is looked for, among the released episodes.
5. Fingerprint: the sound is that of the episode which bytes, mark or credentials name.
6. Audit log: the receipts of that episode verify against the log's key and its signed checkpoints.
7. Release: that episode is public.

`gateway.verification.report.conclude` turns them into one conclusion. A check that could not run says so (`error`) and
supports nothing. The upload is never stored, and the report names no score: see `docs/verification.md`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from audit.errors import AuditError
from audit.log import Log
from gateway.db import Database
from gateway.errors import GatewayError, NotFoundError, ReleaseRefusedError
from gateway.releases import PublicEpisode, episode_of_clip, find_released, released_ids
from gateway.submissions import EpisodeFingerprint
from gateway.verification.comparison import compare_sound
from gateway.verification.excerpts import excerpts
from gateway.verification.inclusion import prove_release
from gateway.verification.marks import MarkFindings, find_marks
from gateway.verification.report import Agreement, Check, Evidence, Outcome, Report, conclude
from gateway.verification.words import (
    describe_agreement,
    describe_credentials,
    describe_differences,
    describe_episode,
    describe_marks,
)
from synth.containers import Container, sniff
from synth.credentials import CredentialsDetail, CredentialsReader, CredentialsReport, CredentialsState
from synth.decode import Decoded, DecodeLimits, decode
from synth.errors import AudioError, SynthError
from synth.fingerprint import Fingerprint, fingerprint
from synth.watermark import Watermark

EXAMINED_RATE = 16_000  # Hz: every layer and the fingerprint listen below 8 kHz


@dataclass
class _Case:
    """What is known so far about one file; each check adds to it."""

    data: bytes
    sha256: str
    container: Container
    checks: list[Check] = field(default_factory=list)
    sound: Decoded | None = None
    exact: PublicEpisode | None = None
    credentials: CredentialsReport | None = None
    claimed: PublicEpisode | None = None  # by credentials that were issued here
    marks: MarkFindings = field(default_factory=MarkFindings)
    agreement: dict[str, Agreement] = field(default_factory=dict)
    identified: str | None = None
    logged: bool = False

    def add(self, number: int, check_id: str, name: str, outcome: Outcome, words: str, **details: object) -> None:
        self.checks.append(Check(number, check_id, name, outcome, words, details))


class Verifier:
    """Examines files against one installation's releases, keys and log; keeps nothing, safe for several threads."""

    def __init__(
        self,
        *,
        database: Database,
        log: Log,
        credentials: CredentialsReader,
        marks: Sequence[Watermark],
        max_seconds: float,
        public_url: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._log = log
        self._credentials = credentials
        self._marks = tuple(marks)
        self._limits = DecodeLimits(max_seconds=max_seconds)
        self._public_url = public_url.rstrip("/")
        self._clock = clock

    def verify(self, data: bytes) -> Report:
        """Return the report on a file's bytes.

        Raises `AudioError` when there is nothing to report on: not audio, over the limits, or so damaged that neither
        bytes nor credentials nor sound say anything.
        """
        container = sniff(data)
        if container is None:
            raise AudioError("the file does not begin like audio; send WAV, MP3, M4A, FLAC, Ogg, AIFF or WebM")
        case = _Case(data, hashlib.sha256(data).hexdigest(), container)
        unreadable = self._check_readable(case)  # 1.
        self._check_exact(case)  # 2.
        self._check_credentials(case)  # 3.
        if unreadable is not None and case.exact is None and not _has_credentials(case.credentials):
            raise unreadable
        self._check_marks(case)  # 4.
        self._check_fingerprint(case)  # 5.
        episode = self._named(case)
        self._check_log(case, episode)  # 6.
        self._check_release(case, episode)  # 7.
        conclusion = conclude(_evidence(case))
        return Report(
            conclusion=conclusion,
            sha256=case.sha256,
            size=len(data),
            checked_at=self._clock().astimezone(UTC).isoformat(timespec="seconds"),
            checks=tuple(case.checks),
            episode=describe_episode(episode, case.container, self._public_url) if episode else None,
            differences=describe_differences(conclusion, episode, case.container, case.sound, case.credentials),
        )

    def _check_readable(self, case: _Case) -> AudioError | None:
        add = ("readable", "Readable audio")
        try:
            case.sound = decode(case.data, limits=self._limits, target_rate=EXAMINED_RATE)
        except AudioError as error:
            case.add(
                1, *add, Outcome.FAIL, f"The sound cannot be decoded: {error}.", media_type=case.container.media_type
            )
            return error
        seconds, damaged = round(case.sound.duration, 1), case.sound.damaged_packets
        outcome, words = Outcome.PASS, f"This is {case.container.media_type} of {seconds:g} seconds."
        if damaged:
            outcome, words = Outcome.INCONCLUSIVE, f"{words} Some of it is damaged and could not be decoded."
        media_type = case.container.media_type
        case.add(1, *add, outcome, words, media_type=media_type, seconds=seconds, damaged_packets=damaged)
        return None

    def _check_exact(self, case: _Case) -> None:
        add = ("exact_bytes", "Exact bytes")
        try:
            with self._database.read() as session:
                case.exact = episode_of_clip(session, sha256=case.sha256)
        except GatewayError as error:
            case.add(2, *add, Outcome.ERROR, f"The released files could not be looked up: {error}.")
            return
        if case.exact is None:
            case.add(2, *add, Outcome.ABSENT, "No released file has exactly these bytes.")
        else:
            words = "These are exactly the bytes of a released file."
            case.add(2, *add, Outcome.PASS, words, episode_id=case.exact.id)

    def _check_credentials(self, case: _Case) -> None:
        add = ("credentials", "Content Credentials (C2PA)")
        try:
            report = case.credentials = self._credentials.read(case.data, case.container.media_type)
            if _issued_here(report):
                case.claimed = self._claimed(report)
        except (GatewayError, SynthError) as error:
            case.add(3, *add, Outcome.ERROR, f"The credentials could not be judged: {error}.")
            return
        outcome, words = describe_credentials(report)
        case.add(
            3,
            *add,
            outcome,
            words,
            state=report.state.value,
            reason=report.detail.value,
            codes=list(report.codes),
            signer=report.signer,
            manifest_label=report.label,
            signed_at=report.signed_at.isoformat() if report.signed_at else None,
        )

    def _claimed(self, report: CredentialsReport) -> PublicEpisode | None:
        episode_id = report.facts.episode_id if report.facts is not None else None
        with self._database.read() as session:
            if episode_id is not None:
                return find_released(session, episode_id)
            return episode_of_clip(session, manifest_label=report.label) if report.label else None

    def _check_marks(self, case: _Case) -> None:
        add = ("watermark", "Watermark")
        if case.sound is None:
            case.add(4, *add, Outcome.NOT_APPLICABLE, "There is no decoded sound to listen to.", layers=[])
            return
        try:
            with self._database.read() as session:
                released = released_ids(session)
        except GatewayError as error:
            case.add(4, *add, Outcome.ERROR, f"The released episodes could not be looked up: {error}.", layers=[])
            return
        case.marks = find_marks(excerpts(case.sound.samples, case.sound.sample_rate), self._marks, released)
        case.identified = case.marks.identified
        outcome, words = describe_marks(case.marks, any_released=bool(released))
        layers = [layer.to_dict() for layer in case.marks.layers]
        case.add(4, *add, outcome, words, layers=layers)

    def _check_fingerprint(self, case: _Case) -> None:
        add = ("fingerprint", "Fingerprint of the sound")
        wanted = [case.exact.id if case.exact else None, case.identified, case.claimed.id if case.claimed else None]
        named = list(dict.fromkeys([*filter(None, wanted), *case.marks.named]))
        if case.sound is None or not named:
            words = "Neither bytes, mark nor credentials name an episode to compare with."
            case.add(5, *add, Outcome.NOT_APPLICABLE, words if case.sound else "There is no decoded sound to compare.")
            return
        try:
            heard = fingerprint(case.sound.samples, case.sound.sample_rate)
            for episode_id in named:
                case.agreement[episode_id] = self._compare(heard, episode_id)
        except (GatewayError, SynthError) as error:
            case.agreement.clear()  # half a comparison supports nothing
            case.add(5, *add, Outcome.ERROR, f"The sound could not be compared: {error}.")
            return
        agreeing = [episode for episode in case.marks.named if case.agreement[episode] is Agreement.AGREES]
        case.identified = case.identified or next(iter(agreeing), None)
        outcome, words, episode = describe_agreement(case.agreement, sure=set(filter(None, wanted)))
        case.add(5, *add, outcome, words, **({"episode_id": episode} if episode else {}))

    def _compare(self, heard: Fingerprint, episode_id: str) -> Agreement:
        with self._database.read() as session:
            stored = session.get(EpisodeFingerprint, episode_id)
        if stored is None:
            raise NotFoundError(f"no fingerprint of episode {episode_id} is stored")
        return compare_sound(heard, stored.data)

    def _named(self, case: _Case) -> PublicEpisode | None:
        """The released episode to report on: exact bytes first, then a confirmed mark, then credentials, then any."""
        if case.exact is not None:
            return case.exact
        confirmed = case.identified if case.agreement.get(case.identified or "") is Agreement.AGREES else None
        if confirmed is None and case.claimed is not None:
            return case.claimed
        chosen = confirmed or case.identified
        if chosen is None:
            return None
        try:
            with self._database.read() as session:
                return find_released(session, chosen)
        except GatewayError:
            return None  # safe to ignore because checks 6 and 7 then report that there is nothing to look at

    def _check_log(self, case: _Case, episode: PublicEpisode | None) -> None:
        add = ("audit_log", "Audit log")
        if episode is None:
            case.add(6, *add, Outcome.NOT_APPLICABLE, "No released episode was named, so there is nothing to look up.")
            return
        try:
            with self._database.read() as session:
                sha256 = case.sha256 if case.exact is not None else None
                proven = prove_release(session, self._log, episode.id, sha256=sha256)
        except (AuditError, ReleaseRefusedError) as error:
            case.add(6, *add, Outcome.FAIL, f"The log does not prove this episode's release: {error}.")
            return
        except GatewayError as error:
            case.add(6, *add, Outcome.ERROR, f"The log could not be read: {error}.")
            return
        case.logged = True
        entries = [
            {"entry": one.index, "event": one.kind.value, "checkpoint_size": one.checkpoint_size} for one in proven
        ]
        words = "Production, approval and release are in the log, under checkpoints that it signed."
        case.add(6, *add, Outcome.PASS, words, origin=self._log.origin, entries=entries)

    def _check_release(self, case: _Case, episode: PublicEpisode | None) -> None:
        add = ("release", "Release")
        if episode is not None:
            words = f"The episode has been public since {episode.released_at:%Y-%m-%d %H:%M} UTC."
            case.add(7, *add, Outcome.PASS, words, episode_id=episode.id, released_at=episode.released_at.isoformat())
        elif case.credentials is not None and _issued_here(case.credentials):
            words = "The credentials were issued here, but no released episode has them."
            case.add(7, *add, Outcome.FAIL, words)
        else:
            case.add(7, *add, Outcome.NOT_APPLICABLE, "No episode was named, so there is no release to look up.")


def _has_credentials(report: CredentialsReport | None) -> bool:
    return report is not None and report.state is not CredentialsState.ABSENT and report.label is not None


def _issued_here(report: CredentialsReport) -> bool:
    """True if a signer under our own anchors wrote the manifest, whatever became of the file around it.

    An expired signer is not among them: whose certificate it was, the C2PA library does not tell.
    """
    return report.state is CredentialsState.TRUSTED or report.detail is CredentialsDetail.CONTENT_CHANGED


def _evidence(case: _Case) -> Evidence:
    report = case.credentials
    return Evidence(
        exact=case.exact.id if case.exact else None,
        trusted=report is not None and report.state is CredentialsState.TRUSTED,
        tampered=report is not None and report.detail is CredentialsDetail.CONTENT_CHANGED,
        claimed=case.claimed.id if case.claimed else None,
        marked=case.marks.marked,
        identified=case.identified,
        agreement=tuple(case.agreement.items()),
        logged=case.logged,
        released=case.exact is not None,
    )
