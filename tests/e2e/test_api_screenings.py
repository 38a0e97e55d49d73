"""Screening over HTTP with the real models: our own route, OpenAI's official client, Perspective's request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest
from openai.types import Moderation, ModerationCreateResponse
from sqlmodel import select
from starlette.testclient import TestClient

from audit.store import EntryRow
from gateway.api.places import Places
from policies.screen import MAX_CHARACTERS, Screener
from tests.api_gate import Gate, build_app
from tests.e2e.test_api_server import serve
from tests.e2e.test_api_submissions import problem

INSULT = "You are a stupid, worthless idiot and everybody hates you."
CLEAN = "The library opens at nine, and the reading group meets upstairs."
MYTH = "Vaccines cause autism."
OPENAI_CATEGORIES = {
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
}  # fmt: skip


@pytest.fixture(scope="module")
def judging(gate: Gate, screener: Screener) -> Gate:
    """The shared gateway with the real screener in place of the one that obeys the script."""
    backend = replace(gate.backend, toolchain=replace(gate.backend.toolchain, screener=screener))
    return replace(gate, backend=backend, app=build_app(backend))


@pytest.fixture
def client(judging: Gate) -> TestClient:
    return judging.client("submitter")


@pytest.fixture(scope="module")
def address(judging: Gate) -> Iterator[str]:
    yield from serve(judging.app)


@pytest.fixture
def official(address: str, judging: Gate) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key=judging.keys["submitter"], max_retries=0)


def test_insult_comes_back_with_its_place_and_everything_that_judged_it(client: TestClient) -> None:
    text = f"{CLEAN} {INSULT}"
    body = client.post("/v1/screenings", json={"text": text, "sentences": True}).json()
    assert body["verdict"] in {"review", "block"}
    assert INSULT in {text[one["span"]["start"] : one["span"]["end"]] for one in body["findings"]}
    assert body["policy_digest"].startswith("sha256:")
    assert all(digest.startswith("sha256:") for _, digest in body["models"])
    quiet, loud = body["sentences"]
    assert text[quiet["span"]["start"] : quiet["span"]["end"]] == CLEAN
    assert loud["scores"]["insult"] > 0.6 > 0.1 > quiet["scores"]["insult"]
    assert body["scores"]["insult"] >= loud["scores"]["insult"]


def test_false_claim_comes_with_evidence_and_its_debunk_does_not_block(client: TestClient) -> None:
    body = client.post("/v1/screenings", json={"text": MYTH}).json()
    (evidence,) = next(one for one in body["findings"] if one["rule"] == "misinformation")["evidence"]
    assert evidence["publisher"]
    assert evidence["url"].startswith("https://")
    assert body["verdict"] == "block"
    debunk = client.post("/v1/screenings", json={"text": f"It is a myth that {MYTH.lower()}"}).json()
    assert debunk["verdict"] == "allow"


def test_script_is_read_as_a_submission_would_be(client: TestClient) -> None:
    script = f"---\ntitle: T\nvoices:\n  ANN: hum-low\n---\nANN: {INSULT}\n"
    body = client.post("/v1/screenings", json={"text": script, "format": "script"}).json()
    assert body["verdict"] != "allow"
    answer = client.post("/v1/screenings", json={"text": "no head", "format": "script"})
    assert problem(answer, 422, "invalid-script")["line"] >= 1


def test_other_language_goes_to_review(client: TestClient) -> None:
    assert client.post("/v1/screenings", json={"text": "Guten Morgen.", "language": "de"}).json()["verdict"] == "review"


def test_screening_leaves_nothing_behind(judging: Gate, client: TestClient) -> None:
    def entries() -> int:
        with judging.chain.tools.database.read() as session:
            return len(session.exec(select(EntryRow)).all())

    before = entries(), judging.client("admin").get("/v1/submissions").json()
    client.post("/v1/screenings", json={"text": INSULT})
    client.post("/v1/screenings/batch", json={"items": [{"text": INSULT}]})
    assert (entries(), judging.client("admin").get("/v1/submissions").json()) == before


def test_batch_gives_every_text_its_own_result_or_problem(client: TestClient) -> None:
    items = [
        {"id": "a", "text": CLEAN},
        {"id": "b", "text": "no head", "format": "script"},
        {"id": "c", "text": INSULT, "sentences": True},
        {"id": "d", "text": "😀"},
        {"text": MYTH},
    ]
    body = json.dumps({"items": items})
    answer = client.post("/v1/screenings/batch", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    results = answer.json()["items"]
    assert [one["id"] for one in results] == ["a", "b", "c", "d", None]
    assert results[0]["screening"]["verdict"] == "allow"
    assert results[1]["problem"]["reason"] == "invalid-script"
    assert results[1]["screening"] is None
    assert results[2]["screening"]["sentences"]
    assert results[3]["screening"]
    assert results[4]["screening"]["verdict"] == "block"


def test_batch_says_the_same_as_one_by_one(client: TestClient) -> None:
    texts = [CLEAN, INSULT, MYTH, f"{CLEAN} {MYTH} That is wrong.", "😀😀😀", "a"]
    together = client.post("/v1/screenings/batch", json={"items": [{"text": text} for text in texts]}).json()["items"]
    for text, item in zip(texts, together, strict=True):
        alone = client.post("/v1/screenings", json={"text": text}).json()
        found = [(one["rule"], one["category"], one["span"], one["verdict"]) for one in item["screening"]["findings"]]
        assert found == [(one["rule"], one["category"], one["span"], one["verdict"]) for one in alone["findings"]]


@pytest.mark.parametrize("path", ["/v1/screenings", "/v1/moderations", "/v1alpha1/comments:analyze"])
@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 422), (b"[]", 422), (b"[" * 100_000, 422), (b'{"text": 5, "input": 5, "comment": 5}', 422), (b"\xff", 422)],
)
def test_body_that_is_no_request_is_refused_with_a_reason(
    client: TestClient, path: str, body: bytes, status: int
) -> None:
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert problem(answer, status, "invalid-request")["errors"]


def test_text_longer_than_a_script_may_be_is_refused(client: TestClient) -> None:
    huge = "word " * (MAX_CHARACTERS // 4)
    for path, body in (
        ("/v1/screenings", {"text": huge}),
        ("/v1/screenings/batch", {"items": [{"text": huge[: len(huge) // 2]}, {"text": huge[: len(huge) // 2]}]}),
        ("/v1/moderations", {"input": [huge]}),
        ("/v1alpha1/comments:analyze", {"comment": {"text": huge}, "requestedAttributes": {"TOXICITY": {}}}),
    ):
        problem(client.post(path, json=body), 413, "too-large")


def test_no_free_place_is_said_at_once_with_the_time_to_wait(judging: Gate) -> None:
    backend = replace(judging.backend, screening_places=Places(0))
    answer = (
        replace(judging, backend=backend, app=build_app(backend))
        .client("submitter")
        .post("/v1/screenings", json={"text": CLEAN})
    )
    assert problem(answer, 503, "busy")
    assert int(answer.headers["retry-after"]) > 0


def test_official_client_reads_the_answer_unchanged(official: openai.OpenAI) -> None:
    answer = official.moderations.create(model="omni-moderation-latest", input=[CLEAN, INSULT])
    clean, insult = answer.results
    assert not clean.flagged
    assert insult.flagged
    assert insult.categories.harassment
    assert insult.category_scores.harassment > 0.6 > clean.category_scores.harassment
    assert answer.model.startswith("assay-default-")
    # The client is lenient; its own types, checked strictly, must hold too.
    ModerationCreateResponse.model_validate(answer.to_dict(), strict=True)
    for result in answer.results:
        Moderation.model_validate(result.to_dict(), strict=True)
        raw = result.to_dict()
        assert set(raw["categories"]) >= OPENAI_CATEGORIES  # type: ignore[call-overload]


def test_single_string_and_message_parts_give_one_result(official: openai.OpenAI) -> None:
    assert len(official.moderations.create(input=INSULT).results) == 1
    parts: Any = [{"type": "text", "text": CLEAN}, {"type": "text", "text": INSULT}]
    (result,) = official.moderations.create(input=parts).results
    assert result.flagged


def test_image_cannot_be_judged_and_is_not_passed_over(official: openai.OpenAI) -> None:
    parts: Any = [
        {"type": "text", "text": CLEAN},
        {"type": "image_url", "image_url": {"url": "https://x.example/i.png"}},
    ]
    with pytest.raises(openai.UnprocessableEntityError):
        official.moderations.create(input=parts)


def test_wrong_key_is_an_authentication_error_for_the_client(address: str) -> None:
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{address}/v1", api_key="assay_x_y", max_retries=0).moderations.create(input=CLEAN)


def test_category_without_a_rule_is_declared_and_not_merely_zero(official: openai.OpenAI) -> None:
    (result,) = official.moderations.create(input=CLEAN).results
    raw: dict[str, Any] = result.to_dict()
    assert set(raw["coverage"]) == set(raw["categories"]) == set(raw["category_scores"])
    for name, coverage in raw["coverage"].items():
        assert raw["category_applied_input_types"][name] == (["text"] if coverage == "evaluated" else [])
        if coverage == "not_evaluated":
            assert raw["categories"][name] is False


def test_false_claim_is_flagged_in_a_category_that_openai_lacks(official: openai.OpenAI) -> None:
    (result,) = official.moderations.create(input=MYTH).results
    assert result.flagged
    raw: dict[str, Any] = result.to_dict()
    assert raw["categories"]["misinformation/health"]
    assert raw["assay"]["verdict"] == "block"


def test_clients_in_parallel_get_their_own_answers(official: openai.OpenAI) -> None:
    flagged: dict[int, bool] = {}

    def ask(number: int) -> None:
        flagged[number] = official.moderations.create(input=INSULT if number % 2 else CLEAN).results[0].flagged

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert flagged == {0: False, 1: True, 2: False, 3: True}


def test_perspective_request_is_answered_in_its_words(client: TestClient) -> None:
    body = {
        "comment": {"text": f"{CLEAN} {INSULT}", "type": "PLAIN_TEXT"},
        "languages": ["en"],
        "requestedAttributes": {"TOXICITY": {}, "THREAT": {"scoreThreshold": 0.9}, "INSULT": {}},
        "doNotStore": True,
        "clientToken": "abc",
        "spanAnnotations": True,
    }
    answer = client.post("/v1alpha1/comments:analyze", json=body).json()
    assert set(answer["attributeScores"]) == {"TOXICITY", "INSULT"}
    insult = answer["attributeScores"]["INSULT"]
    assert insult["summaryScore"]["type"] == "PROBABILITY"
    assert insult["summaryScore"]["value"] == max(span["score"]["value"] for span in insult["spanScores"])
    assert answer["clientToken"] == "abc"


@pytest.mark.parametrize(
    "change",
    [{"requestedAttributes": {"FLIRTATION": {}}}, {"languages": ["de"]}, {"requestedAttributes": {}}],
)
def test_perspective_request_that_cannot_be_judged_is_refused(client: TestClient, change: dict[str, Any]) -> None:
    body = {"comment": {"text": CLEAN}, "requestedAttributes": {"TOXICITY": {}}} | change
    problem(client.post("/v1alpha1/comments:analyze", json=body), 422, "invalid-request")


def test_toxic_last_sentence_after_twenty_harmless_ones_stops_all_the_speech(judging: Gate, client: TestClient) -> None:
    calm = " ".join(f"On shelf number {number} there are books about boats." for number in range(20))
    text = f"{calm} {INSULT}"
    answer = client.post("/v1/audio/speech", json={"model": "tts-1", "voice": "hum-low", "input": text})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "content_policy_violation"
    assert text[slice(*error["findings"][0]["span"])] in INSULT
    assert "idiot" not in answer.text
    assert judging.chain.row(error["episode_id"]).state == "blocked"
    spoken = client.post("/v1/audio/speech", json={"model": "tts-1", "voice": "hum-low", "input": CLEAN})
    assert spoken.status_code == 200, spoken.text
