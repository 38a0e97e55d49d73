"""Golden items: scripts whose right decision is known, mixed into the queue to see how well people decide.

1. An item goes through the gate like any submission, with a key of its own, so that nothing tells it from the others:
   it is screened, spoken, marked, heard and logged, and waits for a reviewer.
2. The policy never approves it, and a person's decision ends it in the state `golden`: it is never released.
3. Whoever decided it sees the known answer and why, at once.
4. It counts in no statement of reasons and in no figure about cases.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from audit.event import Event, EventKind, Fact
from audit.log import Log
from gateway.auth import Role
from gateway.errors import GatewayError, InvalidRequestError, NotFoundError
from gateway.intake import submit
from gateway.manuscripts import manuscript_of
from gateway.quality.judgements import remember
from gateway.quality.rows import GoldenCase, GoldenItem, Kind
from gateway.sequencing import settle_soon
from gateway.submissions import ID_ALPHABET, ApiKey, ReviewCase, Submission
from gateway.toolchain import Toolchain
from policies.decision import Verdict
from synth.errors import SynthError
from synth.formats import parse_script

VERDICTS = ("approve", "request_changes", "reject")
WINDOW = timedelta(days=7)  # in which the share of golden items among cases is kept
REST = timedelta(days=30)  # before an item comes again: reviewers must not know it by heart
AT_ONCE = 5  # items of one round: a round must not fill the queue
MAX_BECAUSE = 2_000  # characters

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A script and the decision that it should get."""

    script: str
    submitter: str  # API key id of role submitter
    expected: str  # one of `VERDICTS`
    because: str


def add_golden(session: Session, known: Known, *, toolchain: Toolchain, by: str, at: datetime) -> GoldenItem:
    """Store a golden item in the caller's transaction, after seeing that the queue could hold it.

    Raises `InvalidRequestError` for what the policy blocks or approves by itself, which no reviewer ever sees, for an
    unknown decision, key or an empty explanation; and as `gateway.intake.submit` does for the script.
    """
    because = known.because.strip()
    if known.expected not in VERDICTS:
        raise InvalidRequestError(f"the known decision is one of {', '.join(VERDICTS)}")
    if not 0 < len(because) <= MAX_BECAUSE:
        raise InvalidRequestError(f"say why in 1 to {MAX_BECAUSE} characters: whoever decides it learns from it")
    script = parse_script(known.script)
    verdict = toolchain.screener.screen(manuscript_of(script)).verdict
    if verdict is Verdict.BLOCK:
        raise InvalidRequestError("the policy blocks this script, so no reviewer would see it; choose another")
    if verdict is Verdict.ALLOW and toolchain.settings.approve_allowed:
        raise InvalidRequestError("the policy finds nothing in this script, so it would stand out in the queue")
    key = session.get(ApiKey, known.submitter)
    if key is None or key.role != "submitter" or key.revoked_at is not None:
        raise InvalidRequestError(f"'{known.submitter}' is no current API key of a submitter")
    item = GoldenItem(
        id="gold_" + "".join(secrets.choice(ID_ALPHABET) for _ in range(16)),
        script=known.script,
        title=script.title,
        submitter=known.submitter,
        expected=known.expected,
        because=because,
        added_at=at,
    )
    session.add(item)
    facts: dict[str, Fact] = {"expected": known.expected}
    toolchain.log.append(session, Event(EventKind.GOLDEN_ADDED, at, item.id, by, facts))
    return item


def retire_golden(session: Session, golden_id: str, *, log: Log, by: str, at: datetime) -> GoldenItem:
    """Put an item into the queue no more; doing it twice changes nothing. Raises `NotFoundError`."""
    item = session.get(GoldenItem, golden_id)
    if item is None:
        raise NotFoundError(f"there is no golden item '{golden_id}'; `assay golden list` shows all")
    if item.retired_at is None:
        item.retired_at = at
        session.add(item)
        log.append(session, Event(EventKind.GOLDEN_RETIRED, at, item.id, by, {}))
    return item


def is_golden(session: Session, episode_id: str) -> bool:
    """True for an episode that is a golden item: it is never released, and counts nowhere else."""
    return session.get(GoldenCase, episode_id) is not None


def answer_golden(
    session: Session, row: Submission, *, verdict: str, by: str, role: Role, at: datetime
) -> dict[str, Fact]:
    """Note the decision about a golden item in the caller's transaction; returns the facts of `golden.answered`."""
    planted = session.get_one(GoldenCase, row.id)
    item = session.get_one(GoldenItem, planted.golden_id)
    planted.answer, planted.answered_by, planted.answered_at = verdict, by, at
    session.add(planted)
    right = verdict == item.expected
    remember(session, row, kind=Kind.GOLDEN, by=by, role=role, verdict=verdict, at=at, unit=item.id, agrees=right)
    return {"golden": item.id, "outcome": verdict, "agrees": right}


def mix_golden(toolchain: Toolchain) -> int:
    """Put golden items into the queue until they are their share of the last days' cases, and return how many.

    A worker's chore. The sweep queues what was planted; an item that cannot be submitted any more is left out and told.
    """
    share = toolchain.settings.golden_share
    planted = 0
    while share > 0 and planted < AT_ONCE:
        at = toolchain.clock()
        with toolchain.database.write() as session:
            item = _due(session, share, at)
            if item is None:
                break
            try:
                row, _ = submit(session, toolchain=toolchain, api_key_id=item.submitter, text=item.script)
            except (GatewayError, SynthError) as error:
                logger.warning("golden item %s cannot be submitted: %s", item.id, type(error).__name__)
                break
            session.flush()  # the episode before what refers to it
            session.add(GoldenCase(episode_id=row.id, golden_id=item.id, planted_at=at))
        settle_soon(toolchain.database, toolchain.log)
        planted += 1
    return planted


def _due(session: Session, share: float, at: datetime) -> GoldenItem | None:
    """Return the item to plant now: the one that rested longest, if the queue lacks one."""
    since = at - WINDOW
    golden = session.exec(select(func.count()).select_from(GoldenCase).where(col(GoldenCase.planted_at) >= since)).one()
    cases = session.exec(
        select(func.count())
        .select_from(ReviewCase)
        .where(col(ReviewCase.requested_at) >= since)
        .where(col(ReviewCase.episode_id).not_in(select(GoldenCase.episode_id)))
    ).one()
    if golden + 1 > share * (cases + golden + 1):
        return None
    last = (
        select(GoldenCase.golden_id, func.max(GoldenCase.planted_at).label("planted_at"))
        .group_by(col(GoldenCase.golden_id))
        .subquery()
    )
    found = session.exec(
        select(GoldenItem)
        .join(last, last.c.golden_id == col(GoldenItem.id), isouter=True)
        .where(col(GoldenItem.retired_at).is_(None))
        .where((last.c.planted_at.is_(None)) | (last.c.planted_at < at - REST))
        .order_by(last.c.planted_at.is_not(None), last.c.planted_at, col(GoldenItem.added_at))
    ).all()
    fresh = [item for item in found if not _was_planted(session, item.id)]
    return secrets.choice(fresh) if fresh else next(iter(found), None)


def _was_planted(session: Session, golden_id: str) -> bool:
    return session.exec(select(GoldenCase.episode_id).where(GoldenCase.golden_id == golden_id)).first() is not None


def golden_results(session: Session) -> list[tuple[GoldenItem, int, int, int]]:
    """Return every item, the oldest first, with how often it was shown, decided, and decided as it should be."""
    counted: dict[str, list[int]] = {}
    items = session.exec(select(GoldenItem).order_by(col(GoldenItem.added_at), col(GoldenItem.id))).all()
    expected = {item.id: item.expected for item in items}
    for golden_id, answer in session.exec(select(GoldenCase.golden_id, GoldenCase.answer)):
        tally = counted.setdefault(golden_id, [0, 0, 0])
        tally[0] += 1
        tally[1] += answer is not None
        tally[2] += answer == expected[golden_id]
    return [(item, *counted.get(item.id, (0, 0, 0))) for item in items]
