"""Misinformation: claims in ten stances, against the seed base and against imported records without wordings."""

from __future__ import annotations

from collections import Counter

from bench.grid import Grid, number
from bench.policies import own_sets
from bench.policies.bench import Bench
from bench.policies.measures import Measure
from bench.policies.own_sets import KINDS, SPOKEN_AGAINST, SPOKEN_FOR, Passage
from bench.policies.subject import Outcome
from bench.proportion import Share
from policies.decision import Verdict

RULE = "misinformation"


def measure(bench: Bench) -> list[Grid]:
    """Judge every passage with both bases loaded."""
    subject = bench.subject.with_claims(bench.imported)
    harms = {record.id: record.harm for record in subject.policy.knowledge.records}
    passages = _pick(bench, own_sets.passages())
    outcomes = bench.judged("stance", [(one.id, one.text) for one in passages], subject=subject)
    names = _names(subject.policy.knowledge.records)
    grids = []
    for base in ("seed", "imported"):
        some = [(one, outcomes[one.id]) for one in passages if one.base == base]
        grids.append(_matrix(base, some, names, {one.record for one, _ in some} - set(harms)))
        _keep(bench, base, some, harms)
    bench.miss("stance", [one.id for one in passages if _is_wrong(one, outcomes[one.id])])
    return grids


def _pick(bench: Bench, passages: list[Passage]) -> list[Passage]:
    """Return all kinds of some claims."""
    claims = list(dict.fromkeys((one.base, one.record) for one in passages))
    chosen = set(bench.pick(claims)) if bench.size.texts is None else set(bench.pick(claims)[:: len(KINDS)])
    return [one for one in passages if (one.base, one.record) in chosen]


def _names(records: tuple) -> dict[str, str]:
    """Map a record's id, and its wording where evidence has no id, to its id."""
    return {name: record.id for record in records for name in (record.id, record.claimReviewed)}


def _matrix(base: str, some: list[tuple[Passage, Outcome]], names: dict[str, str], unknown: set[str]) -> Grid:
    rows = []
    for kind in KINDS:
        group = [(one, outcome) for one, outcome in some if one.kind == kind]
        verdicts = Counter(outcome.verdict_of(RULE) for _, outcome in group)
        right = Share.of(one.record in _matched(outcome, names) for one, outcome in group)
        stances = Counter(
            found.stance or "-"
            for one, outcome in group
            for found in outcome.findings
            if found.rule == RULE and any(names.get(name) == one.record for name in found.records)
        )
        others = sum(outcome.held and outcome.verdict_of(RULE) == Verdict.ALLOW for _, outcome in group)
        rows.append(
            (
                kind.replace("_", " "),
                *(str(verdicts[verdict]) for verdict in ("allow", "review", "block")),
                str(others),
                str(right),
                ", ".join(f"{stance} {count}" for stance, count in stances.most_common(3)),
            )
        )
    note = "Verdicts of the misinformation rule alone; `others` are passages that only another rule holds."
    if unknown:
        note += f" {len(unknown)} of the claims are no longer in the base."
    title = {"seed": "Stance, claims of the default base", "imported": "Stance, imported claims without wordings"}[base]
    columns = ("passage", "allow", "review", "block", "others", "evidence is the right claim", "stances found")
    return Grid(title, columns, rows, note)


def _matched(outcome: Outcome, names: dict[str, str]) -> set[str | None]:
    return {names.get(name) for found in outcome.findings if found.rule == RULE for name in found.records}


def _keep(bench: Bench, base: str, some: list[tuple[Passage, Outcome]], harms: dict[str, str]) -> None:
    against = [outcome.verdict_of(RULE) for one, outcome in some if one.kind in SPOKEN_AGAINST]
    bench.keep(f"stance.{base}.debunk_blocked", Measure.of(Share.of(one == Verdict.BLOCK for one in against)))
    bench.keep(f"stance.{base}.debunk_held", Measure.of(Share.of(one != Verdict.ALLOW for one in against)))
    spoken = [(one, outcome.verdict_of(RULE)) for one, outcome in some if one.kind in SPOKEN_FOR]
    caught = Measure.of(Share.of(verdict != Verdict.ALLOW for _, verdict in spoken))
    bench.keep(f"stance.{base}.assert_caught", caught)
    plain = [verdict for one, verdict in spoken if one.kind == "assert" and harms.get(one.record) == "high"]
    bench.keep(f"stance.{base}.high_harm_assert_blocked", Measure.of(Share.of(one == Verdict.BLOCK for one in plain)))
    late = [outcome.verdict_of(RULE) for one, outcome in some if one.kind == "late"]
    bench.keep(f"stance.{base}.late_rebuttal_held", Measure.of(Share.of(one != Verdict.ALLOW for one in late)))
    attributed = [outcome.verdict_of(RULE) for one, outcome in some if one.kind == "attributed"]
    bench.keep(f"stance.{base}.attributed_blocked", Measure.of(Share.of(one == Verdict.BLOCK for one in attributed)))


def _is_wrong(one: Passage, outcome: Outcome) -> bool:
    verdict = outcome.verdict_of(RULE)
    if one.kind in SPOKEN_FOR:
        return verdict == Verdict.ALLOW
    if one.kind in SPOKEN_AGAINST:
        return verdict != Verdict.ALLOW
    if one.kind == "late":
        return verdict == Verdict.ALLOW
    return verdict == Verdict.BLOCK


def stance_grid(bench: Bench) -> Grid:
    """Return the headline numbers of both bases side by side."""
    kept = bench.kept()
    names = {
        "debunk_blocked": "debunks and denials blocked",
        "debunk_held": "debunks and denials held at all",
        "assert_caught": "assertions held or blocked",
        "high_harm_assert_blocked": "plain assertions of high harm blocked",
        "late_rebuttal_held": "held where the rebuttal comes forty seconds later",
        "attributed_blocked": "attributed claims blocked",
    }
    rows = []
    for name, title in names.items():
        pair = [kept.get(f"stance.{base}.{name}") for base in ("seed", "imported")]
        rows.append((title, *(f"{number(100 * one.value, 1)} % ({one.count})" if one else "–" for one in pair)))
    return Grid("Stance, summary", ("share", "default base", "imported base"), rows)
