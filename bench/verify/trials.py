"""Does the verifier claim what is not ours? Trials with files that no installation asked has released.

One trial is one file put to one installation. Every installation has 10,000 released episodes of a minute, with their
fingerprints and landmarks, and keys of its own; no two trials share the keys from which the words of its keyed mark are
made. The files:

- `human`, `music`: recordings that nothing was trained on (`bench.watermark.sources`).
- `spoken`: our own voices, without any mark.
- `marked elsewhere`: the same voices and people, marked in both layers by another installation.
- `released elsewhere`: whole files of other installations, with marks and credentials, as they were published.

The whole verifier answers (`gateway.verify.Verifier`, as the public asks it). What does not depend on the keys of a
trial is worked out once for each file and then remembered: what parsing gives, the canonical form, the landmarks and
where they lead, and the layer AudioSeal, which has no key. Remembered too is what one network hears in one file:
installations share a few networks, and the words that they search for are drawn anew for every trial. About half of the
files are also put to a verifier that remembers nothing, with all keys drawn anew: those are trials like the others.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy.stats import beta

from bench.conditions import conditions
from bench.verify.strangers import Stranger
from gateway import app
from gateway.settings import Settings
from gateway.toolchain import Toolchain
from gateway.verification import listening
from gateway.verification.opening import Opened, Opener
from gateway.verification.report import Conclusion
from gateway.verify import Verifier
from synth.audio import Samples
from synth.containers import Container
from synth.keyed import reader as keyed_reader
from synth.keyed.decoder import Decoder
from synth.keyed.hearing import Heard, Playing
from synth.keyed.key import derive_keys
from synth.keyed.reader import KeyedReader
from synth.keyed.words import WordBook
from synth.watermark import Detection, Payload, Watermark

OURS = frozenset(
    [
        Conclusion.RECOVERED_COPY,
        Conclusion.ALTERED,
        Conclusion.TRANSPLANTED,
        Conclusion.WITHDRAWN,
        Conclusion.UNCONFIRMED,
    ]
)
"""Conclusions that tie a file to an episode of the installation, or call its credentials ours."""
NETWORKS = 2
SPEAK_EVERY = 10  # rounds
WHOLE_EVERY = 2  # files of which one is also put to a verifier that remembers nothing
SEED = 20_261_125


class Another(KeyedReader):
    """The keyed layer of another installation: its network is one of a few, its words are its own."""

    def __init__(self, *, network: bytes) -> None:
        super().__init__(key=network)
        self._network = self._epochs[0]

    def move(self, key: bytes) -> None:
        """Become an installation with other words and another name."""
        keys = derive_keys(key)
        mixed = replace(keys, detector=self._network.keys.detector, query=self._network.keys.query)
        self._epochs = [replace(self._network, keys=mixed, book=WordBook(keys=mixed))]

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        """Nothing is marked here."""
        raise NotImplementedError


class Remembered:
    """A layer without a key, which says the same about the same sound."""

    def __init__(self, layer: Watermark) -> None:
        self._layer = layer
        self._known: dict[int, Detection] = {}
        self.name, self.version = layer.name, layer.version

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        """Nothing is marked here."""
        raise NotImplementedError

    def detect(self, samples: Samples, sample_rate: int, candidates: Sequence[Payload]) -> Detection:
        """Look for the mark, once."""
        if id(samples) not in self._known:
            self._known[id(samples)] = self._layer.detect(samples, sample_rate, candidates)
        return self._known[id(samples)]


class Once:
    """Parses every file once."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._known: dict[bytes, Opened] = {}

    def open(self, data: bytes, container: Container) -> Opened:
        """Return what parsing gave; its samples may not be changed."""
        if data not in self._known:
            opened = self._opener.open(data, container)
            assert opened.sound is not None, opened.refusal
            opened.sound.samples.flags.writeable = False
            self._known[data] = opened
        return self._known[data]

    def close(self) -> None:
        """End the processes that parse."""
        self._opener.close()


@contextmanager
def _remembering() -> Iterator[None]:
    """Let what depends on a file alone, or on a file and a network, be worked out once."""
    with ExitStack() as stack:
        for name in ("canonicalise", "plain_questions", "jitter_seed", "recall"):
            stack.enter_context(patch.object(listening, name, _by_sound(getattr(listening, name))))
        stack.enter_context(patch.object(keyed_reader, "listen", _by_network(keyed_reader.listen)))
        yield


def _by_sound(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, which works once for each sound that it is given."""
    known: dict[int, tuple[Samples, Any]] = {}

    def remembering(*given: Any) -> Any:
        samples = next(one for one in given if isinstance(one, np.ndarray))
        if id(samples) not in known:
            known[id(samples)] = samples, function(*given)  # holding the samples keeps their id theirs
        return known[id(samples)][1]

    return remembering


def _by_network(function: Callable[..., list[Heard]]) -> Callable[..., list[Heard]]:
    """Return the function, which listens once to what it is asked again and again."""
    known: dict[tuple[int, int, int], tuple[object, list[Heard]]] = {}

    def remembering(decoder: Decoder, samples: Samples, rate: int, playings: Sequence[Playing]) -> list[Heard]:
        place = (id(decoder), samples.ctypes.data, len(playings))
        if place not in known:  # holding decoder and samples keeps their places theirs
            known[place] = (decoder, samples), function(decoder, samples, rate, playings)
        return known[place][1]

    return remembering


def run(
    settings: Settings,
    tools: Toolchain,
    strangers: Sequence[Stranger],
    *,
    trials: int,
    registered: int,
    minutes: float = math.inf,
) -> bool:
    """Run the trials, or as many as fit into so many minutes, and print what came of them.

    Returns False if any file was called genuine or ours.
    """
    random = np.random.default_rng(SEED)
    audioseal = next(mark for mark in tools.marks if mark.name == "audioseal")
    rounds = math.ceil(trials / (len(strangers) * NETWORKS))
    seen: dict[str, Counter[str]] = {one.kind: Counter() for one in strangers}
    print(conditions("torch", "av", "c2pa-python") + f"; {registered:,} registered episodes\n", flush=True)
    began, used, whole = time.perf_counter(), time.process_time(), strangers[::WHOLE_EVERY]
    parsing = _verifier(settings, tools, ())._opener
    with _remembering():
        once, layer = Once(parsing), Remembered(audioseal)
        others = [Another(network=random.bytes(32)) for _ in range(NETWORKS)]
        verifiers = [_verifier(settings, tools, (layer, other), once) for other in others]
        for number in range(rounds):
            for other, verifier in zip(others, verifiers, strict=True):
                for stranger in strangers:
                    other.move(random.bytes(32))
                    seen[stranger.kind][verifier.verify(stranger.data).conclusion] += 1
            late = time.perf_counter() - began > 60 * minutes
            if late or number % SPEAK_EVERY == 0:
                print(f"<!-- {_claimed(seen)}, {time.perf_counter() - began:.0f} s -->", flush=True)
            if late:
                rounds = number + 1
                break
    for stranger in whole:
        verifier = _verifier(settings, tools, (audioseal, Another(network=random.bytes(32))), parsing)
        seen[stranger.kind][verifier.verify(stranger.data).conclusion] += 1
    parsing.close()
    used = time.process_time() - used
    print(f"{len(strangers)} files, {NETWORKS} networks, {rounds} word keys for each pair; {len(whole)} whole trials.")
    print(f"{time.perf_counter() - began:.0f} s, {used:.0f} s of the processor.\n")
    return _told(strangers, seen)


def _verifier(
    settings: Settings, tools: Toolchain, marks: Sequence[Watermark], opener: Opener | None = None
) -> Verifier:
    """Return the verifier as the public meets it, but without a bound on how often one sound may be asked about."""
    verifier = app.build_verifier(settings, database=tools.database, log=tools.log, marks=marks, public=True)
    verifier._listener._clusters = None  # it bounds how often is asked, not what is answered
    if opener is not None:
        verifier._opener.close()
        verifier._opener = opener
    return verifier


def _told(strangers: Sequence[Stranger], seen: dict[str, Counter[str]]) -> bool:
    """Print the table."""
    total: Counter[str] = Counter()
    print(
        "| files | number | trials | `genuine` | claimed otherwise | `similar_content` | `marked_unknown` | `unknown` |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for kind, found in [*seen.items(), ("all", total)]:
        if kind != "all":
            total += found
        number = sum(kind in (one.kind, "all") for one in strangers)
        ours = sum(found[one] for one in OURS)
        named = [found[one] for one in (Conclusion.SIMILAR_CONTENT, Conclusion.MARKED_UNKNOWN, Conclusion.UNKNOWN)]
        row = [kind, number, found.total(), found[Conclusion.GENUINE], ours, *named]
        print("| " + " | ".join(f"{one:,}" if isinstance(one, int) else one for one in row) + " |")
    print(f"\n{_claimed(seen)}.")
    return _count_claimed(seen) == 0


def _count_claimed(seen: Mapping[str, Counter[str]]) -> int:
    return sum(found[one] for found in seen.values() for one in (Conclusion.GENUINE, *OURS))


def _claimed(seen: Mapping[str, Counter[str]]) -> str:
    """Say how many trials claimed a file, and the upper bound of the exact 95 % interval (Clopper, Pearson, 1934)."""
    claimed, count = _count_claimed(seen), sum(found.total() for found in seen.values())
    bound = 1.0 if claimed == count else float(beta.ppf(0.95, claimed + 1, count - claimed))
    return (
        f"{claimed} of {count:,} trials claimed a file; with 95 % confidence fewer than {bound:.1e} of such trials do"
    )
