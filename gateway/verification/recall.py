"""What a sound is like, without any mark: leads from the sound index, and which of them hold when listened to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.db import Database
from gateway.soundindex import NamedLead, find_leads
from gateway.submissions import EpisodeFingerprint
from gateway.verification.passages import ReportedPassage, report_passage
from synth.audio import Samples
from synth.fingerprint import AGREEMENT, Fingerprint
from synth.landmarks import EXCERPT, MOST_LEADS, Question, plain_questions, shifted_questions
from synth.placement import Placement, measure_likeness
from synth.watermark import Passage

CLEAR_VOTES = 8  # keys that agree from which no other pitch is tried: chance reaches 5 among a hundred thousand
MOST_CONFIRMED = 5  # leads that are listened to when no mark was found
LEAST_SECONDS = 8.0  # of sound that must agree before content is called similar: it is claimed without any mark


@dataclass(frozen=True, slots=True)
class Similar:
    """A released episode whose content a stretch of the sound is like; no proof of where the sound comes from."""

    episode_id: str
    start: float  # seconds of the file
    end: float
    episode_start: float
    episode_end: float
    speed: str
    pitch: str

    @classmethod
    def of(cls, passage: ReportedPassage) -> Similar:
        """Return a passage without what only a mark can say."""
        return cls(
            passage.episode_id,
            passage.start,
            passage.end,
            passage.episode_start,
            passage.episode_end,
            passage.speed,
            passage.pitch,
        )

    def to_dict(self) -> dict[str, str | float]:
        """Return the JSON form."""
        return {
            "episode_id": self.episode_id,
            "start": self.start,
            "end": self.end,
            "episode_start": self.episode_start,
            "episode_end": self.episode_end,
            "speed": self.speed,
            "pitch": self.pitch,
        }


def recall(
    database: Database, samples: Samples, sample_rate: int, plain: Sequence[Question] | None = None
) -> list[NamedLead]:
    """Return the released episodes that the sound may be taken from, best first, at most a hundred.

    1. Ask about excerpts as they are; `plain` holds these questions if they were made already.
    2. Unless the best answer is clear: ask about some of them at other pitches.

    Raises `DatabaseUnavailableError`.
    """
    with database.read() as session:
        leads = find_leads(session, plain_questions(samples, sample_rate) if plain is None else plain)  # 1.
        if not leads or leads[0].lead.votes < CLEAR_VOTES:
            leads += find_leads(session, shifted_questions(samples, sample_rate))  # 2.
    best: dict[str, NamedLead] = {}
    for lead in sorted(leads, key=lambda one: -one.lead.votes):
        best.setdefault(lead.episode_id, lead)
    return list(best.values())[:MOST_LEADS]


def find_similar(
    database: Database, samples: Samples, sample_rate: int, leads: Sequence[NamedLead]
) -> tuple[Similar, ...]:
    """Return the episodes among the best leads whose content the sound is like, at the place that the lead names.

    Raises `DatabaseUnavailableError`, or `AudioError` for a stored fingerprint that cannot be read.
    """
    found = []
    for lead in leads[:MOST_CONFIRMED]:
        with database.read() as session:
            row = session.get(EpisodeFingerprint, lead.episode_id)
        if row is None:
            continue  # safe to ignore because what cannot be confirmed is not claimed
        stored = Fingerprint.from_bytes(row.data)
        passage = _best(samples, sample_rate, lead, stored)
        if passage is not None:
            found.append(Similar.of(report_passage(passage, Placement.GENUINE)))
    return tuple(found)


def _best(samples: Samples, sample_rate: int, lead: NamedLead, stored: Fingerprint) -> Passage | None:
    """Return the passage that the lead names, if its sound agrees: a change of speed, or of pitch alone."""
    rate, start = lead.lead.rate, lead.lead.start
    end = min(start + EXCERPT, len(samples) / sample_rate)
    plain = Passage(lead.episode_id, start, end, 0.0, 0.0, rate, rate, 1.0)
    tried = []
    for tempo in dict.fromkeys((rate, 1.0)):
        # The lead's place is the median over the excerpt, as if it played at the lead's rate: its middle is surest.
        middle = lead.lead.episode_start + rate * (end - start) / 2
        reach = tempo * (end - start) / 2
        passage = replace(plain, episode_start=middle - reach, episode_end=middle + reach, tempo=tempo)
        likeness = measure_likeness(samples, sample_rate, passage, stored)
        if likeness.error_rate <= AGREEMENT and likeness.seconds >= LEAST_SECONDS:
            tried.append((likeness.error_rate, passage))
    return min(tried, key=lambda one: one[0])[1] if tried else None
