"""The whole gate inside one command: used by `assay demo` and `assay make`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.engine import Engine
    from gateway.pipeline import Progress
    from gateway.settings import Settings
    from gateway.submissions import Clip, EpisodeHearing, State, Submission
    from gateway.toolchain import Toolchain

HELD_KEYS = "local-api-keys.json"  # plaintext keys of this machine's own user, mode 0600, development only
DEMO_ACCOUNT = "demo"  # a reviewer; `assay demo` prints a link that signs in once
LOCAL_ROLES = ("submitter", "reviewer", "auditor")
SHADOW_PATIENCE_SECONDS = 120  # policies in shadow judge after the episode rests; a long script takes a minute
STEP_TIMEOUT_SECONDS = 3600.0  # an episode of hours takes less than this on two cores


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a submission came to rest, and what there is of it."""

    submission: Submission
    clips: tuple[Clip, ...]
    hearing: EpisodeHearing | None  # what was heard in the finished audio, where anybody listened


@dataclass(frozen=True, slots=True)
class EmbeddedGate:
    """A running gate: submit a script and wait until it rests."""

    settings: Settings
    toolchain: Toolchain
    engine: Engine
    caller: str  # API key id that submits

    def take(self, text: str, *, on_change: Callable[[State], None]) -> Outcome:
        """Submit `text` and return when the episode is released, refused, failed, or waits for a reviewer."""
        from gateway.intake import submit

        database = self.toolchain.database
        with database.write() as session:
            row, _ = submit(
                session,
                toolchain=self.toolchain,
                api_key_id=self.caller,
                text=text,
                idempotency_key=secrets.token_hex(16),
            )
        return self.follow(row.id, on_change=on_change)

    def follow(self, episode_id: str, *, on_change: Callable[[State], None]) -> Outcome:
        """Give a stored submission to the workers, and return when it rests."""
        from sqlmodel import select

        from gateway.engine import wait_until_settled
        from gateway.sequencing import settle_soon
        from gateway.submissions import Clip, EpisodeHearing, Submission

        database = self.toolchain.database
        settle_soon(database, self.toolchain.log)
        self.engine.enqueue(episode_id)
        wait_until_settled(database, episode_id, timeout=STEP_TIMEOUT_SECONDS, on_change=on_change)
        with database.read() as session:
            submission = session.get_one(Submission, episode_id)
            clips = tuple(session.exec(select(Clip).where(Clip.episode_id == episode_id).order_by(Clip.media_type)))
            hearing = session.get(EpisodeHearing, episode_id)
        return Outcome(submission, clips, hearing)


def prepare(settings: Settings) -> list[str]:
    """Make what a first run needs: folders and, in development, the keys that are missing; returns the new files."""
    from gateway.app import claim_passphrase, utc_now
    from gateway.keys import KeyFiles, generate_keys
    from gateway.settings import Environment

    if settings.environment is Environment.PRODUCTION:
        return []  # production keys are made on purpose, by `assay keygen` or by the operator
    return generate_keys(
        KeyFiles(settings.keys),
        log_origin=settings.log_origin,
        organisation=settings.organisation,
        at=utc_now(),
        passphrase=claim_passphrase(settings),
    )


def local_api_keys(settings: Settings) -> dict[str, str]:
    """Return this machine's own API keys by role, making them once; they open a development installation only."""
    from gateway.app import build_log, migrated_database, utc_now
    from gateway.auth import Role, issue_key
    from gateway.keys import KeyFiles, store_private

    path = settings.keys / HELD_KEYS
    if path.exists():
        held: dict[str, str] = json.loads(KeyFiles(settings.keys).private(HELD_KEYS))
        return held
    log = build_log(settings)
    with migrated_database(settings) as database, database.write() as session:
        held = {role: issue_key(session, Role(role), f"local {role}", utc_now(), log=log) for role in LOCAL_ROLES}
        # If we crash between this file and the commit, the file holds keys that open nothing; delete it then.
        store_private(path, json.dumps(held, indent=2).encode())
    return held


def demo_sign_in(gate: EmbeddedGate) -> str:
    """Return the token of a link that signs this machine's own reviewer in once, making the account if need be."""
    from gateway.accounts import add_account, create_link, find_account
    from gateway.app import utc_now
    from gateway.auth import Role
    from gateway.errors import NotFoundError

    now = utc_now()
    with gate.toolchain.database.write() as session:
        try:
            account = find_account(session, DEMO_ACCOUNT)
        except NotFoundError:
            account = add_account(session, DEMO_ACCOUNT, Role.REVIEWER, at=now, log=gate.toolchain.log)
        return create_link(session, account, at=now)


@contextmanager
def embedded_gate(settings: Settings, *, progress: Progress | None = None) -> Iterator[EmbeddedGate]:
    """Build and start the whole gate in this process; `progress` is told how production comes along."""
    from gateway.app import build_engine, build_toolchain, record_installation, start_worker
    from gateway.errors import ConflictError

    prepare(settings)
    toolchain = build_toolchain(settings)
    record_installation(toolchain)
    keys = local_api_keys(settings)
    engine = build_engine(settings, toolchain.database)
    try:
        # A service that already works on this SQLite file makes the episodes just as well; then we only wait for it.
        with suppress(ConflictError):
            start_worker(engine, toolchain, progress=progress)
        yield EmbeddedGate(settings, toolchain, engine, caller=keys["submitter"].split("_")[1])
    finally:
        engine.stop(patience_seconds=SHADOW_PATIENCE_SECONDS if toolchain.shadows else 0)
        toolchain.close()


def export(
    gate: EmbeddedGate, outcome: Outcome, folder: Path, *, stem: str, only: Sequence[str] | None = None
) -> list[Path]:
    """Copy an episode's files out of the blob store, as `folder/stem.mp3` and so on; `only` those media types.

    A file that cannot hold its manifest gets it beside it, as `folder/stem.opus.c2pa`.
    """
    from gateway.releases import EMBEDDING, EXTENSIONS

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for clip in outcome.clips:
        if only is not None and clip.media_type not in only:
            continue
        path = folder / f"{stem}.{EXTENSIONS[clip.media_type]}"
        path.write_bytes(gate.toolchain.blobs.read(clip.sha256))
        written.append(path)
        if clip.media_type not in EMBEDDING:
            beside = path.with_name(f"{path.name}.c2pa")
            beside.write_bytes(gate.toolchain.blobs.read(clip.manifest_sha256))
            written.append(beside)
    return written
