"""What verification concludes: the rules on their own, without files."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.schemas import ReportOut
from gateway.verification.passages import report_passage
from gateway.verification.recall import Similar
from gateway.verification.report import (
    CONCLUSIONS,
    INCOMPLETE,
    Agreement,
    Check,
    Conclusion,
    Evidence,
    Outcome,
    Report,
    conclude,
)
from synth.placement import Placement
from synth.watermark import Passage

OURS, OTHER = "ep_ours", "ep_other"
GENUINE = Evidence(exact=OURS, trusted=True, claimed=OURS, logged=True, released=True)


def heard(agreement: Agreement, episode_id: str = OURS) -> tuple[tuple[str, Agreement], ...]:
    return ((episode_id, agreement),)


COPY = Evidence(marked=True, identified=OURS, agreement=heard(Agreement.AGREES), logged=True)


@pytest.mark.parametrize(
    ("evidence", "conclusion"),
    [
        (Evidence(), Conclusion.UNKNOWN),
        (GENUINE, Conclusion.GENUINE),
        (replace(GENUINE, marked=True, identified=OURS, agreement=heard(Agreement.AGREES)), Conclusion.GENUINE),
        (replace(GENUINE, trusted=False), Conclusion.UNCONFIRMED),
        (replace(GENUINE, logged=False), Conclusion.UNCONFIRMED),
        (replace(GENUINE, released=False), Conclusion.UNCONFIRMED),
        (replace(GENUINE, marked=True, identified=OTHER), Conclusion.TRANSPLANTED),
        (replace(GENUINE, agreement=heard(Agreement.DISAGREES)), Conclusion.TRANSPLANTED),
        (Evidence(trusted=True), Conclusion.UNCONFIRMED),
        (Evidence(tampered=True), Conclusion.ALTERED),
        (Evidence(trusted=True, claimed=OURS, spoken=frozenset({OURS})), Conclusion.SPOKEN),
        (Evidence(trusted=True, claimed=OTHER, spoken=frozenset({OURS})), Conclusion.UNCONFIRMED),
        (Evidence(tampered=True, claimed=OURS, spoken=frozenset({OURS})), Conclusion.ALTERED),
        (replace(COPY, logged=False, spoken=frozenset({OURS})), Conclusion.SPOKEN),
        (replace(COPY, spoken=frozenset({OURS}), agreement=heard(Agreement.PARTLY)), Conclusion.SPOKEN),
        (replace(COPY, spoken=frozenset({OURS}), agreement=heard(Agreement.DISAGREES)), Conclusion.TRANSPLANTED),
        (replace(COPY, spoken=frozenset({OURS}), agreement=heard(Agreement.UNDECIDED)), Conclusion.MARKED_UNKNOWN),
        (replace(COPY, spoken=frozenset({OURS}), transplanted=True), Conclusion.TRANSPLANTED),
        (Evidence(tampered=True, claimed=OURS, agreement=heard(Agreement.AGREES)), Conclusion.ALTERED),
        (Evidence(tampered=True, claimed=OURS, agreement=heard(Agreement.DISAGREES)), Conclusion.TRANSPLANTED),
        (replace(GENUINE, taken_back=True), Conclusion.WITHDRAWN),
        (replace(GENUINE, taken_back=True, logged=False), Conclusion.UNCONFIRMED),
        (replace(COPY, taken_back=True), Conclusion.WITHDRAWN),
        (replace(COPY, taken_back=True, logged=False), Conclusion.UNCONFIRMED),
        (Evidence(tampered=True, taken_back=True), Conclusion.ALTERED),
        (replace(COPY, taken_back=True, transplanted=True), Conclusion.TRANSPLANTED),
        (Evidence(marked=True), Conclusion.MARKED_UNKNOWN),
        (Evidence(marked=True, identified=OURS), Conclusion.MARKED_UNKNOWN),
        (Evidence(marked=True, identified=OURS, agreement=heard(Agreement.UNDECIDED)), Conclusion.MARKED_UNKNOWN),
        (COPY, Conclusion.RECOVERED_COPY),
        (replace(COPY, logged=False), Conclusion.UNCONFIRMED),
        (Evidence(marked=True, identified=OURS, agreement=heard(Agreement.PARTLY)), Conclusion.ALTERED),
        (Evidence(marked=True, identified=OURS, agreement=heard(Agreement.DISAGREES)), Conclusion.TRANSPLANTED),
        (replace(COPY, transplanted=True), Conclusion.TRANSPLANTED),
        (replace(GENUINE, transplanted=True), Conclusion.TRANSPLANTED),
        (Evidence(similar=(OURS,)), Conclusion.SIMILAR_CONTENT),
        (Evidence(similar=(OURS,), marked=True), Conclusion.SIMILAR_CONTENT),
        (Evidence(similar=(OURS,), trusted=True), Conclusion.UNCONFIRMED),
        (Evidence(similar=(OURS,), tampered=True), Conclusion.ALTERED),
        # A fingerprint without a mark names nothing: two readings of one text may sound alike.
        (Evidence(agreement=heard(Agreement.AGREES)), Conclusion.UNKNOWN),
    ],
)
def test_evidence_leads_to_its_conclusion(evidence: Evidence, conclusion: Conclusion) -> None:
    assert conclude(evidence) is conclusion


EPISODES = st.sampled_from([None, OURS, OTHER])
EVIDENCE = st.builds(
    Evidence,
    exact=EPISODES,
    trusted=st.booleans(),
    tampered=st.booleans(),
    claimed=EPISODES,
    marked=st.booleans(),
    identified=EPISODES,
    agreement=st.dictionaries(st.sampled_from([OURS, OTHER]), st.sampled_from(Agreement)).map(
        lambda found: tuple(found.items())
    ),
    similar=st.sampled_from([(), (OURS,), (OTHER, OURS)]),
    logged=st.booleans(),
    released=st.booleans(),
    taken_back=st.booleans(),
)


@given(EVIDENCE)
def test_genuine_needs_bytes_credentials_log_and_release(evidence: Evidence) -> None:
    if conclude(evidence) is Conclusion.GENUINE:
        assert evidence.exact
        assert evidence.trusted
        assert evidence.logged
        assert evidence.released
        assert not evidence.taken_back


@given(EVIDENCE)
def test_recovered_copy_needs_a_mark_sound_that_agrees_and_the_log(evidence: Evidence) -> None:
    if conclude(evidence) is Conclusion.RECOVERED_COPY:
        assert evidence.agrees(evidence.identified) is Agreement.AGREES
        assert evidence.logged


@given(EVIDENCE)
def test_sound_alone_never_makes_a_file_ours(evidence: Evidence) -> None:
    if evidence.similar and not (evidence.exact or evidence.identified or evidence.claimed or evidence.tampered):
        assert conclude(evidence) in {Conclusion.SIMILAR_CONTENT, Conclusion.UNCONFIRMED}


@given(EVIDENCE, st.sampled_from(["trusted", "logged", "released"]))
def test_losing_a_proof_never_makes_a_file_genuine(evidence: Evidence, lost: str) -> None:
    without = replace(evidence, **{lost: False})
    assert conclude(without) is not Conclusion.GENUINE


def report_of(*outcomes: Outcome, conclusion: Conclusion = Conclusion.UNKNOWN) -> Report:
    checks = tuple(
        Check(number, f"check{number}", "A check", outcome, "Words.") for number, outcome in enumerate(outcomes, 1)
    )
    return Report(conclusion=conclusion, sha256="0" * 64, size=1, checked_at="2026-03-01T12:00:00+00:00", checks=checks)


def test_every_conclusion_is_said_in_plain_words() -> None:
    assert set(CONCLUSIONS) == set(Conclusion)
    assert all(words.endswith(".") for words in CONCLUSIONS.values())


def test_unknown_is_never_worded_as_human_made() -> None:
    words = CONCLUSIONS[Conclusion.UNKNOWN]
    assert "does not mean that a person made" in words


def test_no_conclusion_but_genuine_promises_anything() -> None:
    for conclusion, words in CONCLUSIONS.items():
        assert "verified" not in words.lower()
        if conclusion is not Conclusion.GENUINE:
            assert "byte for byte" not in words


def test_report_with_a_check_that_could_not_run_says_so() -> None:
    assert report_of(Outcome.PASS, Outcome.ABSENT).complete
    broken = report_of(Outcome.PASS, Outcome.ERROR)
    assert not broken.complete
    assert broken.summary.endswith(INCOMPLETE)
    assert broken.to_dict()["complete"] is False


def test_json_form_has_every_check_in_order() -> None:
    document = report_of(Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE).to_dict()
    assert [check["number"] for check in document["checks"]] == [1, 2, 3]
    assert [check["outcome"] for check in document["checks"]] == ["pass", "fail", "inconclusive"]


def test_passages_and_similar_episodes_have_their_place_in_the_public_form() -> None:
    passage = report_passage(Passage(OURS, 0.0, 20.0, 5.0, 25.0, 1.0, 1.0, 1e-20), Placement.GENUINE)
    report = replace(report_of(Outcome.PASS), passages=(passage,), similar=(Similar.of(passage),))
    public = ReportOut.model_validate(report.to_dict())
    assert public.passages[0].model_dump() == {
        "episode_id": OURS,
        "start": 0.0,
        "end": 20.0,
        "episode_start": 5.0,
        "episode_end": 25.0,
        "speed": "as published",
        "pitch": "as published",
        "confidence": "certain",
        "placement": "genuine",
    }
    assert set(public.similar[0].model_dump()) == set(public.passages[0].model_dump()) - {"confidence", "placement"}


def test_check_is_found_by_its_id() -> None:
    report = report_of(Outcome.PASS, Outcome.FAIL)
    assert report.check("check2").outcome is Outcome.FAIL
