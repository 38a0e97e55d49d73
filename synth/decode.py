"""Reads audio files of unknown origin: our own results, and whatever somebody uploads to have it checked.

What a file is, its bytes say, never its name or the type a client claims. Only the demuxer of that type and only
decoders of an allow-list run, from memory or an open file, without any protocol. Samples are mixed down and resampled
block by block, and every limit is enforced while decoding, whatever the headers claim. What this does not do: isolate a
fault in a decoder's native code from this process.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
from av.stream import Disposition

from synth.audio import Samples
from synth.collect import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, Collector, DecodeLimits
from synth.containers import RF64, sniff
from synth.errors import AudioError
from synth.mpeg import mp3_frame_bytes
from synth.truncation import refuse_truncated

__all__ = ["DecodeLimits", "Decoded", "decode"]

MAX_DAMAGED = 0.05  # of all packets; changed bytes must not stop a check, a file of noise must
_WAV_PACKET_BYTES = 1 << 16  # instead of 4 KiB, which costs more in calls than in work
_HEAD_BYTES = 1 << 17  # read to tell what a file is

_FORMATS = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/flac": "flac",
    "audio/mp4": "mov",
    "audio/ogg": "ogg",
}
_COMPRESSED = ("mp3", "mp3float", "flac", "aac", "alac", "opus", "libopus", "vorbis", "libvorbis")
_PCM = ("u8", "s16le", "s24le", "s32le", "f32le", "f64le", "alaw", "mulaw")
_CODECS = frozenset([*_COMPRESSED, *(f"pcm_{kind}" for kind in _PCM)])


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded file."""

    samples: Samples  # shape (T,), mono
    sample_rate: int  # Hz of `samples`
    media_type: str  # by the bytes
    channels: int  # in the file
    source_sample_rate: int  # Hz in the file
    damaged_packets: int  # that could not be decoded; missing or silent in `samples`

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


def decode(data: bytes | Path, *, limits: DecodeLimits | None = None, target_rate: int | None = None) -> Decoded:
    """Decode a WAV, MP3, FLAC, MP4/M4A or Ogg (Opus, Vorbis, FLAC) file to mono float32.

    With `target_rate` the samples are resampled on the way: three hours at 16 kHz take 691 MB, whatever the file holds.
    Raises `AudioError` that says what is wrong: not audio, truncated, empty, too long, too large, video, damaged.
    """
    bounds = DecodeLimits() if limits is None else limits
    if target_rate is not None and not MIN_SAMPLE_RATE <= target_rate <= MAX_SAMPLE_RATE:
        raise AudioError(f"cannot resample to {target_rate} Hz; choose {MIN_SAMPLE_RATE}..{MAX_SAMPLE_RATE}")
    with _opened(data) as file:
        size = file.seek(0, io.SEEK_END)
        media_type = _media_type(file, size, bounds)
        refuse_truncated(file, size, media_type)
        file.seek(0)
        try:
            return _decode(file, size, media_type, bounds, target_rate)
        except (av.FFmpegError, ValueError, EOFError) as error:
            raise AudioError(f"this {media_type} file cannot be decoded: {error}") from error


@contextmanager
def _opened(data: bytes | Path) -> Iterator[BinaryIO]:
    if isinstance(data, bytes):
        yield io.BytesIO(data)
        return
    try:
        if not data.is_file():
            raise AudioError(f"'{data.name}' is not a file")
        with data.open("rb") as file:
            yield file
    except OSError as error:
        raise AudioError(f"'{data.name}' cannot be read: {error.strerror}") from error


def _media_type(file: BinaryIO, size: int, limits: DecodeLimits) -> str:
    if size == 0:
        raise AudioError("the file is empty")
    if size > limits.max_encoded_bytes:
        raise AudioError(f"the file has {size} bytes, more than {limits.max_encoded_bytes} are read")
    file.seek(0)
    container = sniff(file.read(_HEAD_BYTES))
    if container is None or container.media_type not in _FORMATS or container is RF64:
        raise AudioError("this is not an audio file that is read here; send WAV, MP3, FLAC, MP4/M4A or Ogg")
    return container.media_type


def _decode(file: BinaryIO, size: int, media_type: str, limits: DecodeLimits, target_rate: int | None) -> Decoded:
    options = {"codec_whitelist": ",".join(sorted(_CODECS)), "protocol_whitelist": "none"}
    if media_type == "audio/wav":
        options["max_size"] = str(_WAV_PACKET_BYTES)
    with av.open(
        file, "r", format=_FORMATS[media_type], container_options=options, metadata_errors="replace"
    ) as container:
        stream = _only_audio(container)
        declared = _declared_seconds(stream)
        if declared is not None and declared > limits.max_seconds:
            raise AudioError(f"the file declares {declared / 60:.0f} minutes; {limits.max_seconds / 60:.0f} are read")
        collector = Collector(limits, size, target_rate)
        last = b""
        damaged = 0
        packets = 0
        for packet in container.demux(stream):
            packets += packet.size > 0
            if packet.size and media_type == "audio/mpeg":
                last = bytes(packet)
            try:
                frames = packet.decode()
            except av.FFmpegError:
                # Safe to ignore because it is counted: a check must go on where a few bytes were changed.
                damaged += 1
                continue
            for frame in frames:
                collector.add(frame)
    seconds = collector.seconds
    samples = collector.finish()
    if seconds == 0.0:
        raise AudioError(f"this {media_type} file holds no audio that can be decoded")
    damaged += collector.damaged
    if damaged > max(1, MAX_DAMAGED * packets):
        raise AudioError(f"{damaged} of {packets} packets of this {media_type} file cannot be decoded; it is damaged")
    if (mp3_frame_bytes(last[:4]) or 0) > len(last):
        raise AudioError("the MP3 file is truncated inside its last frame")
    if media_type == "audio/flac" and declared is not None and seconds < declared - 0.01:
        raise AudioError(f"the FLAC file is truncated: {seconds:.1f} of {declared:.1f} seconds are there")
    return Decoded(
        samples=samples,
        sample_rate=collector.sample_rate,
        media_type=media_type,
        channels=collector.channels,
        source_sample_rate=collector.source_sample_rate,
        damaged_packets=damaged,
    )


def _only_audio(container: av.container.InputContainer) -> av.AudioStream:
    """Return the one audio stream; pictures of a cover are allowed beside it, films are not."""
    if any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video):
        raise AudioError("this is a video file; send its sound alone")
    streams = container.streams.audio
    if len(streams) != 1:
        raise AudioError(f"the file holds {len(streams)} audio streams; send a file with exactly one")
    stream = streams[0]
    if stream.codec_context is None or stream.codec_context.name not in _CODECS:
        name = "unknown" if stream.codec_context is None else stream.codec_context.name
        raise AudioError(f"the codec '{name}' is not decoded here; send PCM, MP3, FLAC, AAC, ALAC, Opus or Vorbis")
    stream.codec_context.thread_count = 1
    return stream


def _declared_seconds(stream: av.AudioStream) -> float | None:
    if stream.duration is None or stream.time_base is None:
        return None
    return float(stream.duration * stream.time_base)
