"""A whole gateway behind its HTTP interface: real database, log, blobs, codecs, credentials and fingerprints.

Only three parts are made for speed: a policy that reads its verdict from the script, voices that hum, and a watermark
of noise. Episodes are made in the calling thread, without a queue.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from starlette.testclient import TestClient

from gateway.api.backend import Backend
from gateway.api.examinations import Examinations
from gateway.api.mount import mount
from gateway.api.places import Places
from gateway.api.readiness import Probe, database_probe, log_probe, marks_probe
from gateway.api.throttle import Throttle
from gateway.app import build_console, build_endpoints
from gateway.app.uploads import build_upload_tools
from gateway.appeals import AppealDesk
from gateway.auth import Authenticator, Role, create_key
from gateway.console.mount import mount_console
from gateway.erasure import Eraser
from gateway.keys import KeyFiles, make_report_key
from gateway.pages.views import Pages
from gateway.pipeline import Pipeline
from gateway.review import ReviewDesk
from gateway.verification.opening import DirectOpener
from gateway.verification.resolver import SoftBindingResolver
from gateway.verification.signing import ReportSigner
from gateway.verify import Verifier
from policies.transcript import LISTENING_RATE, HeardWord, Transcript
from synth.audio import Samples
from synth.decode import DecodeLimits, decode
from synth.fingerprint import fingerprint
from synth.manifest import SOFT_BINDINGS
from synth.speak import SAMPLE_RATE
from synth.watermark import Detection, Payload, Presence
from tests.gateway_chain import Chain, Clock, build_chain, plainly
from tests.production_samples import CATALOGUE, gate, producer

PUBLIC_URL = "https://gate.example"
LIMITS = DecodeLimits(max_seconds=600)
CHIPS_PER_SECOND = 1_000  # slow enough for every codec and for 16 kHz


STREAM_SECONDS = 240  # longer than any stream that tests ask for


class ChipStream:
    """Marks sound as it comes, without holding any back."""

    def __init__(self, noise: Samples) -> None:
        self._noise = noise

    def push(self, samples: Samples) -> Samples:
        noise, self._noise = self._noise[: len(samples)], self._noise[len(samples) :]
        return (samples + 0.1 * np.abs(samples) * noise).astype(np.float32)

    def finish(self) -> Samples:
        return np.zeros(0, dtype=np.float32)


class ChipMark:
    """Adds keyed noise 20 dB below the sound, laid out in time; found by correlation with each candidate's noise."""

    name, version = "keyed", "chips 1"

    def embed(self, samples: Samples, sample_rate: int, payload: Payload) -> Samples:
        noise = self._noise(payload, len(samples), sample_rate)
        return (samples + 0.1 * np.abs(samples) * noise).astype(np.float32)

    def detect(self, samples: Samples, sample_rate: int, candidates: Sequence[Payload]) -> Detection:
        for candidate in candidates:
            expected = np.abs(samples) * self._noise(candidate, len(samples), sample_rate)
            likeness = float(np.dot(samples, expected) / (np.linalg.norm(samples) * np.linalg.norm(expected) + 1e-12))
            if likeness > 0.05:
                return Detection(self.name, Presence.DETECTED, episode_id=candidate.episode_id, score=likeness)
        return Detection(self.name, Presence.NOT_DETECTED)

    def marking(self, sample_rate: int, payload: Payload) -> ChipStream:
        return ChipStream(self._noise(payload, STREAM_SECONDS * sample_rate, sample_rate))

    def _noise(self, payload: Payload, length: int, sample_rate: int) -> Samples:
        chips = np.arange(length) * CHIPS_PER_SECOND // sample_rate
        seed = hashlib.sha256(payload.episode_id.encode()).digest()
        signs = np.random.default_rng(list(seed)).choice([-1.0, 1.0], int(chips[-1]) + 1 if length else 0)
        return signs[chips].astype(np.float32)


class Ears:
    """Hears in any sound what a test lets it hear: words of equal length, as sure as it says."""

    model = ("ears", "sha256:" + "3" * 64)

    def __init__(self) -> None:
        self.says = "Good morning from the old harbour, the bridge is open again and the ferry runs."
        self.sure = 0.9
        self.languages = ("en",)

    def transcribe(self, samples: Samples, *, language: str) -> Transcript | None:
        if language not in self.languages:
            return None
        seconds = len(samples) / LISTENING_RATE
        words = self.says.split()
        step = seconds / max(1, len(words))
        return Transcript(
            tuple(HeardWord(word, n * step, (n + 1) * step, self.sure) for n, word in enumerate(words)), seconds
        )


@dataclass
class Gate:
    """The gateway, its application, and a key for every role."""

    chain: Chain
    backend: Backend
    app: FastAPI
    keys: dict[str, str]
    ears: Ears

    def client(self, who: str | None = None) -> TestClient:
        """Return a client with the key of "submitter", "other", "reviewer", "auditor" or "admin", or with none."""
        headers = {"Authorization": f"Bearer {self.keys[who]}"} if who else {}
        return TestClient(self.app, headers=headers, raise_server_exceptions=False)

    def submit(self, script: str, **headers: str) -> str:
        answer = self.client("submitter").post("/v1/submissions", json={"script": script}, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def run(self, episode_id: str) -> str:
        return self.chain.pipeline.advance(episode_id, plainly)

    def make(self, script: str) -> str:
        """Submit a script and make its episode; returns its id."""
        episode_id = self.submit(script)
        self.run(episode_id)
        return episode_id


def a_script(words: str = "", *, title: str = "Morning briefing", sentences: int = 7) -> str:
    """Return a script of two humming voices in three chapters, about two and a half seconds per sentence."""
    body = []
    for number in range(sentences):
        if number in (0, 2, 4):
            body.append(f"# Part {number // 2 + 1}")
        speaker = ("ANN", "BEN")[number % 2]
        body.append(f"{speaker}: Sentence number {number} says nothing at {'all ' * (number % 3)}to {title}. {words}")
    head = f"---\ntitle: {title}\nshow: Harbour News\nvoices:\n  ANN: hum-low\n  BEN: hum-high\n---\n"
    return head + "\n\n".join(body) + "\n"


def build_gate(
    home: Path, *, marks: Sequence[Any] = (ChipMark(),), clock: Clock | None = None, maker: Any = None, **changes: Any
) -> Gate:
    maker = maker or producer(marks=list(marks))
    chain = build_chain(home, producer=maker, clock=clock, public_url=PUBLIC_URL, **changes)
    ears = Ears()
    tools = replace(
        chain.tools,
        uploads=build_upload_tools(
            build_opener=lambda: DirectOpener(credentials=gate(), limits=LIMITS, rate=SAMPLE_RATE),
            build_verifier=lambda: verifier,
            spoken=ears,  # type: ignore[arg-type]  # stand-in
        ),
        voices=CATALOGUE,
        marks=tuple(marks),
        fingerprint=lambda clip: _fingerprint(clip.data),
    )
    enqueued: list[str] = []
    pipeline = Pipeline(toolchain=tools)
    desk = ReviewDesk(
        database=tools.database,
        log=tools.log,
        clock=tools.clock,
        lease=timedelta(minutes=10),
        enqueue=enqueued.append,
    )
    chain = Chain(tools, pipeline, desk, chain.clock, enqueued)
    verifier = Verifier(
        database=tools.database,
        log=tools.log,
        opener=DirectOpener(credentials=gate(), limits=DecodeLimits(max_seconds=tools.settings.max_upload_seconds)),
        marks=tools.marks,
        public_url=PUBLIC_URL,
        clock=tools.clock,
        jitter_key=b"jitter key of tests",
        detached=lambda data, digest: gate().read(data, "audio/ogg", manifest_store=tools.blobs.read(digest)),
    )
    backend = Backend(
        toolchain=tools,
        enqueue=enqueued.append,
        authenticator=Authenticator(database=tools.database, clock=tools.clock),
        reviews=desk,
        appeals=AppealDesk(
            database=tools.database,
            log=tools.log,
            clock=tools.clock,
            lease=timedelta(minutes=10),
            settings=tools.settings,
            enqueue=enqueued.append,
        ),
        verifier=verifier,
        reports=ReportSigner(private_key_pem=make_report_key(KeyFiles(home / "report-keys")), endpoint=PUBLIC_URL),
        resolver=SoftBindingResolver(
            database=tools.database,
            algorithms={SOFT_BINDINGS[mark.name].name: SOFT_BINDINGS[mark.name].bits for mark in marks},
        ),
        fetcher=None,
        pages=Pages(organisation="Harbour Radio", public_url=PUBLIC_URL, most_bytes=tools.settings.max_upload_bytes),
        eraser=Eraser(database=tools.database, log=tools.log, blobs=tools.blobs, clock=tools.clock),
        probes=the_probes(chain),
        throttle=Throttle(burst=1_000, interval=0.001, clock=time.monotonic),
        places=Places(4),
        examinations=Examinations(verifier.verify, workers=2, clock=time.monotonic),
        screening_places=Places(4),
        drafter=None,
        speech_places=Places(4),
        webhooks=build_endpoints(tools.settings, database=tools.database, log=tools.log, clock=tools.clock),
    )
    return Gate(chain, backend, build_app(backend), make_keys(chain), ears)


def build_app(backend: Backend) -> FastAPI:
    app = FastAPI(title="Assay", version="0", docs_url=None, redoc_url=None)
    mount(app, backend)
    mount_console(app, build_console(backend))
    return app


def the_probes(chain: Chain) -> list[Probe]:
    tools = chain.tools
    return [
        database_probe(tools.database),
        log_probe(tools.database, tools.log_files),
        marks_probe(tools.marks, [mark.name for mark in tools.marks]),
    ]


def make_keys(chain: Chain) -> dict[str, str]:
    roles = {"other": Role.SUBMITTER, "second": Role.REVIEWER, **{role.value: role for role in Role}}
    with chain.database.write() as session:
        return {name: create_key(session, role, name, chain.clock()) for name, role in roles.items()}


def _fingerprint(data: bytes) -> Any:
    sound = decode(data)
    return fingerprint(sound.samples, sound.sample_rate)
