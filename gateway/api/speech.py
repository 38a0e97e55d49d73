"""OpenAI's speech interface behind the gate: official clients work unchanged, and what leaves is marked and logged.

1. The caller is checked, and a place is taken; where there is none the answer is 429.
2. The text is screened whole (`gateway.streaming.clearance`); whatever the policy does not allow is refused with 400.
3. It is spoken and marked, and the log says so before the first byte leaves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.access import SubmissionReader, SubmitterCaller
from gateway.api.backend import Backend, BackendDep
from gateway.api.bodies import described_by, read_json
from gateway.api.openai_errors import OpenAIRoute
from gateway.api.speech_schemas import (
    MAX_INPUT,
    ModelOut,
    ModelsOut,
    SpeechErrorOut,
    SpeechIn,
    SpeechVoiceOut,
    SpeechVoicesOut,
)
from gateway.api.spokenstream import SSE, SpokenStream
from gateway.errors import InvalidRequestError
from gateway.streaming.clearance import Clearance, Delivery, clear
from gateway.streaming.speechfile import PCM, PCM_RATE, SpeechFile, speak_file
from gateway.streaming.speechstream import SpeechStream
from gateway.toolchain import Toolchain
from synth.markstream import require_streams
from synth.voice import VoiceCatalogue

router = APIRouter(tags=["speech"], route_class=OpenAIRoute)

MODELS = ("assay-speech", "gpt-4o-mini-tts", "tts-1", "tts-1-hd")  # all speak with the same voices
MODELS_CREATED = 1_795_564_800  # 2026-11-25, when this interface was first offered
BUILT_IN = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
)  # fmt: skip  # OpenAI's names
MAX_BODY_BYTES = MAX_INPUT * 2 * 6 + 4_096  # input and instructions, every character as "\\u00e9"
MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/mp4",  # AAC in a file that can carry credentials
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": PCM,
}
_SOUND: dict[str, Any] = {
    media_type: {"schema": {"type": "string", "format": "binary"}}
    for media_type in sorted({*MEDIA_TYPES.values(), SSE})
}


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    meanings = {
        400: "Refused by the content policy (`content_policy_violation`), or not valid",
        401: "A valid API key is required",
        403: "This key may not do that, or the voice may not be used",
        408: "The request took too long to arrive",
        429: "All places are taken; `Retry-After` says when to come back",
        500: "The speech could not be produced",
        503: "A part of the gateway is not available",
    }
    return {status: {"description": meanings[status], "model": SpeechErrorOut} for status in statuses}


async def speech_request(request: Request, caller: SubmitterCaller, backend: BackendDep) -> AsyncIterator[SpeechIn]:
    """Yield the request's document while holding a place, until the last byte of the answer has left."""
    del caller
    async with backend.speech_places.taken():
        yield await read_json(request, SpeechIn, limit=MAX_BODY_BYTES)


@router.get("/v1/models", responses=_errors(401, 503))
def list_models(backend: BackendDep, caller: SubmissionReader) -> ModelsOut:
    """Return the names that clients of OpenAI's interface may use; they all mean the voices of this installation."""
    del caller
    owner = backend.toolchain.settings.organisation
    return ModelsOut(data=[ModelOut(id=name, created=MODELS_CREATED, owned_by=owner) for name in MODELS])


@router.get("/v1/audio/voices", responses=_errors(401, 503))
def list_speech_voices(backend: BackendDep, caller: SubmissionReader) -> SpeechVoicesOut:
    """Return the voices that a call may name, ordered by id, with the names of OpenAI's that stand for each."""
    del caller
    catalogue = backend.toolchain.voices
    stands_for = aliases(catalogue)
    shown = []
    for voice_id, voice in sorted(catalogue.voices.items()):
        card = catalogue.cards.get(voice_id)
        shown.append(
            SpeechVoiceOut(
                id=voice_id,
                name=voice_id if card is None else card.name,
                language=voice.language,
                aliases=[name for name, meant in stands_for.items() if meant == voice_id],
            )
        )
    return SpeechVoicesOut(voices=shown)


@router.post(
    "/v1/audio/speech",
    response_class=Response,
    responses={200: {"description": "The sound.", "content": _SOUND}, **_errors(400, 401, 403, 408, 429, 500, 503)},
    openapi_extra=described_by(SpeechIn),
)
def create_speech(
    document: Annotated[SpeechIn, Depends(speech_request)], caller: SubmitterCaller, backend: BackendDep
) -> Response:
    """Speak a text at once, if the policy in force allows it.

    The text is screened whole before a word is spoken. The sound carries every watermark; a whole file is signed where
    its format can carry credentials. `X-Episode-Id` names the record that the audit log keeps of it.
    """
    streamed = document.stream_format is not None
    cleared = _cleared(document, caller.key_id, backend, Delivery.STREAM if streamed else Delivery.FILE)
    if streamed:
        return _stream_response(SpeechStream(backend.toolchain, cleared), cleared, document)
    return _file_response(backend.toolchain, speak_file(backend.toolchain, cleared), cleared, document)


def aliases(catalogue: VoiceCatalogue) -> Mapping[str, str]:
    """Return which voice each of OpenAI's names stands for: ours in order of their ids, over and over.

    Only voices of the embedded engines' kind: nobody's own voice is used by a name that does not say so.
    """
    cards = catalogue.cards
    plain = [voice for voice in sorted(catalogue.voices) if voice not in cards or not cards[voice].real_person]
    if not plain:
        return {}
    return {name: plain[place % len(plain)] for place, name in enumerate(BUILT_IN) if name not in catalogue.voices}


def _cleared(document: SpeechIn, caller: str, backend: Backend, delivery: Delivery) -> Clearance:
    if document.speed != 1.0:
        raise InvalidRequestError("the voices here speak at their own pace; leave speed at 1.0", param="speed")
    if delivery is Delivery.STREAM:
        require_streams(backend.toolchain.marks)
    named = document.voice if isinstance(document.voice, str) else document.voice.id
    return clear(
        backend.toolchain,
        document.input,
        voice_id=aliases(backend.toolchain.voices).get(named, named),
        caller=caller,
        delivery=delivery,
        media_type=MEDIA_TYPES[document.response_format],
    )


def _file_response(tools: Toolchain, spoken: SpeechFile, cleared: Clearance, document: SpeechIn) -> Response:
    headers = {
        **speech_headers(cleared, document),
        "X-Content-SHA256": spoken.sha256,
        "X-Duration-Seconds": f"{spoken.duration:.3f}",
    }
    show_log = BackgroundTask(tools.log_files.publish_if_possible, tools.database.read)
    return Response(spoken.data, 200, headers, _content_type(spoken.media_type), show_log)


def _stream_response(stream: SpeechStream, cleared: Clearance, document: SpeechIn) -> Response:
    stream.begin()
    headers = speech_headers(cleared, document)
    if document.stream_format == "sse":
        return SpokenStream(stream, headers=headers, media_type=SSE, words=cleared.script.words)
    return SpokenStream(stream, headers=headers, media_type=_content_type(cleared.media_type))


def speech_headers(cleared: Clearance, document: SpeechIn) -> dict[str, str]:
    """Return what every answer with sound says about itself."""
    headers = {"X-Episode-Id": cleared.episode_id, "X-Voice": cleared.voice_id, "X-AI-Generated": "true"}
    if document.instructions:
        headers["X-Not-Followed"] = "instructions"
    return headers


def _content_type(media_type: str) -> str:
    return f"{PCM};rate={PCM_RATE};channels=1" if media_type == PCM else media_type
