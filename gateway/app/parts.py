"""Builders of everything below the HTTP service: stores, keys, marks, the toolchain and the worker.

Engines are imported inside the builders, so that importing this module, and so `assay --help`, stays cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.app.chores import worker_chores
from gateway.app.reminders import build_reminders
from gateway.app.screening import build_screener, build_screeners, build_spoken_check
from gateway.app.signing import build_credentials_reader, build_signer
from gateway.app.voices import build_voices
from gateway.app.webhooks import build_courier
from gateway.errors import SettingsError
from gateway.keys import KeyFiles

ALIKE_BURST = 30  # different files with nearly the same sound that may be checked at once ...
ALIKE_INTERVAL_SECONDS = 600.0  # ... and then one per so many seconds: a search for an unmarked variant needs thousands

SPEAKERS = 2  # sentences spoken at a time; more where an endpoint takes more

if TYPE_CHECKING:
    from audit.log import Log
    from gateway.blobs import BlobStore
    from gateway.countersigning import Countersigning
    from gateway.db import Database
    from gateway.engine import Companion, Engine, Work
    from gateway.logfiles import LogFiles
    from gateway.observation.metrics import Metrics
    from gateway.observation.tracing import Tracer
    from gateway.pipeline import Pipeline, Progress
    from gateway.settings import Settings
    from gateway.toolchain import Toolchain, UploadTools
    from gateway.verification.opening import Opener
    from gateway.verify import Verifier
    from policies.spoken import SpokenCheck
    from synth.assets import AssetCatalogue
    from synth.credentials import CredentialsReport
    from synth.manifest import SoftBindingAlgorithm
    from synth.reminders import Reminder
    from synth.watermark import Watermark


def utc_now() -> datetime:
    """The clock of the service."""
    return datetime.now(UTC)


def software_version() -> str:
    """Version of this software, as printed in credentials and events."""
    return version("assay-gateway")


def open_migrated_database(settings: Settings) -> Database:
    """Open the database at the schema of this version, migrating it first where needed."""
    from gateway.db import migrate, open_database

    migrate(settings.sqlalchemy_url)
    return open_database(settings.sqlalchemy_url)


@contextmanager
def migrated_database(settings: Settings) -> Iterator[Database]:
    """The database for the length of one command; every connection is closed at the end."""
    database = open_migrated_database(settings)
    try:
        yield database
    finally:
        database.dispose()


def build_log(settings: Settings) -> Log:
    """Build the audit log from its key file."""
    from audit.log import Log

    return Log(origin=settings.log_origin, key=KeyFiles(settings.keys).log_key())


def build_log_files(settings: Settings, log: Log, countersigning: Countersigning | None = None) -> LogFiles:
    """Build access to the log's public files: the only place that says what is published, and where.

    With `countersigning`, a checkpoint is published once it has all that release demands.
    """
    from gateway.logfiles import LogFiles

    policy = countersigning.policy if countersigning is not None else None
    return LogFiles(
        folder=settings.log_folder,
        log=log,
        former=settings.former_checkpoint,
        texts={} if policy is None else {"policy": policy.text},
        newest=None if countersigning is None else countersigning.shown,
    )


def build_countersigning(settings: Settings, *, database: Database, log: Log) -> Countersigning:
    """Build access to those who sign our checkpoints too; a policy or a root that cannot be used stops the process."""
    from audit.timestamp import read_roots
    from audit.tlog_policy import WitnessPolicy
    from gateway.countersigning import Countersigning
    from gateway.timestamping import Timestamps
    from gateway.witnessing import Witnesses

    witnesses, timestamps = None, None
    if settings.witness_policy is not None:
        witnesses = Witnesses(
            policy=WitnessPolicy.parse(_read_setting(settings.witness_policy, "ASSAY_WITNESS_POLICY")),
            database=database,
            log=log,
            clock=utc_now,
            timeout=settings.witness_timeout_seconds,
        )
    if settings.tsa_url and settings.tsa_roots is not None:
        timestamps = Timestamps(
            url=settings.tsa_url,
            roots=read_roots(_read_setting(settings.tsa_roots, "ASSAY_TSA_ROOTS")),
            database=database,
            clock=utc_now,
            timeout=settings.witness_timeout_seconds,
        )
    return Countersigning(
        database=database,
        log=log,
        witnesses=witnesses,
        timestamps=timestamps,
        stamp_demanded=settings.tsa_required,
    )


def _read_setting(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}); set {name}") from error


def build_blobs(settings: Settings) -> BlobStore:
    """Open the store of audio files and manifests."""
    from gateway.blobs import LocalBlobs

    if not settings.blobs:
        return LocalBlobs(settings.blob_folder)
    try:
        from gateway.blobs.objects import open_bucket
    except ImportError as error:
        raise SettingsError("ASSAY_BLOBS needs a client; install it: pip install 'assay-gateway[s3]'") from error
    return open_bucket(
        settings.blobs, endpoint=settings.blobs_endpoint, allow_plain_http=settings.blobs_allow_plain_http
    )


def build_marks(settings: Settings) -> Sequence[Watermark]:
    """Load the configured watermark layers in order; one that cannot be loaded stops the process."""
    import torch

    torch.set_num_threads(settings.torch_threads)
    marks: list[Watermark] = []
    for name in settings.marks:
        if name == "audioseal":
            from synth.adapters.audioseal import AudioSealMark

            marks.append(AudioSealMark(weights=settings.audioseal_weights))
        elif name == "keyed":
            from gateway.app.watermarkkeys import watermark_keys
            from synth.adapters.keyed import KeyedMark

            current, *older = watermark_keys(settings)
            marks.append(KeyedMark(key=current, older=older))
        else:
            raise SettingsError(f"no watermark layer is called '{name}'; set ASSAY_MARKS to audioseal and keyed")
    return tuple(marks)


def soft_bindings(marks: Sequence[Watermark]) -> dict[str, SoftBindingAlgorithm]:
    """Name the watermarks for the manifest, with as many bits as the loaded AudioSeal weights carry."""
    from synth.adapters.audioseal import AudioSealMark
    from synth.manifest import SOFT_BINDINGS

    named = dict(SOFT_BINDINGS)
    for mark in marks:
        if isinstance(mark, AudioSealMark):
            named[mark.name] = replace(named[mark.name], bits=mark.message_bits)
    return named


def resolved_algorithms(marks: Sequence[Watermark]) -> dict[str, int]:
    """Name the soft binding algorithms of the loaded watermarks, with the bits of their values."""
    named = soft_bindings(marks)
    return {named[mark.name].name: named[mark.name].bits for mark in marks}


def convert_audioseal(generator: Path, detector: Path) -> Path:
    """Make pulled official checkpoints into a folder for `audioseal_weights`, beside them; returns the folder."""
    from synth.adapters.audioseal_official import convert_official

    return convert_official(generator=generator, detector=detector, out=generator.parent / "weights")


def inspect_models(settings: Settings) -> list[dict[str, str]]:
    """Load every model in use and say, per model, its version or the problem; never raises for a missing one."""
    from gateway.errors import GatewayError
    from policies.errors import PolicyError
    from synth.errors import SynthError

    def voices() -> list[tuple[str, str]]:
        return [(f"voice {name}", voice.version) for name, voice in sorted(build_voices(settings).voices.items())]

    def marks() -> list[tuple[str, str]]:
        return [(f"watermark {mark.name}", mark.version) for mark in build_marks(settings)]

    def screening() -> list[tuple[str, str]]:
        screener = build_screener(settings)
        rows = [(f"screening {name}", digest) for name, digest in screener.models]
        spoken = build_spoken_check(settings, screener)
        return rows if spoken is None else [*rows, (f"listening {spoken.model[0]}", spoken.model[1])]

    rows: list[dict[str, str]] = []
    for kind, load in (("voices", voices), ("watermarks", marks), ("screening", screening)):
        try:
            rows += [{"name": name, "version": found, "problem": ""} for name, found in load()]
        except (GatewayError, PolicyError, SynthError) as error:
            rows.append({"name": kind, "version": "", "problem": str(error)})
    return rows


def build_assets(settings: Settings) -> AssetCatalogue:
    """Read the catalogues of music and pictures; one with a mistake, or a file that is not there, stops the process."""
    from synth.assets import EMBEDDED, AssetCatalogue, read_assets

    own = read_assets(settings.assets) if settings.assets is not None else ()
    return AssetCatalogue([*read_assets(EMBEDDED), *own])


def build_reminder(settings: Settings, language: str) -> Reminder | None:
    """Return what is said again in long programmes in a language, if anything is."""
    from gateway.announcements import reminder_in
    from synth.reminders import Reminder

    if not settings.reminder_minutes:
        return None
    return Reminder(reminder_in(settings, language), 60.0 * settings.reminder_minutes)


def build_toolchain(settings: Settings) -> Toolchain:
    """Build everything that makes an episode; whatever cannot be built or prove itself stops the process."""
    from gateway.announcements import disclosure_in
    from gateway.toolchain import Toolchain, fingerprint_clip, hear_clip
    from synth.imprint import Imprint
    from synth.master import PRESETS
    from synth.produce import Producer

    log = build_log(settings)
    log_files = build_log_files(settings, log)
    with migrated_database(settings) as database, database.read() as session:
        log_files.check(session)
    marks = build_marks(settings)
    voices = build_voices(settings)
    assets = build_assets(settings)
    producer = Producer(
        catalogue=voices,
        marks=marks,
        signer=build_signer(settings),
        log_origin=settings.log_origin,
        software_version=software_version(),
        imprint=Imprint(
            publisher=settings.organisation, detector_url=f"{settings.public_url.rstrip('/')}/v1/verifications"
        ),
        renditions=settings.renditions,
        soft_bindings=soft_bindings(marks),
        target_lufs=PRESETS[settings.loudness],
        assets=assets,
        reminder=partial(build_reminder, settings),
        workers=max(SPEAKERS, settings.speech_concurrency),
    )
    screener, shadows = build_screeners(settings)
    spoken = build_spoken_check(settings, screener)
    required = screener.policy.rules.spoken
    database = open_migrated_database(settings)  # late, so that nothing that fails above leaves it open
    countersigning = build_countersigning(settings, database=database, log=log)
    return Toolchain(
        settings=settings,
        database=database,
        log=log,
        log_files=build_log_files(settings, log, countersigning),
        countersigning=countersigning,
        blobs=build_blobs(settings),
        screener=screener,
        voices=voices,
        assets=assets,
        producer=producer,
        marks=marks,
        fingerprint=fingerprint_clip,
        clock=utc_now,
        shadows=shadows,
        hear=None if spoken is None else partial(hear_clip, check=spoken, disclosure=partial(disclosure_in, settings)),
        hearing_required=required is not None and required.enabled,
        uploads=_build_uploads(settings, database=database, log=log, marks=marks, spoken=spoken),
    )


def _build_uploads(
    settings: Settings, *, database: Database, log: Log, marks: Sequence[Watermark], spoken: SpokenCheck | None
) -> UploadTools | None:
    """Build what takes sound that was made elsewhere; its confined processes start with the first upload."""
    if not settings.uploads:
        return None
    from gateway.app.uploads import build_upload_tools
    from synth.speak import SAMPLE_RATE

    return build_upload_tools(
        build_opener=lambda: _build_opener(settings, sandboxed=True, rate=SAMPLE_RATE),
        build_verifier=lambda: build_verifier(
            settings, database=database, log=log, marks=marks, public=False, sandboxed=True
        ),
        spoken=spoken,
    )


def build_pipeline(toolchain: Toolchain, *, progress: Progress | None = None) -> Pipeline:
    """Build the steps of an episode; `progress` is told how production comes along."""
    from gateway.pipeline import Pipeline

    return Pipeline(toolchain=toolchain, progress=progress)


def build_engine(settings: Settings, database: Database) -> Engine:
    """Build this process's access to durable execution; `start` makes it a worker."""
    from gateway.engine import Engine

    return Engine(settings=settings, database=database, clock=utc_now)


def start_worker(
    engine: Engine,
    toolchain: Toolchain,
    *,
    progress: Progress | None = None,
    chores: Sequence[Callable[[], object]] = (),
    metrics: Metrics | None = None,
    tracer: Tracer | None = None,
) -> None:
    """Make this process a worker, after tidying up what crashes of earlier ones left, and publishing what they did not.

    With `metrics`, every step is counted there, and recorded by `tracer`.

    Raises `ConflictError` if another worker already serves this SQLite file.
    """
    from gateway import shadow
    from gateway.countersigner import Countersigner
    from gateway.observation.tracing import NoTracer
    from gateway.observation.work import ObservedWork
    from gateway.sequencing import settle_soon

    toolchain.blobs.sweep()
    toolchain.log_files.publish_if_possible(toolchain.database.read)
    countersigner = Countersigner(
        countersigning=toolchain.countersigning,
        database=toolchain.database,
        enqueue=engine.enqueue,
        publish=lambda: toolchain.log_files.publish_if_possible(toolchain.database.read),
    )
    courier = build_courier(toolchain.settings, database=toolchain.database, log=toolchain.log, clock=toolchain.clock)
    reminders = build_reminders(toolchain)
    companions: list[Companion] = [courier]
    if toolchain.countersigning.is_configured:
        companions.append(countersigner)
    if reminders is not None:
        companions.append(reminders)
    work: Work = build_pipeline(toolchain, progress=progress)
    if metrics is not None:
        work = ObservedWork(work, database=toolchain.database, metrics=metrics, tracer=tracer or NoTracer())
    engine.start(
        work,
        chores=[*worker_chores(toolchain), *chores],
        companions=companions,
        with_beat=partial(settle_soon, toolchain.database, toolchain.log),
    )
    countersigner.resume()  # those that wait for somebody whom the settings no longer ask
    for episode_id in shadow.unfinished(toolchain.database, screeners=toolchain.shadows):
        engine.enqueue(episode_id)


def _build_opener(settings: Settings, *, sandboxed: bool, rate: int | None = None) -> Opener:
    """Build what parses uploads: strangers' files in confined processes, the operator's in this one.

    Samples come back at `rate` (Hz), or at the one that verification examines.
    """
    from gateway.verification.opening import EXAMINED_RATE, DirectOpener
    from gateway.verification.sandbox import SandboxedOpener, SandboxLimits
    from synth.decode import DecodeLimits

    reader = build_credentials_reader(settings)
    if not sandboxed:
        return DirectOpener(credentials=reader, limits=DecodeLimits(max_seconds=settings.max_upload_seconds))
    opener = SandboxedOpener(
        program="gateway.app.openerprocess",
        configuration={
            "trust_anchors": reader.trust_anchors_pem.decode(),
            "time_stamp_anchors": reader.time_stamp_anchors_pem.decode(),
        },
        limits=SandboxLimits(max_seconds=settings.max_upload_seconds, rate=rate or EXAMINED_RATE),
    )
    opener.self_test()
    return opener


def _detached_reader(settings: Settings) -> Callable[[bytes, str], CredentialsReport]:
    """Build what judges a released Ogg file by its stored manifest."""
    reader, blobs = build_credentials_reader(settings), build_blobs(settings)

    def read(data: bytes, digest: str) -> CredentialsReport:
        return reader.read(data, "audio/ogg", manifest_store=blobs.read(digest))

    return read


def build_verifier(
    settings: Settings,
    *,
    database: Database,
    log: Log,
    marks: Sequence[Watermark],
    public: bool,
    sandboxed: bool | None = None,
    count: Callable[[str], None] | None = None,
) -> Verifier:
    """Build the verifier of this installation's files; one that is not public answers its operator alone.

    Files are parsed in confined processes where it is public, or where `sandboxed` says so. `count` is told every
    conclusion.
    """
    import time

    from gateway.app.watermarkkeys import watermark_keys
    from gateway.verification.clusters import ClusterThrottle
    from gateway.verify import Verifier

    clusters = ClusterThrottle(burst=ALIKE_BURST, interval=ALIKE_INTERVAL_SECONDS, clock=time.monotonic)
    return Verifier(
        database=database,
        log=log,
        opener=_build_opener(settings, sandboxed=public if sandboxed is None else sandboxed),
        marks=marks,
        public_url=settings.public_url,
        clock=utc_now,
        jitter_key=watermark_keys(settings)[0],
        public=public,
        clusters=clusters if public else None,
        count=count,
        detached=_detached_reader(settings),
    )
