"""Everything that an episode's page shows, gathered in one look at the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import Session, col, select

from audit.errors import AuditError
from audit.log import Log
from audit.receipt import Receipt, verify_receipt
from gateway.accounts import Account
from gateway.api.visibility import visible_submission
from gateway.auth import Caller
from gateway.bulk import same_script
from gateway.cases import ReviewAction, findings_of
from gateway.colleagues import colleagues_of
from gateway.console.histories import History, show_history, speaker_histories
from gateway.console.segments import Marked, Segment, segments
from gateway.redaction import spoken_sentences
from gateway.releases import PublicClip, public_clips
from gateway.review import OTHER, WaitingCase, categories_of, found_categories, waiting_case, why_not
from gateway.revisions import revision_of
from gateway.submissions import ApiKey, Clip, EpisodeHearing, EpisodeReceipt, ReviewCase, State, Submission, Timeline
from synth.errors import ScriptError
from synth.formats import parse_script

MAX_SENTENCES = 300  # that are all offered to be taken out
WORDS_PER_LINE = 14  # of the transcript


@dataclass(frozen=True, slots=True)
class HeardLine:
    """Some words of the transcript, and where they are heard."""

    start: float
    end: float
    text: str
    findings: tuple[int, ...]  # numbers of findings that lie in these seconds


@dataclass(frozen=True, slots=True)
class Takeable:
    """A spoken sentence, where it stands, and the numbers of the findings that touch it."""

    start: int
    end: int
    text: str
    findings: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """A stored proof; `flaw` says why it does not hold, and is empty where it does."""

    purpose: str
    index: int
    size: int  # entries of the log under the checkpoint that it rests on
    flaw: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """An episode as a reviewer sees it."""

    row: Submission
    case: ReviewCase | None
    waiting: WaitingCase | None  # while it waits for a decision
    refusal: str  # why this person may not decide it
    findings: tuple[Marked, ...]
    text: tuple[Segment, ...]
    heard: tuple[HeardLine, ...]
    hearing: EpisodeHearing | None
    clip: PublicClip | None  # what the player plays: the marked, signed file
    chapters: tuple[tuple[float, str], ...]
    categories: tuple[str, ...]
    found: frozenset[str]
    actions: tuple[ReviewAction, ...]
    events: tuple[Any, ...]  # `audit.log.LoggedEvent`
    proofs: tuple[Proof, ...]  # that are stored with the episode, verified while the page was made
    covered: int  # size of the newest checkpoint: entries before it can be proven
    history: History  # of the same show
    speakers: tuple[tuple[str, History], ...]  # (speaker, earlier decisions)
    alike: int  # other open cases with the very same script
    sentences: tuple[Takeable, ...]  # that can be taken out
    revision: str | None  # goes on without the sentences that were taken out of this one
    names: dict[str, str]  # of accounts and API keys, by id
    colleagues: tuple[Account, ...]


def read_case(session: Session, episode_id: str, caller: Caller, *, log: Log, now: datetime) -> CaseFile:
    """Gather an episode's case; raises `NotFoundError` for what the caller may not know of."""
    row = visible_submission(session, caller, episode_id)
    case = session.get(ReviewCase, episode_id)
    hearing = session.get(EpisodeHearing, episode_id)
    findings = _findings(row, hearing)
    clips = public_clips(session.exec(select(Clip).where(Clip.episode_id == episode_id)))
    timeline = session.get(Timeline, episode_id)
    events = log.events_for(session, episode_id)
    actions = session.exec(
        select(ReviewAction).where(ReviewAction.episode_id == episode_id).order_by(col(ReviewAction.id))
    ).all()
    open_ = case is not None and row.state == State.AWAITING_REVIEW
    history = show_history(session, case) if case is not None else ()
    speakers = speaker_histories(session, row, case) if case is not None else ()
    newest = log.latest_checkpoint(session)
    people = {one.actor for one in actions} | {row.submitter} | {one.decided_by or "" for one, _ in history}
    people |= {one.decided_by or "" for _, found in speakers for one, _ in found}
    people |= {one.target or "" for one in actions}
    if case is not None:
        people |= {case.claimed_by or "", case.proposed_by or "", case.meant_for or ""}
    return CaseFile(
        row=row,
        case=case,
        waiting=waiting_case(case, row, now) if open_ and case is not None else None,
        refusal=why_not(session, case, row, caller.key_id, caller.role) if open_ and case is not None else "",
        findings=findings,
        text=tuple(segments(row.script, findings)),
        heard=_heard(hearing, findings),
        hearing=hearing,
        clip=clips[0] if clips else None,
        chapters=tuple(
            (float(str(one.get("start", 0))), str(one.get("title", "")))
            for one in (timeline.chapters if timeline else [])
        ),
        categories=(*sorted(categories_of(session, row) - {OTHER}), OTHER),
        found=frozenset(found_categories(session, row)),
        actions=tuple(actions),
        events=tuple(events),
        proofs=_proofs(session, episode_id, log),
        covered=newest.size if newest is not None else 0,
        history=history,
        speakers=speakers,
        alike=0 if not open_ else same_script(session, row),
        sentences=_takeable(row.script, findings) if open_ else (),
        revision=revision_of(session, row.id),
        names=names_of(session, people),
        colleagues=colleagues_of(session, caller.key_id),
    )


def names_of(session: Session, people: set[str]) -> dict[str, str]:
    """Return the names of accounts and API keys by id."""
    accounts = session.exec(select(Account.id, Account.name).where(col(Account.id).in_(people))).all()
    keys = session.exec(select(ApiKey.id, ApiKey.name).where(col(ApiKey.id).in_(people))).all()
    return dict(keys) | dict(accounts)


def _findings(row: Submission, hearing: EpisodeHearing | None) -> tuple[Marked, ...]:
    raw = [("script", one) for one in findings_of(row.decision)]
    raw += [("sound", one) for one in findings_of(hearing.decision if hearing is not None else None)]
    raw.sort(key=lambda pair: (pair[1]["span"]["start"], pair[1]["span"]["end"]))
    marked = []
    for number, (origin, one) in enumerate(raw, 1):
        start, end = int(one["span"]["start"]), int(one["span"]["end"])
        marked.append(
            Marked(
                number=number,
                start=start,
                end=end,
                rule=str(one["rule"]),
                category=str(one["category"]),
                verdict=str(one["verdict"]),
                score=float(one["score"]),
                explanation=str(one["explanation"]),
                view=str(one.get("view", "original")),
                origin=origin,
                threshold=one.get("threshold"),
                stance=one.get("stance"),
                time_start=one.get("time_start"),
                time_end=one.get("time_end"),
                quote=row.script[max(0, start) : max(0, end)],
                evidence=tuple(_evidence(two) for two in one.get("evidence", ())),
            )
        )
    return tuple(marked)


def _evidence(stored: dict[str, object]) -> dict[str, object]:
    """Return stored evidence with an address only if it is one of the web: nothing else may become a link."""
    scheme = urlsplit(str(stored.get("url", ""))).scheme
    return {**stored, "url": stored["url"] if scheme in ("http", "https") else ""}


def _heard(hearing: EpisodeHearing | None, findings: Sequence[Marked]) -> tuple[HeardLine, ...]:
    words = hearing.transcript if hearing is not None else []
    lines = []
    for first in range(0, len(words), WORDS_PER_LINE):
        group = words[first : first + WORDS_PER_LINE]
        start, end = float(str(group[0][1])), float(str(group[-1][2]))
        inside = tuple(
            one.number
            for one in findings
            if one.time_start is not None and one.time_end is not None and one.time_start < end and one.time_end > start
        )
        lines.append(HeardLine(start, end, " ".join(str(word[0]) for word in group), inside))
    return tuple(lines)


def _takeable(source: str, findings: Sequence[Marked]) -> tuple[Takeable, ...]:
    """Return the sentences that can be taken out; of a very long script those with findings."""
    try:
        script = parse_script(source)
    except ScriptError:
        return ()  # safe to ignore: what cannot be read was erased, and nothing can be taken out of it
    sentences = [
        Takeable(
            one.start,
            one.end,
            one.text,
            tuple(two.number for two in findings if two.start < one.end and one.start < two.end),
        )
        for one in spoken_sentences(script)
    ]
    return tuple(one for one in sentences if one.findings or len(sentences) <= MAX_SENTENCES)


def _proofs(session: Session, episode_id: str, log: Log) -> tuple[Proof, ...]:
    found = []
    for row in session.exec(select(EpisodeReceipt).where(EpisodeReceipt.episode_id == episode_id)):
        size, flaw = 0, ""
        try:
            receipt = Receipt.from_text(row.text)
            size = verify_receipt(receipt, leaf=receipt.leaf, origin=log.origin, verifier=log.verifier).size
        except AuditError as error:
            flaw = str(error)
        found.append(Proof(row.purpose, row.entry_index, size, flaw))
    return tuple(sorted(found, key=lambda one: one.index))
