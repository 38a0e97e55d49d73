"""Reads the keyed mark: which episode, where, and with what bound on the probability of being wrong (no PyTorch)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synth.audio import Samples, check_samples
from synth.keyed import passages as maps
from synth.keyed.bound import ALPHA, could_decide, false_match_bound
from synth.keyed.decoder import Decoder
from synth.keyed.hearing import Heard, assumptions, listen
from synth.keyed.jitter import edge
from synth.keyed.key import MarkKeys, derive_keys, detector_weights
from synth.keyed.search import Alignment, Shelf, Track, search
from synth.keyed.spectrum import BLOCK, SAMPLE_RATE
from synth.keyed.tracks import stretches
from synth.keyed.words import LANE_BITS, WordBook
from synth.watermark import Detection, Passage, Payload, Presence, Registry

NAME = "keyed"
VERSION = 2
# Shares of alpha: the whole registry, the few likely episodes, and the pieces of an episode that was found.
REGISTRY_SHARE, LIKELY_SHARE, PIECES_SHARE = 0.5, 0.25, 0.25
AS_PUBLISHED = 1.1  # factor on the z of a recording played as published: other readings must show clearly more
CLEAR = 0.8  # share of the greatest possible z from which a reading needs no other
HALF_AS_CLEAR = 0.5  # of the best z, from which a stretch tells how it was played
MOST_EPISODES = 8  # of which passages are mapped in one recording


@dataclass(frozen=True, slots=True)
class _Epoch:
    """One key: what it listens with, and the words it gives."""

    keys: MarkKeys
    decoder: Decoder
    book: WordBook

    @classmethod
    def of(cls, key: bytes) -> _Epoch:
        keys = derive_keys(key)
        return cls(keys, Decoder(weights=detector_weights(keys.detector)), WordBook(keys=keys))


@dataclass(frozen=True, slots=True)
class _Hit:
    """An episode that was found, by its best alignment."""

    payload: Payload
    track: Track
    alignment: Alignment
    bound: float


class KeyedReader:
    """Finds the keyed mark of any candidate episode; immutable, hence safe to share between threads.

    `key` is that of new episodes; marks of `older` keys are still read. Every key costs a full pass, and all share the
    accepted probability of a false match, `alpha`.
    """

    def __init__(self, *, key: bytes, older: Sequence[bytes] = (), alpha: float = ALPHA) -> None:
        self._epochs = [_Epoch.of(one) for one in dict.fromkeys((key, *older))]
        self._alpha = alpha
        self.name = NAME
        self.version = f"{VERSION}+{self._epochs[0].keys.epoch}"

    @property
    def epochs(self) -> tuple[str, ...]:
        """The names of all keys whose marks are read, newest first."""
        return tuple(epoch.keys.epoch for epoch in self._epochs)

    def detect(
        self,
        samples: Samples,
        sample_rate: int,
        candidates: Sequence[Payload],
        likely: Sequence[Payload] = (),
        *,
        jitter: bytes | None = None,
    ) -> Detection:
        """Look for the mark of one of `candidates` in audio of any length; raise `AudioError` if it is not usable.

        `likely` are candidates that something else points to, for example a fingerprint: among few, less sound is
        enough. `jitter` is a digest of the content, for questions from strangers (see `synth.keyed.jitter`).
        NOT_DETECTED means that no candidate reached the threshold although there was enough sound to let one.
        """
        check_samples(samples, sample_rate)
        registry, few = Registry.of(candidates), Registry.of(likely)
        readings = [self._read(epoch, samples, sample_rate, registry, few, jitter) for epoch in self._epochs]
        ranks = (Presence.DETECTED, Presence.NOT_DETECTED, Presence.INCONCLUSIVE)
        best = min(readings, key=lambda one: (ranks.index(one.presence), one.false_match_bound or 1.0, -one.score))
        pieces = [piece for one in readings for piece in one.passages]
        ordered = tuple(sorted(pieces, key=lambda piece: piece.start))
        return dataclasses.replace(best, passages=ordered, spans=_spans(ordered))

    def _read(
        self,
        epoch: _Epoch,
        samples: Samples,
        sample_rate: int,
        registry: Registry,
        few: Registry,
        jitter: bytes | None,
    ) -> Detection:
        """Look for the marks of one key: as published first, and in all ways if that does not explain the recording."""
        skip, caution = edge(epoch.keys.query, jitter) if jitter is not None else (0.0, 1.0)
        alpha = self._alpha * caution / len(self._epochs)
        late = round(skip * sample_rate)
        rest = samples[late:]
        every_way = assumptions(len(rest) / sample_rate)
        heard = listen(epoch.decoder, rest, sample_rate, every_way[:1])
        plain, clear = self._search(epoch, heard, registry, few, alpha / 2, late / sample_rate)
        if clear and _covers(plain, len(samples) / sample_rate):
            return plain
        heard = listen(epoch.decoder, rest, sample_rate, every_way)
        thorough, _ = self._search(epoch, heard, registry, few, alpha / 2, late / sample_rate)
        return thorough if thorough.presence is Presence.DETECTED or plain.presence is not Presence.DETECTED else plain

    def _search(
        self, epoch: _Epoch, heard: list[Heard], registry: Registry, few: Registry, alpha: float, late: float
    ) -> tuple[Detection, bool]:
        """Return what marks of one key were heard, and whether clearly; `late` are the seconds that were skipped.

        1. Choose what is compared.
        2. Search the registry, and the likely episodes by themselves.
        3. Map the passages of every episode that was found.
        """
        tracks = stretches(heard)  # 1.
        hits: dict[str, _Hit] = {}
        decidable, score = False, 0.0
        for episodes, share in ((registry, REGISTRY_SHARE), (few, LIKELY_SHARE)):  # 2.
            outcome = search(tracks, Shelf(book=epoch.book, codes=episodes.codes), _positions(episodes))
            if outcome.hypotheses == 0:
                continue
            most = max(np.count_nonzero(track.bits[:, LANE_BITS:]) for track in tracks)
            decidable |= could_decide(int(most), outcome.hypotheses, share * alpha)
            for alignment in outcome.alignments:
                score = max(score, alignment.z)
                bound = false_match_bound(alignment.log_chance, outcome.hypotheses)
                payload = episodes[alignment.episode]
                known = hits.get(payload.episode_id)
                if bound <= share * alpha and (known is None or bound < known.bound):
                    hits[payload.episode_id] = _Hit(payload, tracks[alignment.track], alignment, bound)
        if not hits:
            presence = Presence.NOT_DETECTED if decidable else Presence.INCONCLUSIVE
            return Detection(layer=NAME, presence=presence, score=score), False
        ordered = sorted(hits.values(), key=lambda hit: (hit.bound, -hit.alignment.z))
        found: list[Passage] = []
        for hit in ordered[:MOST_EPISODES]:  # 3.
            found += self._passages(epoch, heard, tracks, hit, PIECES_SHARE * alpha / MOST_EPISODES)
        pieces = tuple(_later(piece, late) for piece in sorted(found, key=lambda piece: piece.start))
        best = ordered[0]
        bits = best.track.bits[:, LANE_BITS:]
        clear = best.alignment.z >= CLEAR * math.sqrt(np.count_nonzero(bits))
        detection = Detection(
            layer=NAME,
            presence=Presence.DETECTED,
            episode_id=best.payload.episode_id,
            spans=_spans(pieces),
            passages=pieces,
            score=best.alignment.z,
            false_match_bound=best.bound,
        )
        return detection, clear

    def _passages(
        self, epoch: _Epoch, heard: list[Heard], tracks: list[Track], hit: _Hit, alpha: float
    ) -> tuple[Passage, ...]:
        """Return the passages of one episode, under all assumptions that show it in some stretch."""
        code, episode_id = hit.payload.code, hit.payload.episode_id
        positions = max(_positions(Registry([episode_id])), hit.alignment.offset + len(hit.track.bits))
        shelf = Shelf(book=epoch.book, codes=np.array([code], dtype=np.uint64))
        shown: dict[int, dict[int, float]] = {}  # z of each assumption in each stretch
        for alignment in search(tracks, shelf, positions).alignments:
            track = tracks[alignment.track]
            best = shown.setdefault(track.stretch, {})
            best[track.heard] = max(best.get(track.heard, 0.0), alignment.z)
        numbers = _played(shown, hit)
        words = epoch.book.words(code, positions)[:, LANE_BITS:].astype(np.float32)
        found = maps.passages(heard, numbers, words, episode_id, alpha=alpha)
        if found:
            return found
        one = heard[hit.track.heard]
        blocks = len(hit.track.bits)
        return (maps.whole(one, hit.track.first, hit.alignment.offset, blocks, words, episode_id, hit.bound),)


def _played(shown: dict[int, dict[int, float]], hit: _Hit) -> list[int]:
    """Return the assumptions under which the stretches of a recording show an episode.

    A stretch has one: "as published", which is number 0, unless another shows clearly more.
    """
    numbers: set[int] = set()
    for stretch, best in shown.items():
        number = max(best, key=lambda heard: best[heard] * (AS_PUBLISHED if heard == 0 else 1.0))
        if stretch == hit.track.stretch or best[number] >= HALF_AS_CLEAR * hit.alignment.z:
            numbers.add(number)
    return sorted(numbers or {hit.track.heard})


def _positions(episodes: Registry) -> int:
    """Return how many blocks the longest episode may have."""
    return max(1, math.ceil(episodes.longest * SAMPLE_RATE / BLOCK))


def _covers(found: Detection, seconds: float) -> bool:
    """Tell whether passages as published explain a recording: all but its ends, or nine tenths of a long one."""
    explained = sum(end - start for start, end in found.spans)
    return explained >= min(seconds - 2.5 * BLOCK / SAMPLE_RATE, 0.9 * seconds) and bool(found.spans)


def _spans(pieces: Sequence[Passage]) -> tuple[tuple[float, float], ...]:
    """Return where anything was found, with pieces that touch joined."""
    spans: list[tuple[float, float]] = []
    for piece in pieces:
        if spans and piece.start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], piece.end))
        else:
            spans.append((piece.start, piece.end))
    return tuple(spans)


def _later(piece: Passage, seconds: float) -> Passage:
    if seconds == 0:
        return piece
    return dataclasses.replace(piece, start=round(piece.start + seconds, 3), end=round(piece.end + seconds, 3))
