"""Finding the claim: passages in own words as queries, the base and thousands of distractors as documents."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from bench.grid import Grid
from bench.policies import own_sets, public_sets
from bench.policies.bench import Bench
from bench.policies.measures import Floats, Measure, mean_precision_at, precision_at_first, resampled
from bench.policies.own_sets import SPOKEN_FOR

_WORD = re.compile(r"[a-z0-9]+")
DEPTH = 5


def measure(bench: Bench) -> list[Grid]:
    """Rank all claims for each assertion and paraphrase."""
    records = [*bench.subject.policy.knowledge.records, *bench.imported]
    known = {record.id for record in records}
    spoken = [one for one in own_sets.passages() if one.kind in SPOKEN_FOR and one.record in known]
    queries = bench.pick(spoken)
    distractors = bench.pick(public_sets.rumours(bench.data)) if bench.data is not None else []
    rows = []
    for base in ("seed", "imported"):
        some = [one for one in queries if one.base == base]
        if not some:
            continue
        texts = [one.text for one in some]
        wanted = [one.record for one in some]
        for title, wordings in (("claim", False), ("claim and wordings", True)):
            if wordings and base == "imported":
                continue  # imported records have no other wordings
            documents = [
                (record.id, text)
                for record in records
                for text in (record.claimReviewed, *(record.paraphrases if wordings else ()))
            ]
            documents += [("", text) for text in distractors]
            listed = [text for _, text in documents]
            methods = {"MiniLM": lambda: bench.subject.encode(texts) @ bench.subject.encode(listed).T}  # noqa: B023 - called at once
            if not wordings:
                methods["BM25"] = lambda: bm25(texts, listed)  # noqa: B023 - called at once
            for method, score in methods.items():
                ranks = _ranks(score(), [name for name, _ in documents], wanted)
                places = np.array([rank or 0 for rank in ranks], dtype=np.float64)
                mapped = resampled(_mean_precision, places)
                first = Measure.of(precision_at_first(ranks))
                found = f"{method}, {title}"
                bench.keep(f"matching.{base}.{found}.map5", mapped)
                bench.keep(f"matching.{base}.{found}.p1", first)
                rows.append((base, found, str(mapped), str(first), str(len(texts)), f"{len(listed):,}"))
    note = (
        "Queries are assertions and paraphrases of claims in our own words, documents all claims of the default base, "
        f"the imported ones and {len(distractors):,} COVID-19 rumours. A rumour that repeats a claim of the base "
        "counts as an error here."
    )
    return [Grid("Finding the claim", ("base", "method", "MAP@5", "P@1", "queries", "documents"), rows, note)]


def _mean_precision(places: Floats) -> float:
    return mean_precision_at([int(place) or None for place in places], DEPTH)


def _ranks(scores: Floats, owners: Sequence[str], wanted: Sequence[str]) -> list[int | None]:
    """Return the place of the wanted claim among distinct claims, from 1."""
    ranks: list[int | None] = []
    for row, name in zip(scores, wanted, strict=True):
        rank, seen, place = None, set[str](), 0
        for index in np.argsort(-row, kind="stable")[:2_000]:
            owner = owners[index]
            if owner and owner in seen:
                continue
            seen.add(owner)
            place += 1
            if owner == name:
                rank = place
                break
        ranks.append(rank)
    return ranks


def bm25(queries: Sequence[str], documents: Sequence[str], *, k1: float = 1.2, b: float = 0.75) -> Floats:
    """Return Okapi BM25 (Robertson and Zaragoza 2009), shape (queries, documents)."""
    bags = [Counter(_WORD.findall(text.lower())) for text in documents]
    lengths = np.array([sum(bag.values()) for bag in bags], dtype=np.float64)
    mean = lengths.mean()
    holders: dict[str, list[int]] = {}
    for number, bag in enumerate(bags):
        for word in bag:
            holders.setdefault(word, []).append(number)
    scores = np.zeros((len(queries), len(documents)))
    for row, query in enumerate(queries):
        for word in set(_WORD.findall(query.lower())) & holders.keys():
            inside = np.array(holders[word])
            weight = math.log(1 + (len(documents) - len(inside) + 0.5) / (len(inside) + 0.5))
            counts = np.array([bags[number][word] for number in inside], dtype=np.float64)
            norm = k1 * (1 - b + b * lengths[inside] / mean)
            scores[row, inside] += weight * counts * (k1 + 1) / (counts + norm)
    return scores
