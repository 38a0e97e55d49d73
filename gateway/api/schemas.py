"""What the API takes and gives: its own models, apart from rows and domain values, closed against unknown members."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.erasure import Reason
from gateway.screening import Format
from gateway.submissions import ID_ALPHABET, ID_LENGTH, State
from policies.decision import Verdict

EPISODE_ID_PATTERN = rf"^ep_[{ID_ALPHABET}]{{{ID_LENGTH}}}$"
EXAMPLE_ID = "ep_9m3kq7xv2c8r4t6w1b5n"
EXAMPLE_SHA256 = "5f0c" * 16
EXAMPLE_SCRIPT = """---
title: Morning briefing
show: Harbour News
voices:
  ANNA: hibari-heart
---
# Weather

ANNA: Good morning. It stays dry until the evening.
"""

EpisodeId = Annotated[str, Path(pattern=EPISODE_ID_PATTERN, description="Id of the episode.", examples=[EXAMPLE_ID])]


class Model(BaseModel):
    """Base of all models: frozen, and nothing unknown gets in."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProblemOut(Model):
    """RFC 9457 problem document; `type` names the problem, `trace_id` finds it in the log."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = Field(examples=["https://gate.example/problems/not-found"])
    title: str
    status: int
    detail: str
    instance: str
    trace_id: str


class SubmissionIn(Model):
    """A script to be screened, spoken and released."""

    script: str = Field(
        description="Markdown or another format with its head, or canonical JSON.", examples=[EXAMPLE_SCRIPT]
    )
    format: Format = Field(
        Format.SCRIPT, description="Anything but `script` is for a file without a head, which then gets one."
    )
    title: str | None = Field(None, max_length=200, description="Of a file without a head.")
    language: str = Field("en", pattern="^[a-z]{2,3}$", description="Of a file without a head.")
    voices: dict[str, str] = Field(
        default_factory=dict, max_length=20, description="Voice id by speaker, for a file without a head."
    )


class Stored(Model):
    """Base of what is read back from a row: another version may have written members that this one does not know."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class SpanOut(Stored):
    """Half-open range of characters (Unicode code points) in the author's text."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)


class EvidenceOut(Stored):
    """A dated source that shows why a claim is a problem."""

    claim: str
    rating: str
    publisher: str
    url: str
    published_on: str
    similarity: float


class FindingOut(Stored):
    """One thing that one rule saw."""

    rule: str
    category: str
    verdict: Verdict
    span: SpanOut
    score: float
    explanation: str
    view: str
    evidence: list[EvidenceOut]
    time_start: float | None = Field(None, description="Seconds into the finished audio, for what was heard there.")
    time_end: float | None = None


class GuidanceLevelOut(Stored):
    """One coded step of severity inside a category."""

    code: str = Field(examples=["TH2"])
    verdict: Verdict
    meaning: str
    examples: list[str]


class GuidanceOut(Stored):
    """What the policy tells reviewers about findings of some categories."""

    id: str
    categories: list[str]
    goal: str
    definition: str
    allow: list[str]
    refuse: list[str]
    levels: list[GuidanceLevelOut] = Field(description="From mild to strict.")


class DecisionOut(Stored):
    """What the policy decided, and everything that made the decision."""

    verdict: Verdict
    findings: list[FindingOut]
    policy_id: str
    policy_version: str
    policy_digest: str
    models: list[tuple[str, str]]
    script_digest: str
    coverage: list[tuple[str, str]]
    guidance: list[GuidanceOut] = Field(default=[], description="For the categories that were found.")


class HearingOut(Model):
    """What was heard in the finished audio."""

    clip_sha256: str
    listener: str = Field(description="The speech recogniser.")
    transcript: str
    words: int = Field(description="Words that should be heard: the disclosure and the script.")
    errors: int = Field(description="Of these, heard otherwise.")
    decision: DecisionOut
    heard_at: datetime


class FailureOut(Model):
    """Why the gate could not finish."""

    reason: str = Field(description="Slug of the problem.", examples=["storage-unavailable"])
    detail: str


class EventOut(Model):
    """One entry of the audit log about this submission; its bytes are at `/v1/log/entries/{index}`."""

    index: int
    kind: str
    at: datetime


class ClipOut(Model):
    """One rendition of the episode."""

    sha256: str
    media_type: str
    size: int = Field(description="Bytes.")
    duration: float = Field(description="Seconds.")
    loudness: float = Field(description="LUFS.")
    true_peak: float = Field(description="dBTP.")
    manifest_label: str
    marks: list[str] = Field(description="Watermark layers, in the order of embedding.")
    url: str
    manifest_url: str = Field(description="The C2PA manifest store of this file; Ogg files have it only there.")


class DecidedOut(Model):
    """What a reviewer decided."""

    verdict: str = Field(examples=["approve", "reject"])
    reason: str
    decided_at: datetime


class SubmissionOut(Model):
    """A submission in a list."""

    id: str = Field(examples=[EXAMPLE_ID])
    state: State
    title: str
    show: str
    language: str
    received_at: datetime
    changed_at: datetime
    links: dict[str, str] = Field(examples=[{"self": f"/v1/submissions/{EXAMPLE_ID}"}])


class ErasureOut(Model):
    """That the texts of an episode were erased; every proof stays."""

    reason: Reason
    audio: bool = Field(description="Whether the stored sound went too.")
    requested_at: datetime
    done_at: datetime | None = Field(description="Null while it is under way; a worker goes on with it.")


class SubmissionDetailOut(SubmissionOut):
    """A submission with all that became of it."""

    script: str
    script_digest: str
    decision: DecisionOut | None
    hearing: HearingOut | None = Field(description="Null until the audio was listened to, or where nobody listens.")
    review: DecidedOut | None
    failure: FailureOut | None
    erased: ErasureOut | None = Field(description="Null unless the texts were erased; proofs stay.")
    waiting_for: str | None = Field(description="What an approved episode lacks before it can be released.")
    clips: list[ClipOut]
    events: list[EventOut]


class SubmissionPage(Model):
    """One page of submissions, newest first."""

    items: list[SubmissionOut]
    next_cursor: str | None = Field(description="Pass it as `cursor` for the next page; null on the last one.")


class StatementOut(Model):
    """Why an episode was refused or taken back (DSA, Article 17)."""

    puid: str = Field(description="Unique for ever.", examples=["sor_9m3kq7xv2c8r4t6w1b5n"])
    episode_id: str = Field(examples=[EXAMPLE_ID])
    decided_at: datetime
    text: str = Field(description="In words, for the submitter.")
    record: dict[str, Any] = Field(description="As the DSA Transparency Database takes it; quotes and names nobody.")


class ChapterOut(Model):
    """Where a chapter begins."""

    start: float = Field(description="Seconds.")
    title: str


class EpisodeOut(Model):
    """A released episode, as anybody may see it."""

    id: str = Field(examples=[EXAMPLE_ID])
    title: str
    show: str
    language: str
    released_at: datetime
    synthetic: bool = Field(
        description="Made by AI, wholly or in part; false only for an upload whose sender declares that it is not."
    )
    duration: float = Field(description="Seconds.")
    clips: list[ClipOut]
    chapters: list[ChapterOut]
    log_entry: int = Field(description="Index of the release in the audit log.")
    links: dict[str, str]


class WithdrawalIn(Model):
    """Why a released episode is taken back."""

    reason: str = Field(
        min_length=1, max_length=500, description="Public.", examples=["The interview's date is wrong."]
    )
    replacement: str | None = Field(
        None, pattern=EPISODE_ID_PATTERN, description="Released episode that takes its place.", examples=[EXAMPLE_ID]
    )


class WithdrawalOut(Model):
    """A released episode that was taken back."""

    episode_id: str = Field(examples=[EXAMPLE_ID])
    state: State = Field(description="`withdrawn` or `superseded`.")
    reason: str
    withdrawn_at: datetime
    replacement: str | None = Field(description="Released episode that takes its place.")


class ReviewOut(Model):
    """A case that waits for a decision."""

    episode_id: str = Field(examples=[EXAMPLE_ID])
    title: str
    show: str
    version: int = Field(description="Pass it back to decide exactly what was read.")
    requested_at: datetime
    due_at: datetime
    risk: int = Field(description="0 to 100, of the worst finding.")
    senior: bool = Field(description="It was escalated: a senior reviewer decides.")
    two_people: bool = Field(description="An approval needs two signatures.")
    proposed: bool = Field(description="The first of them is there.")
    claimed: bool = Field(description="Somebody's lease runs.")
    claimed_by_me: bool
    claimed_until: datetime | None
    held_until: datetime | None = Field(description="It was put off: nobody is given it before.")
    links: dict[str, str]


class ReviewList(Model):
    """All cases that wait, the oldest first."""

    items: list[ReviewOut]


class VerdictIn(Model):
    """A reviewer's decision; there is none without a reason."""

    reason: str = Field(min_length=1, max_length=2_000, examples=["The claim is quoted and refuted in the same turn."])
    version: int | None = Field(None, ge=1, description="Refuse the decision if the episode has changed since.")


class RefusalIn(VerdictIn):
    """A reviewer's refusal; without categories it is for those that were found."""

    categories: list[str] = Field(
        default=[], max_length=10, description="Categories of the policy, or `other`.", examples=[["personal_data"]]
    )


class HoldIn(VerdictIn):
    """Why a case is put off, and until when."""

    until: AwareDatetime = Field(description="At most 30 days ahead.", examples=["2026-12-01T09:00:00Z"])


class SpanIn(Model):
    """A place in the author's text."""

    start: int = Field(ge=0, description="First character, counted in Unicode code points.")
    end: int = Field(ge=1, description="First character behind it.")


class RedactionIn(RefusalIn):
    """What to take out of a script: every spoken sentence that one of the spans touches."""

    spans: list[SpanIn] = Field(min_length=1, max_length=100, examples=[[{"start": 120, "end": 180}]])


class RedactionOut(Model):
    """What goes on in place of the episode."""

    revision: str = Field(description="Episode without these sentences, spoken anew; empty for a golden item.")
    links: dict[str, str]


class HandOverIn(Model):
    """Who is to decide a case."""

    to: str = Field(min_length=1, max_length=100, description="Account, by id or name, or the id of an API key.")


class ApprovalOut(Model):
    """What came of an approval."""

    outcome: str = Field(description="`approved`, or `proposed`: another person must sign as well.")


class CheckOut(Model):
    """One numbered check of a verification."""

    number: int
    id: str
    name: str
    outcome: str = Field(examples=["pass", "fail", "absent", "inconclusive", "not_applicable", "error"])
    explanation: str
    details: dict[str, Any]


class TakenBackOut(Model):
    """Why and when an episode was taken back."""

    reason: str
    withdrawn_at: datetime
    replacement: str | None


class NamedEpisodeOut(Model):
    """The released episode that a file is, or claims to be."""

    id: str
    title: str
    show: str
    released_at: datetime
    manifest_label: str | None
    url: str
    state: str = Field(examples=["released", "withdrawn", "superseded"])
    withdrawal: TakenBackOut | None = Field(description="Null while the episode is released.")


class SimilarOut(Model):
    """A stretch of the file that sounds like a stretch of a released episode; times in seconds, rounded."""

    episode_id: str
    start: float
    end: float
    episode_start: float
    episode_end: float
    speed: str = Field(examples=["as published", "about 10 % faster"])
    pitch: str = Field(examples=["as published", "about 1 semitone higher"])


class PassageOut(SimilarOut):
    """A stretch of the file that carries the mark of a stretch of a released episode."""

    confidence: str = Field(examples=["certain", "probable"])
    placement: str = Field(examples=["genuine", "transplanted", "inconclusive"])


class MilestoneOut(Model):
    """One step of an episode, as the log tells it."""

    entry: int
    event: str = Field(examples=["episode.released"])
    at: datetime


class UrlIn(Model):
    """A file by its address."""

    url: str = Field(max_length=2_048, examples=["https://example.org/episode.mp3"])


class KeysOut(Model):
    """Public keys, as JSON Web Keys (RFC 7517)."""

    keys: list[dict[str, str]]


class PendingOut(Model):
    """A verification that is still under way."""

    id: str
    status: str = Field(examples=["running"])
    links: dict[str, str]


class ReportOut(Model):
    """What verification found."""

    conclusion: str = Field(examples=["genuine"])
    summary: str
    complete: bool = Field(description="False when a check could not run.")
    sha256: str
    size: int
    checked_at: datetime
    episode: NamedEpisodeOut | None
    passages: list[PassageOut] = Field(description="Which seconds of the file carry whose mark.")
    similar: list[SimilarOut] = Field(description="Released episodes that the sound is like, when nothing names one.")
    differences: list[str]
    timeline: list[MilestoneOut] = Field(description="The named episode's way to release and after, from the log.")
    waveform: list[int] = Field(description="Outline of the sound, 0 to 100, in equal steps.")
    seconds: float | None = Field(description="Length of the sound; null if it cannot be decoded.")
    checks: list[CheckOut]


class ComponentOut(Model):
    """One thing that this process cannot do without."""

    name: str
    ok: bool
    reason: str


class ReadinessOut(Model):
    """Whether this process can do its work."""

    status: str = Field(examples=["ready", "not_ready"])
    components: list[ComponentOut]


class LivenessOut(Model):
    """This process answers."""

    status: str = Field(examples=["alive"])


class KnownProblemOut(Model):
    """What a problem type means."""

    slug: str
    status: int
    title: str
    meaning: str
