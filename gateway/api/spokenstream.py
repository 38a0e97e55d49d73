"""A stream of speech as an HTTP answer: at the caller's pace, bounded in memory and in patience.

Pieces are made when the connection takes them, in a thread, so a slow caller slows the voice down and nothing piles up.
A fault, or a caller who reads nothing for `STALL_SECONDS`, ends the connection without the last chunk, which every
client notices; as events, a fault is told by one.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from gateway.errors import SpeechBrokenError
from gateway.streaming.speechstream import SpeechStream

SSE = "text/event-stream"
STALL_SECONDS = 30.0  # for one piece to leave: a caller who reads less holds a place that others wait for


class SpokenStream(StreamingResponse):
    """Sends a begun stream, and closes it whatever happens."""

    def __init__(
        self,
        stream: SpeechStream,
        *,
        headers: Mapping[str, str],
        media_type: str,
        words: int | None = None,
    ) -> None:
        """Take a stream after `begin`; with `words`, how many are spoken, its sound is sent as events."""
        self._stream = stream
        body = self._sound() if words is None else self._events(words)
        super().__init__(body, headers=dict(headers), media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces as the caller takes them."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(STALL_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        except (SpeechBrokenError, TimeoutError):
            # Safe to ignore because the log has it, and an answer that is not completed breaks the connection.
            pass
        finally:
            await run_in_threadpool(self._stream.close)

    async def _sound(self) -> AsyncIterator[bytes]:
        while (data := await run_in_threadpool(self._stream.piece)) is not None:
            yield data

    async def _events(self, words: int) -> AsyncIterator[bytes]:
        try:
            async for data in self._sound():
                yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()})
        except SpeechBrokenError as error:
            said = {"message": error.detail, "type": "server_error", "param": None, "code": "speech_broken"}
            yield _event({"type": "error", "error": said})
            return
        # There are no tokens here; words and seconds are what a caller may count instead.
        seconds = round(self._stream.seconds)
        usage = {"input_tokens": words, "output_tokens": seconds, "total_tokens": words + seconds}
        yield _event({"type": "speech.audio.done", "usage": usage})


def _event(document: Mapping[str, object]) -> bytes:
    return f"data: {json.dumps(document)}\n\n".encode()
