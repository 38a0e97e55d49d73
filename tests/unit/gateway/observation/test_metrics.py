"""A process's numbers: what is counted, under which labels, and who may see it."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse
from starlette.testclient import TestClient

from audit.countersignatures import CosignatureRow
from gateway.errors import SettingsError
from gateway.leases import ExecutorLease
from gateway.observation.listener import MetricsListener
from gateway.observation.metrics import Metrics
from gateway.observation.requests import ObservedRequests
from gateway.observation.standing import Standing
from gateway.observation.tracing import NoTracer
from gateway.observation.work import ObservedWork
from gateway.submissions import State
from tests.gateway_chain import Chain, build_chain, plainly

LEASE = timedelta(seconds=30)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="1.2.3")


@pytest.fixture(params=["sqlite", "postgres"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    chain = build_chain(tmp_path, database_url=url)
    yield chain
    chain.database.dispose()


def text_of(metrics: Metrics) -> str:
    from prometheus_client.exposition import generate_latest

    return generate_latest(metrics.registry).decode()


def value(text: str, name: str, **labels: str) -> float | None:
    for family in parse(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


def work_of(chain: Chain, metrics: Metrics) -> ObservedWork:
    return ObservedWork(chain.pipeline, database=chain.database, metrics=metrics, tracer=NoTracer())


def test_every_step_of_an_episode_is_counted_once(chain: Chain, metrics: Metrics) -> None:
    episode_id = chain.submit()
    work = work_of(chain, metrics)
    assert work.advance(episode_id, plainly) == State.RELEASED
    assert work.advance(episode_id, plainly) == State.RELEASED  # all is done already: nothing more is counted
    text = text_of(metrics)
    for stage, outcome in [
        ("screen", "screened"),
        ("produce", "produced"),
        ("listen", "heard"),
        ("log", "logged"),
        ("decide", "approved"),
        ("release", "released"),
    ]:
        assert value(text, "assay_stage_seconds_count", stage=stage, outcome=outcome) == 1, stage
    assert value(text, "assay_episodes_settled_total", state="released") == 1
    assert value(text, "assay_audio_seconds_total") == 1.0
    assert value(text, "assay_real_time_factor_count") == 1
    assert value(text, "assay_production_seconds_count", part="speak") == 1
    assert episode_id not in text


def test_refusals_are_counted_by_rule_and_where_they_were_found(chain: Chain, metrics: Metrics) -> None:
    work = work_of(chain, metrics)
    for words, state in [
        ("please block", "blocked"),
        ("please review", "awaiting_review"),
        ("please curse", "blocked"),
    ]:
        assert work.advance(chain.submit(words), plainly) == state
    text = text_of(metrics)
    assert value(text, "assay_findings_total", rule="words", verdict="block", heard="script") == 1
    assert value(text, "assay_findings_total", rule="words", verdict="review", heard="script") == 1
    assert value(text, "assay_findings_total", rule="spoken", verdict="block", heard="speech") == 1
    assert value(text, "assay_episodes_settled_total", state="blocked") == 2


def test_failure_is_counted_by_its_slug_and_a_retry_as_such(chain: Chain, metrics: Metrics) -> None:
    work = work_of(chain, metrics)
    assert work.advance(chain.submit("please break"), plainly) == State.FAILED
    assert value(text_of(metrics), "assay_failures_total", reason="screening-failed") == 1

    def impatient(name: str, step: Any, *, patient: bool) -> str:
        def fail() -> str:
            raise TimeoutError

        return str(type(work)._measure(work, episode_id, name, fail, "received"))

    episode_id = chain.submit()
    with pytest.raises(TimeoutError):
        work.advance(episode_id, impatient)
    # The try that was asked for, and the last one.
    assert value(text_of(metrics), "assay_stage_seconds_count", stage="screen", outcome="retried") == 2
    assert work.abandon(episode_id, TimeoutError()) == State.FAILED
    assert work.abandon(episode_id, TimeoutError()) == State.FAILED
    assert value(text_of(metrics), "assay_failures_total", reason="internal-error") == 1


def test_database_tells_of_queue_reviews_log_and_workers(chain: Chain, metrics: Metrics) -> None:
    metrics.add(
        Standing(database=chain.database, clock=chain.clock, lease=LEASE, witnesses=["witness.example/1", "silent"])
    )
    text = text_of(metrics)
    assert value(text, "assay_database_up") == 1
    assert value(text, "assay_queue_episodes", state="received") == 0
    assert value(text, "assay_queue_age_seconds", state="received") == 0
    assert value(text, "assay_checkpoint_age_seconds") is None  # there is none yet
    chain.run(chain.submit("please review"))
    chain.submit()
    chain.clock.now += timedelta(hours=25)
    with chain.database.write() as session:
        session.add(ExecutorLease(executor_id="worker", seen_at=chain.clock()))
    text = text_of(metrics)
    assert value(text, "assay_queue_episodes", state="received") == 1
    assert value(text, "assay_queue_episodes", state="awaiting_review") == 1
    assert value(text, "assay_queue_age_seconds", state="received") == pytest.approx(90_000, abs=1)
    assert value(text, "assay_reviews_overdue") == 1
    assert value(text, "assay_workers") == 1
    entries, unsealed = value(text, "assay_log_entries"), value(text, "assay_log_unsealed_entries")
    assert entries is not None
    assert unsealed is not None
    assert 0 < unsealed < entries
    assert value(text, "assay_checkpoint_age_seconds") == pytest.approx(90_000, abs=1)
    assert value(text, "assay_log_outbox_events") == 0
    assert value(text, "assay_witness_behind_entries", witness="silent") == entries - unsealed
    assert value(text, "assay_witness_age_seconds", witness="silent") is None
    with chain.database.write() as session:
        session.add(
            CosignatureRow(
                size=int(entries - unsealed),
                witness="witness.example/1",
                key_id="0" * 8,
                line="-",
                created=chain.clock(),
            )
        )
    chain.clock.now += timedelta(seconds=60)
    text = text_of(metrics)
    assert value(text, "assay_witness_behind_entries", witness="witness.example/1") == 0
    assert value(text, "assay_witness_age_seconds", witness="witness.example/1") == pytest.approx(60, abs=1)
    assert value(text, "assay_workers") == 0


def test_database_out_of_reach_is_a_number_and_no_old_ones(tmp_path: Path, metrics: Metrics) -> None:
    chain = build_chain(tmp_path)
    chain.database.dispose()
    (tmp_path / "assay.db").unlink()
    (tmp_path / "assay.db").mkdir()
    metrics.add(Standing(database=chain.database, clock=chain.clock, lease=LEASE))
    text = text_of(metrics)
    assert value(text, "assay_database_up") == 0
    assert value(text, "assay_queue_episodes", state="received") is None


def application(metrics: Metrics) -> TestClient:
    app = FastAPI()

    @app.get("/episodes/{episode_id}")
    def episode(episode_id: str) -> str:
        if episode_id == "broken":
            raise RuntimeError("a secret of the script")
        return episode_id

    app.add_middleware(ObservedRequests, metrics=metrics, tracer=NoTracer())
    return TestClient(app, raise_server_exceptions=False)


def test_requests_are_counted_by_template_and_never_by_path(metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="gateway.requests")
    client = application(metrics)
    for path in ("/episodes/ep_secret1", "/episodes/ep_secret2", "/episodes/broken", "/nowhere/at?all=1"):
        client.get(path)
    client.request("BREW", "/episodes/tea")
    text = text_of(metrics)
    route = "/episodes/{episode_id}"
    assert value(text, "assay_http_requests_total", method="GET", route=route, status="200") == 2
    assert value(text, "assay_http_requests_total", method="GET", route=route, status="500") == 1
    assert value(text, "assay_http_requests_total", method="GET", route="(none)", status="404") == 1
    assert value(text, "assay_http_requests_total", method="other", route=route, status="405") == 1
    assert value(text, "assay_http_request_seconds_count", method="GET", route=route) == 3
    assert "secret" not in text + caplog.text
    assert len(caplog.records) == 5
    assert {record.__dict__["route"] for record in caplog.records} == {route, "(none)"}


def fetch(port: int, path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, str, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


@pytest.fixture
def listening(metrics: Metrics) -> Iterator[Any]:
    started: list[MetricsListener] = []

    def listen(**options: Any) -> int:
        started.append(MetricsListener("127.0.0.1:0", registry=metrics.registry, **options))
        started[-1].start()
        return started[-1].port

    yield listen
    for listener in started:
        listener.stop()
        listener.stop()


def test_both_text_formats_can_be_parsed(listening: Any) -> None:
    port = listening()
    status, media_type, text = fetch(port)
    assert (status, media_type.split(";")[0]) == (200, "text/plain")
    assert value(text, "assay_build_info", version="1.2.3") == 1
    assert value(text, "assay_episodes_settled_total", state="failed") == 0  # there before the first one
    assert value(text, "process_open_fds") is not None
    status, media_type, text = fetch(port, Accept="application/openmetrics-text; version=1.0.0")
    assert media_type.startswith("application/openmetrics-text")
    assert any(family.name == "assay_build_info" for family in parse_open(text))


def test_only_the_token_opens_and_only_two_paths_are_served(listening: Any) -> None:
    port = listening(token="s3cret")
    for given in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic s3cret"},
        {"Authorization": "s3cret"},
    ):
        assert fetch(port, **given)[0] == 401
    assert fetch(port, Authorization="Bearer s3cret")[0] == 200
    assert fetch(port, "/livez")[0] == 200  # says nothing that is secret
    assert fetch(port, "/")[0] == 404
    assert fetch(port, "/metrics/../keys", Authorization="Bearer s3cret")[0] == 404
    assert fetch(port, method="POST", Authorization="Bearer s3cret")[0] == 405


def test_process_that_hangs_is_not_alive(listening: Any) -> None:
    alive = [True]
    port = listening(is_alive=lambda: alive[0])
    assert fetch(port, "/livez")[0] == 200
    alive[0] = False
    assert fetch(port, "/livez")[0] == 503


def test_address_that_is_taken_is_named(metrics: Metrics) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(SettingsError, match=f"{address} cannot be listened on.*ASSAY_METRICS_LISTEN"):
            MetricsListener(address, registry=metrics.registry).start()
