"""Traces: from the request that submits an episode to the last step of the worker that makes it, and nothing secret."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from starlette.testclient import TestClient

from gateway.api.middleware import Envelope
from gateway.app import build_tracer
from gateway.cli.journal import start_journal
from gateway.engine import Engine, Pace, wait_until_settled
from gateway.observation.metrics import Metrics
from gateway.observation.opentelemetry import OpenTelemetryTracer
from gateway.observation.requests import ObservedRequests
from gateway.observation.tracing import NoTracer, Tracer
from gateway.observation.work import ObservedWork
from gateway.settings import Settings
from gateway.submissions import State
from gateway.tracecontext import TraceContext, current, fresh, parse, working_on
from tests.gateway_chain import Chain, build_chain, plainly

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> Iterator[OpenTelemetryTracer]:
    tracer = OpenTelemetryTracer(SimpleSpanProcessor(spans), version="1")
    yield tracer
    tracer.close()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = build_chain(tmp_path)
    yield chain
    chain.database.dispose()


def service(chain: Chain, tracer: Tracer) -> TestClient:
    """As the application puts it together: the envelope around the observer around the routes."""
    app = FastAPI()

    @app.post("/submissions")
    def submit() -> str:  # in a thread, as the real one
        return chain.submit()

    @app.get("/broken/{name}")
    def broken(name: str) -> str:
        raise RuntimeError(f"secret {name}")

    app.add_middleware(ObservedRequests, metrics=Metrics(version="1"), tracer=tracer)
    app.add_middleware(Envelope, public_url="https://gate.example")
    return TestClient(app, raise_server_exceptions=False)


def work_of(chain: Chain, tracer: Tracer) -> ObservedWork:
    return ObservedWork(chain.pipeline, database=chain.database, metrics=Metrics(version="1"), tracer=tracer)


def trace_of(span: Any) -> str:
    return f"{span.context.trace_id:032x}"


def test_workers_steps_belong_to_the_request_that_submitted(
    chain: Chain, tracer: OpenTelemetryTracer, spans: InMemorySpanExporter
) -> None:
    answer = service(chain, tracer).post("/submissions", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    assert answer.headers["x-trace-id"] == TRACE
    episode_id = answer.json()
    stored = parse(chain.row(episode_id).traceparent)
    assert stored is not None
    assert work_of(chain, tracer).advance(episode_id, plainly) == State.RELEASED
    found = {span.name: span for span in spans.get_finished_spans()}
    assert list(found) == ["POST", "screen", "produce", "listen", "log", "decide", "release", "episode"]
    assert {trace_of(span) for span in found.values()} == {TRACE}
    assert f"{found['POST'].parent.span_id:016x}" == SPAN
    assert f"{found['POST'].context.span_id:016x}" == stored.span_id == f"{found['episode'].parent.span_id:016x}"
    assert found["produce"].parent.span_id == found["episode"].context.span_id
    assert dict(found["produce"].attributes) == {"assay.episode_id": episode_id, "assay.state": "produced"}
    assert dict(found["POST"].attributes) == {
        "http.request.method": "POST",
        "http.route": "/submissions",
        "http.response.status_code": 200,
    }


def test_request_without_a_trace_begins_the_one_that_its_answer_names(
    chain: Chain, tracer: OpenTelemetryTracer, spans: InMemorySpanExporter
) -> None:
    client = service(chain, tracer)
    for header in ({}, {"traceparent": f"00-{'0' * 32}-{SPAN}-01"}, {"traceparent": "rubbish"}):
        answer = client.post("/submissions", headers=header)
        (span,) = spans.get_finished_spans()
        spans.clear()
        assert span.parent is None
        assert trace_of(span) == answer.headers["x-trace-id"]
        assert (chain.row(answer.json()).traceparent or "").split("-")[1] == answer.headers["x-trace-id"]


def test_trace_that_its_caller_does_not_record_is_not_recorded_here(
    chain: Chain, tracer: OpenTelemetryTracer, spans: InMemorySpanExporter
) -> None:
    episode_id = service(chain, tracer).post("/submissions", headers={"traceparent": f"00-{TRACE}-{SPAN}-00"}).json()
    work_of(chain, tracer).advance(episode_id, plainly)
    assert spans.get_finished_spans() == ()
    assert (chain.row(episode_id).traceparent or "").endswith("-00")


def test_error_is_recorded_by_its_type_alone(
    chain: Chain, tracer: OpenTelemetryTracer, spans: InMemorySpanExporter
) -> None:
    answer = service(chain, tracer).get("/broken/words")
    assert answer.status_code == 500
    (span,) = spans.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "RuntimeError")
    assert span.attributes is not None
    assert (span.attributes["http.route"], span.attributes["http.response.status_code"]) == ("/broken/{name}", 500)
    assert "secret" not in span.to_json()
    assert "words" not in span.to_json()


def test_without_a_collector_the_trace_is_stored_all_the_same(chain: Chain) -> None:
    answer = service(chain, NoTracer()).post("/submissions")
    stored = parse(chain.row(answer.json()).traceparent)
    assert stored is not None
    assert stored.trace_id == answer.headers["x-trace-id"]
    episode_id = chain.submit()  # outside of any request
    assert chain.row(episode_id).traceparent is None
    assert work_of(chain, NoTracer()).advance(episode_id, plainly) == State.RELEASED


def test_journal_of_a_real_worker_names_episode_and_trace(
    chain: Chain, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    request.addfinalizer(lambda: (setattr(root, "handlers", handlers), root.setLevel(level)))
    start_journal()
    with working_on(TraceContext(TRACE, SPAN)):
        episode_id = chain.submit()
    engine = Engine(settings=chain.tools.settings, database=chain.database, pace=Pace(poll=0.05, beat=0.1, sweep=0.1))
    engine.start(work_of(chain, NoTracer()))
    try:
        assert wait_until_settled(chain.database, episode_id, timeout=30) is State.RELEASED
    finally:
        engine.stop(patience_seconds=10)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    steps = [line for line in lines if line["logger"] == "gateway.observation.work"]
    assert [line["stage"] for line in steps] == ["screen", "produce", "listen", "log", "decide", "release"]
    assert {(line["episode_id"], line["trace_id"], line["level"]) for line in steps} == {(episode_id, TRACE, "info")}
    assert "Good morning" not in json.dumps(lines)


class Collector(ThreadingHTTPServer):
    """As much of an OpenTelemetry collector as receives traces."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.received: list[tuple[str, ExportTraceServiceRequest]] = []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        import gzip

        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert isinstance(self.server, Collector)
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_spans_reach_a_collector_by_otlp() -> None:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        tracer = build_tracer(Settings(otlp_endpoint=f"http://127.0.0.1:{collector.server_port}"))
        with tracer.span("episode", parent=TraceContext(TRACE, SPAN)) as span:
            span.note(assay__state="released")
        tracer.close()
        collector.shutdown()
        thread.join()
    ((path, sent),) = collector.received
    assert path == "/v1/traces"
    (resource,) = sent.resource_spans
    assert {"service.name": "assay"}.items() <= {
        one.key: one.value.string_value for one in resource.resource.attributes
    }.items()
    (recorded,) = resource.scope_spans[0].spans
    assert (recorded.name, recorded.trace_id.hex(), recorded.parent_span_id.hex()) == ("episode", TRACE, SPAN)
    assert [(one.key, one.value.string_value) for one in recorded.attributes] == [("assay.state", "released")]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_header_that_is_not_well_formed_names_nothing(header: str) -> None:
    assert parse(header) is None


def test_context_ends_with_its_block() -> None:
    assert current() is None
    outer = fresh()
    with working_on(outer):
        with working_on(fresh(trace_id=TRACE)):
            assert (current() or outer).trace_id == TRACE
        assert current() == outer
    assert current() is None
    assert parse(outer.traceparent) == outer
