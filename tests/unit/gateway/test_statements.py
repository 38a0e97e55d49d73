"""Statements of reasons: what machines did follows from the trace, records fit the schema and quote nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import ConflictError
from gateway.statements import MAX_FACTS, Statement, statement_of, statements_between
from gateway.submissions import Submission
from tests.gateway_chain import REVIEWER, Chain, build_chain

ALWAYS = {"decision_facts", "decision_ground", "content_type", "category", "content_date", "application_date"} | {
    *("source_type", "automated_detection", "automated_decision", "puid", "decision_visibility"),
    *("incompatible_content_ground", "incompatible_content_explanation"),
}


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = build_chain(tmp_path)
    yield chain
    chain.database.dispose()


def statement(chain: Chain, episode_id: str) -> Statement:
    with chain.database.read() as session:
        return statement_of(session, session.get_one(Submission, episode_id), redress="Ask again.")


def rejected(chain: Chain, reason: str = "Anna Example wrote anna@example.org.", **options: object) -> str:
    episode_id = chain.submit("please review")
    chain.run(episode_id)
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    chain.desk.reject(episode_id, reviewer=REVIEWER, reason=reason, **options)  # type: ignore[arg-type]
    return episode_id


def set_category(chain: Chain, episode_id: str, category: str) -> None:
    with chain.database.write() as session:
        row = session.get_one(Submission, episode_id)
        assert row.decision is not None
        found = [{**one, "category": category} for one in row.decision["findings"]]  # type: ignore[attr-defined]
        row.decision = {**row.decision, "findings": found}


def test_block_by_the_policy_is_fully_automated_and_of_text(chain: Chain) -> None:
    episode_id = chain.submit("please block")
    assert chain.run(episode_id) == "blocked"
    record = statement(chain, episode_id).record
    assert record["automated_decision"] == "AUTOMATED_DECISION_FULLY"
    assert record["automated_detection"] == "Yes"
    assert record["content_type"] == ["CONTENT_TYPE_TEXT"]
    assert record["decision_visibility"] == ["DECISION_VISIBILITY_OTHER"]


def test_refusal_by_a_person_after_findings_is_partly_automated(chain: Chain) -> None:
    found = statement(chain, rejected(chain))
    assert found.record["automated_decision"] == "AUTOMATED_DECISION_PARTIALLY"
    assert found.record["content_type"] == ["CONTENT_TYPE_AUDIO", "CONTENT_TYPE_SYNTHETIC_MEDIA"]
    assert record_is_well_formed(found.record)


def test_refusal_without_findings_is_not_automated(tmp_path: Path) -> None:
    chain = build_chain(tmp_path, approve_allowed=False)
    episode_id = chain.submit("Good morning.")
    assert chain.run(episode_id) == "awaiting_review"
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    chain.desk.reject(episode_id, reviewer=REVIEWER, reason="No.")
    record = statement(chain, episode_id).record
    assert (record["automated_detection"], record["automated_decision"]) == ("No", "AUTOMATED_DECISION_NOT_AUTOMATED")
    assert record["category"] == "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"
    chain.database.dispose()


def record_is_well_formed(record: dict[str, object]) -> bool:
    assert set(record) >= ALWAYS
    assert len(str(record["decision_facts"])) <= MAX_FACTS
    assert all(symbol.isalnum() or symbol in "-_" for symbol in str(record["puid"]))
    assert ("decision_visibility_other" in record) == (record["decision_visibility"] == ["DECISION_VISIBILITY_OTHER"])
    return True


def test_record_never_holds_what_people_wrote(chain: Chain) -> None:
    found = statement(chain, rejected(chain))
    flat = repr(found.record)
    for secret in ("Anna", "example.org", "please review", "Morning briefing", REVIEWER):
        assert secret not in flat
    assert "Anna Example" in found.text
    assert "Ask again." in found.text


@pytest.mark.parametrize(
    ("category", "expected", "keyword"),
    [
        ("misinformation/health", "RISK_FOR_PUBLIC_SECURITY", "RISK_PUBLIC_HEALTH"),
        (
            "misinformation/elections",
            "NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
            "MISINFORMATION_DISINFORMATION",
        ),
        ("self_harm/intent", "SELF_HARM", "SELF_MUTILATION"),
        ("iban", "DATA_PROTECTION_AND_PRIVACY_VIOLATIONS", "MISSING_PROCESSING_GROUND"),
        ("made_up_later", "OTHER_VIOLATION_TC", "OTHER"),
    ],
)
def test_category_of_a_rule_becomes_one_of_the_database(
    chain: Chain, category: str, expected: str, keyword: str
) -> None:
    episode_id = chain.submit("please review")
    chain.run(episode_id)
    set_category(chain, episode_id, category)
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    chain.desk.reject(episode_id, reviewer=REVIEWER, reason="No.")  # a category with a slash enters the log as well
    record = statement(chain, episode_id).record
    assert record["category"] == f"STATEMENT_CATEGORY_{expected}"
    assert f"KEYWORD_{keyword}" in record["category_specification"]


def test_requested_changes_are_told_and_what_is_not_refused_has_no_statement(chain: Chain) -> None:
    assert "A changed script may be submitted." in statement(chain, rejected(chain, changes=True)).text
    released = chain.submit()
    assert chain.run(released) == "released"
    with pytest.raises(ConflictError, match="refusals only"):
        statement(chain, released)


def test_export_covers_the_days_asked_for(chain: Chain) -> None:
    first = rejected(chain)
    day = chain.clock().replace(hour=0, minute=0, second=0, microsecond=0)
    chain.clock.now += timedelta(days=1)
    second = rejected(chain)

    def exported(start: int, end: int) -> list[str]:
        since, until = day + timedelta(days=start), day + timedelta(days=end)
        return [one.episode_id for one in statements_between(chain.database, since, until, redress="")]

    assert exported(0, 1) == [first]
    assert exported(1, 2) == [second]
    assert exported(0, 2) == [first, second]
    assert exported(2, 9) == []
