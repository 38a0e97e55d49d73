"""Text that knows where each of its characters stands in the author's text (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Traced:
    """Words on their way from an author's file to a voice."""

    text: str
    places: tuple[int, ...]  # per character, its offset in the author's text

    @classmethod
    def written(cls, source: str, start: int, end: int) -> Traced:
        """Return `source[start:end]`."""
        return cls(source[start:end], tuple(range(start, end)))

    @classmethod
    def joined(cls, parts: Iterable[Traced]) -> Traced:
        """Return the parts one after the other."""
        kept = list(parts)
        return cls("".join(part.text for part in kept), tuple(place for part in kept for place in part.places))

    def cut(self, start: int, end: int) -> Traced:
        """Return the characters `[start, end)`."""
        return Traced(self.text[start:end], self.places[start:end])

    def without(self, ranges: Iterable[tuple[int, int]]) -> Traced:
        """Return what is left when the half-open `ranges`, in their order, are taken out."""
        kept, done = [], 0
        for start, end in ranges:
            kept.append(self.cut(done, start))
            done = end
        return Traced.joined([*kept, self.cut(done, len(self.text))])

    def collapsed(self) -> Traced:
        """Return it with single spaces, and none at its ends."""
        characters: list[str] = []
        places: list[int] = []
        for character, place in zip(self.text, self.places, strict=True):
            if not character.isspace():
                characters.append(character)
            elif characters and characters[-1] != " ":
                characters.append(" ")
            else:
                continue
            places.append(place)
        if characters and characters[-1] == " ":
            characters.pop()
            places.pop()
        return Traced("".join(characters), tuple(places))

    def place(self, offset: int) -> int:
        """Return where character `offset` comes from; after the last one, where that comes from."""
        return self.places[min(offset, len(self.places) - 1)] if self.places else 0
