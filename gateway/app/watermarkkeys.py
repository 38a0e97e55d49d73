"""The keys of the keyed mark: which ones this installation reads and writes with, and how they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.app.parts import build_log, migrated_database, utc_now
from gateway.keys import KeyFiles, Rotation, watermark_epoch
from gateway.keys import rotate_watermark as rotate

if TYPE_CHECKING:
    from audit.event import Fact
    from gateway.settings import Settings


def watermark_keys(settings: Settings) -> tuple[bytes, ...]:
    """Read the keys of the keyed mark, the current one first; those of the tenant, if one is named."""
    keys = KeyFiles(settings.keys).watermark_keys()
    if not settings.watermark_tenant:
        return keys
    from synth.keyed.key import tenant_key

    return tuple(tenant_key(key, settings.watermark_tenant) for key in keys)


def rotate_watermark(settings: Settings) -> Rotation:
    """Begin a new epoch of the keyed mark, and say so in the log; processes keep the old key until a restart."""
    from audit.event import Event, EventKind

    log, at = build_log(settings), utc_now()
    with migrated_database(settings) as database, database.write() as session:
        log.check_not_forked(session)
        # The log names keys as the versions of marks do: with a tenant, those are not the ones in the files.
        retired = watermark_epoch(watermark_keys(settings)[0])
        rotation = rotate(KeyFiles(settings.keys))
        # If we crash here, the new key is in use and the log does not say since when; its marks read all the same.
        facts: dict[str, Fact] = {"purpose": "watermark", "retired": retired}
        epoch = watermark_epoch(watermark_keys(settings)[0])
        events = [
            Event(EventKind.KEY_CREATED, at, epoch, "system", facts),
            Event(EventKind.KEY_RETIRED, at, retired, "system", {"purpose": "watermark"}),
        ]
        log.append_all(session, events)
        log.seal(session, at=at)
    return rotation
