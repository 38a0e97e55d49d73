"""Parsing in confined processes: the same answers as here, and nothing that a broken parser does reaches further."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from gateway.verification import sandbox
from gateway.verification.openerprocess import Answer
from gateway.verification.opening import DirectOpener
from gateway.verification.sandbox import SandboxedOpener, SandboxLimits
from synth.containers import WAV, sniff
from synth.decode import DecodeLimits
from tests.credentials_samples import FACTS, chain, clip, signer
from tests.recoding import written

CHAIN = chain()
LIMITS = SandboxLimits(max_seconds=60, wall_seconds=20, cpu_seconds=10)


def an_opener(limits: SandboxLimits = LIMITS) -> SandboxedOpener:
    return SandboxedOpener(
        program="gateway.app.openerprocess",
        configuration={"trust_anchors": CHAIN.trust_anchors_pem.decode(), "time_stamp_anchors": ""},
        limits=limits,
    )


@pytest.fixture(scope="module")
def opener() -> Iterator[SandboxedOpener]:
    opener = an_opener()
    opener.self_test()
    yield opener
    opener.close()


@pytest.fixture
def hostile() -> Iterator[Callable[[str, object], SandboxedOpener]]:
    made: list[SandboxedOpener] = []

    def make(act: str, argument: object = "") -> SandboxedOpener:
        configuration = {"act": act, "argument": str(argument)}
        limits = SandboxLimits(max_seconds=60, wall_seconds=3, cpu_seconds=2)
        made.append(SandboxedOpener(program="tests.hostile_opener", configuration=configuration, limits=limits))
        return made[-1]

    yield make
    for opener in made:
        opener.close()


SILENCE = written(np.zeros(16_000, np.float32), 16_000)


def refused(opener: SandboxedOpener) -> bool:
    opened = opener.open(SILENCE, WAV)
    return opened.sound is None and opened.credentials is None and "limits" in opened.refusal


@pytest.mark.parametrize("media_type", ["audio/mpeg", "audio/wav"])
def test_confined_process_says_what_this_one_would(opener: SandboxedOpener, media_type: str) -> None:
    own = signer(CHAIN)
    signed, _ = own.sign(clip(media_type), media_type, FACTS)
    direct = DirectOpener(credentials=own, limits=DecodeLimits(max_seconds=60))
    for data in (signed, signed[:-100], clip(media_type), signed[:500]):
        container = sniff(data)
        assert container is not None
        here, there = direct.open(data, container), opener.open(data, container)
        assert there.credentials == here.credentials
        assert there.refusal == here.refusal
        assert (there.sound is None) == (here.sound is None)
        if here.sound is not None and there.sound is not None:
            assert np.array_equal(there.sound.samples, here.sound.samples)
            assert there.sound.damaged_packets == here.sound.damaged_packets


def test_samples_may_be_changed_in_place(opener: SandboxedOpener) -> None:
    sound = opener.open(SILENCE, WAV).sound
    assert sound is not None
    sound.samples[:] = 1.0
    assert sound.samples.flags.writeable


def test_file_that_is_too_long_is_refused_in_the_child(opener: SandboxedOpener) -> None:
    opened = opener.open(written(np.zeros(16_000 * 61, np.float32), 16_000), WAV)
    assert opened.sound is None
    assert "minute" in opened.refusal


def test_no_descriptor_and_no_process_is_left(opener: SandboxedOpener) -> None:
    opener.open(SILENCE, WAV)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        opener.open(SILENCE, WAV)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert opener._process is not None
    deadline = time.monotonic() + 5
    children = Path(f"/proc/{opener._process.pid}/task/{opener._process.pid}/children")
    while children.read_text().strip() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children.read_text().strip() == ""


def test_several_threads_get_their_own_answers(opener: SandboxedOpener) -> None:
    lengths = [1, 2, 3, 4]
    found: dict[int, float] = {}

    def work(seconds: int) -> None:
        sound = opener.open(written(np.zeros(16_000 * seconds, np.float32), 16_000), WAV).sound
        assert sound is not None
        found[seconds] = sound.duration

    threads = [threading.Thread(target=work, args=(seconds,)) for seconds in lengths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {seconds: float(seconds) for seconds in lengths}


def test_process_that_was_killed_is_started_again() -> None:
    opener = an_opener()
    opener.self_test()
    assert opener._process is not None
    opener._process.kill()
    opener._process.wait()
    opener.self_test()
    opener.close()


def test_parser_reaches_no_network(hostile: Callable[..., SandboxedOpener]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        assert refused(hostile("connect", server.getsockname()[1]))
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("act", ["write_a_file", "run_a_program"])
def test_parser_leaves_no_file(hostile: Callable[..., SandboxedOpener], tmp_path: Path, act: str) -> None:
    assert refused(hostile(act, tmp_path / "escaped"))
    assert list(tmp_path.iterdir()) == []


def test_parser_removes_no_file(hostile: Callable[..., SandboxedOpener], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("kept")
    assert refused(hostile("remove_a_file", kept))
    assert kept.read_text() == "kept"


@pytest.mark.parametrize("act", ["take_memory", "crash", "signal_its_parent"])
def test_parser_that_breaks_is_a_refusal_and_the_next_file_is_parsed_again(
    hostile: Callable[..., SandboxedOpener], act: str
) -> None:
    opener = hostile(act)
    for _ in range(2):
        assert opener.open(SILENCE, WAV).credentials is None
    assert opener._process is not None
    assert opener._process.poll() is None  # the first process outlived its children


@pytest.mark.parametrize("act", ["compute", "sleep"])
def test_parser_that_hangs_is_ended_in_time(hostile: Callable[..., SandboxedOpener], act: str) -> None:
    started = time.monotonic()
    assert refused(hostile(act))
    assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"x" * 3_000_000,
        Answer(length=10**12, media_type="audio/wav").model_dump_json().encode(),
        Answer(length=-1).model_dump_json().encode(),
        b'{"length": 0, "unknown": 1}',
        b'{"credentials": {"state": "trusted", "detail": "no such word"}}',
    ],
)
def test_answer_that_cannot_be_is_a_refusal(
    opener: SandboxedOpener, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    def lie(task: object, files: list[int]) -> None:
        writing = os.dup(files[2])

        def write() -> None:
            with os.fdopen(writing, "wb") as pipe:
                try:
                    pipe.write(said)
                except BrokenPipeError:
                    return

        threading.Thread(target=write).start()

    monkeypatch.setattr(opener, "_send", lie)
    opened = opener.open(SILENCE, WAV)
    assert (opened.sound, opened.credentials) == (None, None)


def test_secrets_of_the_environment_do_not_reach_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_JUDGE_API_KEY", "a secret that no parser needs")
    opener = an_opener()
    opener.self_test()
    assert opener._process is not None
    assert b"a secret" not in Path(f"/proc/{opener._process.pid}/environ").read_bytes()
    opener.close()


def test_limits_grow_with_the_upload_and_the_length() -> None:
    assert SandboxLimits(max_seconds=60).memory_bytes(1_000_000) < sandbox.FIXED_BYTES + (16 << 20)
    assert SandboxLimits(max_seconds=14_400).memory_bytes(0) > 2 * 14_400 * 64_000
