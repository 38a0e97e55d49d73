"""The words of the public pages (pure): what a conclusion, an outcome and a step of an episode mean, to a listener.

"Nothing found" is never worded as made by a person, and intact credentials of an unknown signer never as verified.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.verification.report import Conclusion, Outcome


class Tone(StrEnum):
    """How a page marks a statement, in a symbol and a word as well as in colour."""

    GOOD = "good"  # holds
    COPY = "copy"  # ours, but not the file that was published
    WARNING = "warning"  # do not rely on it
    NEUTRAL = "neutral"  # says nothing either way


HEADLINES = {
    Conclusion.GENUINE: "This file was published here, and nobody has changed it.",
    Conclusion.RECOVERED_COPY: "This is a copy of an episode that was published here.",
    Conclusion.WITHDRAWN: "This was published here, and has been taken back since.",
    Conclusion.ALTERED: "This was published here, but the file was changed afterwards.",
    Conclusion.TRANSPLANTED: "A mark of ours is on sound that is not ours.",
    Conclusion.SIMILAR_CONTENT: "This sounds like an episode published here, but nothing proves that it is.",
    Conclusion.SPOKEN: "This holds speech that was made here by AI, on request. We did not publish it.",
    Conclusion.UNCONFIRMED: "We cannot confirm that we published this file.",
    Conclusion.MARKED_UNKNOWN: "This carries a mark of synthetic speech that we cannot trace to an episode.",
    Conclusion.UNKNOWN: "We found nothing of ours in this file, so we cannot say where it comes from.",
}

TONES = {
    Conclusion.GENUINE: Tone.GOOD,
    Conclusion.RECOVERED_COPY: Tone.COPY,
    Conclusion.WITHDRAWN: Tone.WARNING,
    Conclusion.ALTERED: Tone.WARNING,
    Conclusion.TRANSPLANTED: Tone.WARNING,
    Conclusion.SIMILAR_CONTENT: Tone.NEUTRAL,
    Conclusion.SPOKEN: Tone.COPY,
    Conclusion.UNCONFIRMED: Tone.WARNING,
    Conclusion.MARKED_UNKNOWN: Tone.NEUTRAL,
    Conclusion.UNKNOWN: Tone.NEUTRAL,
}

SYMBOLS = {Tone.GOOD: "✓", Tone.COPY: "≈", Tone.WARNING: "!", Tone.NEUTRAL: "?"}

OUTCOMES = {
    Outcome.PASS: ("found, and holds", Tone.GOOD),
    Outcome.FAIL: ("does not hold", Tone.WARNING),
    Outcome.ABSENT: ("not found", Tone.NEUTRAL),
    Outcome.INCONCLUSIVE: ("cannot be told", Tone.NEUTRAL),
    Outcome.NOT_APPLICABLE: ("nothing to check", Tone.NEUTRAL),
    Outcome.ERROR: ("could not be checked", Tone.WARNING),
}

PLACEMENTS = {
    "genuine": "the sound that the mark was made for",
    "transplanted": "other sound: the mark was put on it",
    "inconclusive": "too little or too damaged to compare",
    "not_found": "no place to compare",
}

LAYERS = {"audioseal": "AudioSeal mark", "keyed": "Keyed mark"}
PRESENCES = {
    "detected": "found",
    "not_detected": "not found",
    "inconclusive": "cannot be told",
    None: "could not be looked for",
}
CONFIDENCES = {
    "certain": "certain: a false match is less likely than one in a million million",
    "probable": "probable: a false match is less likely than one in a million",
    "hint": "a hint only: other software may leave the same mark",
}

STATES = {
    "released": "It is public.",
    "withdrawn": "It was withdrawn.",
    "superseded": "Another episode takes its place.",
}

STEPS = {
    "submission.received": "Script handed in",
    "screening.decided": "Script judged by the policy",
    "clip.produced": "Spoken, marked and signed",
    "speech.heard": "Finished audio listened to",
    "clip.logged": "Entered in the audit log",
    "approval.granted": "Approved",
    "release.intended": "Release announced",
    "episode.released": "Released",
    "episode.withdrawn": "Withdrawn",
    "episode.corrected": "Replaced by another episode",
}


def clock(seconds: float) -> str:
    """Return "M:SS" or "H:MM:SS"."""
    total = round(seconds)
    hours, rest = divmod(total, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
