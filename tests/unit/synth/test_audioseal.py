"""The AudioSeal layer with its real weights, on real speech and through a real codec."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soxr
import torch

from synth.adapters import audioseal as layer
from synth.adapters.audioseal import BUNDLED_WEIGHTS, AudioSealMark
from synth.audio import Samples
from synth.errors import AudioError, MarkUnavailableError
from synth.watermark import Payload, Presence, reads_back

RATE = 44_100
TEXT = (
    "The harbour office opens at seven and closes when the last boat is in. "
    "Nobody expected the bakery to win, but the judges liked the rye. "
    "Please leave the key with the neighbour on the second floor."
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def mark() -> AudioSealMark:
    return AudioSealMark()


@pytest.fixture(scope="module")
def speech() -> Samples:
    from hibari import Hibari

    engine = Hibari()
    spoken = np.concatenate([engine(TEXT, seed=1), engine(TEXT, speed=0.9, seed=2)])
    sound = soxr.resample(spoken, 24_000, RATE).astype(np.float32)
    return (sound * (0.1 / np.sqrt(np.mean(sound**2)))).clip(-0.85, 0.85)


def mp3(samples: Samples, kilobits: int) -> Samples:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as output:
        stream: Any = output.add_stream("libmp3lame", rate=RATE, layout="mono")
        stream.bit_rate = kilobits * 1000
        for start in range(0, len(samples), 1152):
            piece = np.ascontiguousarray(samples[None, start : start + 1152])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as source:
        return np.concatenate([frame.to_ndarray()[0] for frame in source.decode(audio=0)])


@pytest.mark.parametrize("episode", ["ep-1", "ep-2", "ep-3", "ep-4"])
def test_message_reads_back_from_five_seconds_of_clean_speech(
    mark: AudioSealMark, speech: Samples, episode: str
) -> None:
    payload = Payload(episode)
    marked = mark.embed(speech[: 5 * RATE], RATE, payload)
    detection = mark.detect(marked, RATE, [])
    assert detection.presence is Presence.DETECTED
    assert detection.message == payload.message(16)
    assert detection.message_bits == 16
    assert detection.episode_id is None


def test_message_reads_back_from_an_mp3_and_from_its_re_encoding(mark: AudioSealMark, speech: Samples) -> None:
    payload = Payload("published")
    published = mp3(mark.embed(speech, RATE, payload), 128)
    assert reads_back(mark.detect(published, RATE, []), payload)
    assert reads_back(mark.detect(mp3(published, 64), RATE, []), payload)


def test_unmarked_speech_noise_and_silence_are_not_detected(mark: AudioSealMark, speech: Samples) -> None:
    noise = (0.1 * np.random.default_rng(3).standard_normal(10 * RATE)).astype(np.float32)
    assert mark.detect(speech, RATE, []).presence is Presence.NOT_DETECTED
    assert mark.detect(noise, RATE, []).presence is Presence.NOT_DETECTED
    assert mark.detect(np.zeros(10 * RATE, np.float32), RATE, []).presence is Presence.INCONCLUSIVE


def test_mark_follows_the_sound_into_pauses(mark: AudioSealMark, speech: Samples) -> None:
    added = mark.embed(speech, RATE, Payload("quiet")) - speech
    ratio = 10 * np.log10(np.sum(speech**2) / np.sum(added**2))
    assert ratio > 18.0
    frames = len(speech) // 882
    sound, noise = (np.sqrt(np.mean(x[: frames * 882].reshape(frames, 882) ** 2, axis=1)) for x in (speech, added))
    # In every 20 ms the mark is 10 dB below the loudest of the sound within 20 ms.
    near = np.maximum(np.maximum(sound, np.roll(sound, 1)), np.roll(sound, -1))
    assert bool((noise <= 0.32 * near + 1e-5).all())


def test_silence_stays_silent_and_a_word_rings_out_within_sixty_milliseconds(
    mark: AudioSealMark, speech: Samples
) -> None:
    silence = np.zeros(RATE, np.float32)
    assert np.array_equal(mark.embed(silence, RATE, Payload("quiet")), silence)
    word = np.concatenate([silence, speech[RATE : 2 * RATE], silence])
    added = mark.embed(word, RATE, Payload("quiet")) - word
    ring = int(0.06 * RATE)
    assert not added[: RATE - ring].any() or float(np.abs(added[: RATE - ring]).max()) < 1e-6
    assert float(np.abs(added[2 * RATE + ring :]).max()) < 1e-6


def test_other_sample_rates_keep_their_length_and_what_is_above_eight_kilohertz(mark: AudioSealMark) -> None:
    time = np.arange(3 * 48_000) / 48_000
    whistle = (0.2 * np.sin(2 * np.pi * 12_000 * time)).astype(np.float32)
    marked = mark.embed(whistle, 48_000, Payload("high"))
    assert marked.shape == whistle.shape
    assert float(np.abs(marked - whistle).max()) < 1e-3


def test_audio_at_eight_kilohertz_is_marked_and_read(mark: AudioSealMark, speech: Samples) -> None:
    payload = Payload("telephone")
    narrow = soxr.resample(speech, RATE, 8_000).astype(np.float32)
    assert reads_back(mark.detect(mark.embed(narrow, 8_000, payload), 8_000, []), payload)


def test_clipped_audio_stays_within_full_scale_and_reads_back(mark: AudioSealMark, speech: Samples) -> None:
    loud = np.clip(speech * 8, -1, 1)
    marked = mark.embed(loud, RATE, Payload("loud"))
    assert float(np.abs(marked).max()) <= 1.0
    assert reads_back(mark.detect(marked, RATE, []), Payload("loud"))


def test_spans_name_the_part_that_carries_the_mark(mark: AudioSealMark, speech: Samples) -> None:
    length = 10 * RATE
    marked = mark.embed(speech[:length], RATE, Payload("half"))
    mixed = np.concatenate([speech[:length], marked, speech[:length]])
    detection = mark.detect(mixed, RATE, [])
    assert reads_back(detection, Payload("half"))
    ((start, end),) = detection.spans
    assert abs(start - 10) < 4
    assert abs(end - 20) < 4


def test_blocks_join_without_a_seam(mark: AudioSealMark, speech: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    payload = Payload("long")
    whole = mark.embed(speech, RATE, payload)
    for seconds in (3, 4):
        monkeypatch.setattr(layer, "EMBED_SECONDS", seconds)
        assert float(np.abs(mark.embed(speech, RATE, payload) - whole).max()) < 1e-5


def test_reading_in_blocks_finds_the_same(
    mark: AudioSealMark, speech: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = np.tile(mark.embed(speech, RATE, Payload("long")), 2)
    whole = mark.detect(marked, RATE, [])
    monkeypatch.setattr(layer, "BLOCK_SECONDS", 10)
    assert mark.detect(marked, RATE, []).spans == whole.spans
    assert reads_back(mark.detect(marked, RATE, []), Payload("long"))


def test_frame_logits_equal_the_mean_of_the_detector(mark: AudioSealMark) -> None:
    windows = torch.from_numpy(np.random.default_rng(4).standard_normal((2, 1, 16_000), np.float32))
    with torch.inference_mode():
        expected = mark._weights.detector.detector(windows).reshape(2, 18, 50, 320).mean(-1)
        assert torch.allclose(mark.frame_logits(windows), expected, atol=1e-3)


def test_same_input_gives_the_same_output_from_several_threads(mark: AudioSealMark, speech: Samples) -> None:
    sound, payload = speech[: 3 * RATE], Payload("threads")
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: mark.embed(sound, RATE, payload), range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("length", [0, 1, 441, 4409])
def test_audio_too_short_for_a_mark_is_returned_as_it_is(mark: AudioSealMark, speech: Samples, length: int) -> None:
    sound = speech[RATE : RATE + length]
    assert np.array_equal(mark.embed(sound, RATE, Payload("short")), sound)
    assert mark.detect(sound, RATE, []).presence is Presence.INCONCLUSIVE


def test_samples_that_are_not_finite_are_an_error(mark: AudioSealMark, speech: Samples) -> None:
    broken = speech[:RATE].copy()
    broken[100] = np.nan
    with pytest.raises(AudioError, match="NaN"):
        mark.embed(broken, RATE, Payload("broken"))
    with pytest.raises(AudioError, match="NaN"):
        mark.detect(broken, RATE, [])


def test_altered_missing_or_foreign_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MarkUnavailableError, match=r"card\.toml"):
        AudioSealMark(weights=tmp_path)
    copy = tmp_path / "weights"
    shutil.copytree(BUNDLED_WEIGHTS, copy)
    data = bytearray((copy / "detector.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "detector.safetensors").write_bytes(data)
    with pytest.raises(MarkUnavailableError, match="SHA-256"):
        AudioSealMark(weights=copy)
    (copy / "detector.safetensors").unlink()
    with pytest.raises(MarkUnavailableError, match="cannot be read"):
        AudioSealMark(weights=copy)
    card = (BUNDLED_WEIGHTS / "card.toml").read_text(encoding="utf-8")
    shutil.copy(BUNDLED_WEIGHTS / "detector.safetensors", copy)
    (copy / "card.toml").write_text(card.replace("n_filters = 8", "n_filters = 4"), encoding="utf-8")
    with pytest.raises(MarkUnavailableError, match="do not match"):
        AudioSealMark(weights=copy)


def test_version_names_the_weights(mark: AudioSealMark) -> None:
    assert mark.name == "audioseal"
    assert len(mark.version.split("+")[1]) == 16
