"""Read the files of a pack, in bounded time and memory, and name places in them."""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from policies.errors import InvalidPolicyError, Problem
from policies.toml_lines import line_of, locate

MAX_TOML_BYTES = 1 << 20  # a pack is written by people; the default pack's largest TOML file has 50 kB
MAX_LEXICON_BYTES = 8 << 20  # some 250,000 words
MAX_KNOWLEDGE_BYTES = 256 << 20  # some 100,000 claims with paraphrases
MAX_KEY_PARTS = 32  # of one dotted key: the parser's time grows with their square

_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")
_HINTS = {"extra_forbidden": "unknown key; remove it or correct its name", "missing": "is required; add it"}

Shape = TypeVar("Shape", bound=BaseModel)


@dataclass(frozen=True)
class TomlFile:
    """A TOML file that was read: its values, and the text that says where they stand."""

    name: str
    text: str
    values: dict[str, Any]

    @cached_property
    def lines(self) -> Mapping[tuple[str | int, ...], int]:
        """The line of every key; found when the first problem is told, for a right pack needs none."""
        return locate(self.text)

    def problem(self, path: Sequence[str | int], message: str) -> Problem:
        """Return what is wrong with the value at `path`, with its line."""
        return Problem(self.name, line_of(self.lines, path), _dotted(path), message)

    def problems(
        self, error: ValidationError, *, shape: type[BaseModel], below: Sequence[str | int] = ()
    ) -> list[Problem]:
        """Return every problem of a validation as `shape`, with line and remedy; `below` is where the value stands."""
        found = []
        for item in error.errors(include_url=False, include_input=False, include_context=False):
            path = [*below, *item["loc"]]
            message = _HINTS.get(item["type"], item["msg"].removeprefix("Value error, "))
            if item["type"] == "extra_forbidden":
                message += suggestion(str(item["loc"][-1]), _keys_at(shape, item["loc"][:-1]))
            found.append(Problem(self.name, line_of(self.lines, path), _dotted(path), message))
        return found


def read_bytes(folder: Path, name: str, *, key: str, limit: int) -> bytes:
    """Return the content of the file `name` of the pack in `folder`, at most `limit` bytes.

    Raises `InvalidPolicyError` for a name that leads out of the folder (by itself or by a link), for what is no regular
    file (a pipe would never end), and for a file that is too large. `key` is the key of the policy that names it.
    """
    place = f"{folder.name}/{name}" if not key else f"{key}: {name}"
    if Path(name).name != name or not name or not name.isprintable():
        raise InvalidPolicyError(f"{key}: {name!r} must be a file name in the pack's own folder")
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise InvalidPolicyError(f"{place} is a link out of the pack's folder; put the file itself there")
        if not stat.S_ISREG(path.stat().st_mode):  # before it is opened: opening a pipe waits for its writer
            raise InvalidPolicyError(f"{place} is no regular file; put a file there")
        with path.open("rb") as opened:
            content = opened.read(limit + 1)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        reason = error.strerror if isinstance(error, OSError) else "a loop of links"
        raise InvalidPolicyError(f"{place} cannot be read ({reason}); put it beside the policy") from error
    if len(content) > limit:
        raise InvalidPolicyError(f"{place} is larger than {limit} bytes, which no pack needs; correct it")
    return content


def read_toml(folder: Path, name: str, *, key: str = "") -> TomlFile:
    """Read a TOML file of the pack; raises `InvalidPolicyError` with file and line."""
    content = read_bytes(folder, name, key=key, limit=MAX_TOML_BYTES)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidPolicyError(f"{name}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > MAX_KEY_PARTS and _QUOTED.sub("", line).partition("=")[0].count(".") > MAX_KEY_PARTS:
            raise InvalidPolicyError(f"{name}: line {number}: more than {MAX_KEY_PARTS} dots; shorten this line")
    try:
        return TomlFile(name, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InvalidPolicyError(f"{name}: is not valid TOML: {error}; correct that line") from error
    except RecursionError as error:
        raise InvalidPolicyError(f"{name}: tables or arrays are nested too deeply; no policy needs that") from error
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidPolicyError(f"{name}: a number cannot be read ({error}); write a shorter one") from error


def validated(shape: type[Shape], file: TomlFile) -> Shape:
    """Return the file's values as `shape`; raises `InvalidPolicyError` that lists every problem with its line."""
    try:
        return shape.model_validate(file.values)
    except ValidationError as error:
        raise InvalidPolicyError.listing(file.problems(error, shape=shape)) from error


def suggestion(wrong: str, known: Sequence[str]) -> str:
    """Return `; did you mean "x"?` for the known name that is closest to a wrong one, or nothing."""
    close = get_close_matches(wrong, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _keys_at(shape: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the keys that a table at `path` may have; none where its shape is not a model."""
    for part in path:
        if isinstance(part, int):
            continue  # an item of an array; the array's annotation has been looked through
        field = shape.model_fields.get(part)
        inside = [one for one in _types(field.annotation) if issubclass(one, BaseModel)] if field else []
        if not inside:
            return []
        shape = inside[0]
    return list(shape.model_fields)


def _types(annotation: object) -> Iterator[type]:
    """Yield the classes inside an annotation such as `tuple[Disclosure, ...]` or `ToxicityRule | None`."""
    inner = get_args(annotation)
    if isinstance(annotation, type) and not inner:
        yield annotation
    for one in inner:
        yield from _types(one)


def _dotted(path: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in path)
