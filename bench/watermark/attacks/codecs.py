"""Lossy codecs, really encoded and decoded through FFmpeg (PyAV), with the delay of the codec removed."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
import soxr

from bench.watermark.attack import RATE, Attack, Goal, Samples, Severity, fitted


@dataclass(frozen=True, slots=True)
class Codec:
    """One setting of one encoder; `delay` are samples at 16 kHz that no container takes off (measured)."""

    encoder: str
    container: str
    rate: int  # Hz at which it encodes
    bit_rate: int = 0  # bit/s; 0 where the codec knows only one
    channels: str = "mono"
    options: dict[str, str] = field(default_factory=dict)
    delay: int = 0
    reads: str = ""  # demuxer, where the bytes do not tell

    def encode(self, samples: Samples) -> bytes:
        """Return the file for mono samples at 16 kHz."""
        sound = soxr.resample(samples, RATE, self.rate) if self.rate != RATE else samples
        target = io.BytesIO()
        with av.open(target, "w", format=self.container) as output:
            stream: Any = output.add_stream(self.encoder, rate=self.rate, layout=self.channels, options=self.options)
            if self.bit_rate:
                stream.bit_rate = self.bit_rate
            context = stream.codec_context
            context.thread_count = 1
            context.open()
            frame = av.AudioFrame.from_ndarray(
                np.clip(sound, -1, 1)[None].astype(np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = self.rate, 0
            resampler = av.AudioResampler(context.format, self.channels, self.rate, context.frame_size or 0)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                output.mux(stream.encode(part))
            output.mux(stream.encode(None))
        return target.getvalue()

    def decode(self, data: bytes) -> Samples:
        """Return mono samples at 16 kHz."""
        with av.open(io.BytesIO(data), "r", format=self.reads or None) as source:
            stream = source.streams.audio[0]
            rate = stream.codec_context.sample_rate or self.rate
            resampler = av.AudioResampler("fltp", "mono", rate)
            frames = [part for frame in source.decode(stream) for part in resampler.resample(frame)]
        sound = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)
        return sound if rate == RATE else soxr.resample(sound, rate, RATE)

    def __call__(self, samples: Samples, rng: np.random.Generator) -> Samples:  # noqa: ARG002
        """Encode and decode; returns as many samples as it was given."""
        decoded = self.decode(self.encode(samples))
        aligned = np.pad(decoded, (-self.delay, 0)) if self.delay < 0 else decoded[self.delay :]
        return fitted(aligned, len(samples))


def mp3(kilobits: int) -> Codec:
    """MP3 by LAME, constant bit rate, at the sampling rate that such files usually have."""
    rate = {16: 16_000, 32: 22_050}.get(kilobits, 44_100)
    return Codec("libmp3lame", "mp3", rate, kilobits * 1000)


def aac(kilobits: int) -> Codec:
    """AAC-LC in MP4."""
    return Codec("aac", "mp4", 24_000 if kilobits < 64 else 44_100, kilobits * 1000)


def opus(kilobits: int) -> Codec:
    """Opus in Ogg, tuned for voice below 24 kbit/s as calls are."""
    options = {"application": "voip" if kilobits < 24 else "audio"}
    return Codec("libopus", "ogg", 48_000, kilobits * 1000, options=options)


AMR_NB = Codec("libopencore_amrnb", "amr", 8_000, 12_200, delay=77)
AMR_NB_SLOW = Codec("libopencore_amrnb", "amr", 8_000, 4_750, delay=77)
G722 = Codec("g722", "g722", 16_000, 64_000, reads="g722", delay=22)
G726 = Codec("g726", "wav", 8_000, 32_000)
MU_LAW = Codec("pcm_mulaw", "wav", 8_000)
VORBIS = Codec("vorbis", "ogg", 44_100, 64_000, channels="stereo", options={"strict": "-2"})
AC3 = Codec("ac3", "ac3", 48_000, 96_000, delay=85)
MP2 = Codec("mp2", "mp2", 44_100, 96_000, delay=175)
WMA = Codec("wmav2", "asf", 44_100, 64_000, delay=-743)  # the decoder drops a frame at the start
SBC = Codec("sbc", "sbc", 16_000, 64_000)


def codec_attacks() -> list[Attack]:
    """Return every codec at every rate; files at 32 kbit/s and more and telephone codecs are mild."""
    mild, strong = Severity.MILD, Severity.STRONG
    most, many = Goal.NINETY_NINE, Goal.NINETY
    attacks = [
        Attack(f"mp3-{kilobits}k", "codec", mild if kilobits > 16 else strong, mp3(kilobits), goal)
        for kilobits, goal in ((128, most), (64, most), (32, most), (16, many))
    ]
    attacks += [Attack(f"aac-{kilobits}k", "codec", mild, aac(kilobits), most) for kilobits in (128, 64, 32)]
    attacks += [
        Attack(f"opus-{kilobits}k", "codec", mild if kilobits >= 16 else strong, opus(kilobits), goal)
        for kilobits, goal in ((32, most), (24, most), (16, most), (12, many), (6, Goal.OPEN))
    ]
    return [
        *attacks,
        Attack("vorbis-64k", "codec", mild, VORBIS),
        Attack("amr-nb-12.2k", "codec", strong, AMR_NB, Goal.NINETY),
        Attack("amr-nb-4.75k", "codec", strong, AMR_NB_SLOW),
        Attack("g722", "codec", mild, G722),
        Attack("g726-32k", "codec", mild, G726),
        Attack("mu-law-8khz", "codec", mild, MU_LAW),
        Attack("ac3-96k", "codec", mild, AC3),
        Attack("mp2-96k", "codec", mild, MP2),
        Attack("wma-64k", "codec", mild, WMA),
        Attack("three-platforms", "codec", mild, _three_platforms),
    ]


def _three_platforms(samples: Samples, rng: np.random.Generator) -> Samples:
    """MP3, AAC and Opus at 64, 64 and 32 kbit/s one after the other, as an episode travels between platforms."""
    for codec in (mp3(64), aac(64), opus(32)):
        samples = codec(samples, rng)
    return samples
