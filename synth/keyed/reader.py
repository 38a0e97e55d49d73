"""Reads the keyed mark: which episode, where, and with what bound on the probability of being wrong (no PyTorch)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import soxr

from synth.audio import Samples, check_samples
from synth.keyed.decoder import Decoder
from synth.keyed.key import BITS, block_words, derive_keys, detector_weights
from synth.keyed.spectrum import BLOCK, SAMPLE_RATE, Array
from synth.keyed.statistic import (
    ALPHA,
    Alignment,
    Track,
    contributions,
    count_hypotheses,
    false_match_bound,
    search,
    soften,
    supported,
    threshold,
)
from synth.watermark import Detection, Payload, Presence

NAME = "keyed"
PHASES = 5  # beginnings of a block that are tried, half a second apart
STEP = BLOCK // PHASES  # samples from window to window
WINDOWS_AT_ONCE = 120  # one minute of windows: bounds memory at about 60 MB whatever the length of the audio
LONGEST_EPISODE = 3 * 3600.0  # seconds; positions beyond it are not searched


class KeyedReader:
    """Finds the keyed mark of any candidate episode; immutable, hence safe to share between threads.

    `rates` are the playing speeds to undo (1.0 is as published); each one costs a full pass and a share of the bound.
    """

    def __init__(
        self,
        *,
        key: bytes,
        rates: tuple[float, ...] = (1.0,),
        longest_episode: float = LONGEST_EPISODE,
        alpha: float = ALPHA,
    ) -> None:
        keys = derive_keys(key)
        self._word_key = keys.words
        self._decoder = Decoder(weights=detector_weights(keys.detector))
        self._rates = rates
        self._positions = max(1, int(longest_episode * SAMPLE_RATE) // BLOCK)
        self._alpha = alpha
        self.name = NAME
        self.version = f"1+{keys.epoch}"

    def detect(self, samples: Samples, sample_rate: int, candidates: Sequence[Payload]) -> Detection:
        """Look for the mark of one of `candidates` in audio of any length; raise `AudioError` if it is not usable.

        NOT_DETECTED means that no candidate reached the threshold although the audio had enough sound to let one.
        """
        check_samples(samples, sample_rate)
        episodes = tuple({candidate.episode_id: candidate for candidate in candidates}.values())
        tracks = [
            Track(bits=bits[phase::PHASES])
            for bits in (soften(self._logits(samples, sample_rate, rate)) for rate in self._rates)
            for phase in range(PHASES)
        ]
        hypotheses = count_hypotheses(tracks, len(episodes), self._positions)
        if hypotheses == 0:
            return Detection(layer=self.name, presence=Presence.INCONCLUSIVE)
        needed = threshold(hypotheses, self._alpha)
        best = search(tracks, len(episodes), self._positions, lambda c: self._words(episodes[c]))
        if best is None or max(track.reachable for track in tracks) < needed:
            return Detection(layer=self.name, presence=Presence.INCONCLUSIVE)
        if best.z < needed:
            return Detection(layer=self.name, presence=Presence.NOT_DETECTED, score=best.z)
        episode = episodes[best.candidate]
        return Detection(
            layer=self.name,
            presence=Presence.DETECTED,
            episode_id=episode.episode_id,
            spans=tuple(self._spans(tracks[best.track], episode, best)),
            score=best.z,
            false_match_bound=false_match_bound(best.z, hypotheses),
        )

    def _words(self, episode: Payload) -> np.typing.NDArray[np.int8]:
        return block_words(self._word_key, episode.code, self._positions)

    def _logits(self, samples: Samples, sample_rate: int, rate: float) -> Array:
        """Return the logits of all windows, half a second apart, of the audio as it was before it was sped up."""
        native = sample_rate / rate
        length = int(len(samples) / native * SAMPLE_RATE)
        windows = max(0, (length - BLOCK) // STEP + 1)
        logits = np.zeros((windows, BITS), dtype=np.float32)
        for first in range(0, windows, WINDOWS_AT_ONCE):
            count = min(WINDOWS_AT_ONCE, windows - first)
            start, stop = first * STEP, (first + count - 1) * STEP + BLOCK
            piece = samples[round(start / SAMPLE_RATE * native) : round(stop / SAMPLE_RATE * native)]
            sound = piece if native == SAMPLE_RATE else soxr.resample(piece, native, SAMPLE_RATE)
            missing = max(0, stop - start - len(sound))  # a few samples lost to rounding
            sound = np.pad(np.asarray(sound, dtype=np.float32), (0, missing))
            logits[first : first + count] = self._decoder.read(sound, np.arange(count) * STEP)
        return logits

    def _spans(self, track: Track, episode: Payload, best: Alignment) -> Iterator[tuple[float, float]]:
        """Yield the stretches, in seconds of the examined audio, where the blocks agree with the episode."""
        rate, phase = self._rates[best.track // PHASES], best.track % PHASES
        seconds = BLOCK / SAMPLE_RATE / rate
        match, energy = contributions(track, self._words(episode), best.offset)
        edges = np.flatnonzero(np.diff(np.concatenate(([0], supported(match, energy).astype(np.int8), [0]))))
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            start = phase * seconds / PHASES
            yield round(float(start + first * seconds), 3), round(float(start + last * seconds), 3)
