"""All settings: frozen, read from `ASSAY_...` variables, refused when they combine into something unsafe."""

from __future__ import annotations

import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.errors import SettingsError

DEFAULT_POLICY = Path(__file__).parent.parent / "policies" / "packs" / "default-2026-11-25"
DEFAULT_AUDIOSEAL = Path(__file__).parent.parent / "synth" / "weights" / "audioseal"
TEST_PREFIX = "ASSAY_TEST_"  # read by the test suite, never by the service
DEFAULT_REDRESS = (
    "Appeal on the console or by the API of this service within six months: a person who had no part in this decision "
    "looks at it again. You may also turn to a certified out-of-court dispute settlement body, or to a court."
)
DEFAULT_REMINDER = "A reminder: the voices you hear are synthetic."
DEFAULT_DISCLOSURE = "This programme was made with artificial intelligence. The voices you hear are synthetic."


Purpose = Literal["editorial", "audiobook", "commercial", "advertising", "political", "research"]  # synth.voice.Purpose


RoleName = Literal["submitter", "reviewer", "senior_reviewer", "auditor", "admin"]  # gateway.auth.Role
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Environment(StrEnum):
    """Where this process runs; production refuses development conveniences."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Rendition(StrEnum):
    """A kind of file that episodes can be made into."""

    MP3 = "audio/mpeg"  # what every player takes; always made, because it is listened to and leads the feed
    M4A = "audio/mp4"  # AAC
    OPUS = "audio/ogg"  # the smallest; its manifest lies beside it
    FLAC = "audio/flac"  # lossless, about half of WAV
    WAV = "audio/wav"  # lossless


class Settings(BaseSettings):
    """Every setting of the service; each is documented in docs/settings.md."""

    model_config = SettingsConfigDict(env_prefix="ASSAY_", extra="forbid", frozen=True)

    environment: Environment = Field(Environment.DEVELOPMENT, description="`development` or `production`.")
    home: Path = Field(Path("var"), description="Folder for the SQLite files, blobs, keys and published files.")
    database_url: str = Field("", description="SQLAlchemy URL; empty means SQLite files under `home`.")
    public_url: str = Field("http://127.0.0.1:8400", description="Where listeners and verifiers reach this service.")
    log_origin: str = Field("localhost/assay-log", description="Name of the audit log in its checkpoints.")
    organisation: str = Field("Assay development", description="Name printed in certificates and credentials.")
    policy: Path = Field(DEFAULT_POLICY, description="Folder of the policy pack in force.")
    shadow_policies: tuple[Path, ...] = Field(
        (), description="Folders of packs in shadow: they run beside the policy in force and decide nothing."
    )
    marks: tuple[str, ...] = Field(("audioseal", "keyed"), description="Watermark layers, in order of embedding.")
    renditions: tuple[Rendition, ...] = Field(
        (Rendition.MP3, Rendition.WAV), description="Files made of every episode: `audio/mpeg` and any others."
    )
    loudness: Literal["podcast", "streaming", "broadcast"] = Field(
        "podcast", description="How loud episodes are: `podcast` -16, `streaming` -14, `broadcast` -23 LUFS."
    )
    watermark_tenant: str = Field(
        "", max_length=100, description="Derive the watermark keys for this label; empty means the keys as they are."
    )
    audioseal_weights: Path = Field(DEFAULT_AUDIOSEAL, description="Folder with AudioSeal weights and their card.")
    detoxify: Path | None = Field(
        None, description="Folder with the official Detoxify checkpoint, its `config.json` and tokenizer; else our own."
    )
    whisper: Path | None = Field(
        None, description="Folder with another faster-whisper model for the spoken check; else the packaged tiny.en."
    )
    spoken_check: bool = Field(True, description="Listen to the finished audio, where the policy asks for it.")
    disclosure: str = Field(DEFAULT_DISCLOSURE, description="Sentence spoken at the start of every episode.")
    disclosures: dict[str, str] = Field(
        default_factory=dict, description="The same in other languages, by primary tag; replaces our own words."
    )
    reminder_minutes: int = Field(
        0, ge=0, le=240, description="Say again that the voices are synthetic every so many minutes; 0: never."
    )
    reminder: str = Field(DEFAULT_REMINDER, min_length=1, description="What is said then, between two sentences.")
    assets: Path | None = Field(
        None, description="Folder with `assets.toml`: music and pictures that scripts may name, besides the embedded."
    )
    published_log: Path | None = Field(
        None, description="Folder of the log's public files, best on another disk; else `home`/published/log."
    )
    release_needs_published_log: bool = Field(
        True, description="Release nothing whose evidence could not be published to that folder."
    )
    approve_allowed: bool = Field(True, description="Approve an episode without a person when the policy allows it.")
    show_description: str = Field("Episodes released by Assay.", description="Channel description in the feed.")
    max_script_bytes: int = Field(262_144, gt=0, description="Largest accepted script in bytes (UTF-8).")
    max_upload_bytes: int = Field(268_435_456, gt=0, description="Largest file accepted for verification, in bytes.")
    max_upload_seconds: int = Field(14_400, gt=0, description="Longest audio accepted for verification, in seconds.")
    verify_urls: bool = Field(False, description="Fetch public https addresses that a verification names.")
    review_lease_seconds: int = Field(600, gt=0, description="How long a claimed review belongs to its reviewer.")
    retention_days: int = Field(
        0, ge=0, le=36_500, description="Erase texts, and sound that was never public, so long after the end; 0: never."
    )
    redress: str = Field(
        DEFAULT_REDRESS, description="What statements of reasons tell submitters that they can do about a refusal."
    )
    review_due_hours: int = Field(
        24, gt=0, le=8_760, description="Hours until a review is due; a quarter of them for a risk of 75 or more."
    )
    appeal_days: int = Field(
        183, ge=0, le=36_500, description="Days in which a refusal may be appealed (DSA: six months); 0: not at all."
    )
    appeal_due_hours: int = Field(168, gt=0, le=8_760, description="Hours until an appeal is due to be decided.")
    review_reasons: Path | None = Field(
        None, description="File (TOML) with the reasons that the console offers; else our own."
    )
    golden_share: float = Field(
        0.0, ge=0, le=0.5, description="Share of golden items among the cases that reviewers get; 0: none."
    )
    second_review_share: float = Field(
        0.0, ge=0, le=1, description="Share of decided cases that another person decides again, blindly; 0: none."
    )
    break_minutes: int = Field(
        50, ge=0, le=1_440, description="Minutes of reviewing after which a break is suggested; 0: never."
    )
    severe_per_day: int = Field(
        40, ge=0, le=10_000, description="Cases of risk 75 or more in a day before milder ones come; 0: no limit."
    )
    two_person_rules: tuple[str, ...] = Field(
        ("impersonation",), description="Rules whose findings need two reviewers for an approval, besides every block."
    )
    local_accounts: bool = Field(True, description="Let accounts of this installation sign in to the console.")
    oidc_issuer: str = Field("", max_length=255, description="OpenID provider that people sign in with: its issuer.")
    oidc_client_id: str = Field("", max_length=255, description="Client id that the provider knows this console by.")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="Secret of that client; empty for a public one.")
    oidc_client_secret_file: Path | None = Field(
        None, description="File with that secret in its first line, mode 0600, in place of the variable."
    )
    oidc_roles: dict[str, RoleName] = Field(
        {}, description="JSON object of the provider's groups and the roles they have here; the first that fits counts."
    )
    oidc_groups_claim: str = Field("groups", min_length=1, max_length=100, description="Claim that lists the groups.")
    oidc_scopes: tuple[str, ...] = Field(
        ("openid", "profile", "email"), description="Scopes to ask for; some providers want `groups` as well."
    )
    oidc_email_domains: tuple[str, ...] = Field(
        (), description="Admit only people with a verified e-mail address of these domains; empty admits any."
    )
    oidc_label: str = Field(
        "your organisation", max_length=60, description="Whom the sign-in page says to sign in with."
    )
    mail_server: str = Field("", max_length=255, description="SMTP server that tells reviewers of cases; empty: none.")
    mail_port: int = Field(587, ge=1, le=65_535, description="Its port.")
    mail_encryption: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="`starttls`, `tls`, or `none`, which only a server on this machine may have."
    )
    mail_user: str = Field("", max_length=255, description="User to sign in as there; empty: nobody.")
    mail_password: SecretStr = Field(SecretStr(""), description="That user's password.")
    mail_password_file: Path | None = Field(
        None, description="File with that password in its first line, mode 0600, in place of the variable."
    )
    mail_from: str = Field("", max_length=255, description="Sender of those messages.")
    mail_to: tuple[str, ...] = Field((), description="Addresses of reviewers, or of a list of theirs.")
    webhook_inside_hosts: tuple[str, ...] = Field(
        (), description="Hosts with ports, like `127.0.0.1:9000`, in the own network that webhooks may go to."
    )
    worker_threads: int = Field(1, ge=1, le=64, description="Episodes that one worker process makes side by side.")
    judge_url: str = Field(
        "", description="OpenAI-compatible base URL of the language model that `[rules.llm_judge]` asks."
    )
    judge_model: str = Field("", max_length=200, description="Name of the judge's model at that endpoint.")
    judge_kind: Literal["policy", "llama_guard"] = Field(
        "policy", description="`policy`: reads the policy's text, answers in JSON; `llama_guard`: answers in S-codes."
    )
    judge_api_key: SecretStr = Field(SecretStr(""), description="Bearer token for the judge's endpoint.")
    judge_timeout_seconds: float = Field(
        30.0, gt=0, le=600, description="How long one answer of the judge may take, in seconds."
    )
    judge_concurrency: int = Field(4, ge=1, le=64, description="Questions to the judge at a time in one process.")
    judge_allow_plain_http: bool = Field(
        False, description="Let scripts and key go to the judge unencrypted, beyond this machine."
    )
    witness_policy: Path | None = Field(
        None, description="File with the witness policy (C2SP tlog-policy); release waits for its quorum."
    )
    witness_timeout_seconds: float = Field(
        5.0, gt=0, le=60, description="How long the answer of a witness or the authority may take, in seconds."
    )
    witness_patience_seconds: int = Field(
        900, gt=0, description="How long what release demands may be lacking before `/readyz` fails, in seconds."
    )
    tsa_url: str = Field("", max_length=255, description="RFC 3161 time-stamp authority that stamps checkpoints.")
    tsa_roots: Path | None = Field(None, description="PEM file with the root certificates that its stamps lead to.")
    tsa_required: bool = Field(False, description="Release waits for a time stamp, too.")
    voices: Path | None = Field(None, description="File (TOML) that adds voices to the embedded ones.")
    draft_url: str = Field("", description="OpenAI-compatible base URL of the language model that drafts scripts.")
    draft_model: str = Field("", max_length=200, description="Name of that model.")
    draft_api_key: SecretStr = Field(SecretStr(""), description="Bearer token for the endpoint for drafts.")
    draft_timeout_seconds: float = Field(120.0, gt=0, le=600, description="How long a draft may take, in seconds.")
    draft_allow_plain_http: bool = Field(
        False, description="Let sources and key go to the endpoint for drafts unencrypted, beyond this machine."
    )
    uploads: bool = Field(True, description="Take sound that was made elsewhere (`POST /v1/intakes`).")
    wordless: Literal["review", "allow"] = Field(
        "review", description="What becomes of an upload in which no words are heard: a person decides, or it passes."
    )
    private_shows: tuple[str, ...] = Field(
        (), description="Shows that only listeners with a feed of their own hear; `*` means all."
    )
    unapproved_pronunciations: Literal["review", "refuse"] = Field(
        "review", description="What becomes of scripts with pronunciations that nobody approved."
    )
    purposes: tuple[Purpose, ...] = Field(
        ("editorial",),
        min_length=1,
        description="What episodes here are for; every voice must be allowed for all of it.",
    )
    territories: tuple[str, ...] = Field(
        ("worldwide",),
        min_length=1,
        description="Where episodes are heard: country codes, or `worldwide`; for consents.",
    )
    accepted_licences: tuple[str, ...] = Field(
        (), description="Licences of voices that are not open, which the operator has read and accepts."
    )
    speech_url: str = Field("", description="OpenAI-compatible base URL for voices of the engine `openai_speech`.")
    speech_model: str = Field("", max_length=200, description="Name of the speech model at that endpoint.")
    speech_api_key: SecretStr = Field(SecretStr(""), description="Bearer token for the speech endpoint.")
    speech_answer: Literal["wav", "pcm"] = Field("wav", description="What to ask of it: `wav`, or `pcm` at 24 kHz.")
    speech_timeout_seconds: float = Field(
        120.0, gt=0, le=3600, description="How long an engine may take for a sentence or part of one, in seconds."
    )
    speech_cache_bytes: int = Field(
        268_435_456, ge=0, description="Most bytes of spoken sentences kept for voices of `ASSAY_VOICES`; 0: none."
    )
    speech_concurrency: int = Field(2, ge=1, le=64, description="Requests to the speech endpoint at a time.")
    speech_allow_plain_http: bool = Field(
        False, description="Let scripts and key go to the speech endpoint unencrypted, beyond this machine."
    )
    signer: Literal["file", "socket", "pkcs11", "callback"] = Field(
        "file", description="Where the claim signer's key is: `file`, `socket`, `pkcs11` or `callback`."
    )
    signer_passphrase: SecretStr = Field(SecretStr(""), description="Passphrase of the claim signer's key file.")
    signer_passphrase_file: Path | None = Field(
        None, description="File with that passphrase in its first line, mode 0600, in place of the variable."
    )
    signer_socket: Path | None = Field(
        None, description="Unix socket of `assay signer`; empty means `signer.sock` under `home`."
    )
    signer_users: tuple[int, ...] = Field((), description="User ids that may ask `assay signer`; empty means its own.")
    signer_per_minute: int = Field(600, gt=0, description="Claims that `assay signer` signs in a minute.")
    signer_callback: str = Field("", description="`package.module:function` that signs, for `callback`.")
    manifest_tsa_url: str = Field(
        "", description="RFC 3161 time-stamp authority that stamps manifests; empty means no time-stamps in them."
    )
    manifest_tsa_anchors: Path | None = Field(
        None, description="File (PEM) with the roots of authorities whose time-stamps in manifests are trusted."
    )
    trust_anchors: Path | None = Field(
        None, description="File (PEM) with roots of claim signers that are trusted beside `claim-root.pem`."
    )
    pkcs11_module: Path | None = Field(None, description="Shared library of the PKCS #11 driver.")
    pkcs11_token: str = Field("", description="Label of the token.")
    pkcs11_key: str = Field("", description="Label of the private key in the token.")
    pkcs11_pin_file: Path | None = Field(None, description="File with the token's PIN in its first line, mode 0600.")
    blobs: str = Field(
        "", max_length=255, description="`s3://bucket/prefix` for audio files; empty means a folder under `home`."
    )
    blobs_endpoint: str = Field(
        "", max_length=255, description="Address of the S3-compatible store; empty means Amazon S3."
    )
    blobs_allow_plain_http: bool = Field(
        False, description="Let sound and keys of the store travel unencrypted, beyond this machine."
    )
    metrics_listen: str = Field(
        "", max_length=255, description="`host:port` where this process shows `/metrics`, apart from the public port."
    )
    otlp_endpoint: str = Field(
        "", max_length=255, description="OpenTelemetry collector (OTLP over HTTP) that traces go to; empty: none."
    )
    metrics_token: SecretStr = Field(SecretStr(""), description="Bearer token that `/metrics` then wants.")
    torch_threads: int = Field(2, ge=1, le=64, description="Threads that torch may use in one process.")

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> Settings:
        if self.blobs_endpoint and not self.blobs:
            raise ValueError("an endpoint without a bucket stores nothing; set ASSAY_BLOBS")
        if self.otlp_endpoint and not re.fullmatch(r"https?://[^\s/@?#]+[^\s@?#]*", self.otlp_endpoint):
            raise ValueError("otlp_endpoint must be an http or https address, as http://127.0.0.1:4318")
        if not self.marks:
            raise ValueError("marks is empty: nothing may be produced without a watermark; set ASSAY_MARKS")
        unknown = set(self.marks) - {"audioseal", "keyed"}
        if unknown or len(set(self.marks)) != len(self.marks):
            raise ValueError(f"marks must name 'audioseal' and 'keyed' at most once each, got {list(self.marks)}")
        if Rendition.MP3 not in self.renditions or len(set(self.renditions)) != len(self.renditions):
            raise ValueError("renditions must name audio/mpeg, and nothing twice; set ASSAY_RENDITIONS")
        if self.manifest_tsa_url:
            parts = urlsplit(self.manifest_tsa_url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
                raise ValueError("manifest_tsa_url must be a plain http or https address without a password")
            if self.manifest_tsa_anchors is None:
                raise ValueError(
                    "time-stamps must be verifiable: set ASSAY_MANIFEST_TSA_ANCHORS to the authority's roots"
                )
        if self.signer == "pkcs11":
            wanted = (self.pkcs11_module, self.pkcs11_token, self.pkcs11_key, self.pkcs11_pin_file)
            if not all(wanted):
                raise ValueError("signer pkcs11 needs ASSAY_PKCS11_MODULE, _TOKEN, _KEY and _PIN_FILE")
        if self.signer == "callback" and not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", self.signer_callback):
            raise ValueError("signer callback needs ASSAY_SIGNER_CALLBACK=package.module:function")
        if self.signer_passphrase_file is not None and self.signer_passphrase.get_secret_value():
            raise ValueError("set ASSAY_SIGNER_PASSPHRASE or ASSAY_SIGNER_PASSPHRASE_FILE, not both")
        if bool(self.tsa_url) != (self.tsa_roots is not None):
            raise ValueError("a time stamp needs an authority and its roots; set ASSAY_TSA_URL and ASSAY_TSA_ROOTS")
        if self.tsa_required and not self.tsa_url:
            raise ValueError("tsa_required without an authority would hold every episode; set ASSAY_TSA_URL")
        self._refuse_unsafe_sign_in()
        if self.mail_server:
            plain = self.mail_encryption == "none" and self.mail_server not in LOOPBACK
            if plain or (self.mail_password_file is not None and self.mail_password.get_secret_value()):
                raise ValueError("mail goes encrypted beyond this machine, and its password has one place; see docs")
            addresses = (self.mail_from, *self.mail_to)
            if not self.mail_to or not all(re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", one) for one in addresses):
                raise ValueError("mail needs plain addresses: set ASSAY_MAIL_FROM and ASSAY_MAIL_TO")
        if self.metrics_listen and not re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):\d{1,5}", self.metrics_listen):
            raise ValueError("metrics_listen must be host:port, for example 127.0.0.1:9464; set ASSAY_METRICS_LISTEN")
        if self.environment is Environment.PRODUCTION:
            if not self.public_url.startswith("https://"):
                raise ValueError("production needs an https public_url; set ASSAY_PUBLIC_URL")
            if self.log_origin.startswith("localhost/"):
                raise ValueError("production needs its own log_origin, it can never be changed; set ASSAY_LOG_ORIGIN")
            if not self.disclosure.strip():
                raise ValueError("production needs the spoken disclosure; set ASSAY_DISCLOSURE")
        return self

    def _refuse_unsafe_sign_in(self) -> None:
        if not self.oidc_issuer:
            if not self.local_accounts:
                raise ValueError("nobody could sign in: set ASSAY_OIDC_ISSUER, or leave ASSAY_LOCAL_ACCOUNTS on")
            return
        parts = urlsplit(self.oidc_issuer)
        plain = parts.scheme == "http" and parts.hostname in LOOPBACK and self.environment is Environment.DEVELOPMENT
        if (
            not (parts.scheme == "https" or plain)
            or not parts.hostname
            or parts.username
            or parts.query
            or parts.fragment
        ):
            raise ValueError("oidc_issuer must be a plain https address; set ASSAY_OIDC_ISSUER to the issuer's name")
        if not self.oidc_client_id:
            raise ValueError("signing in with a provider needs the client's id; set ASSAY_OIDC_CLIENT_ID")
        if not self.oidc_roles:
            raise ValueError(
                'nobody would have a role; set ASSAY_OIDC_ROLES, for example {"assay-reviewers": "reviewer"}'
            )
        if self.oidc_client_secret_file is not None and self.oidc_client_secret.get_secret_value():
            raise ValueError("set ASSAY_OIDC_CLIENT_SECRET or ASSAY_OIDC_CLIENT_SECRET_FILE, not both")

    @property
    def sqlalchemy_url(self) -> str:
        """URL of the application database."""
        return self.database_url or f"sqlite:///{(self.home / 'assay.db').resolve()}"

    @property
    def jobs_url(self) -> str:
        """URL of the DBOS system database: its own SQLite file, or the same PostgreSQL database (schema `dbos`)."""
        return self.database_url or f"sqlite:///{(self.home / 'jobs.db').resolve()}"

    @property
    def is_sqlite(self) -> bool:
        """True when the embedded default database is in use."""
        return self.sqlalchemy_url.startswith("sqlite")

    @property
    def keys(self) -> Path:
        """Folder of the private keys and certificates."""
        return self.home / "keys"

    @property
    def signer_address(self) -> Path:
        """The Unix socket of the signer process."""
        return self.signer_socket or self.home / "signer.sock"

    @property
    def protected_texts(self) -> Path:
        """The registry of protected texts: hashes only, made by `assay policy texts add`."""
        return self.home / "protected-texts.ndjson"

    @property
    def log_folder(self) -> Path:
        """The log's public files: what outsiders may have seen, and what a restored database cannot know."""
        return self.published_log or self.home / "published" / "log"

    @property
    def published_checkpoint(self) -> Path:
        """The newest checkpoint that outsiders may have seen."""
        return self.log_folder / "checkpoint"

    @property
    def former_checkpoint(self) -> Path:
        """Where earlier versions kept the published checkpoint; still checked, never written."""
        return self.home / "published" / "checkpoint"

    @property
    def segments(self) -> Path:
        """Folder of spoken sentences that are kept; unmarked speech, so nobody else may read it."""
        return self.home / "segments"

    @property
    def blob_folder(self) -> Path:
        """Folder of content-addressed audio files and manifest stores, unless they lie in a bucket."""
        return self.home / "blobs"


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment; raises `SettingsError` that names every variable to mend."""
    known = {f"ASSAY_{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith("ASSAY_") and not name.startswith(TEST_PREFIX) and name not in known
    )
    if unknown:
        raise SettingsError(f"unknown variables {', '.join(unknown)}; docs/settings.md lists the ones that exist")
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # overrides are validated by pydantic itself
    except ValidationError as error:
        lines = []
        for item in error.errors():
            name = "ASSAY_" + "_".join(str(part) for part in item["loc"]).upper() if item["loc"] else "settings"
            lines.append(f"{name}: {item['msg']}")
        raise SettingsError("the settings cannot be used: " + "; ".join(lines)) from error
