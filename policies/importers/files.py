"""From a file to the reviews in it: format, encoding and size first, then piece by piece (reads files, no network).

JSON and HTML are read whole, up to a limit; NDJSON and CSV are read line by line, however long they are.
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from policies.errors import KnowledgeBaseError
from policies.importers.found import Found, Reason, Skipped
from policies.importers.jsonld import reviews_in
from policies.importers.pages import declared_charset, scripts_in
from policies.importers.tables import rows_in

MAX_JSON = 512 * 1024 * 1024  # bytes; parsed it takes about six times as much memory
MAX_PAGE = 32 * 1024 * 1024  # bytes of one HTML page
MAX_LINE = 4 * 1024 * 1024  # bytes of one NDJSON line
_MARKS = (  # the longer first: UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Format(StrEnum):
    """Formats that can be imported."""

    JSON = "json"  # JSON-LD, Google's search response, a pack's knowledge base
    NDJSON = "ndjson"  # one such value per line
    HTML = "html"  # a page with JSON-LD in it
    CSV = "csv"  # the columns of `tables.COLUMNS`


_SUFFIXES = {
    ".json": Format.JSON,
    ".jsonld": Format.JSON,
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
}


def read_reviews(path: Path, *, form: Format | None = None, encoding: str | None = None) -> Iterator[Found | Skipped]:
    """Yield every review in the file at `path`; `form` and `encoding` overrule what the file looks like.

    Raises `KnowledgeBaseError` when the file as a whole cannot be read. A broken item in it is yielded as `Skipped`.
    """
    form = form or _SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise KnowledgeBaseError(f"{path.name}: the name does not tell the format; give --format ({', '.join(Format)})")
    try:
        with path.open("rb") as file:
            encoding = _encoding(file, encoding, page=form is Format.HTML)
            yield from _READERS[form](file, encoding, path)
    except OSError as error:
        raise KnowledgeBaseError(f"{path}: cannot be read: {error.strerror}; check the name and the rights") from error
    except UnicodeError as error:
        raise KnowledgeBaseError(
            f"{path.name}: is not {encoding} text ({error}); save it as UTF-8 or give --encoding"
        ) from error


def _encoding(file: BinaryIO, wanted: str | None, *, page: bool) -> str:
    head = file.read(4096)
    file.seek(0)
    name = wanted or next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if name is None and page:
        name = declared_charset(head)
    try:
        return codecs.lookup(name or "utf-8").name if name != "utf-8-sig" else name
    except LookupError as error:
        raise KnowledgeBaseError(f"no encoding is called {name!r}; give --encoding, for example utf-8") from error


def _whole(file: BinaryIO, limit: int, path: Path) -> bytes:
    content = file.read(limit + 1)
    if len(content) > limit:
        raise KnowledgeBaseError(
            f"{path.name}: is larger than {limit // 2**20} MiB, which this format may have; convert it to NDJSON"
        )
    return content


def _json(file: BinaryIO, encoding: str, path: Path) -> Iterator[Found | Skipped]:
    text = _whole(file, MAX_JSON, path).decode(encoding)
    try:
        document = _parse(text)
    except ValueError as error:
        hint = "; if it holds one object per line, give --format ndjson" if "Extra data" in str(error) else ""
        raise KnowledgeBaseError(f"{path.name}: is not valid JSON: {error}; correct that place{hint}") from error
    del text
    yield from reviews_in(document)


def _ndjson(file: BinaryIO, encoding: str, path: Path) -> Iterator[Found | Skipped]:
    if encoding.replace("-", "").startswith(("utf16", "utf32")):
        raise KnowledgeBaseError(f"{path.name}: NDJSON must be UTF-8 (RFC 8259); convert it")
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            while line and not line.endswith(b"\n"):  # the rest of that line
                line = file.readline(MAX_LINE)
            yield Skipped(Reason.TOO_LONG, f"line {number}", f"more than {MAX_LINE // 2**20} MiB")
            continue
        text = line.decode(encoding).strip()
        if not text:
            continue
        try:
            document = _parse(text)
        except ValueError as error:
            yield Skipped(Reason.MALFORMED, f"line {number}", str(error))
            continue
        yield from reviews_in(document, place=f"line {number}")


def _html(file: BinaryIO, encoding: str, path: Path) -> Iterator[Found | Skipped]:
    text = _whole(file, MAX_PAGE, path).decode(encoding)
    for line, script in scripts_in(text):
        place = f"script on line {line}"
        try:
            document = _parse(script)
        except ValueError as error:
            yield Skipped(Reason.MALFORMED, place, str(error))
            continue
        yield from reviews_in(document, place=place)


def _csv(file: BinaryIO, encoding: str, path: Path) -> Iterator[Found | Skipped]:
    with io.TextIOWrapper(file, encoding=encoding, errors="strict", newline="") as stream:
        yield from rows_in(stream, name=path.name)


def _parse(text: str) -> Any:
    """Return parsed JSON, NaN and infinities as null; raises `ValueError`."""
    try:
        # Line breaks inside of strings are accepted: hand-made pages have them.
        return json.loads(text, parse_constant=lambda _: None, strict=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


_READERS = {Format.JSON: _json, Format.NDJSON: _ndjson, Format.HTML: _html, Format.CSV: _csv}
