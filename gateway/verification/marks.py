"""Which watermark layers are in a sound, and which released episodes they may stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from synth.audio import Samples
from synth.errors import SynthError
from synth.watermark import Detection, IdentifyingWatermark, Passage, Payload, Presence, Registry, Watermark

MAX_NAMED_BY_MESSAGE = 16  # episodes that one short message may stand for before it stands for none
CERTAIN_BOUND = 1e-12  # bound of a false match up to which an identity is called certain


class Confidence(StrEnum):
    """How much a layer's word is worth, coarsely; from the proven bound on the probability of a false match."""

    CERTAIN = "certain"  # less than one in a million million
    PROBABLE = "probable"  # under the layer's threshold, one in a million or less
    HINT = "hint"  # the layer proves no bound: other software may leave the same mark

    @classmethod
    def of(cls, bound: float | None) -> Confidence:
        """Return the word for a bound; None is a layer without one."""
        if bound is None:
            return cls.HINT
        return cls.CERTAIN if bound <= CERTAIN_BOUND else cls.PROBABLE


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for, and how sure to be before the answer may be told."""

    registry: Registry
    likely: tuple[Payload, ...] = ()  # episodes that the sound itself suggests; they need less of a mark
    jitter: bytes | None = None  # seed of what the search varies; follows from the content
    told_bound: float = 1.0  # bound of a false match up to which a detection is told; weaker ones are undecided


@dataclass(frozen=True, slots=True)
class LayerFinding:
    """What one layer says about the whole sound; `presence` is None when the layer could not look."""

    layer: str
    presence: Presence | None
    identified: str | None = None  # episode, from a layer whose mark is an identity; the one with the longest passages
    possible: tuple[str, ...] = ()  # episodes that a short message fits; needs the fingerprint to mean anything
    passages: tuple[Passage, ...] = ()  # in the order of the examined sound
    bound: float | None = None  # internal; the public gets a word
    reason: str = ""  # why it could not look

    def to_dict(self) -> dict[str, str | None]:
        """Return what the public may know."""
        detected = self.presence is Presence.DETECTED
        return {
            "layer": self.layer,
            "presence": self.presence.value if self.presence else None,
            "episode_id": self.identified,
            "confidence": Confidence.of(self.bound if self.identified else None).value if detected else None,
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
    def passages(self) -> tuple[Passage, ...]:
        """All passages of the first layer that has some."""
        return next((layer.passages for layer in self.layers if layer.passages), ())

    @property
    def sure(self) -> tuple[str, ...]:
        """All episodes that an identifying layer names, the main one first."""
        main = [layer.identified for layer in self.layers if layer.identified]
        return tuple(dict.fromkeys([*main, *(passage.episode_id for passage in self.passages)]))

    @property
    def named(self) -> tuple[str, ...]:
        """All episodes that some layer names or fits, surest first."""
        possible = [episode for layer in self.layers for episode in layer.possible]
        return tuple(dict.fromkeys([*self.sure, *possible]))


def find_marks(samples: Samples, sample_rate: int, marks: Sequence[Watermark], search: Search) -> MarkFindings:
    """Look for every layer in the whole sound; each bounds its own work and memory."""
    return MarkFindings(tuple(_look(mark, samples, sample_rate, search) for mark in marks))


def _look(mark: Watermark, samples: Samples, sample_rate: int, search: Search) -> LayerFinding:
    try:
        if isinstance(mark, IdentifyingWatermark):
            found = mark.detect(samples, sample_rate, search.registry, search.likely, jitter=search.jitter)
        else:
            found = mark.detect(samples, sample_rate, search.registry)
    except SynthError as error:
        return LayerFinding(mark.name, None, reason=str(error))
    return _finding(found, search) if found.presence is Presence.DETECTED else LayerFinding(mark.name, found.presence)


def _finding(detection: Detection, search: Search) -> LayerFinding:
    bound = detection.false_match_bound
    if bound is not None and bound > search.told_bound:
        return LayerFinding(detection.layer, Presence.INCONCLUSIVE)
    possible: tuple[str, ...] = ()
    if detection.episode_id is None and detection.message is not None and detection.message_bits is not None:
        possible = _fitting(search.registry, detection.message, detection.message_bits)
    # A layer that names something else than it was offered is broken; its word counts as a mark, not as an identity.
    offered = _Offered(search)
    passages = tuple(
        one
        for one in sorted(detection.passages, key=lambda one: one.start)
        if one.false_match_bound <= search.told_bound and one.episode_id in offered
    )
    identified = detection.episode_id if detection.episode_id in offered else None
    return LayerFinding(detection.layer, detection.presence, identified, possible, passages, bound)


class _Offered:
    """Whether an episode is one that the layer was asked about, without a set of a million ids per request."""

    def __init__(self, search: Search) -> None:
        self._codes, self._likely = search.registry.codes, {one.episode_id for one in search.likely}

    def __contains__(self, episode_id: str | None) -> bool:
        if episode_id is None:
            return False
        return episode_id in self._likely or bool((self._codes == Payload(episode_id).code).any())


def _fitting(registry: Registry, message: int, bits: int) -> tuple[str, ...]:
    """Return the episodes that a short message fits; none if they are too many to mean anything."""
    fitting = (registry.codes >> (64 - bits) == message).nonzero()[0]
    if len(fitting) > MAX_NAMED_BY_MESSAGE:
        return ()
    return tuple(registry[int(index)].episode_id for index in fitting)
