"""Characters that no script may hold, because a reader, a screener and a voice would see different texts (pure)."""

from __future__ import annotations

import unicodedata

from synth.errors import ScriptError

# Unicode 15 Default_Ignorable_Code_Point outside category Cf: letters and marks that render as nothing. A screener sees
# "ab", a listener hears "a b" or the other way round.
_INVISIBLE = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)]
) | frozenset(range(0xE0000, 0xE1000))

_REASONS = {
    "Cc": "a control character",
    "Cf": "an invisible formatting character (zero width, soft hyphen, text direction or tag)",
    "Cn": "not an assigned character",
    "Co": "a private-use character without a common meaning",
    "Cs": "half of a surrogate pair",
    "Zl": "a line separator; use a plain line break",
    "Zp": "a paragraph separator; use a plain line break",
}


def position(text: str, offset: int) -> tuple[int, int]:
    """Return the 1-based line and column of `offset` in `text`; lines end with "\\n"."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def error_at(text: str, offset: int, message: str) -> ScriptError:
    """Return a `ScriptError` that points at `offset` in `text`."""
    line, column = position(text, offset)
    return ScriptError(message, line=line, column=column)


def refuse_characters(text: str) -> None:
    """Raise `ScriptError` at the first character that is invisible, ambiguous or not text at all."""
    if "\x00" in text:
        raise error_at(text, text.index("\x00"), "this is a binary file, not a text; send the script as UTF-8 text")
    for offset, character in enumerate(text):
        if " " <= character <= "~" or character in "\n\t":
            continue
        if character == "\r" and text[offset + 1 : offset + 2] == "\n":
            continue
        reason = refused_character(character)
        if reason is None:
            continue
        if character == "\ufeff" and offset == 0:
            reason = "a byte order mark; save the file as UTF-8 without one"
        raise error_at(text, offset, f"U+{ord(character):04X} is {reason}; remove it")


def refused_character(character: str) -> str | None:
    """Return why no script may hold `character`, or None."""
    if ord(character) in _INVISIBLE:
        return "an invisible character"
    return _REASONS.get(unicodedata.category(character))
