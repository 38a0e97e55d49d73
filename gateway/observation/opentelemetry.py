"""Spans by OpenTelemetry's SDK, sent to a collector by OTLP over HTTP; needs the extra `otel`.

Nothing global is touched: other libraries' spans are none of ours, and a process may have two tracers in a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan

from gateway.observation.tracing import Span
from gateway.tracecontext import TraceContext, current, working_on

EXPORT_SECONDS = 5  # for one try to reach the collector; what cannot be sent is dropped, work never waits for it
_wanted: ContextVar[str] = ContextVar("assay_wanted_trace", default="")


class OpenTelemetryTracer:
    """Records spans with `processor`; safe to use from several threads."""

    def __init__(self, processor: SpanProcessor, *, version: str) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "assay", "service.version": version}), id_generator=_Ids()
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("assay", version)

    @contextmanager
    def span(
        self, name: str, *, parent: TraceContext | None = None, trace_id: str = "", serves: bool = False
    ) -> Iterator[Span]:
        """Record the block as a span."""
        above = parent or (None if trace_id else current())
        token = _wanted.set(trace_id)
        try:
            span = self._tracer.start_span(
                name,
                context=set_span_in_context(NonRecordingSpan(_remote(above)) if above else NonRecordingSpan(_NOBODY)),
                kind=SpanKind.SERVER if serves else SpanKind.INTERNAL,
            )
        finally:
            _wanted.reset(token)
        own = span.get_span_context()
        here = TraceContext(f"{own.trace_id:032x}", f"{own.span_id:016x}", sampled=own.trace_flags.sampled)
        try:
            with working_on(here):
                yield _Recorded(span)
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            span.end()

    def close(self) -> None:
        """Send what was not sent yet."""
        self._provider.shutdown()


def exporting_tracer(endpoint: str, *, version: str) -> OpenTelemetryTracer:
    """Return a tracer whose spans go to the collector at `endpoint`, for example http://127.0.0.1:4318, in batches."""
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    return OpenTelemetryTracer(BatchSpanProcessor(exporter), version=version)


class _Recorded:
    def __init__(self, span: SdkSpan) -> None:
        self._span = span

    def note(self, **attributes: str | float) -> None:
        for name, value in attributes.items():
            self._span.set_attribute(name.replace("__", "."), value)


class _Ids(RandomIdGenerator):
    """Gives the first span of a trace the id that the request was answered with."""

    def generate_trace_id(self) -> int:
        return int(_wanted.get(), 16) if _wanted.get() else super().generate_trace_id()


_NOBODY = SpanContext(trace_id=0, span_id=0, is_remote=False)


def _remote(context: TraceContext) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(context.trace_id, 16), int(context.span_id, 16), is_remote=True, trace_flags=flags)
