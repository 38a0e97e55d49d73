"""What verification listens to, which marks it finds there, and whether the sound is an episode's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from gateway.verification import comparison
from gateway.verification.comparison import compare_sound
from gateway.verification.marks import MAX_NAMED_BY_MESSAGE, Confidence, MarkFindings, Search, find_marks
from gateway.verification.report import Agreement
from synth.audio import Samples
from synth.errors import AudioError, SynthError
from synth.fingerprint import Changes, Fingerprint, Match, compare, fingerprint, listen
from synth.watermark import Detection, Passage, Payload, Presence, Registry
from tests.speech_samples import SAMPLE_RATE, reading, recoded

RATE = 8_000


class ScriptedMark:
    """A layer that says what the test wants."""

    version = "1"

    def __init__(self, *answers: Detection | SynthError, name: str = "layer") -> None:
        self.name = name
        self._answers = list(answers)
        self.calls = 0

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        return samples

    def detect(self, samples: Samples, sample_rate: int, candidates: Sequence[Payload]) -> Detection:
        answer = self._answers[min(self.calls, len(self._answers) - 1)]
        self.calls += 1
        if isinstance(answer, SynthError):
            raise answer
        return answer


def passage(episode_id: str, start: float, end: float) -> Passage:
    return Passage(episode_id, start, end, start, end, 1.0, 1.0, 1e-15)


def says(presence: Presence, **more: object) -> Detection:
    return Detection("layer", presence, **more)  # type: ignore[arg-type]


LONG = np.zeros(700 * RATE, np.float32)
NOTHING, UNSURE = says(Presence.NOT_DETECTED), says(Presence.INCONCLUSIVE)


def look(
    samples: Samples, mark: object, episodes: Sequence[str], *, told_bound: float = 1.0, likely: Sequence[str] = ()
) -> MarkFindings:
    search = Search(Registry(episodes), tuple(map(Payload, likely)), b"jitter", told_bound)
    return find_marks(samples, RATE, [mark], search)  # type: ignore[list-item]


def test_layer_that_finds_its_mark_names_the_episode() -> None:
    mark = ScriptedMark(says(Presence.DETECTED, episode_id="ep_a"))
    found = look(LONG, mark, ["ep_a"])
    assert (found.marked, found.identified, mark.calls) == (True, "ep_a", 1)


def test_layer_that_cannot_say_is_undecided_and_never_absent() -> None:
    (layer,) = look(LONG[:0], ScriptedMark(UNSURE), []).layers
    assert layer.presence is Presence.INCONCLUSIVE


def test_layer_that_cannot_look_has_no_presence_and_the_others_still_look() -> None:
    found = find_marks(LONG, RATE, [ScriptedMark(AudioError("broken")), ScriptedMark(NOTHING)], Search(Registry([])))
    assert [layer.presence for layer in found.layers] == [None, Presence.NOT_DETECTED]


def test_layer_that_names_what_it_was_not_offered_identifies_nothing() -> None:
    stray = passage("ep_secret", 0.0, 10.0)
    found = look(LONG, ScriptedMark(says(Presence.DETECTED, episode_id="ep_secret", passages=(stray,))), ["ep_a"])
    assert found.marked
    assert found.identified is None
    assert found.passages == ()
    assert "ep_secret" not in str([layer.to_dict() for layer in found.layers])


class SearchingMark(ScriptedMark):
    """A layer that names episodes, and remembers what it was asked."""

    epochs = ("epoch",)

    def detect(  # type: ignore[override]
        self,
        samples: Samples,
        sample_rate: int,
        candidates: Sequence[Payload],
        likely: Sequence[Payload] = (),
        *,
        jitter: bytes | None = None,
    ) -> Detection:
        self.asked = (len(samples), [one.episode_id for one in likely], jitter)
        return super().detect(samples, sample_rate, candidates)


def test_layer_that_searches_the_registry_hears_the_whole_sound_and_the_likely_episodes() -> None:
    mark = SearchingMark(NOTHING)
    look(LONG, mark, ["ep_a", "ep_b"], likely=["ep_b"])
    assert (mark.calls, mark.asked) == (1, (len(LONG), ["ep_b"], b"jitter"))


def test_likely_episode_may_be_named_before_the_registry_has_it() -> None:
    found = look(LONG, SearchingMark(says(Presence.DETECTED, episode_id="ep_new")), ["ep_a"], likely=["ep_new"])
    assert found.identified == "ep_new"


def test_detection_over_the_told_bound_is_undecided_in_public() -> None:
    weak = says(Presence.DETECTED, episode_id="ep_a", false_match_bound=1e-7)
    (told,) = look(LONG, ScriptedMark(weak), ["ep_a"], told_bound=1e-8).layers
    assert (told.presence, told.identified) == (Presence.INCONCLUSIVE, None)
    assert look(LONG, ScriptedMark(weak), ["ep_a"], told_bound=1e-6).identified == "ep_a"


def test_passages_of_several_episodes_are_in_the_order_of_the_sound() -> None:
    parts = (passage("ep_b", 30.0, 60.0), passage("ep_a", 0.0, 20.0))
    found = look(LONG, SearchingMark(says(Presence.DETECTED, episode_id="ep_b", passages=parts)), ["ep_a", "ep_b"])
    assert [one.episode_id for one in found.passages] == ["ep_a", "ep_b"]
    assert found.sure == ("ep_b", "ep_a")


@pytest.mark.parametrize(
    ("bound", "word"), [(1e-20, "certain"), (1e-12, "certain"), (1e-9, "probable"), (None, "hint")]
)
def test_confidence_is_a_word(bound: float | None, word: str) -> None:
    assert Confidence.of(bound).value == word


def test_short_message_names_the_episodes_that_it_fits() -> None:
    wanted = Payload("ep_a").message(16)
    mark = ScriptedMark(says(Presence.DETECTED, message=wanted, message_bits=16))
    found = look(LONG, mark, ["ep_a", "ep_b"])
    assert found.identified is None
    assert found.named == ("ep_a",)


def test_message_that_fits_too_many_names_none() -> None:
    episodes = [f"ep_{number}" for number in range(40 * MAX_NAMED_BY_MESSAGE)]
    wanted = Payload(episodes[0]).message(2)
    mark = ScriptedMark(says(Presence.DETECTED, message=wanted, message_bits=2))
    assert look(LONG, mark, episodes).named == ()


def test_public_form_of_a_finding_has_no_score() -> None:
    (layer,) = look(LONG, ScriptedMark(says(Presence.DETECTED, score=0.93)), []).layers
    assert layer.to_dict() == {
        "layer": "layer",
        "presence": "detected",
        "episode_id": None,
        "confidence": "hint",
    }


@pytest.fixture(scope="module")
def news() -> Fingerprint:
    return fingerprint(reading("news"), SAMPLE_RATE)


def test_recoded_copy_agrees(news: Fingerprint) -> None:
    copy = recoded(reading("news"), SAMPLE_RATE, codec="libmp3lame", bit_rate=32_000)
    assert compare_sound(listen(copy, SAMPLE_RATE), news) is Agreement.AGREES


def test_excerpt_agrees(news: Fingerprint) -> None:
    part = reading("news")[7 * SAMPLE_RATE + 123 : 19 * SAMPLE_RATE]
    assert compare_sound(listen(part, SAMPLE_RATE), news) is Agreement.AGREES


def test_slightly_faster_copy_is_not_taken_for_other_speech(news: Fingerprint) -> None:
    samples = reading("news")
    faster = np.interp(np.arange(0, len(samples) - 1, 1.01), np.arange(len(samples)), samples).astype(np.float32)
    assert compare_sound(listen(faster, SAMPLE_RATE), news) is not Agreement.DISAGREES


def test_other_speech_by_the_same_voice_disagrees(news: Fingerprint) -> None:
    story = listen(reading("story"), SAMPLE_RATE)
    assert compare_sound(story, news) is Agreement.DISAGREES


@pytest.mark.parametrize("seconds", [8, 10, 15])
@pytest.mark.parametrize("place", [0, 12, 31])
def test_eight_seconds_of_other_speech_anywhere_are_noticed(news: Fingerprint, seconds: int, place: int) -> None:
    samples, at = reading("news"), place * SAMPLE_RATE
    other = reading("story")[3 * SAMPLE_RATE : (3 + seconds) * SAMPLE_RATE]
    spliced = np.concatenate([samples[:at], other, samples[at:]])
    assert compare_sound(listen(spliced, SAMPLE_RATE), news) is Agreement.PARTLY


def test_eight_replaced_seconds_are_noticed(news: Fingerprint) -> None:
    samples = reading("news").copy()
    samples[12 * SAMPLE_RATE : 20 * SAMPLE_RATE] = reading("story")[3 * SAMPLE_RATE : 11 * SAMPLE_RATE]
    assert compare_sound(listen(samples, SAMPLE_RATE), news) is Agreement.PARTLY


def test_left_out_passage_still_agrees(news: Fingerprint) -> None:
    samples = reading("news")
    shortened = np.concatenate([samples[: 8 * SAMPLE_RATE], samples[18 * SAMPLE_RATE :]])
    assert compare_sound(listen(shortened, SAMPLE_RATE), news) is Agreement.AGREES


def test_episode_late_in_a_long_other_sound_is_found(news: Fingerprint) -> None:
    before = np.random.default_rng(3).bytes(4 * 400)
    sound = Fingerprint(news.version, news.hop_seconds, before + news.words)
    assert compare_sound(sound.signs(), news) is Agreement.PARTLY


@pytest.mark.parametrize("seconds", [0, 1, 4])
def test_too_little_sound_is_undecided(news: Fingerprint, seconds: int) -> None:
    part = listen(reading("news")[: seconds * SAMPLE_RATE], SAMPLE_RATE)
    assert compare_sound(part, news) is Agreement.UNDECIDED


def test_silence_is_undecided(news: Fingerprint) -> None:
    silence = listen(np.zeros(60 * RATE, np.float32), RATE)
    assert compare_sound(silence, news) is Agreement.UNDECIDED


def test_whole_episodes_are_searched_a_bounded_number_of_times(
    news: Fingerprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = []

    def count(piece: Changes, reference: Fingerprint) -> Match:
        if len(reference) == len(episode):
            searched.append(piece)
        return compare(piece, reference)

    monkeypatch.setattr(comparison, "compare", count)
    noise = np.random.default_rng(5).bytes(4 * 20_000)
    episode = Fingerprint(news.version, news.hop_seconds, noise[: 4 * 1_000] + news.words)
    mixed = Fingerprint(news.version, news.hop_seconds, news.words + noise)
    assert compare_sound(mixed.signs(), episode) is Agreement.PARTLY
    assert 0 < len(searched) <= 2 * comparison.MAX_SEARCHES
