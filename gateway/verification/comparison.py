"""Whether a sound is that of an episode: its fingerprint, piece by piece, against the stored one (pure).

Compared as a whole, a minute of added speech would hide behind ten minutes of the episode, and a copy that plays a
little faster would be lost. So every six seconds of sound must be found in the episode; one piece may fail by itself,
for a cough of the codec, but two neighbours that fail are other sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from gateway.verification.report import Agreement
from synth.fingerprint import Changes, Fingerprint, agrees, compare, sounds

PIECE_WORDS = 60  # six seconds: unrelated speech then differs in 42 % of the bits or more, copies in 30 % or less
STEP_WORDS = 30  # so that eight seconds of other sound spoil two neighbours
MIN_SOUNDING_WORDS = 55  # of a piece; agreement needs five seconds of sound
SLACK_WORDS = 60  # how far a piece may be from where its neighbour makes it expected: six seconds cut or added
MAX_SEARCHES = 24  # of a whole episode, per pass; one in three hours takes 0.2 seconds, near a neighbour nothing
ENOUGH = 0.8  # share of pieces that must agree for the whole to agree
_WORD = 4  # bytes


def compare_sound(sound: Changes, stored: Fingerprint) -> Agreement:
    """Return how the changes heard in `sound`, at the pace of the original, agree with an episode's fingerprint.

    Too little sound to compare is undecided, never agreement.
    """
    compared = _compare_pieces(sound, stored)
    if not compared:
        return Agreement.UNDECIDED
    if not any(compared):
        return Agreement.DISAGREES
    if sum(compared) < ENOUGH * len(compared) or any(not one and not next_ for one, next_ in pairwise(compared)):
        return Agreement.PARTLY
    return Agreement.AGREES


def _compare_pieces(sound: Changes, reference: Fingerprint) -> list[bool]:
    """Say of each piece with enough sound whether the reference has it: where it is expected, else anywhere.

    1. Find a first piece that agrees, trying pieces spread over the whole sound.
    2. Go through all pieces; each that agrees says where the next one is expected.
    """
    pieces = list(_pieces(sound))
    # 1.
    step = max(1, -(-len(pieces) // MAX_SEARCHES))
    places = (_search(start, piece, reference) for start, piece in pieces[::step])
    shift = next((place for place in places if place is not None), None)
    if shift is None:
        return [False] * len(pieces)
    # 2.
    found: list[bool] = []
    searches = 0
    for start, piece in pieces:
        near = _cut(reference, start + shift - SLACK_WORDS, start + shift + PIECE_WORDS + SLACK_WORDS)
        agreed = agrees(compare(piece, near))
        if not agreed and searches < MAX_SEARCHES:
            searches += 1
            place = _search(start, piece, reference)
            agreed, shift = place is not None, shift if place is None else place
        found.append(agreed)
    return found


def _search(start: int, piece: Changes, reference: Fingerprint) -> int | None:
    """Return how many words the piece that begins at `start` lies further on in the reference; None if nowhere."""
    match = compare(piece, reference)
    return round(match.offset_seconds / reference.hop_seconds) - start if agrees(match) else None


def _pieces(sound: Changes) -> Iterator[tuple[int, Changes]]:
    """Yield (first word, piece) for all pieces that hold enough sound; the last one ends with the sound."""
    last = len(sound) - PIECE_WORDS
    starts = [*range(0, last, STEP_WORDS), last] if last > 0 else [0]
    for start in starts:
        piece = sound[start : start + PIECE_WORDS]
        if sounds(piece).sum() >= MIN_SOUNDING_WORDS:
            yield start, piece


def _cut(whole: Fingerprint, start: int, end: int) -> Fingerprint:
    words = whole.words[max(0, start) * _WORD : max(0, end) * _WORD]
    return Fingerprint(whole.version, whole.hop_seconds, words)
