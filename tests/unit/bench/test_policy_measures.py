"""Measures, sets, floors and a whole small run of the policy benchmark."""

import csv
import gzip
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bench.policies import own_sets
from bench.policies.bench import Bench, Size, spread
from bench.policies.floors import Floor, compare, read_floors
from bench.policies.measures import (
    Measure,
    average_precision,
    calibration_error,
    character_f1,
    macro_f1,
    mean_precision_at,
    resampled,
    roc_auc,
)
from bench.policies.parts import (
    calibration,
    evasion,
    hatecheck,
    matching,
    moderation,
    neutral,
    scripts,
    stance,
    toxicity,
    worthiness,
)
from bench.policies.report import keep, write
from bench.policies.rivals import Rival
from bench.policies.subject import Subject
from bench.proportion import Share
from bench.store import Store
from policies.adapters.detoxify import CLASSES
from policies.assemble import Models
from policies.policy import DEFAULT_PACK, Policy
from policies.rules.stance import LABELS as STANCES
from tests.claim_samples import WordEncoder

LABELS = np.array([True, True, False, True, False, False])
SCORES = np.array([0.9, 0.8, 0.8, 0.4, 0.3, 0.1])

STANDING = ("lexicon", "sensitive", "personal_data", "markup_injection", "toxicity", "misinformation")


class RudeWords:
    """A toxicity model that knows three words."""

    models = (("rude-words", "sha256:" + "0" * 64),)
    classes = CLASSES

    def score(self, texts):
        return [dict.fromkeys(CLASSES, 0.97 if {"kill", "garbage", "idiot"} & set(t.lower().split()) else 0.02)
                for t in texts]  # fmt: skip


class Unrelated:
    """A stance model to which no passage speaks of its claim."""

    models = (("unrelated", "sha256:" + "1" * 64),)

    def stances(self, passages):
        return [{label: float(label == "unrelated") for label in STANCES} for _ in passages]


class Worthy:
    """A check-worthiness model that likes the first dimension."""

    model = ("worthy", "sha256:" + "2" * 64)

    def scores(self, vectors):
        return vectors[:, 0]


@pytest.fixture(scope="module")
def subject() -> Subject:
    policy = Policy.load(DEFAULT_PACK)
    off = {name: None for name in type(policy.rules).model_fields if name not in STANDING}
    rules = policy.rules.model_copy(update=off)
    # What speaks of the rules that are off would contradict them.
    policy = replace(policy, rules=rules, category_guidance=(), not_evaluated=(), examples=())
    models = Models(toxicity=RudeWords(), encoder=WordEncoder(), stance=Unrelated(), check_worthiness=Worthy())
    return Subject(policy=policy, models=models)


@pytest.fixture
def bench(subject: Subject, tmp_path: Path) -> Bench:
    return _bench(subject, tmp_path, data=None)


def _bench(subject: Subject, folder: Path, data: Path | None) -> Bench:
    store = Store(folder / "policies.jsonl", resume=True)
    words = Rival("words", lambda texts: np.array([max(one.values()) for one in RudeWords().score(texts)]))
    size = Size(texts=12, languages=2, training=10, repeats=1)
    return Bench(folder, store, size, data=data, console=Console(quiet=True), _subject=subject, _rivals=[words])


def test_area_under_roc_counts_ties_half() -> None:
    # Of nine pairs seven are in order and one is tied.
    assert roc_auc(LABELS, SCORES) == pytest.approx(7.5 / 9)
    assert np.isnan(roc_auc(np.array([True, True]), np.array([0.1, 0.2])))


def test_average_precision_lets_ties_stand_or_fall_together() -> None:
    assert average_precision(LABELS, SCORES) == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3 + 1 / 3 * 3 / 4)
    shuffled = np.array([1, 2, 0, 5, 4, 3])
    assert average_precision(LABELS[shuffled], SCORES[shuffled]) == pytest.approx(average_precision(LABELS, SCORES))


def test_constant_scores_have_the_precision_of_the_share_of_positives() -> None:
    assert average_precision(LABELS, np.full(6, 0.5)) == pytest.approx(0.5)
    assert roc_auc(LABELS, np.full(6, 0.5)) == pytest.approx(0.5)


def test_calibration_error_of_overconfident_scores() -> None:
    assert calibration_error(np.array([1.0, 0.0, 1.0, 0.0]), np.full(4, 0.9)) == pytest.approx(0.4)
    assert calibration_error(np.array([0.25, 0.25]), np.full(2, 0.25)) == pytest.approx(0.0)


def test_bootstrap_interval_holds_the_value_and_is_the_same_each_time() -> None:
    generator = np.random.default_rng(1)
    labels = generator.random(400) < 0.3
    scores = generator.random(400) + 0.4 * labels
    first, second = resampled(roc_auc, labels, scores), resampled(roc_auc, labels, scores)
    assert first == second
    assert 0 < first.low < first.value < first.high < 1
    assert 0.03 < first.high - first.low < 0.2


def test_character_f1_of_the_shared_task() -> None:
    assert character_f1([], []) == 1.0
    assert character_f1([(0, 4)], []) == 0.0
    assert character_f1([(0, 4)], [(2, 6)]) == pytest.approx(0.5)


def test_rank_measures() -> None:
    assert mean_precision_at([1, 2, None, 6], depth=5) == pytest.approx(1.5 / 4)
    assert macro_f1(np.array([True, False]), np.array([True, True])) == pytest.approx((2 / 3 + 0) / 2)


def test_rare_word_outranks_frequent_ones_in_bm25() -> None:
    scores = matching.bm25(["the purple otter"], ["the the the bank", "the otter", "a river"])
    assert int(scores[0].argmax()) == 1
    assert scores[0, 2] == 0


def test_claims_are_ranked_once_however_many_wordings_come_first() -> None:
    owners = ["a", "a", "b", "", ""]
    scores = np.array([[0.9, 0.8, 0.5, 0.7, 0.1]])
    assert matching._ranks(scores, owners, ["b"]) == [3]  # after a and one distractor
    assert matching._ranks(scores, owners, ["gone"]) == [None]


def test_own_sets_are_as_large_as_their_readme_says() -> None:
    sentences = own_sets.neutral()
    assert len(sentences) == len({one.text for one in sentences}) == 1_000
    assert 0.25 < Share.of(one.level == "hard" for one in sentences).value < 0.35
    passages = own_sets.passages()
    assert len(passages) == 600
    assert {one.kind for one in passages} == set(own_sets.KINDS)
    assert len({one.kind for one in own_sets.disguises()}) >= 20
    assert len(own_sets.disguises()) == 206
    assert len(own_sets.look_alikes()) == 70
    assert len(own_sets.scripts()) == 67
    assert len(own_sets.moderation()) == 316


def test_passages_of_the_default_base_are_about_claims_that_it_holds() -> None:
    known = {record.id for record in Policy.load(DEFAULT_PACK).knowledge.records}
    assert {one.record for one in own_sets.passages() if one.base == "seed"} <= known


def test_imported_claims_are_all_imported_and_have_no_wordings(bench: Bench) -> None:
    records = {record.id: record for record in bench.imported}
    wanted = {one.record for one in own_sets.passages() if one.base == "imported"}
    assert set(records) == wanted
    assert not any(record.paraphrases or record.corrections for record in records.values())


def test_no_sentence_of_a_set_is_a_wording_of_the_default_base() -> None:
    records = Policy.load(DEFAULT_PACK).knowledge.records
    wordings = {text.lower() for record in records for text in (*record.paraphrases, *record.corrections)}
    said = {one.text.lower() for one in (*own_sets.passages(), *own_sets.neutral(), *own_sets.moderation())}
    assert not said & wordings


def test_spread_takes_the_whole_range() -> None:
    assert spread(range(10), 3) == [0, 3, 6]
    assert spread(range(3), 10) == [0, 1, 2]


def test_fallen_floor_is_named_and_an_unmeasured_one_is_not() -> None:
    floors = [Floor("up", at_least=0.9), Floor("down", at_most=0.1), Floor("elsewhere", at_least=0.5)]
    kept = {"up": Measure(0.85, 0.8, 0.9, 100), "down": Measure(0.1, 0.0, 0.2, 50)}
    table, fallen = compare(floors, kept)
    assert fallen == ["up"]
    assert [row[3] for row in table.rows] == ["FALLEN", "holds", "–"]
    assert compare([Floor("nan", at_least=0.0)], {"nan": Measure(float("nan"), 0, 0, 0)})[1] == ["nan"]


def test_floor_without_a_bound_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "floors.toml"
    file.write_text('"a.b" = {least = 1}\n')
    with pytest.raises(ValueError, match="has keys"):
        read_floors(file)
    assert all(floor.name for floor in read_floors())


def test_every_part_of_our_own_sets_runs_and_is_printed(bench: Bench) -> None:
    parts = {"neutral": neutral, "scripts": scripts, "stance": stance, "matching": matching, "worthiness": worthiness,
             "evasion": evasion, "moderation": moderation}  # fmt: skip
    for name, part in parts.items():
        keep(bench, name, part.measure(bench))
    assert write(bench, parts=tuple(parts), images=bench.folder) == []
    printed = bench.store.path.with_suffix(".md").read_text()
    assert bench.subject.policy.digest in printed
    for title in ("Neutral sentences", "Short scripts", "Stance, imported", "Finding the claim", "Disguises"):
        assert f"**{title}" in printed
    misses = json.loads((bench.folder / "policies-misses.json").read_text())
    known = {one.id for one in own_sets.disguises()}
    assert misses["evasion"]
    assert set(misses["evasion"]) <= known
    kept = bench.kept()
    assert kept["evasion.caught_in_text"].count == 12
    assert 0 <= kept["moderation.scores.auprc"].value <= 1


def test_what_was_judged_is_not_judged_again_until_the_policy_changes(subject: Subject, tmp_path: Path) -> None:
    first = _bench(subject, tmp_path, None).judged("x", [("a", "You are garbage.")])
    before = (tmp_path / "policies.jsonl").stat().st_size
    again = _bench(subject, tmp_path, None)
    assert again.judged("x", [("a", "You are garbage.")]) == first
    assert (tmp_path / "policies.jsonl").stat().st_size == before
    again.judged("x", [("b", "You are garbage.")])
    assert (tmp_path / "policies.jsonl").stat().st_size > before


def test_script_that_cannot_be_read_is_an_error_and_never_let_pass(subject: Subject) -> None:
    (outcome,) = subject.examine(["---\ntitle: [broken\n---\n"])
    assert outcome.held
    assert outcome.blocked


def test_public_sets_are_read_and_measured(subject: Subject, tmp_path: Path) -> None:
    data = _public_sets(tmp_path / "data")
    bench = _bench(subject, tmp_path, data)
    for name, part in {"hatecheck": hatecheck, "toxicity": toxicity, "calibration": calibration}.items():
        keep(bench, name, part.measure(bench))
    kept = bench.kept()
    assert kept["hatecheck.accuracy"].value == 1.0
    assert kept["wikipedia.auc"].value == 1.0
    assert kept["wikipedia.drop"].value == 0.0
    assert kept["calibration.toxicity.ece"].value == pytest.approx(0.025, abs=1e-6)
    write(bench, parts=("hatecheck", "toxicity", "calibration"), images=tmp_path)


def _public_sets(folder: Path) -> Path:
    """Small files of the shapes that the public sets have."""
    texts = [("You are garbage .", True), ("The ferry left at nine.", False)]
    for name in ("evaluation", "train", "claims"):
        (folder / name).mkdir(parents=True)
    cases = [{"case_id": number, "functionality": "f", "label": "hateful" if bad else "non-hateful", "text": text}
             for number, (text, bad) in enumerate(texts)]  # fmt: skip
    _write(folder / "evaluation/hatecheck.csv", cases)
    _write(folder / "evaluation/hatecheck_multilingual.csv.gz", [{"language": "german"} | case for case in cases])
    pairs = [{"rev_id": n, "toxic": int(bad), "comment": text, "comment_identity_swapped": text}
             for n, (text, bad) in enumerate(texts)]  # fmt: skip
    _write(folder / "evaluation/wiki_toxicity.csv.gz", pairs)
    edos = [{"id": n, "split": "test", "sexist": int(bad), "text": text} for n, (text, bad) in enumerate(texts)]
    _write(folder / "train/edos.csv.gz", edos)
    abuse = [{"id": n, "split": "test", "severity_votes": "-1 -2 1" if bad else "1 1", "user": text}
             for n, (text, bad) in enumerate(texts)]  # fmt: skip
    _write(folder / "train/convabuse.csv.gz", abuse)
    posts = [{"id": n, "semeval": ["test"], "raters": 4, "text": text,
              "votes": {"insult": 4, "not_toxic": 0} if bad else {"not_toxic": 4}}
             for n, (text, bad) in enumerate(texts)]  # fmt: skip
    spans = [{"split": "test", "text": text, "spans": [[8, 15]] if bad else []} for text, bad in texts]
    for name, rows in (("toxic_spans", posts), ("toxic_spans_semeval", spans)):
        content = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"train/{name}.jsonl.gz").write_bytes(gzip.compress(content.encode()))
    _write(folder / "claims/covid_rumours.csv", [{"claim": "Tea cures everything."}])
    return folder


def _write(path: Path, rows: list[dict]) -> None:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    content = file.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
