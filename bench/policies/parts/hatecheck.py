"""HateCheck in English by function, and Multilingual HateCheck: what happens to languages that no model knows."""

from __future__ import annotations

import numpy as np

from bench.grid import Grid, number
from bench.policies import public_sets
from bench.policies.bench import Bench, spread
from bench.policies.measures import Measure, macro_f1, resampled, roc_auc
from bench.policies.public_sets import Case
from bench.policies.subject import Outcome
from bench.proportion import Share
from policies.decision import Verdict


def measure(bench: Bench) -> list[Grid]:
    """Judge HateCheck by decisions and by scores; needs the public sets."""
    if bench.data is None:
        return []
    cases = bench.pick(public_sets.hatecheck(bench.data))
    outcomes = bench.judged("hatecheck", [(one.id, one.text) for one in cases])
    labels = np.array([one.hateful for one in cases])
    held = np.array([outcomes[one.id].held for one in cases])
    scores = np.array([outcomes[one.id].toxic for one in cases])
    by_rule = np.array([outcomes[one.id].verdict_of("toxicity") != Verdict.ALLOW for one in cases])
    bench.keep("hatecheck.rule.accuracy", Measure.of(Share.of(labels == by_rule)))
    bench.keep("hatecheck.rule.non_hateful", Measure.of(Share.of(~by_rule[~labels])))
    bench.keep("hatecheck.accuracy", Measure.of(Share.of(labels == held)))
    bench.keep("hatecheck.hateful", Measure.of(Share.of(held[labels])))
    bench.keep("hatecheck.non_hateful", Measure.of(Share.of(~held[~labels])))
    bench.keep("hatecheck.auc", resampled(roc_auc, labels, scores))
    rows = [
        _system("our toxicity rule: held or blocked", labels, by_rule, scores),
        _system("our whole gate: held or blocked", labels, held, scores),
        _system("our gate: class score of 0.5 and more", labels, scores >= 0.5, scores),
    ]
    for rival in bench.rivals:
        values = rival.score([one.text for one in cases])
        rows.append(_system(rival.name, labels, values >= 0.5, values))
        bench.store.put(("curve", "HateCheck", rival.name), [labels.tolist(), values.tolist()])
    note = (
        "Shares that are right, with Wilson intervals in per cent. Published: Perspective 76.6 % (hateful 89.5, "
        "non-hateful 48.2; Röttger et al. 2021). The whole gate also holds every slur and threatening word, "
        "whoever says it and why, which HateCheck counts as wrong."
    )
    columns = ("system", "all", "hateful", "non-hateful", "macro-F1", "AUC")
    return [
        Grid("HateCheck", columns, rows, note),
        _functions(cases, outcomes),
        _languages(bench),
    ]


def _system(name: str, labels: np.ndarray, chosen: np.ndarray, scores: np.ndarray) -> tuple[str, ...]:
    return (
        name,
        str(Share.of(labels == chosen)),
        str(Share.of(chosen[labels])),
        str(Share.of(~chosen[~labels])),
        number(macro_f1(labels, chosen), 3),
        number(roc_auc(labels, scores), 3),
    )


def _functions(cases: list[Case], outcomes: dict[str, Outcome]) -> Grid:
    rows = []
    for function in dict.fromkeys(one.function for one in cases):
        some = [one for one in cases if one.function == function]
        scores = [outcomes[one.id].toxic for one in some]
        right = Share.of(outcomes[one.id].held is one.hateful for one in some)
        by_score = Share.of((score >= 0.5) is one.hateful for one, score in zip(some, scores, strict=True))
        blocked = sum(outcomes[one.id].blocked for one in some)
        label = "/".join(sorted({"hateful" if one.hateful else "not" for one in some}))
        rows.append((function, label, str(right), str(by_score), str(blocked), number(float(np.median(scores)))))
    columns = ("function", "label", "right by decision", "right by score", "blocked", "median score")
    return Grid("HateCheck by function", columns, rows)


def _languages(bench: Bench) -> Grid:
    cases = public_sets.multilingual_hatecheck(bench.data) if bench.data is not None else []
    rows = []
    for language in dict.fromkeys(one.language for one in cases):
        some = spread([one for one in cases if one.language == language], bench.size.languages)
        outcomes = bench.judged("multilingual", [(f"{language}-{one.id}", one.text) for one in some])
        said = list(outcomes.values())
        by_language = Share.of(one.verdict_of("language") != "allow" for one in said)
        held, hateful = Share.of(one.held for one in said), Share.of(one.hateful for one in some)
        rows.append((language, str(held), str(by_language), f"{hateful.hits}/{hateful.count}"))
        bench.keep(f"multilingual.{language}.held", Measure.of(held))
    note = (
        "Texts are declared as English, the worst case: in another language every text must go to a person. "
        "Only English has a model."
    )
    columns = ("language", "held or blocked", "by the language rule", "hateful")
    return Grid("Multilingual HateCheck: what is not covered is not let pass", columns, rows, note)
