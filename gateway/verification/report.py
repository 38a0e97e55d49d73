"""What verification found, check by check, and the one conclusion they allow (pure values, no I/O).

The report is public: it names no score and no threshold, which would tell a forger how close a try came, and places no
finer than a block.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.verification.passages import ReportedPassage
from gateway.verification.recall import Similar


class Outcome(StrEnum):
    """What one check says."""

    PASS = "pass"  # noqa: S105  # what was looked for is there, and holds
    FAIL = "fail"  # what was found contradicts what it claims
    ABSENT = "absent"  # nothing was found, which by itself says nothing
    INCONCLUSIVE = "inconclusive"  # looked, but too little or too damaged to say
    NOT_APPLICABLE = "not_applicable"  # there was nothing to look at
    ERROR = "error"  # the check could not run; it supports no conclusion


class Conclusion(StrEnum):
    """What the checks add up to; `CONCLUSIONS` says each in plain words."""

    GENUINE = "genuine"  # exactly released bytes, trusted credentials, in the log
    RECOVERED_COPY = "recovered_copy"  # sound of a released episode in another file
    ALTERED = "altered"  # ours, but changed: other bytes than were signed, or other sound in between
    TRANSPLANTED = "transplanted"  # a mark or credentials of ours on sound that is not theirs
    SIMILAR_CONTENT = "similar_content"  # sounds like a released episode, but nothing proves that it is ours
    WITHDRAWN = "withdrawn"  # an episode of ours, or a copy of one, that we took back
    SPOKEN = "spoken"  # speech that was made here on request, for its caller alone
    UNCONFIRMED = "unconfirmed"  # looks like ours, but our own records do not confirm that we released it
    MARKED_UNKNOWN = "marked_unknown"  # an AI mark, but of no released episode
    UNKNOWN = "unknown"  # nothing of this installation found


CONCLUSIONS = {
    Conclusion.GENUINE: (
        "This is, byte for byte, a file that this installation released. Its credentials are trusted and its way to "
        "release is in the audit log."
    ),
    Conclusion.RECOVERED_COPY: (
        "The sound is that of an episode released here, but this is not the released file: it was converted, cut or "
        "otherwise processed on its way, and its credentials no longer hold or are gone."
    ),
    Conclusion.WITHDRAWN: (
        "This is an episode that this installation released and then took back. Do not rely on it or pass it on; the "
        "reason, and what takes its place if anything does, are named with the episode."
    ),
    Conclusion.ALTERED: (
        "The file carries credentials or a mark that were issued here, but its content was changed afterwards. Do not "
        "rely on what it says; compare it with the released episode."
    ),
    Conclusion.TRANSPLANTED: (
        "A mark or credentials of an episode released here were found on sound that is not that episode's. Somebody "
        "may have copied them over; do not rely on them."
    ),
    Conclusion.SIMILAR_CONTENT: (
        "The sound is like that of an episode released here, but no mark or credentials tie it to us. It may be a copy "
        "whose marks were destroyed, or somebody else's recording of the same content; compare it with the episode."
    ),
    Conclusion.SPOKEN: (
        "Speech in this file was made here by AI, on request: its text passed the policy, and what became of it is "
        "in the audit log. This installation did not publish it, and answers for nothing else in the file."
    ),
    Conclusion.UNCONFIRMED: (
        "This installation cannot confirm that it published this file: its credentials may be intact, but no released "
        "episode has them, or the records of its release do not fully hold. Do not take it for a publication."
    ),
    Conclusion.MARKED_UNKNOWN: (
        "The sound carries a mark that speech generators leave, so it is probably made by AI, but it could not be "
        "confirmed as an episode released here."
    ),
    Conclusion.UNKNOWN: (
        "Nothing was found that ties this audio to an episode released here. This does not mean that a person made "
        "it: marks can be removed, and other generators leave other marks or none."
    ),
}


class Agreement(StrEnum):
    """Whether the sound is that of an episode which a mark or the credentials name."""

    AGREES = "agrees"  # all of it is found in the stored fingerprint
    PARTLY = "partly"  # some of it is, the rest is other sound
    DISAGREES = "disagrees"  # enough sound to tell, and none of it is
    UNDECIDED = "undecided"  # too little sound, or no fingerprint to compare with


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the checks established, reduced to what a conclusion may rest on; the defaults claim nothing."""

    exact: str | None = None  # released episode that has exactly these bytes
    trusted: bool = False  # credentials intact, by a signer that we trust
    tampered: bool = False  # credentials issued here, around other bytes
    claimed: str | None = None  # released episode that credentials issued here name
    marked: bool = False  # some layer found its mark
    identified: str | None = None  # released episode that a mark names
    transplanted: bool = False  # some passage carries a mark that was made for other sound
    agreement: tuple[tuple[str, Agreement], ...] = ()  # per episode that was compared with
    spoken: frozenset[str] = frozenset()  # of the episodes that are named, those that were spoken on request
    similar: tuple[str, ...] = ()  # released episodes whose content the sound is like, if nothing names one
    logged: bool = False  # the receipts of the episode verify
    released: bool = False  # the exact episode was released here
    taken_back: bool = False  # the episode that the file is, or claims to be, was withdrawn or superseded since

    def agrees(self, episode_id: str | None) -> Agreement:
        """Return how the sound compares with this episode."""
        return dict(self.agreement).get(episode_id or "", Agreement.UNDECIDED)


def conclude(evidence: Evidence) -> Conclusion:
    """Return the one conclusion that the evidence allows.

    1. A mark or credentials of ours on sound that is not theirs outweighs everything that looks right.
    2. Exactly released bytes are genuine only if credentials, log and release all hold, and it was not taken back.
    3. Credentials of ours around other bytes.
    4. Credentials that are intact on bytes that we did not release: speech on request, or nothing that we confirm.
    5. A mark that names an episode: sound that agrees, with the log behind it, or partly; taken back or not.
    6. Content like that of an episode that nothing names.
    7. A mark alone.
    8. Nothing.
    """
    # 1.
    if evidence.transplanted:
        return Conclusion.TRANSPLANTED
    named = {episode for episode in (evidence.identified, evidence.claimed) if episode}
    if any(evidence.agrees(episode) is Agreement.DISAGREES for episode in named):
        return Conclusion.TRANSPLANTED
    if evidence.exact and named - {evidence.exact}:
        return Conclusion.TRANSPLANTED
    # 2.
    if evidence.exact:
        holds = evidence.trusted and evidence.logged and evidence.released
        if not holds:
            return Conclusion.UNCONFIRMED
        return Conclusion.WITHDRAWN if evidence.taken_back else Conclusion.GENUINE
    # 3.
    if evidence.tampered:
        return Conclusion.ALTERED
    # 4. Its credentials say that the bytes are what left here; a copy of speech is known by its mark and its sound.
    if evidence.trusted:
        return Conclusion.SPOKEN if evidence.claimed in evidence.spoken else Conclusion.UNCONFIRMED
    # 5.
    heard = (Agreement.AGREES, Agreement.PARTLY)  # a caller puts many answers together
    if evidence.identified in evidence.spoken and evidence.agrees(evidence.identified) in heard:
        return Conclusion.SPOKEN
    if evidence.identified and evidence.agrees(evidence.identified) is Agreement.AGREES:
        if not evidence.logged:
            return Conclusion.UNCONFIRMED
        return Conclusion.WITHDRAWN if evidence.taken_back else Conclusion.RECOVERED_COPY
    if evidence.identified and evidence.agrees(evidence.identified) is Agreement.PARTLY:
        return Conclusion.ALTERED
    # 6.
    if evidence.similar and not evidence.identified:
        return Conclusion.SIMILAR_CONTENT
    # 7. 8.
    return Conclusion.MARKED_UNKNOWN if evidence.marked else Conclusion.UNKNOWN


INCOMPLETE = "Some checks could not run, so this is the most that can be said now; try again later."


@dataclass(frozen=True, slots=True)
class Check:
    """One numbered check; `details` are facts for programs, `explanation` is for people."""

    number: int
    id: str
    name: str
    outcome: Outcome
    explanation: str
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "number": self.number,
            "id": self.id,
            "name": self.name,
            "outcome": self.outcome.value,
            "explanation": self.explanation,
            "details": self.details,
        }


@dataclass(frozen=True, slots=True)
class NamedEpisode:
    """The released episode that the file is, or claims to be."""

    id: str
    title: str
    show: str
    released_at: str  # ISO 8601, UTC
    manifest_label: str | None  # of the original credentials
    url: str  # of the public page of the episode
    state: str = "released"  # or "withdrawn", "superseded"
    withdrawal: dict[str, str | None] | None = None  # why, when, and what takes its place

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "id": self.id,
            "title": self.title,
            "show": self.show,
            "released_at": self.released_at,
            "manifest_label": self.manifest_label,
            "url": self.url,
            "state": self.state,
            "withdrawal": self.withdrawal,
        }


@dataclass(frozen=True, slots=True)
class Milestone:
    """One step of the named episode on its way to release and after, as the log tells it."""

    entry: int
    event: str
    at: str  # ISO 8601, UTC

    def to_dict(self) -> dict[str, str | int]:
        """Return the JSON form."""
        return {"entry": self.entry, "event": self.event, "at": self.at}


@dataclass(frozen=True, slots=True)
class Report:
    """All checks in order, and what they add up to."""

    conclusion: Conclusion
    sha256: str  # of the file that was checked
    size: int  # bytes
    checked_at: str  # ISO 8601, UTC
    checks: tuple[Check, ...]
    episode: NamedEpisode | None = None
    passages: tuple[ReportedPassage, ...] = ()  # which seconds of the file carry whose mark
    similar: tuple[Similar, ...] = ()  # episodes that the sound is like, when nothing names one
    differences: tuple[str, ...] = ()  # between the file and the released one, in plain words
    timeline: tuple[Milestone, ...] = ()  # of the named episode, oldest first
    waveform: tuple[int, ...] = ()  # outline of the file's sound, 0 to 100
    seconds: float | None = None  # length of the sound, None if it cannot be decoded

    @property
    def complete(self) -> bool:
        """False when a check could not run."""
        return all(check.outcome is not Outcome.ERROR for check in self.checks)

    @property
    def summary(self) -> str:
        """The conclusion in plain words."""
        words = CONCLUSIONS[self.conclusion]
        return words if self.complete else f"{words} {INCOMPLETE}"

    def check(self, check_id: str) -> Check:
        """Return the check of this id."""
        return next(check for check in self.checks if check.id == check_id)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form that the API and `assay verify --json` give."""
        return {
            "conclusion": self.conclusion.value,
            "summary": self.summary,
            "complete": self.complete,
            "sha256": self.sha256,
            "size": self.size,
            "checked_at": self.checked_at,
            "episode": self.episode.to_dict() if self.episode else None,
            "passages": [passage.to_dict() for passage in self.passages],
            "similar": [one.to_dict() for one in self.similar],
            "differences": list(self.differences),
            "timeline": [milestone.to_dict() for milestone in self.timeline],
            "waveform": list(self.waveform),
            "seconds": self.seconds,
            "checks": [check.to_dict() for check in self.checks],
        }
