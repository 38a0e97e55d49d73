"""Builders of everything around credentials: the reader with its anchors, and the signer with its key."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import KeyMaterialError, SettingsError
from gateway.keys import KeyFiles, read_secret_line
from gateway.settings import Environment

if TYPE_CHECKING:
    from gateway.settings import Settings
    from synth.adapters.claimsigner import ContentCredentialsSigner
    from synth.adapters.contentcredentials import ContentCredentialsReader
    from synth.signing.key import ClaimKey
    from synth.signing.server import SignerServer

EXPIRY_WARNING = timedelta(days=14)  # time enough to get a certificate from an authority

logger = logging.getLogger(__name__)


def build_credentials_reader(settings: Settings) -> ContentCredentialsReader:
    """Build the reader of C2PA credentials with explicit trust anchors and no others; proves itself before use."""
    from synth.adapters.contentcredentials import ContentCredentialsReader

    reader = ContentCredentialsReader(
        trust_anchors_pem=KeyFiles(settings.keys).public("claim-root.pem") + _anchors(settings.trust_anchors),
        time_stamp_anchors_pem=_anchors(settings.manifest_tsa_anchors),
    )
    reader.self_test()
    return reader


def build_signer(settings: Settings) -> ContentCredentialsSigner:
    """Build the claim signer with its key, wherever that is; proves itself before use."""
    from synth.adapters.claimsigner import ContentCredentialsSigner

    signer = ContentCredentialsSigner(
        reader=build_credentials_reader(settings), key=build_key(settings), time_stamp_url=settings.manifest_tsa_url
    )
    signer.self_test()
    _warn_of_expiry(signer.expires_at)
    return signer


def build_key(settings: Settings) -> ClaimKey:
    """Build access to the claim signer's key as the settings say."""
    from synth.signing.callbackkey import CallbackKey
    from synth.signing.socketkey import SocketKey

    if settings.signer == "socket":
        return SocketKey(settings.signer_address)
    chain = KeyFiles(settings.keys).public("claim-chain.pem")
    if settings.signer == "callback":
        return CallbackKey(certificate_chain_pem=chain, sign=_load_function(settings.signer_callback))
    return _build_held_key(settings)


def build_signer_server(settings: Settings) -> SignerServer:
    """Build the signer process: it holds the key itself, in a token where one is configured, else from the file."""
    from synth.signing.server import SignerServer

    settings.signer_address.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return SignerServer(
        key=_build_held_key(settings),
        path=settings.signer_address,
        users=settings.signer_users or (os.geteuid(),),
        per_minute=settings.signer_per_minute,
    )


def claim_passphrase(settings: Settings) -> bytes | None:
    """Return the passphrase of the claim signer's key, or None if none is configured."""
    if settings.signer_passphrase_file is not None:
        return read_secret_line(settings.signer_passphrase_file).encode()
    return settings.signer_passphrase.get_secret_value().encode() or None


def _build_held_key(settings: Settings) -> ClaimKey:
    files = KeyFiles(settings.keys)
    chain = files.public("claim-chain.pem")
    if settings.pkcs11_module is not None and settings.pkcs11_pin_file is not None:
        return _build_token_key(settings, chain, settings.pkcs11_module, settings.pkcs11_pin_file)
    from synth.signing.filekey import FileKey

    passphrase = claim_passphrase(settings)
    if passphrase is None and settings.environment is Environment.PRODUCTION:
        raise KeyMaterialError(
            "production keeps the claim signer's key encrypted: set ASSAY_SIGNER_PASSPHRASE_FILE and run "
            "`assay keygen --encrypt-claim-signer`, or use ASSAY_SIGNER=socket, pkcs11 or callback"
        )
    return FileKey(
        certificate_chain_pem=chain, private_key_pem=files.private("claim-signer.key"), passphrase=passphrase
    )


def _build_token_key(settings: Settings, chain: bytes, module: Path, pin_file: Path) -> ClaimKey:
    try:
        from synth.adapters.pkcs11key import TokenKey
    except ImportError as error:
        raise SettingsError("PKCS #11 needs the extra of that name: pip install 'assay-gateway[pkcs11]'") from error
    return TokenKey(
        certificate_chain_pem=chain,
        module=module,
        token=settings.pkcs11_token,
        label=settings.pkcs11_key,
        pin=read_secret_line(pin_file),
    )


def _anchors(path: Path | None) -> bytes:
    """Return the certificates of a file of anchors, with a line end behind the last."""
    return KeyFiles(path.parent).public(path.name).rstrip() + b"\n" if path is not None else b""


def _warn_of_expiry(expires: datetime) -> None:
    left = expires - datetime.now(UTC)
    if left < EXPIRY_WARNING:
        logger.warning(
            "the C2PA certificate expires in %d days, then nothing can be signed; "
            "run `assay keygen --renew-claim-signer`, or bring a new one",
            left.days,
        )


def _load_function(name: str) -> Callable[[bytes], bytes]:
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"ASSAY_SIGNER_CALLBACK names '{name}', which cannot be imported") from error
    if not callable(found):
        raise SettingsError(f"ASSAY_SIGNER_CALLBACK names '{name}', which is no function")
    return found  # type: ignore[no-any-return]  # its answer is checked at every call
