"""`python -m bench.policies.probe`: speed and memory of screening in a process of its own, printed as JSON."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from bench.memory import forget_peak, peak

WORDS = 450  # of a script of three minutes, at 150 words a minute


def main() -> None:
    """Measure one number of threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sentences", type=int, default=1_000)
    options = parser.parse_args()
    began = time.perf_counter()
    from bench.policies import own_sets  # after the clock, because loading is measured too
    from bench.policies.bench import spread
    from bench.policies.subject import Subject
    from gateway.screening import Format, read_manuscript

    sentences = [one.text for one in own_sets.neutral()]
    with tempfile.TemporaryDirectory() as home:
        subject = Subject.load(Path(home), threads=options.threads)
        list(subject.examine(["Good evening, and welcome."]))  # what is loaded lazily is loaded now
        ready = time.perf_counter() - began
        loaded = peak()
        forget_peak()
        seconds = []
        for number in range(options.repeats):
            script = read_manuscript(_script(sentences, number), written_as=Format.TEXT, language="en")
            start = time.perf_counter()
            subject.screener.screen(script)
            seconds.append(time.perf_counter() - start)
        # Models remember what they scored, so every text ends in words that it had not before.
        fresh = [f"{text} And that was {number}." for number, text in enumerate(spread(sentences, options.sentences))]
        start = time.perf_counter()
        list(subject.examine(fresh))
        batch = time.perf_counter() - start
    result = {
        "ready": ready,
        "script": statistics.median(seconds),
        "slowest": max(seconds),
        "sentences_per_second": 2 * len(fresh) / batch,  # each text has two sentences
        "loaded_mb": loaded,
        "peak_mb": peak(),
    }
    print(json.dumps(result))


def _script(sentences: list[str], number: int) -> str:
    """Return the next stretch of sentences with `WORDS` words; no two scripts share one."""
    chosen: list[str] = []
    place = number * 60
    while sum(len(one.split()) for one in chosen) < WORDS:
        chosen.append(sentences[place % len(sentences)])
        place += 1
    return " ".join(chosen)


if __name__ == "__main__":
    main()
