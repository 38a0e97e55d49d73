"""What is known so far about one file; each check adds to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.releases import PublicEpisode
from gateway.soundindex import NamedLead
from gateway.verification.marks import MarkFindings
from gateway.verification.opening import Opened
from gateway.verification.passages import ReportedPassage
from gateway.verification.recall import Similar
from gateway.verification.report import Agreement, Check, Milestone, Outcome
from synth.audio import Samples
from synth.containers import Container
from synth.credentials import CredentialsReport
from synth.decode import Decoded
from synth.landmarks import Question
from synth.placement import Placement


@dataclass
class Case:
    """One file under examination; belongs to one thread."""

    sha256: str
    container: Container
    opened: Opened
    checks: list[Check] = field(default_factory=list)
    samples: Samples | None = None  # the sound in canonical form, at `sound.sample_rate`
    exact: PublicEpisode | None = None
    claimed: PublicEpisode | None = None  # by credentials that were issued here
    claimed_speech: str | None = None  # spoken on request, by credentials that were issued here
    spoken: frozenset[str] = frozenset()  # all episodes that were spoken on request and have a fingerprint
    questions: list[Question] = field(default_factory=list)  # landmarks of the sound as it plays
    leads: list[NamedLead] = field(default_factory=list)  # from the sound index, best first
    marks: MarkFindings = field(default_factory=MarkFindings)
    passages: tuple[ReportedPassage, ...] = ()
    similar: tuple[Similar, ...] = ()
    agreement: dict[str, Agreement] = field(default_factory=dict)
    identified: str | None = None
    logged: bool = False
    timeline: tuple[Milestone, ...] = ()
    waveform: tuple[int, ...] = ()

    @property
    def sound(self) -> Decoded | None:
        """The decoded sound."""
        return self.opened.sound

    @property
    def credentials(self) -> CredentialsReport | None:
        """What the credentials are worth; None if they could not be judged."""
        return self.opened.credentials

    def add(self, number: int, check_id: str, name: str, outcome: Outcome, words: str, **details: object) -> None:
        """Record the outcome of one check."""
        self.checks.append(Check(number, check_id, name, outcome, words, details))

    @property
    def placement(self) -> Placement:
        """What the sound under the marks is: one transplanted passage outweighs all others."""
        found = {passage.placement for passage in self.passages}
        for placement in (Placement.TRANSPLANTED, Placement.GENUINE, Placement.INCONCLUSIVE):
            if placement in found:
                return placement
        return Placement.NOT_FOUND
