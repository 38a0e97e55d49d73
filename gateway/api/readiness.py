"""Whether this process can do its work: one probe per thing that it cannot do without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.errors import AuditError
from gateway.blobs import BlobStore
from gateway.countersigning import Countersigning
from gateway.db import Database, check_schema
from gateway.errors import GatewayError, KeyMaterialError, SettingsError, detail_for
from gateway.logfiles import LogFiles
from policies.errors import PolicyError
from synth.errors import SynthError
from synth.watermark import Watermark


@dataclass(frozen=True, slots=True)
class Probe:
    """A named question: `ask` returns when all is well, text if there is more to say, and raises an error when not."""

    name: str
    ask: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe found."""

    name: str
    ok: bool
    reason: str = ""


def ask_all(probes: Sequence[Probe]) -> list[Answer]:
    """Ask every probe, so that one answer names everything that is wrong; no probes at all is not ready."""
    if not probes:
        return [Answer("probes", ok=False, reason="nothing is probed, so nothing is known to work")]
    return [_ask(probe) for probe in probes]


def _ask(probe: Probe) -> Answer:
    try:
        said = probe.ask()
    except (AuditError, GatewayError, PolicyError, SynthError) as error:
        return Answer(probe.name, ok=False, reason=detail_for(error))
    return Answer(probe.name, ok=True, reason=said if isinstance(said, str) else "")


def database_probe(database: Database) -> Probe:
    """The database answers, is at this version's migration, and guards the log's rows."""
    return Probe("database", lambda: check_schema(database))


def log_probe(database: Database, files: LogFiles) -> Probe:
    """The stored log still begins with what was signed, and holds everything that was published."""

    def ask() -> None:
        with database.read() as session:
            files.check(session)

    return Probe("log", ask)


def countersigning_probe(
    countersigning: Countersigning, *, clock: Callable[[], datetime], patience: timedelta
) -> Probe:
    """What release demands of witnesses and time-stamp authority has not been lacking for too long."""
    return Probe("countersignatures", lambda: countersigning.report(now=clock(), patience=patience))


def blobs_probe(blobs: BlobStore) -> Probe:
    """Audio files can be reached."""
    return Probe("blobs", blobs.check)


def keys_probe(read: Callable[[], object]) -> Probe:
    """The private keys can be read now, not only when the process started; `read` reads them all."""
    return Probe("keys", read)


def policy_probe(digest: Callable[[], str]) -> Probe:
    """A policy is loaded, and says which; an empty digest is no policy."""

    def ask() -> None:
        if not digest():
            raise SettingsError("no policy is loaded, so nothing can be screened; set ASSAY_POLICY")

    return Probe("policy", ask)


def marks_probe(marks: Sequence[Watermark], configured: Sequence[str]) -> Probe:
    """Every configured watermark layer is loaded, and no other."""

    def ask() -> None:
        loaded = [mark.name for mark in marks]
        if not loaded or sorted(loaded) != sorted(configured):
            wanted, found = ", ".join(configured) or "none", ", ".join(loaded) or "none"
            raise KeyMaterialError(f"the marks {wanted} are configured, but {found} are loaded; restart after mending")

    return Probe("marks", ask)
