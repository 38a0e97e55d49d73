"""What is found after each attack: our marks, the goals they were set, and the peers."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from bench.grid import Grid, number
from bench.proportion import Share, mean
from bench.watermark.attack import Attack, Goal, Severity
from bench.watermark.attacks import all_attacks
from bench.watermark.bench import Bench
from bench.watermark.sources import KINDS
from bench.watermark.systems.ours import AudioSeal, Keyed

SEAL, KEYED = AudioSeal.name, Keyed.name
Outcomes = list[dict[str, Any]]


def outcomes(bench: Bench, carrier: str, reader: str) -> dict[tuple[str, str], Outcomes]:
    """Return what `reader` said of sound carrying `carrier`, by kind of sound and attack."""
    found: dict[tuple[str, str], Outcomes] = defaultdict(list)
    for (held, _, kind, _, attack), said in bench.found("robustness"):
        if held == carrier:
            found[kind, attack] += said.get(reader, [])
    return found


def suite(bench: Bench) -> tuple[Attack, ...]:
    """Return all attacks that were measured, in the order of the suite."""
    measured = {key[-1] for key, _ in bench.found("robustness")}
    return tuple(attack for attack in all_attacks(bench.material) if attack.name in measured)


def goals_table(bench: Bench) -> list[Grid]:
    """Return the goals beside what was measured on sound that carries both marks."""
    keyed, seal = outcomes(bench, "both", KEYED), outcomes(bench, "both", SEAL)
    if not keyed:
        return []
    attacks = suite(bench)
    rows = []
    for goal in (Goal.NINETY_NINE, Goal.NINETY):
        names = {attack.name for attack in attacks if attack.goal is goal}
        said = [one for (_, name), some in keyed.items() if name in names for one in some]
        weakest = min(
            sorted(names),
            key=lambda name: _right([one for kind in KINDS for one in keyed[kind, name]]).value,
            default="",
        )
        rows.append(
            (
                f"keyed, 20 s, {bench.size.episodes:,} episodes: {len(names)} attacks of the {goal.value} row",
                f"≥ {goal.value} identified",
                str(_right(said)),
                f"weakest: {weakest} {_right([one for kind in KINDS for one in keyed[kind, weakest]])}",
            )
        )
    wrong = [one["wrong"] for some in keyed.values() for one in some]
    rows.append(("keyed: another episode named, all attacks", "0", str(Share.of(wrong)), ""))
    mild = {attack.name for attack in attacks if attack.severity is Severity.MILD}
    clean = [one["bit_accuracy"] for (_, name), some in seal.items() if name == "clean" for one in some]
    by_attack = [mean(one["bit_accuracy"] for kind in KINDS for one in seal[kind, name]) for name in mild]
    rows.append(("AudioSeal, 5 s: bit accuracy, clean", "≥ 0.99", number(mean(clean), 3), f"n = {len(clean)}"))
    rows.append(
        ("AudioSeal, 5 s: bit accuracy, mean over the mild attacks", "≥ 0.93", number(mean(by_attack), 3),
         f"{len(mild)} attacks")
    )  # fmt: skip
    note = "Hits/trials with Wilson's 95 % interval in per cent. The sound carries both marks; all kinds of sound."
    return [Grid("Goals", ("what", "goal", "measured", ""), rows, note)]


def robustness_table(bench: Bench) -> list[Grid]:
    """Return one row per attack: identification by kind of sound, z, AudioSeal's detection and bits."""
    keyed, seal = outcomes(bench, "both", KEYED), outcomes(bench, "both", SEAL)
    if not keyed:
        return []
    alone_keyed, alone_seal = outcomes(bench, "keyed", KEYED), outcomes(bench, "audioseal", SEAL)
    rows = []
    for attack in suite(bench):
        name = attack.name
        all_keyed = [one for kind in KINDS for one in keyed[kind, name]]
        all_seal = [one for kind in KINDS for one in seal[kind, name]]
        rows.append(
            (
                name,
                attack.severity.value,
                *(str(_right(keyed[kind, name])) for kind in KINDS),
                number(mean(one["score"] for one in all_keyed), 1),
                str(_right([one for kind in KINDS for one in alone_keyed[kind, name]])),
                str(Share.of(one["detected"] for one in all_seal)),
                str(_right(all_seal)),
                number(mean(one["bit_accuracy"] for one in all_seal), 3),
                number(mean(one["bit_accuracy"] for kind in KINDS for one in alone_seal[kind, name]), 3),
            )
        )
    columns = (
        "attack", "severity", *(f"keyed, {kind}" for kind in KINDS), "z", "keyed alone", "AudioSeal detected",
        "message", "bits", "bits, alone",
    )  # fmt: skip
    note = (
        f"Keyed: named the right one of {bench.size.episodes:,} episodes from a 20 s clip cut at a random sample. "
        "AudioSeal: clips of 5 s. Hits/trials with Wilson's 95 % interval in per cent; z is a mean."
    )
    return [Grid("Robustness, both marks in the sound", columns, rows, note)]


def alarms_table(bench: Bench) -> list[Grid]:
    """Return AudioSeal's false alarms on human speech, and what it detects at one false alarm in a thousand."""
    plain: Outcomes = []
    changed: Outcomes = []
    speakers = set()
    for (_, speaker, _), value in bench.found("falsealarms"):
        plain += value["plain"]
        changed += value["changed"]
        speakers.add(speaker)
    if not plain:
        return []
    rows = [
        ("as recorded", str(Share.of(one["detected"] for one in plain))),
        ("after one of the mild changes", str(Share.of(one["detected"] for one in changed))),
    ]
    positives = outcomes(bench, "both", SEAL)
    scores = np.array([one["score"] for one in positives["human", "clean"]])
    if len(scores):
        limit = float(np.quantile([one["score"] for one in plain], 0.999, method="higher"))
        share = Share.of((scores > limit).tolist())
        rows.append(("marked human speech, mean margin above 99.9 % of the unmarked clips", str(share)))
    note = f"{len(plain)} clips of 5 s of {len(speakers)} speakers that no training has heard; hits/trials (95 %)."
    return [Grid("AudioSeal: false alarms on human speech", ("clips", "detected"), rows, note)]


def peers_table(bench: Bench) -> list[Grid]:
    """Return all systems side by side: share detected, and share of clips whose message or episode was right."""
    carriers = list(dict.fromkeys(key[0] for key, _ in bench.found("robustness")))
    named = [(carrier, carrier) for carrier in carriers if carrier not in ("both", "audioseal", "keyed")]
    if not named:
        return []
    systems = [("keyed", KEYED), ("audioseal", SEAL), *named]
    tables = [(reader, outcomes(bench, carrier, reader)) for carrier, reader in systems]
    if not tables[0][1]:
        tables[:2] = [(reader, outcomes(bench, "both", reader)) for reader in (KEYED, SEAL)]
    rows = []
    for attack in suite(bench):
        cells = []
        for _, table in tables:
            said = [one for kind in KINDS for one in table[kind, attack.name]]
            share = Share.of(one["detected"] for one in said)
            bits = mean(one["bit_accuracy"] for one in said)
            text = f"{share.hits}/{share.count}" if share.count else "–"
            cells.append(text if np.isnan(bits) else f"{text}, {bits:.2f}")
        rows.append((attack.name, *cells))
    note = (
        "Detected/trials by each system's own rule, then the mean bit accuracy where there are bits. "
        "Clips of 20 s, for AudioSeal 5 s."
    )
    return [Grid("Side by side", ("attack", *(reader for reader, _ in tables)), rows, note)]


def _right(said: Outcomes) -> Share:
    return Share.of(bool(one["right"]) for one in said)
