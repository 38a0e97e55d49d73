"""A pack with a mistake is refused in whole, at once, with file, line, key and remedy."""

# ruff: noqa: E501  # whole messages are compared, each on one line

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from policies.assemble import Models, build_screener
from policies.errors import MOST_PROBLEMS, InvalidPolicyError
from policies.pack_checks import missing_for_live, remarks
from policies.policy import Policy, Status
from tests.packs import EXAMPLES, GUIDANCE, HEAD, write_pack


def refusal(folder: Path) -> str:
    with pytest.raises(InvalidPolicyError) as caught:
        build_screener(Policy.load(folder), models=Models())
    return str(caught.value)


def test_the_small_pack_is_right(tmp_path: Path) -> None:
    policy = Policy.load(write_pack(tmp_path / "pack"))
    assert build_screener(policy, models=Models()).policy.status is Status.LIVE


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[rules.lexicon]", "[rules.lexikon]", "policy.toml: line 11: rules.lexikon: unknown key; remove it or correct its name; did you mean 'lexicon'?"),
        ('kinds = ["email"]', 'kinds = ["email", "aura"]', "policy.toml: line 16: rules.personal_data.kinds.1: "),
        ('version = "2026-03-01"', 'version = "2026-02-30"', "policy.toml: line 2: version: '2026-02-30' does not begin with a date"),
        ('status = "live"', 'status = "retired"', "policy.toml: line 3: status: "),
        ('languages = ["en", "de"]', 'languages = ["en", "en"]', "policy.toml: line 4: languages: names en twice"),
        ('description = "A policy for tests."\n', "", "policy.toml: description: is required; add it"),
        ('"defamation"', '"slur"', "policy.toml: line 9: not_evaluated.0: 'slur' is judged by a rule of this policy"),
        ("[rules.personal_data]", "[rules.lexicon.languages.fr]\nevasion = 'block'\n[rules.personal_data]", "line 14: rules.lexicon.languages.fr: no language of the policy"),
        ("[rules.personal_data]", "[rules.lexicon.languages.de]\nevasions = 'block'\n[rules.personal_data]", "line 15: rules.lexicon.languages.de.evasions: unknown key; remove it or correct its name; did you mean 'evasion'?"),
        ("[rules.personal_data]", "[rules.lexicon.languages.de]\nenabled = false\n[rules.personal_data]", "line 15: rules.lexicon.languages.de.enabled: cannot differ by language"),
        ("blimey,profanity,review\n", "blimey,profanity,review\nBlimey,slur,block\n", "lexicon.csv: line 3: 'Blimey' leads to block here and to review on line 2"),
        ("blimey,profanity,review\n", 'blimey,profanity,review\n"dash\ndot",slur,bloc\n', "lexicon.csv: line 4: verdict 'bloc'"),
        ('"harm": "low"', '"harm": "enormous"', "claims.json: line 1: record moon-cheese: harm: "),
        ('["The Moon is rock."]\n}]', '["The Moon is rock."]\n},\n"a string"]', "claims.json: line 7: record number 1: the record: "),
        ("scoundrel,slur,block", "scoundrel,slur,block\nscoundrel,slur,block", "lexicon.csv: line 4: 'scoundrel' is on line 3 too"),
        ('expect = ["block"]', 'expect = ["allow"]', "golden.toml: line 8: must_catch.0.expect: what must be caught may not expect allow"),
        ('text = "It stays dry until the evening."', 'text = "You scoundrel."', "golden.toml: line 5: must_catch.0: has the same text as 'calm: weather'"),
        ('"rude: name"', '"calm: weather"', "golden.toml: line 6: must_catch.0.name: 'calm: weather' is used twice"),
        ('category = "slur"', 'category = "sluur"', "golden.toml: line 9: must_catch.0.category: no enabled rule finds 'sluur'; correct it or enable the rule; did you mean 'slur'?"),
        ('text = "You scoundrel."', 'text = "You scoundrel."\nlanguage = "fr"', "golden.toml: line 8: must_catch.0.language: 'fr' is none of the policy's languages"),
        ('text = "You scoundrel."\n', "", "golden.toml: line 5: must_catch.0: needs either text or turns"),
        ("scoundrel,slur,block", "scoundrel,slur,review", "golden.toml: line 8: must_catch.0.expect: no enabled rule can give block; expect another verdict or enable a rule"),
        ('"slur", "profanity"', '"slurs", "profanity"', "guidance.toml: line 3: category.0.categories.0: no enabled rule finds 'slurs'; correct it, remove it or enable the rule; did you mean 'slur'?"),
        ('verdict = "block"\nmeaning = "Abuse."', 'verdict = "allow"\nmeaning = "Abuse."\n[[category.levels]]\ncode = "RU0"\nverdict = "block"\nmeaning = "."', "guidance.toml: line 1: category.0: a code stands twice"),
        ('verdict = "allow"\nmeaning = "Harmless."', 'verdict = "block"\nmeaning = "Harmless."\n[[category.levels]]\ncode = "RU1"\nverdict = "allow"\nmeaning = "."', "levels must go from mild to strict"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_remedy(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert told in refusal(write_pack(tmp_path / "pack", (old, new)))


def test_guidance_for_one_category_in_two_places_is_refused(tmp_path: Path) -> None:
    twice = GUIDANCE + GUIDANCE.replace('id = "rude"', 'id = "again"').replace("RU", "AG")
    told = refusal(write_pack(tmp_path / "pack", guidance=twice))
    assert "guidance.toml: line 18: category.1.categories: 'slur' has guidance in 'rude' already" in told


def test_two_disclosures_of_one_id_are_refused(tmp_path: Path) -> None:
    one = '\n[[disclosures]]\nid = "voice"\nwhere = "spoken"\ntext = "Synthetic."\n'
    assert "disclosures.1.id: 'voice' is used twice" in refusal(write_pack(tmp_path / "pack", head=HEAD + one + one))


def test_an_expectation_that_no_rule_can_meet_is_refused(tmp_path: Path) -> None:
    class Mild:
        id, categories, models, verdicts = "mild", ("slur",), (), ("review",)

    from policies.pack_checks import contradictions

    policy = Policy.load(write_pack(tmp_path / "pack"))
    (problem,) = [
        one
        for one in contradictions(policy, [Mild()], models=())  # type: ignore[list-item]  # as much of a rule as is read
        if one.file == "golden.toml"
    ]
    assert str(problem).startswith("golden.toml: line 8: must_catch.0.expect: no enabled rule can give block")


def test_a_language_that_a_model_does_not_know_is_refused(tmp_path: Path) -> None:
    class English:
        pass

    class Both:
        languages = ("en", "de")

    from policies.pack_checks import contradictions

    policy = Policy.load(write_pack(tmp_path / "pack"))
    rules = build_screener(policy, models=Models()).rules
    (problem,) = contradictions(policy, rules, models=[("toxicity", English()), ("sentence", Both())])
    assert str(problem).startswith("policy.toml: line 4: languages.1: the toxicity model knows en, not 'de'")


def test_every_mistake_of_a_file_is_told_but_not_thousands(tmp_path: Path) -> None:
    head = HEAD.replace("[rules.lexicon]", "[rules.lexicon]\n" + "".join(f"k{number} = 1\n" for number in range(1_000)))
    told = refusal(write_pack(tmp_path / "pack", head=head)).splitlines()
    assert len(told) == MOST_PROBLEMS + 1
    assert told[-1].startswith("and 980 more")


# --------------------------------------------------------------- hostile files: a clear error, soon


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("deep = " + "[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("deep = " + "{a=" * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
        ("big = " + "9" * 100_000, "a number cannot be read"),
        (".".join("a" * 200_000) + " = 1", "dots"),
        ("[" + ".".join(['"b"'] * 100_000) + "]", "dots"),
        ("id = '\ufffe'\nid = 2", "not valid TOML"),
        ("x = " + "'" * 100_000, "not valid TOML"),
        ("# " + "x" * 2_000_000, "larger than"),
        ("\n" * 900_000 + "k = ", "not valid TOML"),
    ],
    ids=["arrays", "tables", "digits", "dots in a key", "dots in a header", "twice", "quotes", "long", "lines"],
)
def test_a_hostile_policy_is_refused_within_seconds(tmp_path: Path, line: str, told: str) -> None:
    pack = write_pack(tmp_path / "pack")
    (pack / "policy.toml").write_text(f"{line}\n{HEAD}")
    began = time.perf_counter()
    assert told in refusal(pack)
    assert time.perf_counter() - began < 5.0


@pytest.mark.parametrize(
    "value", ["nan", "inf", "-inf", "1e999", "9" * 400, "true", '"0.5"', "[0.5]", "-0.0001", "1.0001"]
)
def test_a_threshold_that_is_no_score_is_refused(tmp_path: Path, value: str) -> None:
    pack = write_pack(
        tmp_path / "pack", ("[rules.lexicon]", f"[rules.language]\nreview_share = {value}\n[rules.lexicon]")
    )
    assert "policy.toml: line 12: rules.language.review_share" in refusal(pack)


def test_thousands_of_mistakes_in_one_file_are_found_within_seconds(tmp_path: Path) -> None:
    examples = '[[must_pass]]\nname = "same"\ntext = "Same."\nlanguage = "fr"\nexpect = ["block"]\n' * 5_000
    began = time.perf_counter()
    told = refusal(write_pack(tmp_path / "pack", examples=examples)).splitlines()
    assert told[-1].startswith("and ")
    assert time.perf_counter() - began < 5.0


def test_a_file_of_a_gigabyte_is_refused_unread(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack")
    for name in ("policy.toml", "lexicon.csv", "claims.json", "golden.toml"):
        content = (pack / name).read_bytes()
        os.truncate(pack / name, 1 << 30)
        began = time.perf_counter()
        assert f"{name} is larger than" in refusal(pack)
        assert time.perf_counter() - began < 5.0
        (pack / name).write_bytes(content)


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_not(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack")
    digest = Policy.load(pack).digest
    (pack / "lexicon.csv").rename(tmp_path / "elsewhere.csv")
    (pack / "lexicon.csv").symlink_to(tmp_path / "elsewhere.csv")
    assert "lexicon: lexicon.csv is a link out of the pack's folder" in refusal(pack)
    (pack / "lexicon.csv").unlink()
    (tmp_path / "elsewhere.csv").rename(pack / "mounted.csv")  # as container platforms mount configuration
    (pack / "lexicon.csv").symlink_to("mounted.csv")
    assert Policy.load(pack).digest == digest


def test_a_pipe_a_folder_and_a_loop_of_links_are_refused_without_waiting(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack")
    file = pack / "claims.json"
    file.unlink()
    os.mkfifo(file)
    assert "no regular file" in refusal(pack)
    file.unlink()
    file.mkdir()
    assert "no regular file" in refusal(pack)
    file.rmdir()
    file.symlink_to("claims.json")
    assert "cannot be read" in refusal(pack)


@pytest.mark.parametrize("name", ["../lexicon.csv", "/etc/passwd", "", ".", "..", "a/b", "\\u0000", "x" * 300])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    told = refusal(write_pack(tmp_path / "pack", ('lexicon = "lexicon.csv"', f'lexicon = "{name}"')))
    assert "lexicon: " in told


def test_a_file_saved_by_a_windows_editor_is_the_same_policy(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack")
    digest = Policy.load(pack).digest
    for name in ("policy.toml", "golden.toml", "guidance.toml"):
        (pack / name).write_bytes(b"\xef\xbb\xbf" + (pack / name).read_bytes().replace(b"\n", b"\r\n"))
    assert Policy.load(pack).digest == digest


@pytest.mark.parametrize(
    ("old", "new"), [("It stays dry until", "It rains until"), ("Be kind.", "Be very kind."), ("RU3", "RU2")]
)
def test_examples_and_guidance_count_for_the_digest(tmp_path: Path, old: str, new: str) -> None:
    assert Policy.load(write_pack(tmp_path / "a")).digest != Policy.load(write_pack(tmp_path / "b", (old, new))).digest


# --------------------------------------------------------------- what is odd, and what is missing


def test_a_version_in_the_future_and_missing_examples_are_remarked(tmp_path: Path) -> None:
    from datetime import date

    policy = Policy.load(write_pack(tmp_path / "pack", examples="# none yet\n"))
    noted = remarks(policy, today=date(2026, 2, 1))
    assert [one.split(" ")[0] for one in noted] == ["version", "there"]
    assert remarks(Policy.load(write_pack(tmp_path / "other")), today=date(2026, 3, 1)) == []


def test_what_a_draft_lacks_for_going_live_is_listed(tmp_path: Path) -> None:
    pack = write_pack(
        tmp_path / "pack",
        ('status = "live"', 'status = "draft"'),
        ('"slur", "profanity", "evasion"', '"slur"'),
        examples=EXAMPLES[: EXAMPLES.index("[[must_catch]]")],
    )
    policy = Policy.load(pack)
    status, unexplained, examples = missing_for_live(policy, build_screener(policy, models=Models()).rules)
    assert 'status is "draft"' in status
    assert "evasion, profanity" in unexplained
    assert "must_catch" in examples
