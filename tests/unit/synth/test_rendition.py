"""Every format at every loudness, measured on the decoded file by two meters that nobody here wrote."""

from __future__ import annotations

import io
from functools import cache

import av
import numpy as np
import pyloudnorm
import pytest
import soxr
from av.filter import Graph

from synth.audio import MarkedSpeech, Speech
from synth.decode import decode
from synth.encode import MEDIA_TYPES, MPEG, OGG, encode
from synth.errors import AudioError
from synth.loudness import measure_loudness, measure_true_peak
from synth.master import PRESETS, master
from synth.readback import CEILING_DBTP
from synth.rendition import MARKED_CEILING_DBTP, encode_on_target
from tests.speech_samples import SAMPLE_RATE, reading

RATE = 44_100
PEAK_LIMIT_DBTP = -1.0  # what is promised; the read-back is stricter


@cache
def speech(target: float) -> MarkedSpeech:
    """Twelve seconds of a voice, mastered."""
    samples = soxr.resample(reading("news")[: 12 * SAMPLE_RATE], SAMPLE_RATE, RATE)
    samples = master(Speech(samples, RATE), target_lufs=target, ceiling_dbtp=MARKED_CEILING_DBTP).samples
    return MarkedSpeech(samples, RATE, (), (), "ep_1", (("keyed", "1"),))


def heard_by_ffmpeg(data: bytes) -> tuple[float, float]:
    """Return integrated loudness and true peak in dBTP, as FFmpeg's ebur128 filter measures a decoded file."""
    graph = Graph()
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.audio[0]
        source = graph.add_abuffer(template=stream)
        meter = graph.add("ebur128", "peak=true:metadata=1")
        sink = graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        graph.configure()
        loudness, peak = -99.0, 0.0
        for frame in [*container.decode(stream), None]:
            graph.push(frame)
            while True:
                try:
                    measured = graph.pull()
                except (BlockingIOError, EOFError):
                    break
                values = measured.metadata  # empty for what is left over at the end
                loudness = float(values.get("lavfi.r128.I", loudness))
                peak = max(peak, float(values.get("lavfi.r128.true_peaks_ch0", 0.0)))
    return loudness, 20.0 * float(np.log10(peak))


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_outside_meters_agree_with_the_promise(media_type: str, preset: str) -> None:
    target = PRESETS[preset]
    data = encode_on_target(speech(target), media_type, target_lufs=target)
    sound = decode(data)
    assert pyloudnorm.Meter(sound.sample_rate).integrated_loudness(sound.samples) == pytest.approx(target, abs=0.5)
    loudness, peak = heard_by_ffmpeg(data)
    assert loudness == pytest.approx(target, abs=0.5)
    assert peak <= PEAK_LIMIT_DBTP


def test_sound_that_the_codec_pushes_over_the_ceiling_stays_as_loud() -> None:
    """Turned down as a whole until the peaks fit, a programme once missed its loudness."""
    dense = speech(-13.0)
    first = decode(encode(dense, OGG))
    assert measure_true_peak(first.samples, first.sample_rate) > PEAK_LIMIT_DBTP
    sound = decode(encode_on_target(dense, OGG, target_lufs=-13.0))
    assert measure_true_peak(sound.samples, sound.sample_rate) <= CEILING_DBTP
    assert measure_loudness(sound.samples, sound.sample_rate) == pytest.approx(-13.0, abs=0.2)


def test_sound_that_cannot_have_both_is_refused() -> None:
    clicks = np.zeros(2 * RATE, np.float32)
    clicks[::4000] = 1.0
    with pytest.raises(AudioError, match="clicks"):
        encode_on_target(MarkedSpeech(clicks, RATE, (), (), "ep_1", (("keyed", "1"),)), MPEG, target_lufs=-8.0)
