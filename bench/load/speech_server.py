"""A speech server that takes its time, as one with a GPU behind a network does: `/v1/audio/speech` of OpenAI.

What it says was spoken before, by an embedded voice, so that it costs this machine no processor while workers wait.
"""

from __future__ import annotations

import io
import json
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from synth.voice import Voice

VOICE_ID = "remote-reader"
CATALOGUE = """
[[voice]]
id = "remote-reader"
name = "Reader behind a network"
language = "en"
engine = "openai_speech"
licence = "Apache-2.0"
purposes = ["editorial"]
real_person = false
voice = "reader"
sample_rate = 24000
"""


@contextmanager
def speech_server(voice: Voice, *, seconds: float) -> Iterator[tuple[str, Callable[[str], None]]]:
    """Serve on loopback; yields the base URL and a function that prepares what will be asked.

    Each answer takes `seconds`; a text that was not prepared is spoken first, under a lock.
    """
    spoken: dict[str, bytes] = {}
    lock = threading.Lock()

    def prepare(text: str) -> None:
        with lock:
            if text not in spoken:
                spoken[text] = _wav(np.asarray(voice.speak(text, seed=1)), voice.sample_rate)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            prepare(asked["input"])
            time.sleep(seconds)
            data = spoken[asked["input"]]
            self.send_response(200)
            self.send_header("Content-Type", "audio/wav")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing: it would stand between the tables."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", prepare
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _wav(samples: np.ndarray, sample_rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
    return file.getvalue()
