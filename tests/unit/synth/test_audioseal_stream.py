"""Marking a programme piece by piece gives what marking it at once gives, and what the models themselves give."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import soxr
import torch

from synth.adapters.audioseal import AudioSealMark
from synth.adapters.audioseal_stream import MarkStream
from synth.audio import Samples
from synth.errors import AudioError, MarkUnavailableError
from synth.watermark import Payload

SECONDS = 4


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def mark() -> AudioSealMark:
    return AudioSealMark()


def sound_at(rate: int) -> Samples:
    """Bursts of coloured noise with pauses between them."""
    rng = np.random.default_rng(3)
    noise = np.cumsum(rng.standard_normal(SECONDS * 16_000))
    noise -= np.convolve(noise, np.ones(200) / 200, "same")
    noise *= (np.sin(2 * np.pi * 1.3 * np.arange(noise.size) / 16_000) > -0.3) * (0.1 / noise.std())
    return np.clip(soxr.resample(noise, 16_000, rate), -0.7, 0.7).astype(np.float32)


def in_pieces(stream: MarkStream, sound: Samples, size: int | None) -> list[Samples]:
    """Push `sound` in pieces of `size`, or of random sizes down to none, and finish."""
    rng = np.random.default_rng(5)
    out, start = [], 0
    while start < len(sound):
        count = size or int(rng.integers(0, 3_000))
        out.append(stream.push(sound[start : start + count]))
        start += count
    return [*out, stream.finish()]


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("size", [None, 313, 4_096])
def test_a_stream_equals_the_whole_for_any_rate_and_size_of_piece(mark: AudioSealMark, rate: int, size: int) -> None:
    sound, payload = sound_at(rate), Payload("stream")
    whole = mark.embed(sound, rate, payload)
    streamed = np.concatenate(in_pieces(mark.stream(rate, payload), sound, size))
    assert streamed.shape == sound.shape
    assert float(np.abs(streamed - whole).max()) < 1e-5
    assert float(np.abs(whole - sound).max()) > 0.003  # there is something to compare


def test_single_samples_make_the_same_stream(mark: AudioSealMark) -> None:
    sound, payload = sound_at(16_000)[:4_000], Payload("stream")
    streamed = np.concatenate(in_pieces(mark.stream(16_000, payload), sound, 1))
    assert float(np.abs(streamed - mark.embed(sound, 16_000, payload)).max()) < 1e-5


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000])
def test_a_stream_equals_the_forward_pass_of_the_models(mark: AudioSealMark, rate: int) -> None:
    sound, payload = sound_at(rate), Payload("stream")
    streamed = np.concatenate(in_pieces(mark.stream(rate, payload), sound, None))
    expected = sound + mark._mark(sound, rate, torch.tensor([mark._bits(payload)]))
    assert float(np.abs(streamed - expected).max()) < 1e-4


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
def test_output_lags_by_no_more_than_the_stated_latency(mark: AudioSealMark, rate: int) -> None:
    stream, sound, size = mark.stream(rate, Payload("late")), sound_at(rate), 160
    came, most = 0, 0
    for start in range(0, len(sound), size):
        came += len(stream.push(sound[start : start + size]))
        most = max(most, start + size - came)
    assert most / rate <= stream.latency + size / rate
    assert most / rate > 0.03  # the look-ahead is real


def test_two_streams_do_not_share_state(mark: AudioSealMark) -> None:
    sound = sound_at(16_000)
    first, second = mark.stream(16_000, Payload("a")), mark.stream(16_000, Payload("b"))
    mixed: tuple[list[Samples], list[Samples]] = ([], [])
    for start in range(0, len(sound), 1_000):
        for out, stream in zip(mixed, (first, second), strict=True):
            out.append(stream.push(sound[start : start + 1_000]))
    for out, stream, name in zip(mixed, (first, second), ("a", "b"), strict=True):
        whole = mark.embed(sound, 16_000, Payload(name))
        assert float(np.abs(np.concatenate([*out, stream.finish()]) - whole).max()) < 1e-5


def test_a_bad_piece_is_refused_and_the_stream_goes_on(mark: AudioSealMark) -> None:
    sound, stream = sound_at(16_000), mark.stream(16_000, Payload("bad"))
    out = [stream.push(sound[:8_000])]
    with pytest.raises(AudioError, match="NaN"):
        stream.push(np.full(100, np.nan, np.float32))
    out += [stream.push(sound[8_000:]), stream.finish()]
    assert float(np.abs(np.concatenate(out) - mark.embed(sound, 16_000, Payload("bad"))).max()) < 1e-5


@pytest.mark.parametrize("length", [0, 1, 1_599])
def test_a_stream_too_short_for_a_mark_comes_back_as_it_was(mark: AudioSealMark, length: int) -> None:
    sound, stream = sound_at(16_000)[:length], mark.stream(16_000, Payload("short"))
    assert np.array_equal(np.concatenate([stream.push(sound), stream.finish()]), sound)


def test_a_finished_stream_takes_no_more(mark: AudioSealMark) -> None:
    stream = mark.stream(16_000, Payload("done"))
    stream.finish()
    assert len(stream.finish()) == 0
    with pytest.raises(MarkUnavailableError, match="finished"):
        stream.push(np.zeros(10, np.float32))
