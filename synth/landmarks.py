"""Keys by which a short stretch of sound finds its episode among a hundred thousand, without a mark (pure).

A key is 28 bits of a fingerprint: every second bit of one word, and of the word 0.8 seconds later, which is nearly
independent of it. Of all keys only those are kept, on both sides, whose hash begins with two zero bits: the same
quarter of them survives in an episode and in an excerpt of it, wherever the excerpt begins. What is asked also tries
the seven bits that damage flips first, both ways (multi-probe, after Lv et al., 2007), and eleven pitches. Keys that
agree must also agree about the place; `rank` counts how many do (as Wang, 2003, counts landmarks).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.audio import Samples
from synth.fingerprint import HOP_SECONDS, Changes, Fingerprint, listen, sounds

KEY_BITS = 28
APART = 8  # words (0.8 s) between the two halves of a key: frames and lag of the two hardly overlap
FLIPPED = 7  # bits of least change that are tried both ways: 128 keys per word, of which a quarter is kept
KEPT_SHIFT = np.uint64(62)  # keeps keys whose hash has its two highest bits 0: a quarter
RATES = tuple(round(0.90 + 0.02 * step, 2) for step in range(11))  # keys survive a pitch that is 1 % off
EXCERPT = 20.0  # seconds of the excerpts that are asked for
PLAIN_EXCERPTS = 12  # of them, spread over the sound, that are asked for as they are
SHIFTED_EXCERPTS = 3  # that are also asked for at every rate: that costs ten times as much
SAME_PLACE = 20  # words (2 s): a tempo that is 10 % off moves the ends of an excerpt by so much
MOST_LEADS = 100  # episodes on a shortlist
LEAST_VOTES = 3  # keys that must agree about a place, or it is chance

_HASH = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio (Knuth's multiplicative hash)

Keys = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about one stretch of sound at one rate: all keys, and the word at which each was heard."""

    start: float  # second of the examined sound at which the stretch begins
    rate: float
    words: NDArray[np.int64]  # counted from `start`
    keys: Keys
    own: Keys  # those among them that are the sound's own, no bit flipped


@dataclass(frozen=True, slots=True)
class Lead:
    """An episode that a sound may be taken from, and where; a hint to follow, never a result."""

    episode: int  # number by which the index knows the episode
    votes: int  # keys that agree about the place
    start: float  # seconds of the examined sound
    episode_start: float  # second of the episode that `start` is
    rate: float


def stored_keys(recording: Fingerprint) -> tuple[NDArray[np.int64], Keys]:
    """Return (words, keys) to keep of a recording: about 150 a minute; none of silence."""
    signs = recording.signs()
    words, keys = _keys(signs, flipped=0)
    # A tone that goes on has one key again and again: once in two seconds is enough.
    seen: dict[int, int] = {}
    fresh = np.zeros(len(keys), dtype=bool)
    for index, (word, key) in enumerate(zip(words.tolist(), keys.tolist(), strict=True)):
        fresh[index] = word - seen.get(key, -SAME_PLACE) >= SAME_PLACE
        if fresh[index]:
            seen[key] = word
    return words[fresh], keys[fresh]


def plain_questions(samples: Samples, sample_rate: int) -> list[Question]:
    """Return what to ask first: at most twelve excerpts of twenty seconds, as they are."""
    return _questions(samples, sample_rate, PLAIN_EXCERPTS, (1.0,))


def shifted_questions(samples: Samples, sample_rate: int) -> list[Question]:
    """Return what to ask when the plain questions found nothing: three excerpts at pitches up to 10 % off."""
    return _questions(samples, sample_rate, SHIFTED_EXCERPTS, tuple(rate for rate in RATES if rate != 1.0))


def rank(hits: Iterable[tuple[Question, NDArray[np.int64]]]) -> list[Lead]:
    """Return the episodes whose keys agree about a place, best first, at most a hundred.

    `hits` gives for each question what the index holds: rows of (key, episode, word), shape (places, 3).
    """
    best: dict[int, Lead] = {}
    for question, stored in hits:
        if not len(stored):
            continue
        heard = np.stack([question.keys, question.words], axis=1)
        order = np.argsort(heard[:, 0], kind="stable")
        heard = heard[order]
        first = np.searchsorted(heard[:, 0], stored[:, 0], "left")
        count = np.searchsorted(heard[:, 0], stored[:, 0], "right") - first
        pairs = np.repeat(np.arange(len(stored)), count)
        within = np.arange(len(pairs)) - np.repeat(np.cumsum(count) - count, count)
        word = heard[first[pairs] + within, 1]
        episode, shift = stored[pairs, 1], stored[pairs, 2] - word
        for half in (0, SAME_PLACE // 2):  # bins that overlap by half, so that no place lies on an edge
            for lead in _vote(question, episode, (shift + half) // SAME_PLACE, word, shift):
                if lead.episode not in best or lead.votes > best[lead.episode].votes:
                    best[lead.episode] = lead
    return sorted(best.values(), key=lambda lead: (-lead.votes, lead.episode))[:MOST_LEADS]


def _vote(
    question: Question,
    episode: NDArray[np.int64],
    place: NDArray[np.int64],
    word: NDArray[np.int64],
    shift: NDArray[np.int64],
) -> list[Lead]:
    """Return one lead per episode and place on which at least three different words agree."""
    ballots = np.unique(np.stack([episode, place, word, shift], axis=1), axis=0)  # sorted by episode, then place
    if not len(ballots):
        return []
    begins = np.concatenate([[True], np.any(np.diff(ballots[:, :2], axis=0), axis=1)])
    other_word = begins | np.concatenate([[True], np.diff(ballots[:, 2]) != 0])
    starts = np.flatnonzero(begins)
    votes = np.add.reduceat(other_word, starts, dtype=np.int64)
    ends = np.append(starts[1:], len(ballots))
    leads = []
    for group in np.flatnonzero(votes >= LEAST_VOTES):
        agreed = ballots[starts[group] : ends[group]]
        where = float(np.median(agreed[:, 3])) * HOP_SECONDS
        leads.append(Lead(int(agreed[0, 0]), int(votes[group]), question.start, where, question.rate))
    return leads


def _questions(samples: Samples, sample_rate: int, most: int, rates: Sequence[float]) -> list[Question]:
    length = round(EXCERPT * sample_rate)
    last = max(0, len(samples) - length)
    count = min(most, max(1, -(-len(samples) // length)))
    starts = [round(last * position / max(1, count - 1)) for position in range(count)] if last else [0]
    found = []
    for start in starts:
        for rate in rates:
            heard = listen(samples[start : start + length], sample_rate, rate=rate, tempo=rate)
            words, keys = _keys(heard, flipped=FLIPPED)
            if len(keys):
                own = _keys(heard, flipped=0)[1]
                found.append(Question(start / sample_rate, rate, words, keys, own))
    return found


def _keys(changes: Changes, *, flipped: int) -> tuple[NDArray[np.int64], Keys]:
    """Return (words, keys) of the changes, with every way to flip the `flipped` weakest bits of each key."""
    count = len(changes) - APART
    if count <= 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    halves = np.concatenate([changes[:count, 0:28:2], changes[APART:, 1:29:2]], axis=1)
    values = np.uint64(1) << np.arange(KEY_BITS - 1, -1, -1, dtype=np.uint64)
    keys = ((halves > 0) * values).sum(axis=1, dtype=np.uint64)[:, None]
    for bit in np.argsort(np.abs(halves), axis=1, kind="stable")[:, :flipped].T:
        keys = np.concatenate([keys, keys ^ values[bit][:, None]], axis=1)
    kept = ((keys * _HASH) >> KEPT_SHIFT == 0) & (sounds(changes[:count]) & sounds(changes[APART:]))[:, None]
    words = np.nonzero(kept)[0].astype(np.int64)
    return words, keys[kept].astype(np.int64)
