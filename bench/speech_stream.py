"""`make bench-stream`: what a listener waits for, and how fast the rest comes, with the real policy, voices and marks.

In one process, without HTTP, each call with another text (a repeated one would be remembered by the screening):

- screen: from the text to the committed clearance;
- first byte: from there to marked, encoded sound whose entry in the log is committed;
- all: the rest of the stream, as fast as it is taken; and the marks read back from what a listener would have;
- file: the same length as one signed file, read back.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.conditions import conditions
from gateway.cli.embedded import EmbeddedGate, embedded_gate
from gateway.settings import load_settings
from gateway.streaming.clearance import Clearance, Delivery, clear
from gateway.streaming.speechfile import PCM, speak_file
from gateway.streaming.speechstream import SpeechStream
from synth.audio import Samples
from synth.decode import decode
from synth.narration import STREAM_RATE
from synth.watermark import Payload, reads_back

PLACES = ("harbour", "station", "library", "market", "theatre", "garden", "museum", "bridge", "square", "tower")
FORMATS = (PCM, "audio/wav", "audio/mpeg", "audio/ogg", "audio/mp4", "audio/flac")


def a_text(number: int) -> str:
    """Return about half a minute of harmless news, another for every number."""
    place, other = PLACES[number % 10], PLACES[(number // 10 + number + 1) % 10]
    return (
        f"Good morning from the {place}, where the sun came out at {number + 1} minutes past seven. "
        f"The old lift beside the {other} is being repaired, and the work will take until Friday. "
        f"Trams between the {place} and the {other} run every ten minutes. "
        "A choir from the north of the country sings tonight, and the doors open at half past six. "
        "Tomorrow will be a little cooler, with some wind in the afternoon. "
        f"Bring a coat if you walk to the {other} after dark."
    )


def one_stream(gate: EmbeddedGate, cleared: Clearance) -> tuple[float, float, float, bytes]:
    """Take one stream to its end; returns seconds to the first byte, to the last, of sound, and the bytes."""
    began = time.perf_counter()
    stream = SpeechStream(gate.toolchain, cleared)
    stream.begin()
    parts = [stream.piece() or b""]
    first = time.perf_counter() - began
    while (data := stream.piece()) is not None:
        parts.append(data)
    last = time.perf_counter() - began
    stream.close()
    return first, last, stream.seconds, b"".join(parts)


def heard(data: bytes, media_type: str) -> tuple[Samples, int]:
    """Return the sound and its rate as a listener would have them."""
    if media_type == PCM:
        return (np.frombuffer(data, dtype="<i2") / np.float32(32768)).astype(np.float32), STREAM_RATE
    sound = decode(data)
    return sound.samples, sound.sample_rate


def main() -> None:
    """Run the benchmark and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="streams per format")
    parser.add_argument("--torch-threads", type=int, default=1, help="ASSAY_TORCH_THREADS of this run")
    arguments = parser.parse_args()
    runs, threads = arguments.runs, arguments.torch_threads
    number = 0
    with (
        tempfile.TemporaryDirectory() as home,
        embedded_gate(load_settings(home=Path(home), torch_threads=threads)) as gate,
    ):

        def cleared(media_type: str, delivery: Delivery) -> tuple[Clearance, float]:
            nonlocal number
            number += 1
            began = time.perf_counter()
            clearance = clear(
                gate.toolchain,
                a_text(number),
                voice_id="hibari-heart",
                caller=gate.caller,
                delivery=delivery,
                media_type=media_type,
            )
            return clearance, time.perf_counter() - began

        one_stream(gate, cleared(PCM, Delivery.STREAM)[0])  # warm-up: the first call loads what is loaded lazily
        print(f"Conditions: {conditions('torch', 'hibari-tts', 'av')};")
        print(f"torch threads {threads}; texts of six sentences, {runs} per row; seconds, medians (highest).\n")
        print("| what | screen | first byte | all | sound | × real time | marks read back |")
        print("|---|---|---|---|---|---|---|")
        for media_type in FORMATS:
            rows, found = [], 0
            for _ in range(runs):
                clearance, screened = cleared(media_type, Delivery.STREAM)
                first, last, seconds, data = one_stream(gate, clearance)
                rows.append((screened, first, last, seconds, seconds / last))
                samples, rate = heard(data, media_type)
                payload = Payload(clearance.episode_id)
                found += sum(
                    reads_back(mark.detect(samples, rate, [payload]), payload) for mark in gate.toolchain.marks
                )
            print(_row(f"stream `{media_type}`", rows, f"{found} of {runs * len(gate.toolchain.marks)}"))
        rows = []
        for _ in range(runs):
            clearance, screened = cleared("audio/mpeg", Delivery.FILE)
            began = time.perf_counter()
            spoken = speak_file(gate.toolchain, clearance)
            took = time.perf_counter() - began
            rows.append((screened, took, took, spoken.duration, spoken.duration / took))
        print(_row("file `audio/mpeg`", rows, "all, or it would not have left"))


def _row(name: str, rows: list[tuple[float, ...]], found: str) -> str:
    columns = list(zip(*rows, strict=True))
    shown = [f"{statistics.median(column):.2f} ({max(column):.2f})" for column in columns[:3]]
    shown += [f"{statistics.median(column):.1f}" for column in columns[3:]]
    return f"| {name} | {' | '.join(shown)} | {found} |"


if __name__ == "__main__":
    main()
