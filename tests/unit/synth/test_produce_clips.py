"""A produced episode: marked, tagged and signed clips of the same sound, and a record of how it went."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest

from gateway.toolchain import fingerprint_clip
from synth.aigc import AigcLabel
from synth.assets import AssetCatalogue, read_assets
from synth.audio import Samples
from synth.credentials import CredentialsState
from synth.decode import decode
from synth.encode import encode_wav
from synth.errors import ScriptError
from synth.excerpt import bound_fingerprint
from synth.fingerprint import Fingerprint, fingerprint
from synth.imprint import Imprint
from synth.master import TARGET_LUFS
from synth.music import Asset, Bed, Stinger
from synth.produce import RENDITIONS, Production, Stage
from synth.readback import CEILING_DBTP
from synth.tags import read_tags
from synth.watermark import Payload, reads_back
from tests.credentials_samples import digest
from tests.production_samples import AT, DISCLOSURE, EPISODE, SCREENING, NoiseMark, gate, produce, producer, script

BOTH = pytest.mark.parametrize("place", [0, 1], ids=list(RENDITIONS))


@pytest.fixture(scope="module")
def production() -> Production:
    ticks = itertools.count()
    return produce(producer(clock=lambda: float(next(ticks))))


def test_both_renditions_come_out(production: Production) -> None:
    assert [clip.media_type for clip in production.clips] == ["audio/mpeg", "audio/wav"]


@BOTH
def test_clip_says_what_its_bytes_are(production: Production, place: int) -> None:
    clip = production.clips[place]
    assert clip.sha256 == hashlib.sha256(clip.data).hexdigest()
    assert clip.episode_id == EPISODE
    assert clip.duration == pytest.approx(production.duration, abs=0.05)
    assert clip.loudness == pytest.approx(TARGET_LUFS, abs=0.5)
    assert clip.true_peak <= CEILING_DBTP
    assert clip.marks == (("keyed", "noise 1"), ("audioseal", "noise 1"))
    assert clip.manifest_store in clip.data


@BOTH
def test_every_mark_is_in_the_final_bytes(production: Production, place: int) -> None:
    sound = decode(production.clips[place].data)
    for name in ("keyed", "audioseal"):
        candidates = [Payload("another episode"), Payload(EPISODE)]
        assert reads_back(NoiseMark(name).detect(sound.samples, sound.sample_rate, candidates), Payload(EPISODE))


@BOTH
def test_credentials_name_the_episode_and_everything_that_cleared_it(production: Production, place: int) -> None:
    clip = production.clips[place]
    report = gate().read(clip.data, clip.media_type)
    assert report.state is CredentialsState.TRUSTED
    assert report.label == clip.manifest_label
    facts = report.facts
    assert facts is not None
    assert facts.episode_id == EPISODE
    assert facts.plan_digest == script().plan_digest()
    assert facts.log_origin == "log.example/assay"
    assert facts.spoken_disclosure is True
    for field in dataclasses.fields(SCREENING):
        assert getattr(facts, field.name) == getattr(SCREENING, field.name)


@BOTH
def test_credentials_bind_the_values_that_the_marks_stand_for(production: Production, place: int) -> None:
    clip = production.clips[place]
    facts = gate().read(clip.data, clip.media_type).facts
    assert facts is not None
    code = hashlib.sha256(EPISODE.encode()).digest()
    assert [(binding.algorithm, binding.value) for binding in facts.soft_bindings][:2] == [
        ("org.assay-gateway.keyed.2", code[:8]),
        ("org.assay-gateway.audioseal.2", code[:2]),
    ]


@BOTH
def test_credentials_bind_the_fingerprint_that_the_log_names(production: Production, place: int) -> None:
    clip = production.clips[place]
    facts = gate().read(clip.data, clip.media_type).facts
    assert facts is not None
    whole = fingerprint_clip(production.clips[0])
    assert facts.fingerprint_digest == f"sha256:{hashlib.sha256(whole.to_bytes()).hexdigest()}"
    algorithm, value = facts.soft_bindings[2].algorithm, facts.soft_bindings[2].value
    assert algorithm == "org.assay-gateway.fingerprint.2"
    excerpt = Fingerprint.from_bytes(value)
    assert excerpt.words in whole.words
    assert len(excerpt) == min(len(whole), 120)


@BOTH
def test_stretch_in_the_manifest_finds_its_place_in_a_copy(production: Production, place: int) -> None:
    """A resolver that has only manifests cuts the stretch out of a copy and compares."""
    sound = decode(production.clips[place].data)
    bound = bound_fingerprint(production.clips[place].data)
    start, end = (round(second * sound.sample_rate) for second in (bound.start, bound.end))
    heard = fingerprint(sound.samples[start:end], sound.sample_rate)
    wanted = Fingerprint.from_bytes(bound.excerpt)
    assert len(heard) == pytest.approx(len(wanted), abs=1)
    words = min(len(heard), len(wanted))
    differing = np.mean(heard.signs()[:words] != wanted.signs()[:words])
    assert differing < 0.1


@BOTH
def test_consent_record_is_named_in_the_credentials(place: int) -> None:
    maker = producer(renditions=[RENDITIONS[place]])
    clip = produce(maker, consents={"hum-low": digest("7"), "never-spoken": digest("8")}).clips[0]
    facts = gate().read(clip.data, clip.media_type).facts
    assert facts is not None
    assert facts.consents == (("hum-low", digest("7")),)


@BOTH
def test_players_see_title_disclosure_and_chapters(production: Production, place: int) -> None:
    clip = production.clips[place]
    tags = read_tags(clip.data, clip.media_type)
    assert (tags.title, tags.show, tags.artist) == ("Humming", "hums", "Example Radio")
    assert "synthetic" in tags.ai_disclosure
    assert tags.detector_url == "https://example.com/verify"
    assert tags.date == AT.date().isoformat()
    assert [chapter.title for chapter in tags.chapters] == [chapter.title for chapter in production.chapters]
    assert len(tags.chapters) == 3  # the disclosure has its own


@BOTH
def test_script_does_not_stand_in_the_file(production: Production, place: int) -> None:
    data = production.clips[place].data
    for text in (script().utterances[0].text, DISCLOSURE):
        assert text.encode() not in data
        assert text.encode("utf-16-le") not in data


def test_disclosure_is_heard_first(production: Production) -> None:
    first = production.cues[0]
    assert (first.start, first.text) == (0.0, DISCLOSURE)


def test_both_renditions_hold_the_same_sound(production: Production) -> None:
    lossy, lossless = (decode(clip.data).samples for clip in production.clips)
    assert len(lossy) == len(lossless)
    assert np.corrcoef(lossy, lossless)[0, 1] > 0.99


def test_each_stage_is_timed_once_and_in_order(production: Production) -> None:
    shared = [(Stage.SPEAK, None), (Stage.MASTER, None), (Stage.MARK, None)]
    own = [Stage.ENCODE, Stage.TAG, Stage.SIGN, Stage.READ_BACK]
    assert [(time.stage, time.media_type) for time in production.times] == [
        *shared,
        *((stage, media_type) for media_type in RENDITIONS for stage in own),
    ]
    assert {time.seconds for time in production.times} == {1.0}


def test_progress_is_told_stage_by_stage() -> None:
    told: list[tuple[Stage, int, int]] = []
    produce(producer(renditions=["audio/wav"]), progress=lambda *step: told.append(step))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == [
        Stage.SPEAK,
        Stage.MASTER,
        Stage.MARK,
        Stage.READ_BACK,
    ]
    for stage in {stage for stage, _, _ in told}:
        steps = [(done, total) for which, done, total in told if which is stage]
        assert steps == [(done, steps[0][1]) for done in range(1, steps[0][1] + 1)]


def test_without_disclosure_the_credentials_do_not_claim_one() -> None:
    clip = produce(producer(renditions=["audio/wav"]), disclosure=None).clips[0]
    facts = gate().read(clip.data, clip.media_type).facts
    assert facts is not None
    assert facts.spoken_disclosure is False


@BOTH
def test_provider_with_a_registered_code_labels_each_file_once(place: int) -> None:
    imprint = Imprint(aigc_producer="0011234567890")
    clip = produce(producer(imprint=imprint, renditions=[RENDITIONS[place]])).clips[0]
    label = read_tags(clip.data, clip.media_type).aigc
    assert label == AigcLabel("0011234567890", EPISODE, "0011234567890", EPISODE)
    assert clip.data.count(b'"ContentProducer"') == 1


def test_same_script_gives_the_same_sound_twice(production: Production) -> None:
    again = produce(producer(renditions=["audio/wav"]))
    np.testing.assert_array_equal(decode(again.clips[0].data).samples, decode(production.clips[1].data).samples)


class PeakyMark(NoiseMark):
    """Raises the loudest samples by 4 dB, as a mark that is a gain can."""

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        marked = super().embed(samples, sample_rate, payload)
        loud = np.abs(marked) > 0.8 * np.abs(marked).max()
        return np.where(loud, marked * np.float32(1.6), marked)


@BOTH
def test_music_is_under_the_marks_and_named_in_credentials_and_tags(tmp_path: Path, place: int) -> None:
    time = np.arange(5 * 44_100) / 44_100
    (tmp_path / "calm.wav").write_bytes(encode_wav((0.1 * np.sin(4_000 * time)).astype(np.float32), 44_100))
    (tmp_path / "assets.toml").write_text(
        '[[asset]]\nname = "calm"\nkind = "bed"\nfile = "calm.wav"\n'
        'licence = "CC-BY-4.0"\nattribution = "By A. Nonymous"'
    )
    maker = producer(assets=AssetCatalogue(read_assets(tmp_path)), renditions=[RENDITIONS[place]])
    scored = dataclasses.replace(script(), beds=(Bed(Asset("calm", 0, 0), -12.0, 0, 4),))
    made = maker.produce(scored, episode_id=EPISODE, at=AT, screening=SCREENING, disclosure=DISCLOSURE)
    (clip,) = made.clips
    assert [mark for mark, _ in clip.marks] == ["keyed", "audioseal"]
    assert [card.name for card in made.assets] == ["calm"]
    assert b"org.assay-gateway.music" in clip.manifest_store
    assert b"sha256:" + made.assets[0].sha256.encode() in clip.manifest_store
    assert "Music: By A. Nonymous (CC-BY-4.0)." in read_tags(clip.data, clip.media_type).comment
    assert Stage.MIX in [time.stage for time in made.times]
    sound = decode(clip.data)
    tail = sound.samples[round(made.cues[-1].end * sound.sample_rate) :][: sound.sample_rate]
    assert np.argmax(np.abs(np.fft.rfft(tail))) == pytest.approx(4_000 / (2 * np.pi), abs=2)


def test_music_that_is_not_here_is_refused_before_a_word_is_spoken() -> None:
    scored = dataclasses.replace(script(), stingers=(Stinger(Asset("bell", 0, 0), 0.0, 2),))
    told: list[Stage] = []
    with pytest.raises(ScriptError, match="no stinger is called 'bell'"):
        producer().produce(
            scored,
            episode_id=EPISODE,
            at=AT,
            screening=SCREENING,
            disclosure=None,
            progress=lambda *step: told.append(step[0]),
        )
    assert told == []


@pytest.mark.parametrize("target", [-14.0, -23.0])
def test_programme_of_another_loudness_comes_out_at_it(target: float) -> None:
    (clip,) = produce(producer(target_lufs=target, renditions=["audio/mpeg"])).clips
    assert clip.loudness == pytest.approx(target, abs=0.5)
    assert clip.true_peak <= CEILING_DBTP


def test_mark_that_raises_peaks_costs_no_loudness() -> None:
    """Turned down as a whole until the peaks fit, the programme once missed its loudness and was refused."""
    (clip,) = produce(producer(marks=[PeakyMark()], renditions=["audio/mpeg"])).clips
    assert clip.loudness == pytest.approx(TARGET_LUFS, abs=0.3)
    assert clip.true_peak <= CEILING_DBTP
