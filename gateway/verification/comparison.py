"""Whether a sound is that of an episode: its fingerprint, piece by piece, against the stored one (pure).

Comparing as a whole would let a minute of added speech hide behind ten minutes of the episode, and would lose a copy
that plays a little faster; so pieces of ten seconds are compared, each wherever it fits best.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.verification.report import Agreement
from synth.fingerprint import Fingerprint, agrees, compare

PIECE_WORDS = 100  # ten seconds
MIN_SOUNDING_WORDS = 60  # of a piece; six seconds, over the five that agreement needs
MAX_PIECES = 60  # evenly spread over a longer sound, which bounds the work
ENOUGH = 0.8  # share of pieces that must agree for the whole to agree: a codec may spoil some
_WORD = 4  # bytes


def compare_sound(sound: Fingerprint, stored: bytes) -> Agreement:
    """Return how `sound` agrees with the stored fingerprint of an episode; raises `AudioError` if that is unreadable.

    Too little sound to compare is undecided, never agreement.
    """
    reference = Fingerprint.from_bytes(stored)
    compared = [agrees(compare(piece, reference)) for piece in _pieces(sound)]
    if not compared:
        return Agreement.UNDECIDED
    share = sum(compared) / len(compared)
    if share >= ENOUGH:
        return Agreement.AGREES
    return Agreement.PARTLY if any(compared) else Agreement.DISAGREES


def _pieces(sound: Fingerprint) -> Iterator[Fingerprint]:
    """Yield pieces with enough sound in them, at most `MAX_PIECES`; a sound shorter than a piece is one piece."""
    starts = range(0, max(1, len(sound) - PIECE_WORDS + 1), PIECE_WORDS)
    step = -(-len(starts) // MAX_PIECES)
    for start in starts[::step]:
        words = sound.words[start * _WORD : (start + PIECE_WORDS) * _WORD]
        sounding = sum(words[at : at + _WORD] != bytes(_WORD) for at in range(0, len(words), _WORD))
        if sounding >= MIN_SOUNDING_WORDS:
            yield Fingerprint(sound.version, sound.hop_seconds, words)
