"""The HTTP service around a toolchain; the engine starts and stops with the application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gateway.app.drafts import build_drafter
from gateway.app.federation import build_federation
from gateway.app.installed import record_installation
from gateway.app.observing import build_metrics, build_metrics_listener, build_tracer
from gateway.app.parts import (
    build_engine,
    build_toolchain,
    build_verifier,
    resolved_algorithms,
    software_version,
    start_worker,
    utc_now,
)
from gateway.app.rowsecrets import build_seal
from gateway.app.webhooks import build_endpoints
from gateway.keys import KeyFiles, make_report_key, publish_report_key

if TYPE_CHECKING:
    from fastapi import FastAPI

    from gateway.api.backend import Backend
    from gateway.console.site import Console
    from gateway.engine import Engine
    from gateway.settings import Settings
    from gateway.toolchain import Toolchain

VERIFY_BURST = 20  # files that one client may have checked at once ...
VERIFY_INTERVAL_SECONDS = 3.0  # ... and then one per so many seconds: enough for people, slow for hill-climbing
UPLOAD_PLACES = 8  # uploads that are read at a time; each is held in memory
VERIFY_WORKERS = 2  # verifications at a time; each holds its decoded sound in memory
SPEECH_PLACES = 4  # texts spoken on request at a time; each keeps a core busy with voices and marks
SCREENING_PLACES = 8  # they share the models one after another; more would only wait while holding threads


def create_app(settings: Settings, *, with_worker: bool = True) -> FastAPI:
    """Build the HTTP service; `with_worker` also makes this process take episodes off the queue.

    Everything is built, and has proved itself, when this returns; what is missing raises here, before a port is open.
    """
    return assemble_app(build_toolchain(settings), with_worker=with_worker)


def assemble_app(toolchain: Toolchain, *, with_worker: bool) -> FastAPI:
    """Put the HTTP service around a toolchain; the engine starts and stops with the application."""
    from fastapi import FastAPI

    from gateway.api.mount import mount
    from gateway.console.mount import mount_console
    from gateway.mcp.mount import mount_agents
    from gateway.observation.requests import ObservedRequests
    from gateway.verification.tally import Tally

    settings = toolchain.settings
    engine = build_engine(settings, toolchain.database)
    tally = Tally(database=toolchain.database, log=toolchain.log, clock=toolchain.clock)
    metrics, tracer = build_metrics(toolchain), build_tracer(settings)
    listener = build_metrics_listener(settings, metrics, engine)

    def count(conclusion: str) -> None:
        metrics.verification(conclusion)
        tally.count(conclusion)

    backend = build_backend(toolchain, engine, count)
    record_installation(toolchain)  # after whatever makes a key

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if listener is not None:
            listener.start()
        try:
            if with_worker:
                start_worker(engine, toolchain, chores=[tally.tell_if_due], metrics=metrics, tracer=tracer)
            async with agents.running():
                yield
        finally:
            backend.examinations.close()
            tally.tell()
            engine.stop()
            if listener is not None:
                listener.stop()
            tracer.close()
            backend.verifier.close()
            toolchain.close()

    app = FastAPI(
        title="Assay",
        version=software_version(),
        description="Moderation and provenance gateway for AI-generated audio.",
        lifespan=lifespan,
        docs_url=None,  # the interactive pages load scripts from a CDN, which the security headers rightly refuse
        redoc_url=None,
    )
    app.add_middleware(
        ObservedRequests, metrics=metrics, tracer=tracer
    )  # before `mount`, whose envelope is put around it
    mount(app, backend)
    mount_console(app, build_console(backend))
    agents = mount_agents(app, backend)
    return app


def build_console(backend: Backend) -> Console:
    """Put together what the console's pages need."""
    import time

    from gateway.accounts import Accounts
    from gateway.api.throttle import Throttle
    from gateway.console.pages import Pages
    from gateway.console.reasons import load_reasons
    from gateway.console.site import SIGN_IN_BURST, SIGN_IN_INTERVAL_SECONDS, Console
    from gateway.console.waveform import Waveforms
    from gateway.quality.wellness import Wellness
    from gateway.queue import Queue
    from gateway.secondlooks import SecondLooks
    from gateway.sessions import Sessions

    tools = backend.toolchain
    seal = build_seal(tools.settings, tools.database)
    return Console(
        backend=backend,
        accounts=Accounts(database=tools.database, clock=tools.clock, seal=seal),
        sessions=Sessions(database=tools.database, clock=tools.clock),
        pages=Pages(),
        queue=Queue(database=tools.database, desk=backend.reviews, clock=tools.clock, monotonic=time.monotonic),
        waveforms=Waveforms(tools.blobs.read),
        reasons=load_reasons(tools.settings.review_reasons),
        throttle=Throttle(burst=SIGN_IN_BURST, interval=SIGN_IN_INTERVAL_SECONDS, clock=time.monotonic),
        wellness=Wellness(database=tools.database, clock=tools.clock, settings=tools.settings),
        second_looks=SecondLooks(
            database=tools.database,
            log=tools.log,
            clock=tools.clock,
            lease=backend.reviews.lease,
            settings=tools.settings,
        ),
        federation=build_federation(tools, seal),
    )


def build_backend(toolchain: Toolchain, engine: Engine, count: Callable[[str], None]) -> Backend:
    """Put together what the routes need; `count` is told the conclusion of every verification."""
    import time
    from datetime import timedelta

    from gateway.api import readiness
    from gateway.api.backend import Backend
    from gateway.api.examinations import Examinations
    from gateway.api.places import Places
    from gateway.api.throttle import Throttle
    from gateway.appeals import AppealDesk
    from gateway.auth import Authenticator
    from gateway.erasure import Eraser
    from gateway.fetching import UrlFetcher
    from gateway.pages.views import Pages
    from gateway.review import ReviewDesk
    from gateway.verification.resolver import SoftBindingResolver
    from gateway.verification.signing import ReportSigner

    settings, database, log = toolchain.settings, toolchain.database, toolchain.log
    files = KeyFiles(settings.keys)

    patience = timedelta(seconds=settings.witness_patience_seconds)

    def read_keys() -> None:
        files.log_key()
        files.watermark_keys()
        if settings.signer == "file" and settings.pkcs11_module is None:
            files.private("claim-signer.key")

    verifier = build_verifier(settings, database=database, log=log, marks=toolchain.marks, public=True, count=count)
    signer = ReportSigner(private_key_pem=make_report_key(files), endpoint=settings.public_url)
    publish_report_key(files, signer.jwk)
    return Backend(
        toolchain=toolchain,
        enqueue=engine.enqueue,
        authenticator=Authenticator(database=database, clock=utc_now),
        reviews=ReviewDesk(
            database=database,
            log=log,
            clock=utc_now,
            lease=timedelta(seconds=settings.review_lease_seconds),
            enqueue=engine.enqueue,
            second_share=settings.second_review_share,
        ),
        appeals=AppealDesk(
            database=database,
            log=log,
            clock=utc_now,
            lease=timedelta(seconds=settings.review_lease_seconds),
            settings=settings,
            enqueue=engine.enqueue,
        ),
        verifier=verifier,
        reports=signer,
        resolver=SoftBindingResolver(database=database, algorithms=resolved_algorithms(toolchain.marks)),
        fetcher=UrlFetcher(most_bytes=settings.max_upload_bytes) if settings.verify_urls else None,
        pages=Pages(
            organisation=settings.organisation,
            public_url=settings.public_url,
            most_bytes=settings.max_upload_bytes,
        ),
        eraser=Eraser(database=database, log=log, blobs=toolchain.blobs, clock=utc_now, segments=settings.segments),
        probes=(
            readiness.database_probe(database),
            readiness.log_probe(database, toolchain.log_files),
            *(
                [readiness.countersigning_probe(toolchain.countersigning, clock=utc_now, patience=patience)]
                if toolchain.countersigning.is_configured
                else []
            ),
            readiness.blobs_probe(toolchain.blobs),
            readiness.keys_probe(read_keys),
            readiness.policy_probe(lambda: toolchain.screener.policy.digest),
            readiness.marks_probe(toolchain.marks, settings.marks),
        ),
        throttle=Throttle(burst=VERIFY_BURST, interval=VERIFY_INTERVAL_SECONDS, clock=time.monotonic),
        places=Places(UPLOAD_PLACES),
        examinations=Examinations(verifier.verify, workers=VERIFY_WORKERS, clock=time.monotonic),
        screening_places=Places(SCREENING_PLACES),
        drafter=build_drafter(settings),
        speech_places=Places(SPEECH_PLACES),
        webhooks=build_endpoints(settings, database=database, log=log, clock=utc_now),
    )
