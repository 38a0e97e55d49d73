"""`make bench-synth`: how fast voices speak, how well they are understood, how far apart they are.

- **Understood**: twenty sentences through the packaged recogniser (whisper tiny.en), word error rate with its interval.
- **Speed**: real-time factor (seconds of sound per second) of the voice and of its engine alone, warm, one sentence at
  a time; and the median time that one sentence takes, which is the time to the first sound of a programme.
- **Apart**: median pitch, and the distance of long-term spectra (root mean square over third-octave bands, in dB, level
  removed), between every two voices and between two halves of the same voice.
- **Whole**: the example briefing through all of synthesis (sentences in parallel, edges cut, 44.1 kHz, even levels),
  next to the engine alone on the same sentences and as many threads.
- **Keeping**: the example briefing spoken anew, spoken again from kept sentences, and with one word corrected.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import soxr
from rapidfuzz.distance import Levenshtein

from bench.conditions import conditions
from bench.proportion import Share
from policies.adapters.whisper import WhisperListener
from policies.transcript import LISTENING_RATE
from synth.adapters.coqui import CoquiEngine, CoquiVoice
from synth.adapters.hibari import HibariEngine, hibari_catalogue
from synth.adapters.hibari_alphabet import first_unspeakable
from synth.audio import Samples
from synth.formats import parse_script
from synth.segments import RememberingVoice, SegmentCache
from synth.sentences import split_sentences
from synth.speak import speak
from synth.voice import Voice, VoiceCatalogue

SCRIPT = Path("examples/morning-briefing.md")
RATE = 16_000  # Hz, for spectra and pitch
SENTENCES = (
    "Good morning, and welcome to the program.",
    "The trains are running again after a long night of rain.",
    "Many people walked along the river to see the bridge.",
    "Nobody was hurt, but the road will stay closed until Friday.",
    "The museum opens its doors to children for free this weekend.",
    "A small team of doctors will visit the village next month.",
    "The mayor thanked everyone who helped to clean the park.",
    "Farmers expect a good harvest if the weather stays dry.",
    "The library has bought several hundred new books this year.",
    "Students from three schools planted trees behind the station.",
    "The old factory will become a market with room for twenty shops.",
    "Snow is expected in the mountains, so drive with care.",
    "The orchestra plays its last concert of the season tonight.",
    "A new ferry will connect the island with the mainland in spring.",
    "The council meets on Monday to talk about the price of water.",
    "Visitors can climb the tower and look out over the whole city.",
    "The baker on the corner has won a prize for his bread.",
    "Our reporter spoke with the family that found the painting.",
    "The swimming pool is closed because of repairs to the roof.",
    "That was the news for today, thank you for listening.",
)


def words(text: str) -> list[str]:
    """Return the words as they are compared."""
    return re.findall(r"[a-z']+", text.lower())


def understood(voice: Voice, listener: WhisperListener) -> tuple[int, int]:
    """Return wrong words and words in all."""
    wrong = total = 0
    for number, sentence in enumerate(SENTENCES):
        sound = soxr.resample(voice.speak(sentence, seed=number), voice.sample_rate, LISTENING_RATE)
        wrong += Levenshtein.distance(words(sentence), words(listener.listen(sound, language="en").text))
        total += len(words(sentence))
    return wrong, total


def speed(voice: Voice) -> tuple[float, float]:
    """Return the real-time factor over all sentences, and the median time for one, in seconds, when warm."""
    voice.speak(SENTENCES[0], seed=0)
    sound, taken = 0.0, []
    for number, sentence in enumerate(SENTENCES):
        began = time.perf_counter()
        samples = voice.speak(sentence, seed=number)
        taken.append(time.perf_counter() - began)
        sound += len(samples) / voice.sample_rate
    return sound / sum(taken), statistics.median(taken)


def engine_speed(engine: HibariEngine) -> float:
    """Return the real-time factor of the embedded engine without anything of ours around it."""
    own = engine._engine  # the benchmark alone looks inside
    own(SENTENCES[0], seed=0)
    began = time.perf_counter()
    sound = sum(len(own(sentence, seed=number)) / 24_000 for number, sentence in enumerate(SENTENCES))
    return sound / (time.perf_counter() - began)


def whole(engine: HibariEngine, voice: str, *, workers: int, rounds: int) -> tuple[float, float, float, float, float]:
    """Return for the briefing: seconds of sound, of the engine alone, of `speak` around it, and processor seconds.

    The engine gets the same sentences, on as many threads. Both take turns and the fastest of each counts, because
    others use the machine too; processor seconds are those of the same rounds.
    """
    script = parse_script(re.sub(r"hibari-[a-z]+", voice, SCRIPT.read_text()))
    catalogue = hibari_catalogue(engine)
    sentences = [one for utterance in script.utterances for one in split_sentences(utterance.text)]
    own = engine._engine  # the benchmark alone looks inside
    length = 0.0
    alone: list[tuple[float, float]] = []
    around: list[tuple[float, float]] = []
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(rounds):
            began, busy = time.perf_counter(), time.process_time()
            for _sound in pool.map(lambda sentence: own(sentence, seed=1), sentences):
                pass
            alone.append((time.perf_counter() - began, time.process_time() - busy))
            began, busy = time.perf_counter(), time.process_time()
            length = speak(script, catalogue, workers=workers).duration
            around.append((time.perf_counter() - began, time.process_time() - busy))
    engine_wall, engine_cpu = (min(column) for column in zip(*alone, strict=True))
    wall, cpu = (min(column) for column in zip(*around, strict=True))
    return length, engine_wall, wall, engine_cpu, cpu


def pitch_and_spectrum(sound: Samples) -> tuple[float, np.ndarray]:
    """Return the median pitch in Hz, by autocorrelation, and the long-term spectrum in third-octave bands, in dB."""
    size = round(0.05 * RATE)
    frames = sound[: len(sound) // size * size].reshape(-1, size)
    power = np.mean(frames**2, axis=1)
    voiced = frames[power > np.percentile(power, 60)]
    found = []
    for frame in voiced:
        correlation = np.correlate(frame, frame, "full")[size - 1 :]
        low, high = RATE // 350, RATE // 65
        best = low + int(np.argmax(correlation[low:high]))
        if correlation[best] > 0.5 * correlation[0]:
            found.append(RATE / best)
    density = np.mean(np.abs(np.fft.rfft(voiced * np.hanning(size), axis=1)) ** 2, axis=0)
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    edges = 200.0 * 2.0 ** (np.arange(16) / 3)
    bands = [density[(frequency >= a) & (frequency < b)].sum() for a, b in pairwise(edges)]
    level = 10 * np.log10(np.asarray(bands) + 1e-12)
    return float(np.median(found)), level - level.mean()


def apart(voices: Mapping[str, Voice]) -> tuple[dict[str, float], list[tuple[str, str, float, float]], float]:
    """Return pitches, (voice, voice, semitones, dB) of every two, and the dB between halves of one voice at most."""
    halves: dict[str, list[tuple[float, np.ndarray]]] = {}
    for name, voice in voices.items():
        sound = [soxr.resample(voice.speak(s, seed=1), voice.sample_rate, RATE) for s in SENTENCES]
        halves[name] = [pitch_and_spectrum(np.concatenate(sound[half::2])) for half in (0, 1)]
    within = max(float(np.sqrt(np.mean((a[1] - b[1]) ** 2))) for a, b in halves.values())
    pitches = {name: statistics.mean(half[0] for half in both) for name, both in halves.items()}
    pairs = []
    for one, other in combinations(voices, 2):
        semitones = abs(12 * np.log2(pitches[one] / pitches[other]))
        distance = np.sqrt(np.mean((halves[one][0][1] - halves[other][1][1]) ** 2))
        pairs.append((one, other, float(semitones), float(distance)))
    return pitches, pairs, within


def keeping(voices: Sequence[Voice]) -> list[tuple[str, float, float, float, float]]:
    """Return for each voice: seconds of sound, and seconds to speak the briefing anew, again, and corrected."""
    rows = []
    for voice in voices:
        text = re.sub(r"hibari-[a-z]+", voice.id, SCRIPT.read_text())
        corrected = text.replace("grey but friendly", "grey but pleasant", 1)
        if corrected == text:
            raise SystemExit(f"{SCRIPT} has changed; choose another word to correct in bench/synthesis.py")
        with tempfile.TemporaryDirectory() as folder:
            cache = SegmentCache(Path(folder), max_bytes=1 << 30)
            catalogue = VoiceCatalogue({voice.id: RememberingVoice(voice, cache)})
            taken = []
            length = 0.0
            for one in (text, text, corrected):
                began = time.perf_counter()
                length = speak(parse_script(one), catalogue).duration
                taken.append(time.perf_counter() - began)
        rows.append((voice.id, length, *taken))
    return rows


def main() -> None:
    """Run the benchmark and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coqui", type=Path, help="folder that `make coqui-voice` has written")
    parser.add_argument("--rounds", type=int, default=8, help="of whole synthesis and engine, in turns")
    parser.add_argument("--voice", action="append", help="measure this voice alone; may be given several times")
    arguments = parser.parse_args()
    folder = arguments.coqui
    hibari = HibariEngine()
    voices: dict[str, Voice] = dict(hibari_catalogue(hibari).voices)
    started = 0.0
    if folder is not None:
        files = json.loads((folder / "card.json").read_text())["files"]
        engine = CoquiEngine(folder=folder, files=files, threads=1)
        began = time.perf_counter()
        engine.prove()
        started = time.perf_counter() - began
        alphabet = partial(first_unspeakable, knows=hibari.knows, longest_unknown=hibari.longest_unknown_word)
        voices["coqui-joe"] = CoquiVoice(id="coqui-joe", engine=engine, language="en", alphabet=alphabet)
    if arguments.voice:
        voices = {name: voices[name] for name in arguments.voice}
    listener = WhisperListener.packaged(threads=1)
    print(f"Conditions: {conditions('torch', 'hibari-tts', 'faster-whisper')}; one thread per engine.\n")
    pitches, pairs, within = apart(voices)
    print("| voice | word errors | × real time | first sentence, ms | pitch, Hz |\n|---|---|---|---|---|")
    for name, voice in voices.items():
        wrong, total = understood(voice, listener)
        factor, first = speed(voice)
        print(
            f"| {name} | {100 * wrong / total:.1f} %: {Share(wrong, total)} "
            f"| {factor:.1f} | {1000 * first:.0f} | {pitches[name]:.0f} |"
        )
    print(f"\nThe embedded engine alone: {engine_speed(hibari):.0f} x real time.", end=" ")
    print(f"Coqui loads in {started:.1f} s." if started else "")
    print("\n| voices | pitch, semitones apart | spectra, dB apart |\n|---|---|---|")
    for one, other, semitones, distance in pairs:
        print(f"| {one}, {other} | {semitones:.1f} | {distance:.1f} |")
    print(f"\nHalves of one voice differ by {within:.1f} dB at most.\n")
    print("| whole synthesis by | threads | sound, s | engine alone, s | all of it, s | × | processor, s | × |")
    print("|---|---|---|---|---|---|---|---|")
    for name in [name for name in ("hibari-heart", "hibari-cedar") if name in voices]:
        for workers in (1, 2):
            length, alone, wall, alone_cpu, cpu = whole(hibari, name, workers=workers, rounds=arguments.rounds)
            print(
                f"| {name} | {workers} | {length:.0f} | {alone:.2f} | {wall:.2f} | {wall / alone:.2f} "
                f"| {alone_cpu:.2f}, {cpu:.2f} | {cpu / alone_cpu:.2f} |"
            )
    print("\n| briefing by | sound, s | spoken, s | again, s | one word corrected, s |\n|---|---|---|---|---|")
    chosen = [voices[name] for name in ("hibari-heart", "coqui-joe") if name in voices]
    for name, length, anew, again, corrected in keeping(chosen):
        print(f"| {name} | {length:.0f} | {anew:.2f} | {again:.2f} | {corrected:.2f} |")
    if folder is not None:
        engine.close()


if __name__ == "__main__":
    main()
