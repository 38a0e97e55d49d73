"""False alarms: harmless sentences, each by itself."""

from __future__ import annotations

from collections import Counter

from bench.grid import Grid, number
from bench.policies import own_sets
from bench.policies.bench import Bench
from bench.policies.measures import Measure
from bench.policies.subject import Outcome
from bench.proportion import Share
from policies.decision import Verdict


def measure(bench: Bench) -> list[Grid]:
    """Judge every neutral sentence."""
    sentences = bench.pick(own_sets.neutral())
    outcomes = bench.judged("neutral", [(one.id, one.text) for one in sentences])
    groups: dict[str, list[Outcome]] = {"all": [], "plain": [], "hard": []}
    topics: dict[str, list[Outcome]] = {}
    for one in sentences:
        outcome = outcomes[one.id]
        groups["all"].append(outcome)
        groups[one.level].append(outcome)
        topics.setdefault(f"{one.level}: {one.topic}", []).append(outcome)
    for level, group in groups.items():
        bench.keep(f"neutral.{level}.held", Measure.of(Share.of(one.held for one in group)))
    bench.keep("neutral.all.blocked", Measure.of(Share.of(one.blocked for one in groups["all"])))
    bench.miss("neutral", [name for name, outcome in outcomes.items() if outcome.held])
    rows = [_row(name, group) for name, group in groups.items()]
    held_topics = [(name, group) for name, group in topics.items() if any(one.held for one in group)]
    rows += [_row(name, group) for name, group in held_topics]
    alarms = Counter(
        (found.rule, found.category)
        for outcome in groups["all"]
        for found in {(one.rule, one.category): one for one in outcome.findings}.values()
        if found.verdict != Verdict.ALLOW
    )
    total = len(groups["all"])
    by_rule = [
        (rule, category, str(count), number(1000 * count / total, 1))
        for (rule, category), count in alarms.most_common()
    ]
    grids = [
        Grid(
            "Neutral sentences",
            ("sentences", "held for review or blocked", "blocked", "n"),
            rows,
            "Each sentence is a script of its own. Topics without an alarm are left out. Wilson intervals in per cent.",
        )
    ]
    if by_rule:
        grids.append(Grid("False alarms by rule", ("rule", "category", "sentences", "per 1,000"), by_rule))
    if len(bench.rivals) and total:
        rows = []
        for rival in bench.rivals:
            scores = rival.score([one.text for one in sentences])
            rows.append((rival.name, str(Share.of(score >= 0.5 for score in scores))))
        grids.append(Grid("Neutral sentences that score 0.5 and more", ("system", "alarms"), rows))
    return grids


def _row(name: str, group: list[Outcome]) -> tuple[str, ...]:
    return (
        name,
        str(Share.of(one.held for one in group)),
        str(Share.of(one.blocked for one in group)),
        str(len(group)),
    )
