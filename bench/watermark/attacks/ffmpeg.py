"""A chain of FFmpeg's audio filters as an attack (through PyAV)."""

from __future__ import annotations

import av
import numpy as np

from bench.watermark.attack import RATE, Samples

BLOCK = 4_096  # samples handed to the chain at a time


def filtered(
    samples: Samples,
    rng: np.random.Generator,  # noqa: ARG001
    *,
    graph: tuple[tuple[str, str], ...],
    delay: float = 0.0,
) -> Samples:
    """Run mono samples at 16 kHz through filters given as (name, arguments); `delay` seconds are cut off the start."""
    chain = av.filter.Graph()
    source = chain.add_abuffer(sample_rate=RATE, format="flt", layout="mono", time_base=f"1/{RATE}")
    last = source
    for name, arguments in (*graph, ("aformat", f"sample_fmts=flt:sample_rates={RATE}:channel_layouts=mono")):
        current = chain.add(name, arguments)
        last.link_to(current)
        last = current
    sink = chain.add("abuffersink")
    last.link_to(sink)
    chain.configure()
    parts: list[Samples] = []

    def drain() -> None:
        while True:
            try:
                parts.append(sink.pull().to_ndarray().reshape(-1))
            except (av.BlockingIOError, av.EOFError):
                return

    for start in range(0, len(samples), BLOCK):
        piece = np.ascontiguousarray(samples[start : start + BLOCK][None], dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(piece, format="flt", layout="mono")
        frame.sample_rate, frame.pts = RATE, start
        source.push(frame)
        drain()
    source.push(None)
    drain()
    return np.concatenate(parts)[round(delay * RATE) :].astype(np.float32)
