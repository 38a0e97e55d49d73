"""The composition root: the only code that names adapters, and the only place where things are put together.

Engines are imported inside the builders, so that importing this module, and so `assay --help`, stays cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from gateway.errors import SettingsError
from gateway.keys import KeyFiles

if TYPE_CHECKING:
    from audit.log import Log
    from gateway.blobs import BlobStore
    from gateway.db import Database
    from gateway.settings import Settings
    from synth.adapters.claimsigner import ContentCredentialsSigner
    from synth.adapters.contentcredentials import ContentCredentialsReader
    from synth.watermark import Watermark


def software_version() -> str:
    """Version of this software, as printed in credentials and events."""
    return version("assay-gateway")


def open_migrated_database(settings: Settings) -> Database:
    """Open the database at the schema of this version, migrating it first where needed."""
    from gateway.db import migrate, open_database

    migrate(settings.sqlalchemy_url)
    return open_database(settings.sqlalchemy_url)


def build_log(settings: Settings) -> Log:
    """Build the audit log from its key file."""
    from audit.log import Log

    return Log(origin=settings.log_origin, key=KeyFiles(settings.keys).log_key())


def build_blobs(settings: Settings) -> BlobStore:
    """Open the store of audio files and manifests."""
    from gateway.blobs import BlobStore

    return BlobStore(settings.blobs)


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
            from synth.adapters.keyed import KeyedMark

            marks.append(KeyedMark(key=KeyFiles(settings.keys).watermark_key()))
        else:
            raise SettingsError(f"no watermark layer is called '{name}'; set ASSAY_MARKS to audioseal and keyed")
    return tuple(marks)


def build_credentials_reader(settings: Settings) -> ContentCredentialsReader:
    """Build the reader of C2PA credentials with the installation's own trust anchor; proves itself before use."""
    from synth.adapters.contentcredentials import ContentCredentialsReader

    reader = ContentCredentialsReader(trust_anchors_pem=KeyFiles(settings.keys).public("claim-root.pem"))
    reader.self_test()
    return reader


def build_signer(settings: Settings) -> ContentCredentialsSigner:
    """Build the claim signer from the key files; proves itself before use."""
    from synth.adapters.claimsigner import ContentCredentialsSigner

    files = KeyFiles(settings.keys)
    signer = ContentCredentialsSigner(
        reader=build_credentials_reader(settings),
        certificate_chain_pem=files.public("claim-chain.pem"),
        private_key_pem=files.private("claim-signer.key"),
    )
    signer.self_test()
    return signer
