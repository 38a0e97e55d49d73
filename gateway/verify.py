"""Verification: what can be said about an audio file that somebody hands us.

Checks, in this order:

1. Readable audio: the bytes begin as an audio container and decode within the limits.
2. Exact bytes: their SHA-256 is that of a released clip.
3. Credentials: the C2PA manifest is trusted, valid (signer unknown), invalid or absent.
4. Watermark: every configured layer is looked for, among the released episodes, the ones that sound alike first.
5. Fingerprint: the sound is that of the episode which bytes, mark or credentials name, at the place that a mark names;
   if nothing names one, which released episodes it sounds like.
6. Audit log: the receipts of that episode verify against the log's key and its signed checkpoints.
7. Release: that episode is public, or was and was taken back, or never was.

`gateway.verification.report.conclude` turns them into one conclusion. A check that could not run says so (`error`) and
supports nothing. The upload is never stored, and the report names no score: see `docs/verification.md`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from audit.errors import AuditError
from audit.log import Log
from gateway.db import Database
from gateway.errors import GatewayError, RateLimitedError, ReleaseRefusedError
from gateway.releases import PublicEpisode, episode_of_clip, find_published, manifest_beside, was_spoken
from gateway.verification.case import Case
from gateway.verification.clusters import ClusterThrottle
from gateway.verification.hardening import PUBLIC_BOUND
from gateway.verification.inclusion import milestones, prove_release
from gateway.verification.listening import Listener
from gateway.verification.opening import Opener
from gateway.verification.report import Agreement, Evidence, Outcome, Report, conclude
from gateway.verification.tally import REFUSED
from gateway.verification.waveform import outline
from gateway.verification.words import describe_credentials, describe_differences, describe_episode, describe_release
from synth.containers import sniff
from synth.credentials import CredentialsDetail, CredentialsReport, CredentialsState
from synth.errors import AudioError, SynthError
from synth.placement import Placement
from synth.watermark import Watermark


class Verifier:
    """Examines files against one installation's releases, keys and log; keeps no file, safe for several threads.

    `public` asks for more certainty than the layers do before a mark is told (hysteresis), `clusters` bounds how often
    one sound may be asked about, and `jitter_key` seeds what the search varies: all three make it a poor oracle.
    `detached` judges a released file, whose container cannot hold a manifest, by the stored one of a digest.
    """

    def __init__(
        self,
        *,
        database: Database,
        log: Log,
        opener: Opener,
        marks: Sequence[Watermark],
        public_url: str,
        clock: Callable[[], datetime],
        jitter_key: bytes,
        public: bool = True,
        clusters: ClusterThrottle | None = None,
        count: Callable[[str], None] | None = None,
        detached: Callable[[bytes, str], CredentialsReport] | None = None,
    ) -> None:
        self._database = database
        self._log = log
        self._opener = opener
        self._detached = detached
        self._listener = Listener(
            database=database,
            marks=marks,
            jitter_key=jitter_key,
            told_bound=PUBLIC_BOUND if public else 1.0,
            clusters=clusters,
        )
        self._public_url = public_url.rstrip("/")
        self._clock = clock
        self._count = count  # told every conclusion, and nothing else

    def verify(self, data: bytes) -> Report:
        """Return the report on a file's bytes.

        Raises `AudioError` when there is nothing to report on: not audio, over the limits, or so damaged that neither
        bytes nor credentials nor sound say anything; `RateLimitedError` when files like it were checked too often.
        """
        try:
            report = self._examine(data)
        except (AudioError, RateLimitedError):
            self._told(REFUSED)
            raise
        self._told(report.conclusion.value)
        return report

    def _told(self, conclusion: str) -> None:
        if self._count is not None:
            self._count(conclusion)

    def _examine(self, data: bytes) -> Report:
        container = sniff(data)
        if container is None:
            raise AudioError("the file does not begin like audio; send WAV, MP3, M4A, FLAC, Ogg, AIFF or WebM")
        opened = self._opener.open(data, container)
        case = Case(hashlib.sha256(data).hexdigest(), container, opened)
        unreadable = self._check_readable(case)  # 1.
        self._check_exact(case)  # 2.
        self._read_detached(case, data)
        self._check_credentials(case)  # 3.
        if unreadable is not None and case.exact is None and not _has_credentials(case.credentials):
            raise unreadable
        self._listener.admit(case)
        self._listener.check_marks(case)  # 4.
        self._listener.check_fingerprint(case)  # 5.
        episode = self._named(case)
        self._check_log(case, episode)  # 6.
        self._check_release(case, episode)  # 7.
        conclusion = conclude(_evidence(case, episode))
        return Report(
            conclusion=conclusion,
            sha256=case.sha256,
            size=len(data),
            checked_at=self._clock().astimezone(UTC).isoformat(timespec="seconds"),
            checks=tuple(case.checks),
            episode=describe_episode(episode, case.container, self._public_url) if episode else None,
            passages=case.passages,
            similar=case.similar,
            differences=describe_differences(
                conclusion, episode, case.container, case.sound, case.credentials, exact=case.exact is not None
            ),
            timeline=case.timeline,
            waveform=case.waveform,
            seconds=round(case.sound.duration, 1) if case.sound is not None else None,
        )

    def close(self) -> None:
        """End the processes that parse uploads."""
        self._opener.close()

    def _check_readable(self, case: Case) -> AudioError | None:
        add = ("readable", "Readable audio")
        if case.sound is None:
            refusal = case.opened.refusal
            words = f"The sound cannot be decoded: {refusal}."
            case.add(1, *add, Outcome.FAIL, words, media_type=case.container.media_type)
            return AudioError(refusal)
        case.waveform = outline(case.sound.samples)
        seconds, damaged = round(case.sound.duration, 1), case.sound.damaged_packets
        outcome, words = Outcome.PASS, f"This is {case.container.media_type} of {seconds:g} seconds."
        if damaged:
            outcome, words = Outcome.INCONCLUSIVE, f"{words} Some of it is damaged and could not be decoded."
        media_type = case.container.media_type
        case.add(1, *add, outcome, words, media_type=media_type, seconds=seconds, damaged_packets=damaged)
        return None

    def _check_exact(self, case: Case) -> None:
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

    def _read_detached(self, case: Case, data: bytes) -> None:
        """Take the manifest that we keep for exactly these bytes, where their container has no place for one.

        It is read in this process: the bytes are our own.
        """
        if case.container.embeds or case.exact is None or self._detached is None:
            return
        try:
            with self._database.read() as session:
                digest = manifest_beside(session, case.sha256)
            if digest is not None:
                case.opened = replace(case.opened, credentials=self._detached(data, digest), credentials_error="")
        except (GatewayError, SynthError) as error:
            case.opened = replace(case.opened, credentials=None, credentials_error=str(error))

    def _check_credentials(self, case: Case) -> None:
        add = ("credentials", "Content Credentials (C2PA)")
        report = case.credentials
        if report is None:
            words = f"The credentials could not be judged: {case.opened.credentials_error}."
            case.add(3, *add, Outcome.ERROR, words)
            return
        try:
            if _issued_here(report):
                case.claimed = self._claimed(report)
                case.claimed_speech = self._claimed_speech(report)
        except GatewayError as error:
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
                return find_published(session, episode_id)
            return episode_of_clip(session, manifest_label=report.label) if report.label else None

    def _claimed_speech(self, report: CredentialsReport) -> str | None:
        episode_id = report.facts.episode_id if report.facts is not None else None
        with self._database.read() as session:
            return episode_id if episode_id is not None and was_spoken(session, episode_id) else None

    def _named(self, case: Case) -> PublicEpisode | None:
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
                return find_published(session, chosen)
        except GatewayError:
            return None  # safe to ignore because checks 6 and 7 then report that there is nothing to look at

    def _check_log(self, case: Case, episode: PublicEpisode | None) -> None:
        add = ("audit_log", "Audit log")
        if episode is None:
            case.add(6, *add, Outcome.NOT_APPLICABLE, "No released episode was named, so there is nothing to look up.")
            return
        try:
            with self._database.read() as session:
                sha256 = case.sha256 if case.exact is not None else None
                case.timeline = milestones(self._log.events_for(session, episode.id))
                proven = prove_release(session, self._log, episode.id, sha256=sha256, state=episode.state)
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

    def _check_release(self, case: Case, episode: PublicEpisode | None) -> None:
        add = ("release", "Release")
        if episode is not None:
            outcome, words = describe_release(episode)
            released_at = episode.released_at.isoformat()
            case.add(7, *add, outcome, words, state=episode.state.value, episode_id=episode.id, released_at=released_at)
        elif case.claimed_speech is not None or case.identified in case.spoken:
            words = "This is speech that was made here on request, for its caller alone; it was never released."
            named = case.claimed_speech or case.identified
            case.add(7, *add, Outcome.NOT_APPLICABLE, words, state="spoken", episode_id=named)
        elif case.credentials is not None and _issued_here(case.credentials):
            words = "The credentials were issued here, but no released episode has them."
            case.add(7, *add, Outcome.FAIL, words, state="never_released")
        else:
            case.add(7, *add, Outcome.NOT_APPLICABLE, "No episode was named, so there is no release to look up.")


def _has_credentials(report: CredentialsReport | None) -> bool:
    return report is not None and report.state is not CredentialsState.ABSENT and report.label is not None


def _issued_here(report: CredentialsReport) -> bool:
    """True if a signer under our own anchors wrote the manifest, whatever became of the file around it.

    An expired signer is not among them: whose certificate it was, the C2PA library does not tell.
    """
    return report.state is CredentialsState.TRUSTED or report.detail is CredentialsDetail.CONTENT_CHANGED


def _evidence(case: Case, episode: PublicEpisode | None) -> Evidence:
    report = case.credentials
    return Evidence(
        exact=case.exact.id if case.exact else None,
        trusted=report is not None and report.state is CredentialsState.TRUSTED,
        tampered=report is not None and report.detail is CredentialsDetail.CONTENT_CHANGED,
        claimed=case.claimed.id if case.claimed else case.claimed_speech,
        spoken=case.spoken | ({case.claimed_speech} if case.claimed_speech else frozenset()),
        marked=case.marks.marked,
        identified=case.identified,
        transplanted=case.placement is Placement.TRANSPLANTED,
        agreement=tuple(case.agreement.items()),
        similar=tuple(one.episode_id for one in case.similar),
        logged=case.logged,
        released=case.exact is not None,
        taken_back=episode is not None and episode.withdrawal is not None,
    )
