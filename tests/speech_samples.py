"""Real speech for tests of sound: two readings by the packaged voice, and trips through lossy codecs."""

from __future__ import annotations

import io
from functools import cache

import av
import numpy as np
from hibari import Hibari

from synth.audio import Samples

SAMPLE_RATE = 24_000  # Hz, of everything that `reading` returns

_READINGS = {
    "news": (
        "The committee met on Tuesday to discuss the new rail timetable, which will add four trains an hour from "
        "March. Commuters in the northern suburbs had asked for a later last service, and the operator says that "
        "it will try one until the summer. Ticket prices are not expected to change. Work on the second platform "
        "begins in April, and the old footbridge will stay open until the lifts have been tested. Anyone who "
        "wishes to comment on the plan can do so at the town hall, where the drawings are on show until the end of "
        "the month."
    ),
    "story": (
        "In the old harbour the boats lay side by side, their ropes creaking as the tide turned. Anna walked along the "
        "quay with her collar raised, counting the lamps. At the seventh she stopped, because somebody had written her "
        "name in the dust on the glass, and nobody in this town was supposed to know it. She wiped the pane with her "
        "sleeve and looked inside. On the table stood two cups, still warm, and between them lay a folded map of the "
        "coast with one small island drawn in by hand."
    ),
}


@cache
def reading(name: str) -> Samples:
    """Return about half a minute of speech, "news" or "story", at 24 kHz; the array is read-only."""
    samples = np.asarray(Hibari()(_READINGS[name], seed=7), dtype=np.float32)
    samples.flags.writeable = False
    return samples


def recoded(samples: Samples, sample_rate: int, *, codec: str, bit_rate: int) -> Samples:
    """Return `samples` after encoding with "libmp3lame" or "aac" at `bit_rate` bits per second and decoding."""
    file = io.BytesIO()
    with av.open(file, "w", format={"libmp3lame": "mp3", "aac": "adts"}[codec]) as container:
        stream = container.add_stream(codec, rate=sample_rate, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = sample_rate
        frame.pts = 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    file.seek(0)
    with av.open(file) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)]).astype(np.float32)
