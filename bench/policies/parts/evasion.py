"""Disguises: is a hidden sentence found as often as the plain one, and do look-alikes stay free?"""

from __future__ import annotations

from bench.grid import Grid
from bench.policies import own_sets
from bench.policies.bench import Bench
from bench.policies.hearing import hear
from bench.policies.measures import Measure
from bench.proportion import Share


def measure(bench: Bench) -> list[Grid]:
    """Judge the plain sentences, the disguises and the look-alikes."""
    disguises = bench.pick(own_sets.disguises())
    plain = sorted({one.plain for one in disguises})
    undisguised = bench.judged("evasion, plain", [(text, text) for text in plain])
    hidden = bench.judged("evasion", [(one.id, one.text) for one in disguises])
    missed = [one for one in disguises if not hidden[one.id].held]
    heard = hear(bench, [(one.id, one.text) for one in missed]) if bench.spoken else {}
    rows = []
    for kind in dict.fromkeys(one.kind for one in disguises):
        some = [one for one in disguises if one.kind == kind]
        rows.append(
            (
                kind,
                str(sum(undisguised[one.plain].held for one in some)),
                str(sum(hidden[one.id].held for one in some)),
                str(sum(hidden[one.id].blocked for one in some)),
                str(sum(heard.get(one.id, False) for one in some)) if bench.spoken else "–",
                str(len(some)),
            )
        )
    caught = Share.of(hidden[one.id].held for one in disguises)
    bench.keep("evasion.caught_in_text", Measure.of(caught))
    bench.keep("evasion.plain_caught", Measure.of(Share.of(one.held for one in undisguised.values())))
    total = Share.of(hidden[one.id].held or heard.get(one.id, False) for one in disguises)
    if bench.spoken:
        bench.keep("evasion.caught_in_text_or_sound", Measure.of(total))
    bench.miss("evasion", [one.id for one in missed if not heard.get(one.id, False)])
    said = Share.of(hidden[one.id].blocked for one in disguises)
    rows.append(("all", str(sum(undisguised[one.plain].held for one in disguises)), str(caught), str(said), str(total)
                 if bench.spoken else "–", str(len(disguises))))  # fmt: skip
    columns = ("disguise", "plain held", "disguised held", "of these blocked", "else heard", "n")
    note = (
        "Counts of sentences whose plain form, disguised text and, with `--spoken`, synthesised sound is held or "
        "blocked; in the last row `else heard` counts text or sound."
    )
    return [Grid("Disguises", columns, rows, note), _look_alikes(bench)]


def _look_alikes(bench: Bench) -> Grid:
    listed = bench.pick(own_sets.look_alikes())
    outcomes = bench.judged("look-alikes", [(one.id, one.text) for one in listed])
    held = Share.of(one.held for one in outcomes.values())
    blocked = Share.of(one.blocked for one in outcomes.values())
    bench.keep("look_alikes.held", Measure.of(held))
    bench.keep("look_alikes.blocked", Measure.of(blocked))
    bench.miss("look-alikes", [name for name, outcome in outcomes.items() if outcome.held])
    rules = sorted({found.rule for one in outcomes.values() for found in one.findings if found.verdict != "allow"})
    row = (str(held), str(blocked), ", ".join(rules) or "–")
    return Grid("Harmless look-alikes", ("held or blocked", "blocked", "by"), [row])
