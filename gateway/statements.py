"""Statements of reasons: for every refusal, why, in words and as the DSA Transparency Database takes it.

Article 17 of the Digital Services Act (Regulation (EU) 2022/2065) says what a statement holds: the restriction and its
reach, the facts, whether machines found and decided it, the ground, and what one can do about it. The record has the
fields of the Transparency Database's API of 2025-07-01. How far machines decided is typed into no form: it follows from
what the pipeline and the reviewers left behind.

1. What was blocked was decided by a machine; a refusal by a person after findings, partly; without, not at all.
2. The record quotes nothing and names nobody: categories, rules and strengths, and never a reviewer's words.
3. The words for the submitter hold the reviewer's reason and every finding with its place.
4. An appeal changes what the refusal is for, if it was partly upheld, and is told in words. A refusal that was
   overturned keeps its statement among those of its day, and the next refusal of the same episode gets another number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from gateway.appealed import Appeal, Ruling, appeal_against, refusals_before
from gateway.cases import findings_of
from gateway.db import Database
from gateway.errors import ConflictError
from gateway.quality.rows import GoldenCase
from gateway.revisions import revision_of
from gateway.submissions import Clip, EpisodeHearing, EpisodeWithdrawal, Erasure, ReviewCase, State, Submission
from policies.decision import Verdict

REFUSED = frozenset({State.BLOCKED, State.REJECTED, State.WITHDRAWN, State.SUPERSEDED})
MAX_FACTS, MAX_EXPLANATION, MAX_GROUND = 5_000, 2_000, 500  # characters that the database takes
PERSONS = ("reject", "request_changes", "redact")  # verdicts of people that end an episode
REFUSED_BEFORE = "Publication refused before first dissemination"
REDACTED_BEFORE = "Part of the content taken out before first dissemination"
EEA = (  # where a refusal holds: everywhere, so in all of them
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"),
    *("IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
)
OTHER_CATEGORY = ("OTHER_VIOLATION_TC", "OTHER")
# Category of a rule, or what stands before its "/", to category and keyword of the Transparency Database.
CATEGORIES: dict[str, tuple[str, str]] = {
    "misinformation": ("NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS", "MISINFORMATION_DISINFORMATION"),
    "misinformation/health": ("RISK_FOR_PUBLIC_SECURITY", "RISK_PUBLIC_HEALTH"),
    "unverified_claim": ("NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS", "MISINFORMATION_DISINFORMATION"),
    "insult": ("CYBER_VIOLENCE", "CYBER_BULLYING_INTIMIDATION"),
    "toxicity": ("CYBER_VIOLENCE", "CYBER_HARASSMENT"),
    "identity_attack": ("ILLEGAL_OR_HARMFUL_SPEECH", "HATE_SPEECH"),
    "severe_toxicity": ("ILLEGAL_OR_HARMFUL_SPEECH", "HATE_SPEECH"),
    "slur": ("ILLEGAL_OR_HARMFUL_SPEECH", "HATE_SPEECH"),
    "threat": ("CYBER_VIOLENCE", "CYBER_INCITEMENT"),
    "sexual_minors": ("PROTECTION_OF_MINORS", "CHILD_SEXUAL_ABUSE_MATERIAL"),
    "sexual_explicit": ("OTHER_VIOLATION_TC", "ADULT_SEXUAL_MATERIAL"),
    "sexual_content": ("OTHER_VIOLATION_TC", "ADULT_SEXUAL_MATERIAL"),
    "self_harm": ("SELF_HARM", "SELF_MUTILATION"),
    "illicit": ("UNSAFE_AND_PROHIBITED_PRODUCTS", "PROHIBITED_PRODUCTS"),
    "violence": ("VIOLENCE", "INCITEMENT_VIOLENCE_HATRED"),
    "extremism": ("RISK_FOR_PUBLIC_SECURITY", "TERRORIST_CONTENT"),
    "dangerous_advice": ("RISK_FOR_PUBLIC_SECURITY", "RISK_PUBLIC_HEALTH"),
    "impersonation": ("SCAMS_AND_FRAUD", "IMPERSONATION_ACCOUNT_HIJACKING"),
    "scam": ("SCAMS_AND_FRAUD", "PHISHING"),
    "protected_text": ("INTELLECTUAL_PROPERTY_INFRINGEMENTS", "COPYRIGHT_INFRINGEMENT"),
    "unsupported_language": ("OTHER_VIOLATION_TC", "LANGUAGE_REQUIREMENTS"),
    **dict.fromkeys(
        (
            *("email", "phone", "payment_card", "iban", "bank_account", "ip_address", "national_id", "passport"),
            *("street_address", "postcode", "location", "date_of_birth", "licence_plate", "crypto_wallet", "secret"),
            *("medical", "personal_data"),
        ),
        ("DATA_PROTECTION_AND_PRIVACY_VIOLATIONS", "MISSING_PROCESSING_GROUND"),
    ),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """Why an episode was refused or taken back."""

    puid: str  # unique for ever: the platform's own id in the Transparency Database
    episode_id: str
    decided_at: datetime
    text: str  # for the submitter
    record: dict[str, Any]  # body of `POST /api/v1/statement` there


def statement_of(session: Session, row: Submission, *, redress: str) -> Statement:
    """Return the statement of a refused episode; raises `ConflictError` for one that is not refused, or was erased."""
    if row.state not in REFUSED:
        raise ConflictError(f"episode {row.id} is {row.state}; there is a statement of reasons for refusals only")
    if session.get(Erasure, row.id) is not None:
        raise ConflictError(f"episode {row.id} was erased, and with it why it was refused")
    case = session.get(ReviewCase, row.id)
    hearing = session.get(EpisodeHearing, row.id)
    withdrawal = session.get(EpisodeWithdrawal, row.id)
    by_script = findings_of(row.decision)
    by_ear = findings_of(hearing.decision if hearing is not None else None)
    findings = [*by_script, *by_ear]
    person = case is not None and case.verdict in PERSONS and row.state == State.REJECTED
    chosen = list(case.categories or []) if person and case is not None else []
    appeal = appeal_against(session, row.id, row.version)
    chosen = list(appeal.categories) if appeal is not None and appeal.categories else chosen
    serious = [one for one in findings if one["verdict"] != Verdict.ALLOW]
    categories = chosen or list(dict.fromkeys(str(one["category"]) for one in serious)) or ["other"]
    decided_at = row.changed_at
    if withdrawal is not None:
        decided_at = withdrawal.withdrawn_at
    elif person and case is not None and case.decided_at is not None:
        decided_at = case.decided_at
    has_sound = session.exec(select(Clip.sha256).where(Clip.episode_id == row.id)).first() is not None
    decision = row.decision or {}
    policy = f"{decision.get('policy_id', 'unknown')} {decision.get('policy_version', '')}".strip()
    facts = _facts(by_script, by_ear, policy, automatic=_automatic(row, findings))
    mapped = [CATEGORIES.get(one) or CATEGORIES.get(one.partition("/")[0]) or OTHER_CATEGORY for one in categories]
    main = f"STATEMENT_CATEGORY_{mapped[0][0]}"
    record: dict[str, Any] = {
        "decision_facts": facts[:MAX_FACTS],
        "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "incompatible_content_ground": f"Policy {policy}: {', '.join(categories)}"[:MAX_GROUND],
        "incompatible_content_explanation": (
            f"The policy of this service does not allow: {', '.join(_words(one) for one in categories)}."
        )[:MAX_EXPLANATION],
        "incompatible_content_illegal": "No",  # the policy was applied, no law was judged
        "content_type": ["CONTENT_TYPE_AUDIO", "CONTENT_TYPE_SYNTHETIC_MEDIA"] if has_sound else ["CONTENT_TYPE_TEXT"],
        "category": main,
        "category_addition": sorted({f"STATEMENT_CATEGORY_{one}" for one, _ in mapped} - {main}),
        "category_specification": sorted({f"KEYWORD_{keyword}" for _, keyword in mapped}),
        "territorial_scope": list(EEA),
        "content_language": row.language[:2].upper(),
        "content_date": f"{row.received_at:%Y-%m-%d}",
        "application_date": f"{decided_at:%Y-%m-%d}",
        "end_date_visibility_restriction": None,  # for good
        "source_type": "SOURCE_VOLUNTARY",
        "automated_detection": "Yes" if findings else "No",
        "automated_decision": f"AUTOMATED_DECISION_{_automatic(row, findings)}",
        "puid": _puid(row.id, refusals_before(session, row.id)),
    }
    if "KEYWORD_OTHER" in record["category_specification"]:
        record["category_specification_other"] = "see the ground"
    if withdrawal is not None:
        record["decision_visibility"] = ["DECISION_VISIBILITY_CONTENT_REMOVED"]
    else:
        record["decision_visibility"] = ["DECISION_VISIBILITY_OTHER"]
        record["decision_visibility_other"] = REFUSED_BEFORE
    reason = case.reason or "" if person and case is not None else ""
    reason = withdrawal.reason if withdrawal is not None else reason
    # An appeal may have brought the episode back since; then it is refused, if it is, as a whole.
    redacted = case is not None and case.verdict == "redact" and withdrawal is None
    revision = revision_of(session, row.id) if redacted else None
    if revision is not None:
        record["decision_visibility_other"] = REDACTED_BEFORE
    text = _text(
        row, facts, categories, reason, serious, redress, withdrawn=withdrawal is not None, case=case, revision=revision
    )
    text += _appeal_words(appeal)
    return Statement(record["puid"], row.id, decided_at, text, record)


def statements_between(database: Database, since: datetime, until: datetime, *, redress: str) -> Iterator[Statement]:
    """Yield the statements of what was refused or taken back in `[since, until)`; what was erased is not among them."""
    states = [state.value for state in REFUSED]
    with database.read() as session:
        ids = session.exec(
            select(Submission.id)
            .where(col(Submission.state).in_(states))
            .where(col(Submission.changed_at) >= since, col(Submission.changed_at) < until)
            .where(col(Submission.id).not_in(select(Erasure.episode_id)))
            .where(col(Submission.id).not_in(select(GoldenCase.episode_id)))
            .order_by(col(Submission.changed_at), col(Submission.id))
        ).all()
        for episode_id in ids:
            yield statement_of(session, session.get_one(Submission, episode_id), redress=redress)
            session.expunge_all()  # a year of scripts must not stay in memory
        overturned = (
            select(Appeal)
            .where(Appeal.outcome == Ruling.OVERTURNED.value)
            .where(col(Appeal.refused_at) >= since, col(Appeal.refused_at) < until)
            .order_by(col(Appeal.refused_at), col(Appeal.id))
        )
        for appeal in session.exec(overturned):
            if (found := statement_then(appeal)) is not None:
                yield found


def statement_then(appeal: Appeal) -> Statement | None:
    """Return the statement of reasons that was appealed, as it was then; None if it was erased."""
    kept = appeal.statement
    if kept is None:
        return None
    return Statement(kept["puid"], appeal.episode_id, appeal.refused_at, kept["text"], kept["record"])


def _puid(episode_id: str, before: int) -> str:
    number = f"-{before + 1}" if before else ""
    return "sor_" + episode_id.removeprefix("ep_") + number


def _appeal_words(appeal: Appeal | None) -> str:
    if appeal is None:
        return ""
    if appeal.decided_at is None:
        return (
            f"5. Appeal. Filed on {appeal.filed_at:%Y-%m-%d}; a person who had no part in the decision looks at it.\n"
        )
    words = {
        Ruling.UPHELD: "The refusal stands",
        Ruling.PARTLY: "The refusal stands, for the categories that are named above",
    }.get(Ruling(appeal.outcome or Ruling.VOID), "It was not decided")
    said = f" The reviewer says: {appeal.answer}" if appeal.answer else ""
    return f"5. Appeal. Filed on {appeal.filed_at:%Y-%m-%d}, decided on {appeal.decided_at:%Y-%m-%d}. {words}.{said}\n"


def _automatic(row: Submission, findings: Sequence[object]) -> str:
    if row.state == State.BLOCKED:  # 1.
        return "FULLY"
    return "PARTIALLY" if findings else "NOT_AUTOMATED"


def _facts(by_script: Sequence[Any], by_ear: Sequence[Any], policy: str, *, automatic: str) -> str:
    """Return what was found, without a word of it (2)."""
    found = []
    for where, findings in (("the script", by_script), ("the finished sound", by_ear)):
        counted = Counter((str(one["category"]), str(one["rule"]), str(one["verdict"])) for one in findings)
        found += [
            f"{_words(category)} in {where}, {many} time{'s' if many > 1 else ''} (rule {rule}: {verdict})"
            for (category, rule, verdict), many in sorted(counted.items())
        ]
    how = {
        "FULLY": "The refusal follows from these findings without a person.",
        "PARTIALLY": "A person decided with these findings before them.",
        "NOT_AUTOMATED": "A person decided.",
    }[automatic]
    listed = "; ".join(found) if found else "nothing by itself"
    return f"On the service's own initiative, policy {policy} was applied before publication. It found: {listed}. {how}"


def _text(
    row: Submission,
    facts: str,
    categories: Sequence[str],
    reason: str,
    findings: Sequence[Any],
    redress: str,
    *,
    withdrawn: bool,
    case: ReviewCase | None,
    revision: str | None,
) -> str:
    """Return the statement in words, numbered as Article 17(3) is (3)."""
    changes = case is not None and case.verdict == "request_changes" and row.state == State.REJECTED
    restriction = (
        "The episode was taken back: it is no longer public, anywhere and without an end."
        if withdrawn
        else "The episode is not published, anywhere and without an end."
        + (" A changed script may be submitted." if changes else "")
    )
    taken_out = (case.taken_out if case is not None else None) or []
    if revision is not None and not withdrawn:
        many = "a sentence" if len(taken_out) == 1 else f"{len(taken_out)} sentences"
        restriction = (
            f"The episode is not published as it was submitted. A reviewer took {many} out; the rest goes on as "
            f"episode {revision}, which is spoken anew and reviewed."
        )
    places = [
        f"   - characters {one['span']['start']} to {one['span']['end']}: {one['explanation']}" for one in findings
    ]
    lines = [
        f"Statement of reasons for '{row.title}' ({row.id})",
        "",
        f"1. Restriction. {restriction}",
        f"2. Facts. {facts}",
        *places,
        *(f"   - characters {start} to {end}: taken out" for start, end in taken_out),
        f"3. Ground. The policy of this service: {', '.join(_words(one) for one in categories)}.",
    ]
    if reason:
        lines.append(f"   The reviewer says: {reason}")
    lines.append(f"4. What you can do. {redress}")
    return "\n".join(lines) + "\n"


def _words(category: str) -> str:
    return category.replace("_", " ").replace("/", ": ")
