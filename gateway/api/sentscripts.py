"""Scripts as callers send them: in Markdown, canonical JSON, or a file of another format that gets a head here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request

from gateway.api.access import SubmitterCaller
from gateway.api.backend import BackendDep
from gateway.api.bodies import JSON, media_type_of, read_body, read_json
from gateway.api.schemas import EXAMPLE_SCRIPT, SubmissionIn
from gateway.errors import InvalidRequestError, UnsupportedMediaError
from synth.adopting import adopt, guess_format, has_head
from synth.errors import ScriptError
from synth.scriptschema import script_schema

MARKDOWN = "text/markdown"
CANONICAL = "application/vnd.assay.script+json"
SSML = "application/ssml+xml"  # RFC 4267
PLAIN = "text/plain"
JSON_GROWTH = 6  # "\u00e9" is six bytes for one: the script's own limit applies after decoding
JSON_OVERHEAD_BYTES = 8_192  # names, title and voices

_TEXT = {"schema": {"type": "string"}}
REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {"schema": SubmissionIn.model_json_schema()},
        MARKDOWN: {**_TEXT, "example": EXAMPLE_SCRIPT},
        CANONICAL: {"schema": {"type": "object", "description": script_schema()["description"]}},
        SSML: {**_TEXT, "example": "<speak>Good morning.</speak>"},
        PLAIN: {**_TEXT, "example": "Good morning."},
    },
}


@dataclass(frozen=True, slots=True)
class SentScript:
    """A whole script, and how many of its lines are not the caller's."""

    text: str
    head_lines: int = 0

    @contextmanager
    def own_lines(self) -> Iterator[None]:
        """Tell an error of the script with its line as the caller counts."""
        try:
            yield
        except ScriptError as error:
            raise (error.above(self.head_lines) if self.head_lines else error) from error


async def sent_script(
    request: Request,
    caller: SubmitterCaller,
    backend: BackendDep,
    title: Annotated[str | None, Query(max_length=200, description="Of a bare file without a head.")] = None,
    language: Annotated[str, Query(pattern="^[a-z]{2,3}$", description="Of a bare file without a head.")] = "en",
    voice: Annotated[
        list[str] | None, Query(max_length=20, description="`NAME=ID` for a speaker of a bare file without a head.")
    ] = None,
) -> SentScript:
    """Return the script out of the body; the caller is checked before the body is read."""
    del caller
    limit = backend.toolchain.settings.max_script_bytes
    media_type = media_type_of(request)
    if media_type == JSON:
        sent = await read_json(request, SubmissionIn, limit=limit * JSON_GROWTH + JSON_OVERHEAD_BYTES)
        return _whole(sent.script, sent.format.value, title=sent.title, language=sent.language, voices=sent.voices)
    if media_type not in (MARKDOWN, CANONICAL, SSML, PLAIN):
        known = ", ".join((JSON, MARKDOWN, CANONICAL, SSML, PLAIN))
        raise UnsupportedMediaError(f"send one of {known}, not '{media_type[:80]}'")
    try:
        text = (await read_body(request, limit=limit)).decode()
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"the script is not UTF-8: byte {error.start} does not fit") from error
    kinds = {SSML: "ssml", PLAIN: guess_format(text) or "text"}
    return _whole(text, kinds.get(media_type, "script"), title=title, language=language, voices=_pairs(voice or ()))


def _whole(text: str, kind: str, *, title: str | None, language: str, voices: Mapping[str, str]) -> SentScript:
    if kind == "script" or has_head(text):
        if title or voices:
            raise InvalidRequestError("the script says itself who speaks and what it is called; change it there")
        return SentScript(text)
    adopted = adopt(text, format=kind, title=title, language=language, voices=voices)
    return SentScript(adopted.text, adopted.head_lines)


def _pairs(voices: list[str] | tuple[()]) -> dict[str, str]:
    pairs = {}
    for one in voices:
        name, sign, voice_id = one.partition("=")
        if not sign:
            raise InvalidRequestError("a voice is written NAME=ID")
        pairs[name.strip()] = voice_id.strip()
    return pairs
