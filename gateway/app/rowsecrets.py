"""The seal of secrets in rows, put together: its key is made where nothing is sealed yet, and never replaced here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.keys import KeyFiles, make_rows_key

if TYPE_CHECKING:
    from gateway.db import Database
    from gateway.sealing import Seal
    from gateway.settings import Settings


def build_seal(settings: Settings, database: Database) -> Seal:
    """Return the seal, after sealing what earlier versions kept in the clear.

    A key that was lost is not made anew: what it sealed cannot be opened, whoever needs it is told so, and all else
    works. Raises `KeyMaterialError` if there is something to seal and no key.
    """
    from gateway.accounts import has_sealed_codes, seal_codes
    from gateway.sealing import Seal
    from gateway.webhooks.endpoints import has_secrets

    files = KeyFiles(settings.keys)
    seal = Seal(files.rows_key)
    if not (has_sealed_codes(database) or has_secrets(database)):
        make_rows_key(files)
    seal_codes(database, seal)
    return seal
