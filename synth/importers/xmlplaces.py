"""XML 1.0 as a flat list of events with places in the author's text (pure).

No document type, no entity of one's own, no processing instruction, bounded depth: what expands or loads is refused
before it is read, so there is no bomb to defuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.parsers import expat

from synth.characters import error_at
from synth.errors import ScriptError
from synth.traced import Traced

MAX_DEPTH = 32
MAX_ELEMENTS = 20_000


@dataclass(frozen=True, slots=True)
class Open:
    """A start tag."""

    name: str  # without the namespace of SSML; any other prefix stays
    attributes: Mapping[str, str]
    start: int  # of the `<`


@dataclass(frozen=True, slots=True)
class Close:
    """An end tag, or the end of an empty element."""

    name: str
    start: int


XmlEvent = Open | Close | Traced  # a `Traced` is text


class _Reader:
    """Collects what expat tells; its errors are kept and raised outside, because expat would wrap them."""

    def __init__(self, source: str, begin: int) -> None:
        self.source = source
        self.begin = begin
        self.events: list[XmlEvent] = []
        self.depth = 0
        self.parser = expat.ParserCreate("utf-8")
        self.parser.ordered_attributes = False
        self.parser.buffer_text = False
        self.parser.StartElementHandler = self.open
        self.parser.EndElementHandler = self.close
        self.parser.CharacterDataHandler = self.text
        self.parser.StartDoctypeDeclHandler = self.refuse_doctype
        self.parser.EntityDeclHandler = self.refuse_doctype
        self.parser.ProcessingInstructionHandler = self.refuse_instruction
        encoded = source[begin:].encode()
        self.encoded = encoded
        # Offset of the character that each byte belongs to, as a sparse walk: events come in order.
        self.byte = 0
        self.character = begin

    def place(self) -> int:
        """Return the author's offset of what expat reads now."""
        index = self.parser.CurrentByteIndex
        if index > self.byte:
            self.character += len(self.encoded[self.byte : index].decode("utf-8", "ignore"))
            self.byte = index
        return self.character

    def open(self, name: str, attributes: dict[str, str]) -> None:
        start = self.place()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise error_at(self.source, start, f"more than {MAX_DEPTH} levels of tags; no script has so many")
        if len(self.events) > 2 * MAX_ELEMENTS:
            raise error_at(self.source, start, f"more than {MAX_ELEMENTS} tags; split the script into episodes")
        self.events.append(Open(name, attributes, start))

    def close(self, name: str) -> None:
        self.depth -= 1
        self.events.append(Close(name, self.place()))

    def text(self, data: str) -> None:
        start = self.place()
        # Expat tells references one by one, and other text as it is written, a line break apart.
        if self.source[start] == "&":
            self.events.append(Traced(data, (start,) * len(data)))
        else:
            last = len(self.source) - 1
            self.events.append(Traced(data, tuple(min(start + i, last) for i in range(len(data)))))

    def refuse_doctype(self, *_: object) -> None:
        start = max(self.begin, self.source.rfind("<!", self.begin, self.place() + 1))
        raise error_at(self.source, start, "document types and entities are not read; remove the declaration")

    def refuse_instruction(self, *_: object) -> None:
        raise error_at(self.source, self.place(), "processing instructions are not read; remove it")


def read_xml(source: str, begin: int) -> list[XmlEvent]:
    """Return the events of the document `source[begin:]`; raises `ScriptError` with line and column."""
    while begin < len(source) and source[begin].isspace():
        begin += 1
    reader = _Reader(source, begin)
    try:
        reader.parser.Parse(reader.encoded, True)
    except expat.ExpatError as error:
        line, column = error.lineno, error.offset
        raise _syntax_error(source, begin, line, column, expat.ErrorString(error.code)) from error
    return reader.events


def _syntax_error(source: str, begin: int, line: int, column: int, reason: str) -> ScriptError:
    """Return the error at expat's line (from 1) and column (from 0, in bytes) of the document."""
    start = begin
    for _ in range(line - 1):
        start = source.find("\n", start) + 1
    end = source.find("\n", start)
    written = source[start : end if end >= 0 else len(source)].encode()[:column].decode("utf-8", "ignore")
    return error_at(source, start + len(written), f"this is no XML: {reason}")
