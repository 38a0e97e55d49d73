"""Reads the keyed mark: which episode, where, and with what bound on the probability of being wrong (no PyTorch)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import soxr
from numpy.typing import NDArray

from synth.audio import Samples, check_samples
from synth.keyed.decoder import Decoder
from synth.keyed.key import BITS, block_words, derive_keys, detector_weights
from synth.keyed.spectrum import BLOCK, SAMPLE_RATE, Array
from synth.keyed.statistic import (
    ALPHA,
    Alignment,
    contributions,
    count_hypotheses,
    false_match_bound,
    search,
    soften,
    supported,
    threshold,
)
from synth.keyed.tracks import STEP, Heard, Spans, Track, stretches, whole_tracks
from synth.watermark import Detection, Payload, Presence

NAME = "keyed"
WINDOWS_AT_ONCE = 120  # one minute of windows: bounds memory at about 60 MB whatever the length of the audio
LONGEST_EPISODE = 3 * 3600.0  # seconds; positions beyond it are not searched
STRETCH_BUDGET = 200_000  # minutes times episodes that are searched one by one: about half a minute of work
MOST_PIECES = 16  # differently aligned parts of one episode that are looked for in a splice


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

        1. Decode windows half a second apart, at every rate.
        2. Count every alignment that any search below may try; that fixes the threshold.
        3. Search the whole recording, then its minutes, unless there are too many for the registry's size.
        4. Look for further parts of the same episode, which a splice puts at other offsets.

        NOT_DETECTED means that no candidate reached the threshold although the audio had enough sound to let one.
        """
        check_samples(samples, sample_rate)
        recordings = [self.listen(samples, sample_rate, rate) for rate in self._rates]  # 1.
        episodes = tuple({candidate.episode_id: candidate for candidate in candidates}.values())
        whole = whole_tracks(recordings)
        parts = stretches(whole)
        if len(parts) * len(episodes) > STRETCH_BUDGET:
            parts = []
        hypotheses = count_hypotheses([*whole, *parts], len(episodes), self._positions)  # 2.
        if hypotheses == 0:
            return Detection(layer=self.name, presence=Presence.INCONCLUSIVE)
        needed = threshold(hypotheses, self._alpha)
        if max(track.reachable for track in whole) < needed:
            return Detection(layer=self.name, presence=Presence.INCONCLUSIVE)
        best = self._search(whole, parts, episodes, needed)  # 3.
        if best is None or best.z < needed:
            score = best.z if best else 0.0
            return Detection(layer=self.name, presence=Presence.NOT_DETECTED, score=score)
        episode = episodes[best.candidate]
        return Detection(
            layer=self.name,
            presence=Presence.DETECTED,
            episode_id=episode.episode_id,
            spans=self._pieces(recordings, episode, needed),  # 4.
            score=best.z,
            false_match_bound=false_match_bound(best.z, hypotheses),
        )

    def listen(self, samples: Samples, sample_rate: int, rate: float) -> Heard:
        """Return the soft bits of all windows, half a second apart, of the audio as it was before it was sped up."""
        native = sample_rate / rate
        length = int(len(samples) / native * SAMPLE_RATE)
        windows = max(0, (length - BLOCK) // STEP + 1)
        logits: Array = np.zeros((windows, BITS), dtype=np.float32)
        for first in range(0, windows, WINDOWS_AT_ONCE):
            count = min(WINDOWS_AT_ONCE, windows - first)
            start, stop = first * STEP, (first + count - 1) * STEP + BLOCK
            piece = samples[round(start / SAMPLE_RATE * native) : round(stop / SAMPLE_RATE * native)]
            sound = piece if native == SAMPLE_RATE else soxr.resample(piece, native, SAMPLE_RATE)
            missing = max(0, stop - start - len(sound))  # a few samples lost to rounding
            sound = np.pad(np.asarray(sound, dtype=np.float32), (0, missing))
            logits[first : first + count] = self._decoder.read(sound, np.arange(count) * STEP)
        return Heard(bits=soften(logits), rate=rate)

    def _words(self, episode: Payload) -> NDArray[np.int8]:
        return block_words(self._word_key, episode.code, self._positions)

    def _search(
        self, whole: Sequence[Track], parts: Sequence[Track], episodes: Sequence[Payload], needed: float
    ) -> Alignment | None:
        """Return the best alignment; the minutes are searched only if the whole recording does not suffice."""
        best = None
        for tracks in (whole, parts):
            found = search(tracks, len(episodes), self._positions, lambda c: self._words(episodes[c]))
            if found and (best is None or found.z > best.z):
                track = tracks[found.track]
                best = Alignment(found.candidate, track.whole, found.offset - track.first, found.z)
            if best and best.z >= needed:
                return best
        return best

    def _pieces(self, recordings: Sequence[Heard], episode: Payload, needed: float) -> Spans:
        """Return all stretches, in seconds of the examined audio, where the blocks agree with the episode."""
        spans: Spans = ()
        words = self._words(episode)
        for _ in range(MOST_PIECES):
            whole = whole_tracks([heard.without(spans) for heard in recordings])
            best = self._search(whole, stretches(whole), (episode,), needed)
            if best is None or best.z < needed:
                break
            track = whole[best.track]
            found = track.spans(supported(*contributions(track.bits, words, best.offset)))
            if not found:
                break
            spans = (*spans, *found)
        return tuple(sorted(spans))
