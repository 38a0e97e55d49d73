"""The numbers that one process counts by itself, in Prometheus's format; `docs/observability.md` describes each.

Labels come from closed vocabularies or from the configuration: never an id, an address or a text, because every new
value of a label is a new series that is kept for as long as the process lives.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.registry import Collector

# Upper bounds in seconds. A request is answered within milliseconds; a stage of a long script takes many minutes.
REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STAGE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0)
# Seconds of work per second of sound: below 1 a worker makes sound faster than it is listened to.
REAL_TIME_FACTORS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "other"  # a client may send any word as its method


class Metrics:
    """One process's counters and histograms, with their own registry; safe to use from several threads."""

    def __init__(self, *, version: str) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        build = Gauge(
            "assay_build_info", "Always 1; the label says which version runs.", ["version"], registry=registry
        )
        build.labels(version).set(1)
        self._requests = Counter(
            "assay_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "assay_http_request_seconds",
            "Seconds from a request's first byte to the last of its answer.",
            ["method", "route"],
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        self._stage_seconds = Histogram(
            "assay_stage_seconds",
            "Seconds that one step of an episode took; the outcome is the state after it, or `retried`.",
            ["stage", "outcome"],
            buckets=STAGE_SECONDS,
            registry=registry,
        )
        self._production_seconds = Histogram(
            "assay_production_seconds",
            "Seconds that one part of production took, over all kinds of files of an episode.",
            ["part"],
            buckets=STAGE_SECONDS,
            registry=registry,
        )
        self._real_time_factor = Histogram(
            "assay_real_time_factor",
            "Seconds of production per second of finished sound.",
            buckets=REAL_TIME_FACTORS,
            registry=registry,
        )
        self._audio_seconds = Counter("assay_audio_seconds", "Seconds of finished sound produced.", registry=registry)
        self._findings = Counter(
            "assay_findings",
            "Findings that held an episode up or stopped it, by rule; `heard` is script or speech.",
            ["rule", "verdict", "heard"],
            registry=registry,
        )
        self._episodes_settled = Counter(
            "assay_episodes_settled", "Episodes that came to rest in a state.", ["state"], registry=registry
        )
        self._failures = Counter(
            "assay_failures",
            "Episodes that failed for good, by the problem's slug.",
            ["reason"],
            registry=registry,
        )
        self._verifications = Counter(
            "assay_verifications", "Files verified, by conclusion.", ["conclusion"], registry=registry
        )
        # A counter whose series appears with its first event hides that event from `rate`; the important ones are
        # there from the start.
        for state in ("released", "blocked", "awaiting_review", "failed"):
            self._episodes_settled.labels(state)

    def add(self, collector: Collector) -> None:
        """Let `collector` be asked, too, whenever the numbers are read."""
        self.registry.register(collector)

    def request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is the template of its path."""
        method = method if method in METHODS else OTHER_METHOD
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def stage(self, stage: str, *, outcome: str, seconds: float) -> None:
        """Count one step of an episode."""
        self._stage_seconds.labels(stage, outcome).observe(seconds)

    def production(self, parts: dict[str, float], *, audio_seconds: float) -> None:
        """Count one production: seconds per part, and how long what was made lasts."""
        for part, seconds in parts.items():
            self._production_seconds.labels(part).observe(seconds)
        self._audio_seconds.inc(audio_seconds)
        if audio_seconds > 0:
            self._real_time_factor.observe(sum(parts.values()) / audio_seconds)

    def finding(self, *, rule: str, verdict: str, heard: str) -> None:
        """Count one finding that was more than a remark."""
        self._findings.labels(rule, verdict, heard).inc()

    def settled(self, state: str) -> None:
        """Count an episode that came to rest."""
        self._episodes_settled.labels(state).inc()

    def failure(self, reason: str) -> None:
        """Count an episode that failed for good."""
        self._failures.labels(reason).inc()

    def verification(self, conclusion: str) -> None:
        """Count one verified file."""
        self._verifications.labels(conclusion).inc()
