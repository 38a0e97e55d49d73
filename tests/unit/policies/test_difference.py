"""How decisions and packs differ."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from policies import difference
from policies.assemble import Models, build_screener
from policies.decision import Decision
from policies.difference import FAILED, UNDECIDED, Comparison, Mark, Outline
from policies.pack_difference import pack_changes
from policies.policy import Policy
from tests.manuscripts import spoken
from tests.packs import write_pack

SLUR = Mark("lexicon", "slur", "block", 4, 13)
OATH = Mark("lexicon", "profanity", "review", 0, 6)


def decide(folder: Path, text: str) -> Decision:
    return build_screener(Policy.load(folder), models=Models()).screen(spoken(text))


def test_a_decision_and_its_stored_document_have_the_same_outline(tmp_path: Path) -> None:
    decision = decide(write_pack(tmp_path / "pack"), "You scoundrel.")
    assert Outline.of(decision) == Outline.parse(asdict(decision)) == Outline("block", frozenset({SLUR}))


def test_no_document_is_no_decision_and_a_broken_one_is_an_error() -> None:
    assert Outline.parse(None).verdict == UNDECIDED
    for broken in ({"verdict": "perhaps", "findings": []}, {"verdict": "allow"}, {"verdict": "allow", "findings": [1]}):
        with pytest.raises(ValueError, match="cannot be read"):
            Outline.parse(broken)


@pytest.mark.parametrize(
    ("old", "new", "direction"),
    [
        ("allow", "review", "stricter"),
        ("block", "allow", "milder"),
        ("review", "review", "same"),
        (UNDECIDED, "block", "unknown"),
        ("allow", FAILED, "unknown"),
    ],
)
def test_the_direction_of_a_change(old: str, new: str, direction: str) -> None:
    comparison = Comparison()
    comparison.add(Outline(old), Outline(new), episode_id="ep", title="t")
    assert comparison.directions == {direction: 1}
    assert comparison.differs is (direction != "same")


def test_findings_that_come_and_go_are_counted_once_per_text_even_under_one_verdict() -> None:
    comparison = Comparison()
    more = Mark("lexicon", "slur", "block", 40, 49)
    old, new = Outline("block", frozenset({SLUR, more})), Outline("block", frozenset({OATH}))
    comparison.add(old, new, episode_id="ep", title="t", text="Blimey, scoundrel")
    assert comparison.vanished == {("lexicon", "slur"): 1}
    assert comparison.appeared == {("lexicon", "profanity"): 1}
    (change,) = comparison.changes
    assert [(one.mark, one.words) for one in change.appeared] == [(OATH, "Blimey")]
    assert [one.mark for one in change.vanished] == [SLUR, more]
    assert change.direction == "same"


def test_equal_decisions_leave_nothing_but_a_count() -> None:
    comparison = Comparison()
    for _ in range(3):
        comparison.add(
            Outline("block", frozenset({SLUR})), Outline("block", frozenset({SLUR})), episode_id="ep", title="t"
        )
    assert (comparison.compared, comparison.differs, comparison.changes) == (3, False, [])
    assert comparison.to_dict()["verdicts"] == [{"old": "block", "new": "block", "texts": 3}]


def test_memory_does_not_grow_with_a_hostile_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(difference, "MOST_CHANGES", 2)
    comparison = Comparison()
    crowd = frozenset(Mark("lexicon", "slur", "block", at, at + 1) for at in range(1_000))
    for number in range(5):
        comparison.add(Outline("allow"), Outline("block", crowd), episode_id=f"ep{number}", title="t")
    assert (len(comparison.changes), comparison.unlisted) == (2, 3)
    assert [len(change.appeared) for change in comparison.changes] == [difference.MOST_FINDINGS] * 2
    assert comparison.matrix == {("allow", "block"): 5}


def test_packs_differ_in_what_was_edited_and_in_nothing_else(tmp_path: Path) -> None:
    old = Policy.load(write_pack(tmp_path / "old"))
    new = Policy.load(
        write_pack(
            tmp_path / "new",
            ('status = "live"', 'status = "draft"'),
            ('evasion = "review"', 'evasion = "block"'),
            ("blimey,profanity,review\n", "crikey,profanity,review\n"),
            ('"Our Moon is a cheese."', '"Our Moon is cheddar."'),
            ("stays dry", "remains dry"),
            ("Be kind.", "Be kinder."),
        )
    )
    changes = {(change.part, change.name): (change.old, change.new) for change in pack_changes(old, new)}
    assert changes == {
        ("head", "status"): ("live", "draft"),
        ("rules", "lexicon.evasion"): ("review", "block"),
        ("lexicon", "blimey"): ("profanity: review", None),
        ("lexicon", "crikey"): (None, "profanity: review"),
        ("claims", "moon-cheese.paraphrases"): ("Our Moon is a cheese.", "Our Moon is cheddar."),
        ("examples", "calm: weather"): (
            "must_pass, allow: It stays dry until the evening.",
            "must_pass, allow: It remains dry until the evening.",
        ),
        ("guidance", "rude.goal"): ("Be kind.", "Be kinder."),
    }
    assert pack_changes(old, old) == ()
