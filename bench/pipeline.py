"""`make bench-pipeline`: where the time goes on the way from script to release, and what the gate costs.

In one run, turn by turn, so that a machine that changes its speed changes both sides alike:

- the whole gate: the briefing goes through the real engine on SQLite, from submission to release;
- plain: the same script is only spoken and encoded to MP3, as a script without a gate would do it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from bench.conditions import conditions
from gateway.cli.embedded import EmbeddedGate, embedded_gate
from gateway.manuscripts import manuscript_of
from gateway.settings import load_settings
from gateway.submissions import Timeline
from synth.encode import encode_mp3
from synth.formats import parse_script
from synth.speak import speak

SCRIPT = Path("examples/morning-briefing.md")


def plain(gate: EmbeddedGate, text: str) -> tuple[float, float, float]:
    """Speak and encode without a gate; returns seconds for each, and the programme's length."""
    began = time.perf_counter()
    speech = speak(parse_script(text), gate.toolchain.voices, disclosure=gate.settings.disclosure)
    spoken = time.perf_counter()
    encode_mp3(speech.samples, speech.sample_rate)
    return spoken - began, time.perf_counter() - spoken, speech.duration


def whole(gate: EmbeddedGate, text: str) -> tuple[float, float, dict[str, float]]:
    """Take the script through the gate; returns the seconds from submission to release, the CPU seconds of all threads
    meanwhile, and the seconds of each stage.
    """
    began, worked = time.perf_counter(), time.process_time()
    outcome = gate.take(text, on_change=lambda _: None)
    total, worked = time.perf_counter() - began, time.process_time() - worked
    if outcome.submission.state != "released":
        raise SystemExit(
            f"the briefing was not released: {outcome.submission.state} {outcome.submission.failure_detail}"
        )
    with gate.toolchain.database.read() as session:
        timeline = session.get_one(Timeline, outcome.submission.id)
        stages: dict[str, float] = defaultdict(float)
        for stage, seconds in timeline.timings:
            stages[str(stage)] += float(str(seconds))
    return total, worked, stages


def main() -> None:
    """Run the benchmark and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    text = SCRIPT.read_text()
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(home=Path(home))
        began = time.perf_counter()
        with embedded_gate(settings) as gate:
            ready = time.perf_counter() - began
            plain(gate, text)  # warm-up: the first call loads what is loaded lazily
            totals, stages, speaking, encoding, screening = [], defaultdict(list), [], [], []
            working = []
            for _ in range(runs):
                spoken, encoded, duration = plain(gate, text)
                speaking.append(spoken)
                encoding.append(encoded)
                start = time.perf_counter()
                gate.toolchain.screener.screen(manuscript_of(parse_script(text)))
                screening.append(time.perf_counter() - start)
                total, worked, parts = whole(gate, text)
                totals.append(total)
                working.append(worked)
                for stage, seconds in parts.items():
                    stages[stage].append(seconds)
    print(f"Conditions: {conditions('torch', 'audioseal', 'hibari-tts', 'av', 'c2pa-python', 'dbos')};")
    print(f"{SCRIPT}, {duration:.1f} s of sound, MP3 and WAV, {runs} runs, medians.\n")
    rows = [("screen", statistics.median(screening))]
    rows += [(stage, statistics.median(seconds)) for stage, seconds in stages.items()]
    total = statistics.median(totals)
    rows.append(("store, log, queue, release", total - sum(seconds for _, seconds in rows)))
    print("| stage | seconds | × real time | share |")
    print("|---|---|---|---|")
    for name, seconds in rows:
        speed = f"{duration / seconds:.0f}" if seconds >= 0.1 else "> 1000"
        print(f"| {name} | {seconds:.2f} | {speed} | {100 * seconds / total:.0f} % |")
    print(f"| **whole gate** | {total:.2f} | {duration / total:.1f} | 100 % |")
    busy = statistics.median(working)
    print(f"| CPU seconds of the whole gate, all threads | {busy:.2f} | {duration / busy:.1f} | |")
    base = statistics.median(speaking) + statistics.median(encoding)
    print(f"| plain speech + MP3 | {base:.2f} | {duration / base:.1f} | |")
    ratios = sorted(whole / (a + b) for whole, a, b in zip(totals, speaking, encoding, strict=True))
    print(f"\nWhole gate ÷ plain: {statistics.median(ratios):.1f} (min {ratios[0]:.1f}, max {ratios[-1]:.1f}).")
    print(f"Starting the process (models, keys, self-tests, database): {ready:.1f} s.")


if __name__ == "__main__":
    main()
