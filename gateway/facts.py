"""What each step leaves in rows and in the log (pure).

Facts in the log are ids, commitments and numbers; texts stay in rows, where they can be erased.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from audit.event import Fact
from gateway.commitments import commit
from gateway.submissions import Clip, EpisodeFingerprint, EpisodeHearing, Timeline
from policies.decision import Decision
from synth.audio import SignedClip

if TYPE_CHECKING:
    from policies.soundness import PlannedSentence
    from policies.spoken import Hearing  # brings numpy, which only a worker needs
    from synth.fingerprint import Fingerprint
    from synth.produce import Production  # brings the codecs, which only a worker needs


def decision_document(decision: Decision) -> dict[str, object]:
    """The whole decision as a JSON object, for the submission's row; its explanations never quote the script."""
    return {**asdict(decision), "verdict": decision.verdict.value}


def decision_facts(decision: Decision, secret: bytes) -> dict[str, Fact]:
    """What the log keeps of a decision: everything that made it, and how many findings of which kind.

    `secret` is the episode's, from `gateway.commitments`.
    """
    counted = Counter((finding.rule, finding.category, finding.verdict.value) for finding in decision.findings)
    return {
        "verdict": decision.verdict.value,
        "script_commitment": commit(secret, "script", decision.script_digest),
        "policy_id": decision.policy_id,
        "policy_version": decision.policy_version,
        "policy_digest": decision.policy_digest,
        "models": [[model, digest] for model, digest in decision.models],
        "findings": [[rule, category, verdict, count] for (rule, category, verdict), count in sorted(counted.items())],
        "coverage": [[category, coverage] for category, coverage in decision.coverage],
    }


def hearing_facts(hearing: Hearing, clip_sha256: str, secret: bytes) -> dict[str, Fact]:
    """What the log keeps of listening to a clip: the decision's facts, which clip, and how much was heard otherwise."""
    return {
        **decision_facts(hearing.decision, secret),
        "clip": clip_sha256,
        "transcript_commitment": commit(secret, "transcript", hearing.transcript.digest),
        "words": hearing.words,
        "errors": hearing.errors,
    }


def hearing_row(episode_id: str, hearing: Hearing, clip_sha256: str, at: datetime) -> EpisodeHearing:
    """The row that keeps the transcript and its decision."""
    model, digest = hearing.listener
    return EpisodeHearing(
        episode_id=episode_id,
        clip_sha256=clip_sha256,
        listener=model,
        listener_digest=digest,
        transcript_digest=hearing.transcript.digest,
        transcript=[[word.text, word.start, word.end, word.probability] for word in hearing.transcript.words],
        words=hearing.words,
        errors=hearing.errors,
        decision=decision_document(hearing.decision),
        heard_at=at,
    )


def clip_facts(clip: SignedClip, manifest_sha256: str) -> dict[str, Fact]:
    """What the log keeps of a clip: enough to recognise its bytes, its manifest and its marks."""
    return {
        "sha256": clip.sha256,
        "media_type": clip.media_type,
        "size": len(clip.data),
        "duration": clip.duration,
        "loudness": clip.loudness,
        "true_peak": clip.true_peak,
        "manifest_label": clip.manifest_label,
        "manifest_sha256": manifest_sha256,
        "marks": [[layer, version] for layer, version in clip.marks],
    }


def clip_row(clip: SignedClip, manifest_sha256: str, at: datetime) -> Clip:
    """The row that finds a clip again."""
    return Clip(
        sha256=clip.sha256,
        episode_id=clip.episode_id,
        media_type=clip.media_type,
        size=len(clip.data),
        duration=clip.duration,
        loudness=clip.loudness,
        true_peak=clip.true_peak,
        manifest_label=clip.manifest_label,
        manifest_sha256=manifest_sha256,
        marks=[[layer, version] for layer, version in clip.marks],
        created_at=at,
    )


def fingerprint_row(episode_id: str, fingerprint: Fingerprint) -> EpisodeFingerprint:
    """What the episode sounds like, to confirm what a mark says; the bytes carry their own format version."""
    return EpisodeFingerprint(episode_id=episode_id, version=str(fingerprint.version), data=fingerprint.to_bytes())


def planned_sentences(timeline: Timeline | None) -> list[PlannedSentence]:
    """Return when each sentence should be heard; nothing where rows are older than that knowledge."""
    from policies.soundness import PlannedSentence

    rows: list[dict[str, Any]] = list(timeline.cues) if timeline is not None else []
    if any("utterance" not in row for row in rows):
        return []
    return [PlannedSentence(float(row["start"]), float(row["end"]), str(row["text"]), row["utterance"]) for row in rows]


def timeline_row(episode_id: str, production: Production) -> Timeline:
    """Who says what when, the chapters, and how long each stage took."""
    return Timeline(
        episode_id=episode_id,
        cues=[asdict(cue) for cue in production.cues],
        chapters=[asdict(chapter) for chapter in production.chapters],
        timings=[
            [time.stage.value if time.media_type is None else f"{time.stage.value} {time.media_type}", time.seconds]
            for time in production.times
        ],
    )
