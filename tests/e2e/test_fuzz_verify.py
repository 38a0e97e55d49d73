"""A seeded part of `make fuzz-verify`: sixty mutated files, and proof that the fuzzer would notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from gateway.verification.opening import Opened
from synth.encode import MEDIA_TYPES
from tests.fuzz_verify import Subject, fuzz


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    subject = Subject(tmp_path_factory.mktemp("fuzz"))
    yield subject
    subject.close()


def test_mutated_files_are_refused_or_reported_and_never_trusted_falsely(subject: Subject) -> None:
    assert {seed.name for seed in subject.seeds} == set(MEDIA_TYPES)
    results = list(fuzz(subject, count=60, seed=20_260_301))
    assert [wrong for _, wrong in results if wrong] == []
    conclusions = Counter(conclusion for conclusion, _ in results)
    assert conclusions["altered"] > 3  # the mutations reach behind the container ...
    assert conclusions["refused"] > 3  # ... and into it


def test_untouched_files_are_genuine(subject: Subject) -> None:
    for seed in subject.seeds:
        assert subject.judge(seed.data, seed) == ("genuine", "")


def test_fuzzer_notices_a_reader_that_trusts_too_much(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = subject.seeds[0]
    original = subject.opener.open(seed.data, None)  # type: ignore[arg-type]  # the child looks for itself
    honest = subject.opener.open

    def gullible(data: bytes, container: object) -> Opened:
        opened = honest(data, container)  # type: ignore[arg-type]
        return Opened(opened.sound, opened.refusal, original.credentials, "")

    monkeypatch.setattr(subject.opener, "open", gullible)
    middle = len(seed.data) * 3 // 4
    changed = seed.data[:middle] + bytes(len(seed.data) // 8) + seed.data[middle + len(seed.data) // 8 :]
    assert "changed" in subject.judge(changed, seed)[1]
