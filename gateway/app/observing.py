"""Puts together what an operator sees of a process: its numbers, the address where they are shown, and its traces."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from gateway.app.parts import software_version
from gateway.errors import SettingsError

if TYPE_CHECKING:
    from gateway.engine import Engine
    from gateway.observation.listener import MetricsListener
    from gateway.observation.metrics import Metrics
    from gateway.observation.tracing import Tracer
    from gateway.settings import Settings
    from gateway.toolchain import Toolchain


def build_metrics(toolchain: Toolchain) -> Metrics:
    """Build this process's numbers, and what the database says whenever they are read."""
    from gateway.engine import Pace
    from gateway.observation.metrics import Metrics
    from gateway.observation.standing import Standing

    metrics = Metrics(version=software_version())
    policy = toolchain.countersigning.policy
    metrics.add(
        Standing(
            database=toolchain.database,
            clock=toolchain.clock,
            lease=timedelta(seconds=Pace().lease),
            witnesses=[] if policy is None else [witness.verifier.name for witness in policy.witnesses],
        )
    )
    return metrics


def build_metrics_listener(settings: Settings, metrics: Metrics, engine: Engine) -> MetricsListener | None:
    """Build the address that `ASSAY_METRICS_LISTEN` names; None where it names none."""
    from gateway.observation.listener import MetricsListener

    if not settings.metrics_listen:
        return None
    return MetricsListener(
        settings.metrics_listen,
        registry=metrics.registry,
        token=settings.metrics_token.get_secret_value(),
        is_alive=lambda: engine.is_alive,
    )


def build_tracer(settings: Settings) -> Tracer:
    """Build what records spans: to the collector that `ASSAY_OTLP_ENDPOINT` names, or nothing."""
    from gateway.observation.tracing import NoTracer

    if not settings.otlp_endpoint:
        return NoTracer()
    try:
        from gateway.observation.opentelemetry import exporting_tracer
    except ImportError as error:
        raise SettingsError(
            "ASSAY_OTLP_ENDPOINT needs OpenTelemetry's SDK; install it: pip install 'assay-gateway[otel]'"
        ) from error
    return exporting_tracer(settings.otlp_endpoint, version=software_version())
