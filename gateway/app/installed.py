"""What this installation has in force, gathered from key files, policy and settings, and logged where it changed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import DatabaseUnavailableError
from gateway.keys import KeyFiles, watermark_epoch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit.event import Event
    from gateway.installation import KeyInForce
    from gateway.settings import Settings
    from gateway.toolchain import Toolchain
    from policies.policy import Policy


def keys_in_force(settings: Settings) -> tuple[KeyInForce, ...]:
    """Name every key of the installation as the log does; the secrets themselves are only hashed one-way."""
    from gateway.app.watermarkkeys import watermark_keys
    from gateway.installation import KeyInForce

    files = KeyFiles(settings.keys)
    vkey, chain = files.public("log.vkey"), files.public("claim-chain.pem")
    current, *older = watermark_keys(settings)
    report = [files.public("report.jwk")] if files.path("report.jwk").exists() else []  # made with the first report
    return (
        KeyInForce("log", f"log-{hashlib.sha256(vkey).hexdigest()[:16]}", _digest(vkey)),
        KeyInForce("claim-signer", f"claim-signer-{hashlib.sha256(chain).hexdigest()[:16]}", _digest(chain)),
        *(KeyInForce("report", f"report-{hashlib.sha256(key).hexdigest()[:16]}", _digest(key)) for key in report),
        KeyInForce("watermark", watermark_epoch(current)),
        *(KeyInForce("watermark", watermark_epoch(key), retired=True) for key in older),
    )


def record_installation(toolchain: Toolchain) -> None:
    """Log what is in force and was not the last time; call it once, before work begins."""
    from gateway.app.protectedtexts import registered_texts
    from gateway.installation import PolicyInForce, record

    settings, policy = toolchain.settings, toolchain.screener.policy
    texts = registered_texts(settings)
    in_force = PolicyInForce(
        id=policy.id,
        version=policy.version,
        digest=policy.digest,
        texts_digest=texts.digest if texts is not None else None,
        shadows=tuple(sorted(shadow.policy.digest for shadow in toolchain.shadows)),
    )
    keys = keys_in_force(settings)
    with toolchain.database.write() as session:
        record(session, toolchain.log, keys=keys, policy=in_force, settings=settings, at=toolchain.clock())


def record_key_change(settings: Settings, *, before: Sequence[KeyInForce]) -> bool:
    """Log the keys that came and went since `before`; False where the database is out of reach: the next start will."""
    from gateway.app.parts import build_log, migrated_database, utc_now
    from gateway.installation import KeyInForce, key_events

    after = keys_in_force(settings)
    names = {key.id for key in after}
    gone = [KeyInForce(key.purpose, key.id, key.public, retired=True) for key in before if key.id not in names]
    log = build_log(settings)
    try:
        with migrated_database(settings) as database, database.write() as session:
            log.append_all(session, key_events(session, log, [*after, *gone], utc_now()))
    except DatabaseUnavailableError:
        return False
    return True


def record_claims_change(settings: Settings, *, before: Policy, after: Policy, folder: Path) -> None:
    """Log that claims were added or removed, if the pack in `folder` is the one in force here."""
    from gateway.app.parts import utc_now
    from gateway.installation import policy_changed

    if before.digest == after.digest or folder.resolve() != _folder(settings.policy).resolve():
        return
    entries = len(after.knowledge.records)
    event = policy_changed(
        "claims", before=before.digest, after=after.digest, entries=entries, by="operator", at=utc_now()
    )
    _append(settings, event)


def record_texts_change(settings: Settings, *, before: str | None, after: str, entries: int) -> None:
    """Log that protected texts were added or removed; digests are of the registry, which holds keyed hashes only."""
    from gateway.app.parts import utc_now
    from gateway.installation import policy_changed

    _append(settings, policy_changed("texts", before=before, after=after, entries=entries, by="operator", at=utc_now()))


def _append(settings: Settings, event: Event) -> None:
    """Log an event, unless there is no log yet: then the first start will tell what is in force."""
    from gateway.app.parts import build_log, migrated_database

    if not KeyFiles(settings.keys).path("log.key").exists():
        return
    log = build_log(settings)
    with migrated_database(settings) as database, database.write() as session:
        log.append(session, event)


def _folder(pack: Path) -> Path:
    return pack.parent if pack.suffix == ".toml" else pack


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()
