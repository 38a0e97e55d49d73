"""Whatever goes wrong on the way, no clip comes out, and the error says what it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from synth.adapters.claimsigner import ContentCredentialsSigner
from synth.audio import MarkedSpeech, Samples, SignedClip
from synth.credentials import ClipFacts, CredentialsReport, ParentFile, Screening
from synth.decode import decode
from synth.encode import encode
from synth.errors import AudioError, CredentialsError, MarkUnavailableError, ReadBackError, VoiceError
from synth.imprint import Imprint
from synth.readback import Expected, read_back
from synth.tags import Tags, tag
from synth.voice import VoiceCatalogue
from synth.watermark import Detection, Payload, Presence
from tests.credentials_samples import chain, signer
from tests.production_samples import CATALOGUE, EPISODE, HummingVoice, NoiseMark, gate, produce, producer


def test_no_mark_is_refused_before_anything_is_spoken() -> None:
    with pytest.raises(MarkUnavailableError, match="no watermark"):
        producer(marks=[])


def test_same_mark_twice_is_refused() -> None:
    with pytest.raises(MarkUnavailableError, match="twice"):
        producer(marks=[NoiseMark("keyed"), NoiseMark("keyed")])


def test_mark_without_a_name_for_manifests_is_refused() -> None:
    with pytest.raises(MarkUnavailableError, match="homemade"):
        producer(marks=[NoiseMark("homemade")])


def test_no_rendition_is_refused() -> None:
    with pytest.raises(CredentialsError, match="no rendition"):
        producer(renditions=[])


def test_unknown_rendition_is_refused() -> None:
    with pytest.raises(AudioError, match="audio/aiff"):
        produce(producer(renditions=["audio/aiff"]))


@pytest.mark.parametrize("verdict", ["block", "", "Allow"])
def test_script_that_was_not_cleared_has_no_screening_to_show(verdict: str) -> None:
    with pytest.raises(CredentialsError, match="must not be spoken"):
        Screening(verdict, "decision-7", "podcast-default", "1", "sha256:cc", "sha256:dd", 1, "sha256:ee")


def test_voice_that_is_not_allowed_is_refused() -> None:
    only_low = VoiceCatalogue({"hum-low": CATALOGUE.get("hum-low")})
    with pytest.raises(VoiceError, match="hum-high"):
        produce(producer(catalogue=only_low))


def test_voice_that_stays_silent_is_refused() -> None:
    class Mute(HummingVoice):
        def speak(self, text: str, *, seed: int) -> Samples:
            return np.zeros(24_000, dtype=np.float32)

    with pytest.raises(VoiceError):
        produce(producer(catalogue=VoiceCatalogue({"hum-low": Mute("hum-low"), "hum-high": Mute("hum-high")})))


class Forgetful(NoiseMark):
    """Embeds nothing."""

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        return samples


class WrongEpisode(NoiseMark):
    """Embeds another episode."""

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        return super().embed(samples, sample_rate, Payload("another episode"))


class YesSayer(NoiseMark):
    """Detects whatever it is asked about first."""

    def detect(self, samples: Samples, sample_rate: int, candidates: Sequence[Payload]) -> Detection:
        return Detection(self.name, Presence.DETECTED, episode_id=candidates[0].episode_id)


class Undecided(NoiseMark):
    """Never sure."""

    def detect(self, samples: Samples, sample_rate: int, candidates: Sequence[Payload]) -> Detection:
        return Detection(self.name, Presence.INCONCLUSIVE)


class WrongMessage(NoiseMark):
    """Carries a message of sixteen bits, and it is off by one bit."""

    def detect(self, samples: Samples, sample_rate: int, candidates: Sequence[Payload]) -> Detection:
        message = Payload(EPISODE).message(16) ^ 1
        return Detection(self.name, Presence.DETECTED, message=message, message_bits=16)


@pytest.mark.parametrize("kind", [Forgetful, WrongEpisode, YesSayer, Undecided, WrongMessage])
@pytest.mark.parametrize("name", ["keyed", "audioseal"])
def test_mark_that_does_not_read_back_stops_the_episode(kind: type[NoiseMark], name: str) -> None:
    marks = [kind(name) if name == which else NoiseMark(which) for which in ("keyed", "audioseal")]
    with pytest.raises(ReadBackError, match=f"mark '{name}' does not read back"):
        produce(producer(marks=marks, renditions=["audio/wav"]))


def test_mark_that_carries_fewer_bits_than_the_credentials_bind_stops_the_episode() -> None:
    class HalfMessage(NoiseMark):
        def detect(self, samples: Samples, sample_rate: int, candidates: Sequence[Payload]) -> Detection:
            return Detection(self.name, Presence.DETECTED, message=Payload(EPISODE).message(8), message_bits=8)

    with pytest.raises(ReadBackError, match="carries 8 bits, but the credentials bind 16"):
        produce(producer(marks=[HalfMessage("audioseal")], renditions=["audio/wav"]))


def test_mark_that_shortens_the_sound_stops_the_episode() -> None:
    class Cutter(NoiseMark):
        def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
            return samples[:-1]

    with pytest.raises(ReadBackError, match="number of samples"):
        produce(producer(marks=[Cutter()]))


def test_mark_that_breaks_the_sound_stops_the_episode() -> None:
    class Breaker(NoiseMark):
        def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
            return np.full_like(samples, np.nan)

    with pytest.raises(AudioError, match="NaN"):
        produce(producer(marks=[Breaker()]))


class Meddler:
    """A signer whose result is changed on its way out."""

    def __init__(self, change: Callable[[bytes, bytes], bytes]) -> None:
        self._change = change

    def sign(
        self, data: bytes, media_type: str, facts: ClipFacts, parent: ParentFile | None = None
    ) -> tuple[bytes, bytes]:
        signed, store = gate().sign(data, media_type, facts)
        return self._change(data, signed), store

    def read(self, data: bytes, media_type: str, *, manifest_store: bytes | None = None) -> CredentialsReport:
        return gate().read(data, media_type, manifest_store=manifest_store)


@pytest.mark.parametrize("media_type", ["audio/mpeg", "audio/wav"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda unsigned, signed: unsigned, "read as absent"),
        (lambda unsigned, signed: signed + b"\0", "content_changed|do not decode"),
        (lambda unsigned, signed: signed[: len(signed) // 2], "decode|lasts|tags|chapters"),
        (lambda unsigned, signed: b"", "does not decode"),
    ],
    ids=["unsigned", "byte appended", "cut in half", "empty"],
)
def test_file_that_changed_after_signing_is_caught(
    change: Callable[[bytes, bytes], bytes], message: str, media_type: str
) -> None:
    with pytest.raises(ReadBackError, match=message):
        produce(producer(signer=Meddler(change), renditions=[media_type]))


def test_signer_under_a_root_that_we_do_not_trust_is_refused() -> None:
    foreign: ContentCredentialsSigner = signer(chain(), anchors=chain("Somebody Else").trust_anchors_pem)
    with pytest.raises(CredentialsError, match="trust anchors"):
        produce(producer(signer=foreign, renditions=["audio/wav"]))


@pytest.fixture(scope="module")
def clip() -> SignedClip:
    return produce(producer(renditions=["audio/wav"])).clips[0]


class Eavesdropper(Meddler):
    """Keeps the facts that were signed."""

    facts: ClipFacts

    def sign(
        self, data: bytes, media_type: str, facts: ClipFacts, parent: ParentFile | None = None
    ) -> tuple[bytes, bytes]:
        self.facts = facts
        return gate().sign(data, media_type, facts)


@pytest.fixture(scope="module")
def made() -> tuple[SignedClip, Expected]:
    ear = Eavesdropper(lambda _, signed: signed)
    production = produce(producer(signer=ear, renditions=["audio/wav"]))
    imprint = Imprint(publisher="Example Radio", detector_url="https://example.com/verify")
    return production.clips[0], Expected("audio/wav", ear.facts, imprint.tags(ear.facts, production.chapters))


def check(clip: SignedClip, expected: Expected, data: bytes | None = None) -> SignedClip:
    return read_back(
        clip.data if data is None else data,
        clip.manifest_store,
        expected=expected,
        marks=[NoiseMark("keyed"), NoiseMark("audioseal")],
        credentials=gate(),
    )


def test_untouched_clip_reads_back(made: tuple[SignedClip, Expected]) -> None:
    assert check(*made) == made[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duration": 1.0}, "lasts"),
        ({"marks": ()}, "bind other marks"),
        ({"episode_id": "another episode"}, "mark 'keyed' does not read back"),
    ],
)
def test_clip_that_is_not_what_was_expected_is_refused(
    made: tuple[SignedClip, Expected], change: dict[str, Any], message: str
) -> None:
    clip, expected = made
    with pytest.raises(ReadBackError, match=message):
        check(clip, dataclasses.replace(expected, facts=dataclasses.replace(expected.facts, **change)))


def test_clip_of_another_type_is_refused(made: tuple[SignedClip, Expected]) -> None:
    with pytest.raises(ReadBackError, match="decodes as audio/wav"):
        check(made[0], dataclasses.replace(made[1], media_type="audio/mpeg"))


@pytest.mark.parametrize("field", ["title", "show", "episode_id", "ai_disclosure", "detector_url"])
def test_tag_that_says_something_else_is_refused(made: tuple[SignedClip, Expected], field: str) -> None:
    clip, expected = made
    tags = dataclasses.replace(expected.tags, **{field: "something else"})
    with pytest.raises(ReadBackError, match=f"tag '{field}'"):
        check(clip, dataclasses.replace(expected, tags=tags))


def test_missing_chapter_is_refused(made: tuple[SignedClip, Expected]) -> None:
    clip, expected = made
    tags = dataclasses.replace(expected.tags, chapters=expected.tags.chapters[1:])
    with pytest.raises(ReadBackError, match="chapters"):
        check(clip, dataclasses.replace(expected, tags=tags))


def signed_again(made: tuple[SignedClip, Expected], *, gain: float, tags: Tags | None) -> bytes:
    """The clip at another level, with other tags, properly signed."""
    clip, expected = made
    sound = decode(clip.data)
    marked = MarkedSpeech(np.float32(gain) * sound.samples, sound.sample_rate, (), (), EPISODE, clip.marks)
    encoded = encode(marked, "audio/wav")
    return gate().sign(encoded if tags is None else tag(encoded, "audio/wav", tags), "audio/wav", expected.facts)[0]


def test_clip_that_is_too_quiet_is_refused(made: tuple[SignedClip, Expected]) -> None:
    with pytest.raises(ReadBackError, match="LUFS"):
        check(*made, signed_again(made, gain=0.5, tags=made[1].tags))


def test_clip_that_peaks_too_high_is_refused(
    made: tuple[SignedClip, Expected], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synth.readback.LOUDNESS_TOLERANCE", 20.0)
    with pytest.raises(ReadBackError, match="dBTP"):
        check(*made, signed_again(made, gain=2.0, tags=made[1].tags))


def test_clip_without_tags_is_refused(made: tuple[SignedClip, Expected]) -> None:
    with pytest.raises(ReadBackError, match="tags"):
        check(*made, signed_again(made, gain=1.0, tags=None))


def test_credentials_of_another_episode_are_refused(made: tuple[SignedClip, Expected]) -> None:
    clip, expected = made
    sound = decode(clip.data)
    marked = MarkedSpeech(sound.samples, sound.sample_rate, (), (), EPISODE, clip.marks)
    tagged = tag(encode(marked, "audio/wav"), "audio/wav", expected.tags)
    other = dataclasses.replace(expected.facts, episode_id="another episode")
    with pytest.raises(ReadBackError, match="name another episode"):
        check(clip, expected, gate().sign(tagged, "audio/wav", other)[0])
