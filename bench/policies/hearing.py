"""What the spoken check hears of texts that text screening lets pass: they are spoken and transcribed for it."""

from __future__ import annotations

from collections.abc import Iterable

import soxr

from bench.policies.bench import Bench
from bench.policies.subject import bench_settings
from gateway.app.screening import build_spoken_check
from gateway.manuscripts import manuscript_of
from gateway.screening import looks_like_script
from policies.decision import Verdict
from policies.spoken import SpokenCheck
from policies.transcript import LISTENING_RATE
from synth.adapters.hibari import hibari_catalogue
from synth.errors import SynthError
from synth.formats import parse_script
from synth.speak import speak
from synth.voice import VoiceCatalogue

HEAD = "---\ntitle: Evening\nshow: Harbour Radio\nlanguage: en\nvoices:\n  ANNA: hibari-birch\n---\n\n# Today\n\nANNA: "


def hear(bench: Bench, texts: Iterable[tuple[str, str]]) -> dict[str, bool]:
    """Say for each (id, text) whether it is held once it is heard; a text that no voice may speak is held too."""
    listed = list(texts)
    check = build_spoken_check(bench_settings(bench.folder / "policies"), bench.subject.screener)
    if check is None:
        raise ValueError("the policy asks for no spoken check, so nothing can be heard; leave out --spoken")
    catalogue = hibari_catalogue()
    return {
        name: bench.once(("heard", text), lambda: _is_held(text, check, catalogue))  # noqa: B023 - called at once
        for name, text in bench.watched("speak and listen", listed, len(listed))
    }


def _is_held(text: str, check: SpokenCheck, catalogue: VoiceCatalogue) -> bool:
    source = text if looks_like_script(text) else HEAD + text.replace("\n\n", "\n") + "\n"
    try:
        script = parse_script(source)
        speech = speak(script, catalogue, workers=1)
    except SynthError:
        return True  # safe to ignore because such a script is refused before anything is spoken
    samples = soxr.resample(speech.samples, speech.sample_rate, LISTENING_RATE)
    hearing = check.check(manuscript_of(script), samples, voices=dict(script.voices))
    return hearing.decision.verdict is not Verdict.ALLOW
