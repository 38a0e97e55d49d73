"""Which watermark layers are in a sound, and which released episodes they may stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.verification.excerpts import Excerpt
from synth.errors import SynthError
from synth.watermark import Detection, Payload, Presence, Watermark

MAX_NAMED_BY_MESSAGE = 16  # episodes that one short message may stand for before it stands for none


@dataclass(frozen=True, slots=True)
class LayerFinding:
    """What one layer says about the whole sound; `presence` is None when the layer could not look."""

    layer: str
    presence: Presence | None
    identified: str | None = None  # episode, from a layer whose mark is an identity
    possible: tuple[str, ...] = ()  # episodes that a short message fits; needs the fingerprint to mean anything
    reason: str = ""  # why it could not look

    def to_dict(self) -> dict[str, str | None]:
        """Return what the public may know."""
        return {
            "layer": self.layer,
            "presence": self.presence.value if self.presence else None,
            "episode_id": self.identified,
        }


@dataclass(frozen=True, slots=True)
class MarkFindings:
    """What all layers say."""

    layers: tuple[LayerFinding, ...] = field(default=())

    @property
    def marked(self) -> bool:
        """True if any layer found its mark."""
        return any(layer.presence is Presence.DETECTED for layer in self.layers)

    @property
    def identified(self) -> str | None:
        """The episode that an identifying layer names; the first configured layer wins."""
        return next((layer.identified for layer in self.layers if layer.identified), None)

    @property
    def named(self) -> tuple[str, ...]:
        """All episodes that some layer names or fits, surest first."""
        sure = [layer.identified for layer in self.layers if layer.identified]
        possible = [episode for layer in self.layers for episode in layer.possible]
        return tuple(dict.fromkeys([*sure, *possible]))


def find_marks(sound: Sequence[Excerpt], marks: Sequence[Watermark], released: Sequence[str]) -> MarkFindings:
    """Look for every layer in every excerpt, until it is found; `released` are the episodes that it may stand for."""
    candidates = [Payload(episode_id) for episode_id in released]
    return MarkFindings(tuple(_look(mark, sound, candidates) for mark in marks))


def _look(mark: Watermark, sound: Sequence[Excerpt], candidates: Sequence[Payload]) -> LayerFinding:
    longest = max((len(excerpt.samples) for excerpt in sound), default=0)
    undecided = not sound
    for excerpt in sound:
        try:
            detection = mark.detect(excerpt.samples, excerpt.sample_rate, candidates)
        except SynthError as error:
            return LayerFinding(mark.name, None, reason=str(error))
        if detection.presence is Presence.DETECTED:
            return _finding(detection, candidates)
        # A window that was too short to say is answered by the whole that follows it.
        undecided |= detection.presence is Presence.INCONCLUSIVE and len(excerpt.samples) == longest
    return LayerFinding(mark.name, Presence.INCONCLUSIVE if undecided else Presence.NOT_DETECTED)


def _finding(detection: Detection, candidates: Sequence[Payload]) -> LayerFinding:
    possible: tuple[str, ...] = ()
    if detection.episode_id is None and detection.message is not None and detection.message_bits is not None:
        bits = detection.message_bits
        fitting = [one.episode_id for one in candidates if one.message(bits) == detection.message]
        possible = tuple(fitting) if len(fitting) <= MAX_NAMED_BY_MESSAGE else ()
    known = {candidate.episode_id for candidate in candidates}
    # A layer that names something else than it was offered is broken; its word counts as a mark, not as an identity.
    identified = detection.episode_id if detection.episode_id in known else None
    return LayerFinding(detection.layer, detection.presence, identified, possible)
