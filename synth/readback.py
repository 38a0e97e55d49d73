"""Reads a finished clip back from its final bytes, as a stranger would, before anybody may have it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from synth.audio import SignedClip
from synth.containers import sniff
from synth.credentials import ClipFacts, CredentialsReader, CredentialsReport, CredentialsState
from synth.decode import Decoded, decode
from synth.errors import AudioError, ReadBackError
from synth.loudness import measure_loudness, measure_true_peak
from synth.master import TARGET_LUFS
from synth.pictures import small
from synth.tags import Tags, read_tags
from synth.watermark import Payload, Watermark, reads_back

LOUDNESS_TOLERANCE = 0.5  # LU; EBU R 128 grants as much to programmes that are not live
CEILING_DBTP = -1.5  # true peak, ITU-R BS.1770; leaves room for the decoders of players
READABLE_SECONDS = 8.0  # three blocks of the keyed mark; from here on no mark may fail to read back
DURATION_TOLERANCE = 0.05  # seconds; more than one MP3 frame (48 ms at 24 kHz) means lost or added sound


@dataclass(frozen=True, slots=True)
class Expected:
    """What the clip must turn out to be."""

    media_type: str
    facts: ClipFacts
    tags: Tags
    target_lufs: float = TARGET_LUFS
    may_be_short: bool = False  # then marks are read only where there is enough sound for that


def read_back(
    data: bytes, store: bytes, *, expected: Expected, marks: Sequence[Watermark], credentials: CredentialsReader
) -> SignedClip:
    """Return the clip, or raise `ReadBackError` that names the first thing that is not as it was written.

    1. The bytes decode as the declared type.
    2. Nothing was cut off or added.
    3. Loudness and true peak are on target.
    4. The tags name the episode.
    5. Every mark says this episode, and not just any.
    6. The credentials are trusted, name this episode, and bind exactly these marks.
    """
    # 1.
    sound = _decoded(data, expected)
    # 2.
    duration = len(sound.samples) / sound.sample_rate
    if abs(duration - expected.facts.duration) > DURATION_TOLERANCE:
        raise ReadBackError(
            f"the {expected.media_type} lasts {duration:.3f} s instead of {expected.facts.duration:.3f} s"
        )
    # 3.
    loudness = measure_loudness(sound.samples, sound.sample_rate)
    if not abs(loudness - expected.target_lufs) <= LOUDNESS_TOLERANCE:
        raise ReadBackError(
            f"the {expected.media_type} has {loudness:.1f} LUFS, not {expected.target_lufs} ± {LOUDNESS_TOLERANCE}; "
            "is there anything to hear?"
        )
    true_peak = measure_true_peak(sound.samples, sound.sample_rate)
    if not true_peak <= CEILING_DBTP:
        raise ReadBackError(f"the {expected.media_type} peaks at {true_peak:.2f} dBTP, over {CEILING_DBTP}")
    # 4.
    _require_tags(data, expected)
    # 5.
    for mark in marks if is_readable(duration) or not expected.may_be_short else ():
        _require_mark(sound, mark, expected)
    # 6.
    # A store that can be embedded must be in the bytes themselves; only the others are read from beside the file.
    container = sniff(data)
    embedded = container is not None and container.embeds
    report = credentials.read(data, expected.media_type, manifest_store=None if embedded else store)
    _require_credentials(report, expected)
    return SignedClip(
        data=data,
        media_type=expected.media_type,
        sha256=hashlib.sha256(data).hexdigest(),
        duration=duration,
        loudness=loudness,
        true_peak=true_peak,
        episode_id=expected.facts.episode_id,
        manifest_label=report.label or "",
        manifest_store=store,
        marks=tuple((mark.name, mark.version) for mark in marks),
    )


def is_readable(duration: float) -> bool:
    """Say whether a sound of so many seconds is long enough that every mark must read back."""
    return duration >= READABLE_SECONDS


def _decoded(data: bytes, expected: Expected) -> Decoded:
    try:
        sound = decode(data)
    except AudioError as error:
        raise ReadBackError(f"the {expected.media_type} does not decode: {error}") from error
    if sound.media_type != expected.media_type:
        raise ReadBackError(f"the {expected.media_type} decodes as {sound.media_type}")
    if sound.damaged_packets:
        raise ReadBackError(f"{sound.damaged_packets} packets of the {expected.media_type} do not decode")
    return sound


def _require_tags(data: bytes, expected: Expected) -> None:
    try:
        found = read_tags(data, expected.media_type)
    except AudioError as error:
        raise ReadBackError(f"the tags of the {expected.media_type} do not read back: {error}") from error
    wanted = expected.tags
    for name in ("title", "show", "episode_id", "ai_disclosure", "detector_url", "aigc"):
        if getattr(found, name) != getattr(wanted, name):
            raise ReadBackError(f"the tag '{name}' of the {expected.media_type} does not say what was written")
    if (found.cover is None) != (wanted.cover is None):
        raise ReadBackError(f"the cover of the {expected.media_type} is not the one that was written")
    if found.cover and wanted.cover and found.cover.data not in (wanted.cover.data, small(wanted.cover).data):
        raise ReadBackError(f"the cover of the {expected.media_type} is not the one that was written")
    if [chapter.title for chapter in found.chapters] != [chapter.title for chapter in wanted.chapters]:
        raise ReadBackError(f"the chapters of the {expected.media_type} are not those that were written")


def _require_mark(sound: Decoded, mark: Watermark, expected: Expected) -> None:
    payload = Payload(expected.facts.episode_id)
    # A detector that takes whatever it is offered would take the decoy, which comes first.
    decoy = Payload(f"decoy:{expected.facts.episode_id}")
    detection = mark.detect(sound.samples, sound.sample_rate, [decoy, payload])
    if not reads_back(detection, payload):
        raise ReadBackError(
            f"the mark '{mark.name}' does not read back from the {expected.media_type} ({detection.presence}); "
            "the marks need about six seconds of sound: make the script longer"
        )
    bound = [8 * len(claimed.value) for claimed in expected.facts.marks if claimed.layer == mark.name]
    if detection.message_bits is not None and bound not in ([], [detection.message_bits]):
        raise ReadBackError(
            f"the mark '{mark.name}' carries {detection.message_bits} bits, but the credentials bind {bound[0]}; "
            "give its soft-binding algorithm as many bits as the mark has"
        )


def _require_credentials(report: CredentialsReport, expected: Expected) -> None:
    if report.state is not CredentialsState.TRUSTED or report.facts is None or report.label is None:
        raise ReadBackError(f"the credentials in the {expected.media_type} read as {report.state} ({report.detail})")
    if report.facts.episode_id != expected.facts.episode_id:
        raise ReadBackError(f"the credentials in the {expected.media_type} name another episode")
    sound = expected.facts.fingerprint
    claimed = {(binding.algorithm, binding.value) for binding in report.facts.soft_bindings}
    marked = {(mark.algorithm, mark.value) for mark in expected.facts.marks}
    if claimed != marked | {(sound.algorithm, sound.excerpt)}:
        raise ReadBackError(f"the credentials in the {expected.media_type} bind other marks than the clip carries")
