"""The composition root: the only code that names adapters, and the only place where things are put together."""

from gateway.app.drafts import build_drafter
from gateway.app.installed import (
    keys_in_force,
    record_claims_change,
    record_installation,
    record_key_change,
    record_texts_change,
)
from gateway.app.observing import build_metrics, build_metrics_listener, build_tracer
from gateway.app.parts import (
    build_blobs,
    build_countersigning,
    build_engine,
    build_log,
    build_log_files,
    build_marks,
    build_pipeline,
    build_toolchain,
    build_verifier,
    convert_audioseal,
    inspect_models,
    migrated_database,
    open_migrated_database,
    soft_bindings,
    software_version,
    start_worker,
    utc_now,
)
from gateway.app.protectedtexts import new_registry, registered_texts, store_texts
from gateway.app.screening import assemble_screeners, build_claim_encoder, build_screener, build_screeners
from gateway.app.signing import (
    build_credentials_reader,
    build_key,
    build_signer,
    build_signer_server,
    claim_passphrase,
)
from gateway.app.voices import build_voices
from gateway.app.watermarkkeys import rotate_watermark, watermark_keys
from gateway.app.web import assemble_app, build_backend, build_console, create_app
from gateway.app.webhooks import build_courier, build_endpoints

__all__ = [
    "assemble_app",
    "assemble_screeners",
    "build_backend",
    "build_blobs",
    "build_claim_encoder",
    "build_console",
    "build_countersigning",
    "build_courier",
    "build_credentials_reader",
    "build_drafter",
    "build_endpoints",
    "build_engine",
    "build_key",
    "build_log",
    "build_log_files",
    "build_marks",
    "build_metrics",
    "build_metrics_listener",
    "build_pipeline",
    "build_screener",
    "build_screeners",
    "build_signer",
    "build_signer_server",
    "build_toolchain",
    "build_tracer",
    "build_verifier",
    "build_voices",
    "claim_passphrase",
    "convert_audioseal",
    "create_app",
    "inspect_models",
    "keys_in_force",
    "migrated_database",
    "new_registry",
    "open_migrated_database",
    "record_claims_change",
    "record_installation",
    "record_key_change",
    "record_texts_change",
    "registered_texts",
    "rotate_watermark",
    "soft_bindings",
    "software_version",
    "start_worker",
    "store_texts",
    "utc_now",
    "watermark_keys",
]
