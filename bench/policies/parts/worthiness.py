"""Check-worthiness: are claims told from talk, and is a claim that no base holds put before a person?"""

from __future__ import annotations

import numpy as np

from bench.grid import Grid
from bench.policies import own_sets
from bench.policies.bench import Bench
from bench.policies.measures import Floats, Measure, average_precision, resampled, roc_auc
from bench.policies.own_sets import SPOKEN_FOR
from bench.proportion import Share

TALK = ("podcast housekeeping", "opinion and small talk", "dialogue between hosts", "instructions and notices",
        "children's and story")  # fmt: skip
FACTS = ("economy", "disease, vaccines and medicine", "elections", "climate and energy disputes")
UNVERIFIED = "unverified_claim"


def measure(bench: Bench) -> list[Grid]:
    """Rank facts against talk, and count what happens to claims that the default base does not hold.

    Single sentences of about the same length, because the head reads single sentences and length must tell nothing.
    """
    facts = bench.pick([*own_sets.bare_claims(), *(one.text for one in own_sets.neutral() if one.topic in FACTS)])
    talk = bench.pick([one.text for one in own_sets.neutral() if one.topic in TALK])
    texts = facts + talk
    labels = np.array([True] * len(facts) + [False] * len(talk))
    systems: list[tuple[str, Floats]] = [("longer is more worthy", np.array([float(len(text)) for text in texts]))]
    scores = bench.subject.worthiness(texts)
    if scores is not None:
        systems.insert(0, ("our check-worthiness score", scores))
        bench.keep("worthiness.ap", resampled(average_precision, labels, scores))
    rows = [
        (name, str(resampled(average_precision, labels, values)), str(resampled(roc_auc, labels, values)))
        for name, values in systems
    ]
    note = (
        f"{len(facts)} claims and reported facts against {len(talk)} sentences of greeting, opinion, dialogue, "
        "instruction and story. Length by itself shows what the choice of sentences gives away."
    )
    return [Grid("Check-worthiness", ("system", "AP", "AUC"), rows, note), _unknown(bench)]


def _unknown(bench: Bench) -> Grid:
    """Judge assertions of the imported claims by the default base alone, which does not hold them."""
    harm = {record.id: record.harm for record in bench.imported}
    spoken = [one for one in own_sets.passages() if one.kind in SPOKEN_FOR and one.base == "imported"]
    passages = bench.pick(spoken)
    outcomes = bench.judged("unknown claims", [(one.id, one.text) for one in passages])
    rows = []
    for level in ("high", "low"):
        some = [outcomes[one.id] for one in passages if harm[one.record] == level]
        asked = Share.of(any(found.category == UNVERIFIED for found in one.findings) for one in some)
        held = Share.of(one.held for one in some)
        rows.append((f"{level} harm", str(asked), str(held)))
        bench.keep(f"worthiness.unknown_{level}_harm_held", Measure.of(held))
    columns = ("assertions", "as an unverified claim", "held or blocked by any rule")
    return Grid("Claims that the base does not hold", columns, rows)
