"""Sound that was made elsewhere: what is taken, what is refused, and what its credentials say afterwards."""

from __future__ import annotations

import io
import json
import struct
import wave
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import c2pa
import numpy as np
import pytest
from sqlmodel import select

from audit.event import EventKind
from gateway.feed import PODCAST
from gateway.submissions import Upload
from gateway.uploads.adoption import cues_of, let_go
from synth.audio import MarkedSpeech, Samples
from synth.credentials import CredentialsState
from synth.encode import encode
from tests.api_gate import Gate, a_script, build_gate
from tests.credentials_samples import FACTS
from tests.production_samples import HummingVoice
from tests.production_samples import gate as our_signer

RATE = 24_000
SAID = "Good morning from the old harbour, the bridge is open again and the ferry runs."
AI = "trainedAlgorithmicMedia"


def hum(seconds: float = 12.0, *, seed: int = 1) -> Samples:
    words = "hm " * round(seconds / 0.35 + 1)
    return HummingVoice("elsewhere", pitch=90.0 + 7 * seed).speak(words, seed=seed)[: round(seconds * RATE)]


def wav(samples: Samples, rate: int = RATE) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
    return target.getvalue()


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return build_gate(tmp_path_factory.mktemp("intakes"))


@pytest.fixture(autouse=True)
def ears(gate: Gate) -> Iterator[None]:
    yield
    gate.ears.says, gate.ears.sure = SAID, 0.9


def send(gate: Gate, data: bytes, *, who: str = "submitter", headers: Any = None, **fields: str) -> Any:
    form = {"title": "From elsewhere", "source_type": AI, **fields}
    return gate.client(who).post("/v1/intakes", files={"file": ("a.wav", data)}, data=form, headers=headers)


def take(gate: Gate, data: bytes, **fields: str) -> dict[str, Any]:
    """Send a file, let the gate work, and return the submission as its sender sees it."""
    answer = send(gate, data, **fields)
    assert answer.status_code == 202, answer.text
    gate.run(answer.json()["id"])
    found: dict[str, Any] = gate.client("submitter").get(answer.headers["location"]).json()
    return found


def clip_of(gate: Gate, found: dict[str, Any]) -> bytes:
    return gate.client().get(found["clips"][0]["url"]).content


def manifests(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return all manifests of an MP3, and the active one."""
    with c2pa.Reader("audio/mpeg", io.BytesIO(data)) as reader:
        store = json.loads(reader.json())
    return store["manifests"], store["manifests"][store["active_manifest"]]


def assertion(manifest: dict[str, Any], label: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one["data"] for one in manifest["assertions"] if one["label"] == label)
    return found


def problem(answer: Any, status: int, slug: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.json()["type"].endswith(f"/problems/{slug}")
    return str(answer.json()["detail"])


def test_recording_becomes_an_episode_that_says_what_was_declared(gate: Gate) -> None:
    found = take(gate, wav(hum(seed=2)), show="Harbour News", source_type="compositeWithTrainedAlgorithmicMedia")
    assert found["state"] == "released"
    assert SAID in found["script"]
    data = clip_of(gate, found)
    report = our_signer().read(data, "audio/mpeg")
    assert report.state is CredentialsState.TRUSTED
    assert report.facts is not None
    assert report.facts.episode_id == found["id"]
    _, manifest = manifests(data)
    opened = assertion(manifest, "c2pa.actions.v2")["actions"][0]
    assert opened["action"] == "c2pa.opened"
    assert opened["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    said = assertion(manifest, "org.assay-gateway.upload")
    assert (said["verified"], said["wordsScreened"]) == (False, len(SAID.split()))
    assert manifest["ingredients"][0]["relationship"] == "parentOf"
    verdict = gate.client().post("/v1/verifications", content=data, headers={"Content-Type": "audio/mpeg"}).json()
    assert verdict["conclusion"] == "genuine"


def test_log_tells_what_was_sent_and_what_was_declared(gate: Gate) -> None:
    found = take(gate, wav(hum(seed=3)))
    with gate.chain.database.read() as session:
        events = [one.event for one in gate.chain.tools.log.events_for(session, found["id"])]
    assert [event.kind.value for event in events][:4] == [
        "upload.received",
        "upload.examined",
        "speech.heard",
        "screening.decided",
    ]
    received = next(event for event in events if event.kind is EventKind.UPLOAD_RECEIVED)
    assert received.facts["declared_source_type"] == AI
    examined = next(event for event in events if event.kind is EventKind.UPLOAD_EXAMINED)
    assert (examined.facts["conclusion"], examined.facts["transcribed"]) == ("unknown", True)


def test_feed_tells_what_the_sender_declares(gate: Gate) -> None:
    machine, person = take(gate, wav(hum(seed=4))), take(gate, wav(hum(seed=5)), source_type="digitalCapture")
    tree = ET.fromstring(gate.client().get("/feed.xml").content)
    items = {item.findtext("guid"): item for item in tree.iter("item")}
    assert items[machine["id"]].find(f"{{{PODCAST}}}txt") is not None
    assert "as its sender declares" in (items[machine["id"]].findtext("description") or "")
    assert items[person["id"]].find(f"{{{PODCAST}}}txt") is None
    assert "nobody has verified" in (items[person["id"]].findtext("description") or "")
    assert gate.client().get(f"/v1/episodes/{person['id']}").json()["synthetic"] is False
    labels = {one["label"] for one in manifests(clip_of(gate, person))[1]["assertions"]}
    assert "c2pa.ai-disclosure" not in labels


def test_words_that_the_policy_forbids_are_blocked(gate: Gate) -> None:
    gate.ears.says = "twenty harmless words " * 5 + "and then please block"
    found = take(gate, wav(hum(seed=6)))
    assert (found["state"], found["clips"]) == ("blocked", [])
    statement = gate.client("submitter").get(f"/v1/submissions/{found['id']}/statement")
    assert statement.status_code == 200


def test_title_is_screened_too(gate: Gate) -> None:
    assert take(gate, wav(hum(seed=7)), title="please block")["state"] == "blocked"
    assert take(gate, wav(hum(seed=7)), show="please review")["state"] == "awaiting_review"


@pytest.mark.parametrize(
    ("says", "sure", "language", "category"),
    [
        ("", 0.9, "en", "no_words"),
        ("you", 0.9, "en", "no_words"),
        (SAID, 0.3, "en", "heard_poorly"),
        (SAID, 0.9, "de", "not_transcribed"),
    ],
)
def test_what_was_not_screened_is_said_and_a_person_decides(
    gate: Gate, says: str, sure: float, language: str, category: str
) -> None:
    gate.ears.says, gate.ears.sure = says, sure
    found = take(gate, wav(hum(seed=8)), language=language)
    assert found["state"] == "awaiting_review"
    assert category in {one["category"] for one in found["decision"]["findings"]}


def test_music_passes_where_the_operator_lets_it(tmp_path: Path) -> None:
    gate = build_gate(tmp_path, wordless="allow")
    gate.ears.says = ""
    found = take(gate, wav(hum(seed=9)))
    assert found["state"] == "released"
    assert assertion(manifests(clip_of(gate, found))[1], "org.assay-gateway.upload")["wordsScreened"] == 0
    assert [one["verdict"] for one in found["decision"]["findings"]] == ["allow"]


def test_file_of_ours_is_recognised_and_not_marked_again(gate: Gate) -> None:
    found = take(gate, wav(hum(seed=10)))
    answer = send(gate, clip_of(gate, found))
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["recognised"]) == (found["id"], True)
    scripted = gate.make(a_script(title="Scripted", sentences=5))
    clips = gate.client().get(f"/v1/episodes/{scripted}").json()["clips"]
    answer = send(gate, gate.client().get(clips[0]["url"]).content)
    assert (answer.status_code, answer.json()["id"]) == (200, scripted)


def test_copy_of_a_released_episode_is_not_published_again(gate: Gate) -> None:
    scripted = gate.make(a_script(title="Copied", sentences=7))
    clip = gate.client().get(f"/v1/episodes/{scripted}").json()["clips"][0]
    opened = gate.chain.tools.uploads.open(gate.client().get(clip["url"]).content)  # type: ignore[union-attr]
    found = take(gate, encode(MarkedSpeech(opened.sound.samples, 44_100, (), (), "", ()), "audio/mp4"))
    assert found["state"] == "blocked"
    assert scripted in str(found["decision"]["findings"])


def test_withdrawn_file_is_refused_with_the_reason(gate: Gate) -> None:
    found = take(gate, wav(hum(seed=11)))
    data = clip_of(gate, found)
    gate.client("admin").post(f"/v1/episodes/{found['id']}/withdrawal", json={"reason": "The date is wrong."})
    assert "The date is wrong." in problem(send(gate, data), 410, "withdrawn")


def test_credentials_of_a_stranger_are_kept(gate: Gate) -> None:
    from tests.credentials_samples import chain, signer

    stranger = signer(chain())
    data, _ = stranger.sign(encode(MarkedSpeech(hum(seed=12), RATE, (), (), "", ()), "audio/mpeg"), "audio/mpeg", FACTS)
    found = take(gate, data)
    assert found["state"] == "released"
    everything, active = manifests(clip_of(gate, found))
    assert len(everything) == 2
    parent = active["ingredients"][0]
    assert everything[parent["active_manifest"]]["title"] == FACTS.title
    kept = everything[parent["active_manifest"]]["assertions"]
    assert any(one["label"] == "cawg.training-mining" for one in kept)
    with gate.chain.database.read() as session:
        assert session.get_one(Upload, found["id"]).credentials == "valid"


def test_bytes_that_are_unmarked_go_when_the_clips_are_made(gate: Gate) -> None:
    data = wav(hum(seed=13))
    found = take(gate, data)
    blobs = gate.chain.tools.blobs
    with gate.chain.database.read() as session:
        name = session.get_one(Upload, found["id"]).sha256
    assert blobs.exists(name)
    again = send(gate, data).json()["id"]
    let_go(gate.chain.database, blobs)
    assert blobs.exists(name)  # another submission of the same bytes still needs them
    gate.run(again)
    let_go(gate.chain.database, blobs)
    assert not blobs.exists(name)
    with gate.chain.database.read() as session:
        assert not any(row.held for row in session.exec(select(Upload).where(Upload.sha256 == name)))


def test_erasing_takes_words_and_unmarked_bytes(gate: Gate) -> None:
    gate.ears.says = "please block this"
    found = take(gate, wav(hum(seed=14)))
    with gate.chain.database.read() as session:
        name = session.get_one(Upload, found["id"]).sha256
    assert gate.chain.tools.blobs.exists(name)
    assert gate.client("admin").delete(f"/v1/submissions/{found['id']}?reason=request").status_code == 200
    assert not gate.chain.tools.blobs.exists(name)
    after = gate.client("submitter").get(f"/v1/submissions/{found['id']}").json()
    assert (after["script"], after["hearing"]) == ("", None)


def test_repeated_upload_is_the_first_one(gate: Gate) -> None:
    data, key = wav(hum(seed=15)), {"Idempotency-Key": "upload-1"}
    first = send(gate, data, headers=key).json()["id"]
    assert send(gate, data, headers=key).json()["id"] == first
    other = send(gate, wav(hum(seed=16)), headers=key)
    problem(other, 422, "idempotency-key-reused")
    problem(send(gate, data, headers=key, source_type="digitalCapture"), 422, "idempotency-key-reused")
    assert send(gate, data, who="other", headers=key).json()["id"] != first


def _a_film() -> bytes:
    return bytes(4) + b"ftypisom" + bytes(400)


def _a_head_that_promises_ten_gigabytes() -> bytes:
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        0xFFFFFFFF,
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        24_000,
        48_000,
        2,
        16,
        b"data",
        0xFFFFFFF0,
    )
    return head + bytes(4_800)


HOSTILE = {
    "nothing": (b"", "empty"),
    "words": (b"This is a text that calls itself music." * 40, "does not begin like audio"),
    "a film": (_a_film(), ""),
    "truncated": (encode(MarkedSpeech(hum(20.0), RATE, (), (), "", ()), "audio/flac")[:-20_000], ""),
    "a head of ten gigabytes": (_a_head_that_promises_ten_gigabytes(), ""),
    "a second": (wav(hum(1.0)), "need 10 s"),
    "silence": (wav(np.zeros(12 * RATE, dtype=np.float32)), "silent"),
    "eleven minutes": (wav(np.zeros(660 * 8_000, dtype=np.float32), 8_000), "minutes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_recording_is_refused_and_leaves_nothing(gate: Gate, name: str) -> None:
    data, words = HOSTILE[name]
    before = len(gate.client("auditor").get("/v1/submissions?limit=100").json()["items"])
    answer = send(gate, data)
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["detail"]
    assert len(gate.client("auditor").get("/v1/submissions?limit=100").json()["items"]) == before


@pytest.mark.parametrize(
    "fields",
    [
        {"title": ""},
        {"title": "x" * 201},
        {"title": "a\u0000b"},
        {"source_type": "verifiedByMe"},
        {"source_type": ""},
        {"language": "english!"},
        {"approve": "yes"},
    ],
)
def test_what_cannot_be_declared_is_refused(gate: Gate, fields: dict[str, str]) -> None:
    problem(send(gate, wav(hum()), **fields), 422, "invalid-request")


def test_more_than_may_be_sent_is_stopped_while_it_arrives(tmp_path: Path) -> None:
    gate = build_gate(tmp_path, max_upload_bytes=100_000)
    taken = 0

    def body() -> Iterator[bytes]:
        nonlocal taken
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for _ in range(1_000):
            taken += 1
            yield bytes(100_000)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = gate.client("submitter").post("/v1/intakes", content=body(), headers=headers)
    problem(answer, 413, "too-large")
    declared = {**headers, "Content-Length": str(1 << 30)}
    answer = gate.client("submitter").post("/v1/intakes", content=b"--x", headers=declared)
    problem(answer, 413, "too-large")


def test_installation_that_takes_only_scripts_says_so(tmp_path: Path) -> None:
    gate = build_gate(tmp_path)
    from dataclasses import replace

    from starlette.testclient import TestClient

    from tests.api_gate import build_app

    tools = replace(gate.chain.tools, uploads=None)
    app = build_app(replace(gate.backend, toolchain=tools))
    client = TestClient(app, headers={"Authorization": f"Bearer {gate.keys['submitter']}"})
    answer = client.post("/v1/intakes", files={"file": b"x"}, data={"title": "A", "source_type": AI})
    assert "ASSAY_UPLOADS" in problem(answer, 409, "conflict")


def test_transcript_is_shown_in_stretches_of_a_sentence() -> None:
    words = [["One.", 0.0, 1.0, 0.9], ["Two", 2.0, 3.0, 0.9], ["more", 15.5, 16.0, 0.9], ["end", 16.0, 17.0, 0.9]]
    cues = cues_of(SimpleNamespace(transcript=words))  # type: ignore[arg-type]  # only the transcript is read
    assert [(cue.start, cue.end, cue.text) for cue in cues] == [
        (0.0, 1.0, "One."),
        (2.0, 16.0, "Two more"),
        (16.0, 17.0, "end"),
    ]
    assert cues_of(None) == ()


def test_installation_is_sound_after_all_of_it(gate: Gate) -> None:
    from gateway.inspection import inspect

    gate.ears.says = "please block"
    take(gate, wav(hum(seed=17)))
    gate.ears.says = ""
    take(gate, wav(hum(seed=18)))
    tools = gate.chain.tools
    found = inspect(tools.database, log=tools.log, blobs=tools.blobs, files=tools.log_files)
    assert found.problems == ()
