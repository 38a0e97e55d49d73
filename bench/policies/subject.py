"""What is measured: the policy in force with its models, loaded as the gateway loads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.policies.measures import Floats
from gateway.api.taxonomy import OPENAI_SOURCES, moderation_categories
from gateway.app.screening import build_models
from gateway.screening import Format, looks_like_script, read_manuscript
from gateway.settings import Settings, load_settings
from policies.assemble import Models, build_screener
from policies.decision import Verdict
from policies.errors import ScreeningError
from policies.knowledge import ClaimRecord, KnowledgeBase
from policies.policy import Policy
from policies.rules.toxicity import ToxicityModel
from policies.scores import Examination
from policies.screen import Screener
from policies.text import Manuscript
from synth.errors import ScriptError

BATCH = 64  # texts that are examined together
ERROR = "error"  # instead of a verdict, where a text could not be judged or read: nothing passes, nothing is known


@dataclass(frozen=True, slots=True)
class Found:
    """A finding without its words."""

    rule: str
    category: str
    verdict: str
    start: int
    end: int
    stance: str | None
    records: tuple[str, ...]  # ids of the claims in its evidence, or their wording where they have no id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What screening says about one text."""

    verdict: str
    toxic: float  # highest class of the toxicity model over all sentences and their readings
    moderation: float  # highest score of the moderation API's own categories
    findings: tuple[Found, ...]

    @property
    def held(self) -> bool:
        """Whether a person or nobody may release it."""
        return self.verdict != Verdict.ALLOW

    @property
    def blocked(self) -> bool:
        """Whether it may not be spoken."""
        return self.verdict in (Verdict.BLOCK, ERROR)

    def verdict_of(self, rule: str) -> str:
        """Return the strictest verdict of one rule."""
        verdicts = [Verdict(found.verdict) for found in self.findings if found.rule == rule]
        return str(max(verdicts, key=lambda verdict: verdict.severity, default=Verdict.ALLOW))

    def to_json(self) -> dict[str, Any]:
        """Return a form for the store."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Outcome:
        """Read what `to_json` gave."""
        findings = tuple(Found(**{**one, "records": tuple(one["records"])}) for one in value["findings"])
        return cls(**{**value, "findings": findings})


class Subject:
    """One policy and its models."""

    def __init__(self, *, policy: Policy, models: Models) -> None:
        self._models = models
        self.screener: Screener = build_screener(policy, models=models)

    @classmethod
    def load(cls, home: Path, *, threads: int = 1) -> Subject:
        """Load the default policy with every model that the gateway would load; `home` is for small files."""
        settings = bench_settings(home, threads=threads)
        return cls(policy=Policy.load(settings.policy), models=build_models(settings))

    @property
    def policy(self) -> Policy:
        """The policy that decides."""
        return self.screener.policy

    @property
    def version(self) -> str:
        """Everything that numbers depend on: the policy's digest and those of its models."""
        return " ".join([self.policy.digest, *(f"{name}@{digest}" for name, digest in self.screener.models)])

    @property
    def toxicity(self) -> ToxicityModel:
        """The model behind the toxicity rule."""
        if self._models.toxicity is None:
            raise ValueError("the policy has no toxicity model, so there is nothing to measure; enable its rule")
        return self._models.toxicity

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return the unit vectors of the claim matcher's encoder, one row each."""
        if self._models.encoder is None:
            raise ValueError(
                "the policy has no sentence encoder, so there is nothing to measure; enable misinformation"
            )
        return np.asarray(self._models.encoder.encode(list(texts)), dtype=np.float64)

    def worthiness(self, texts: Sequence[str]) -> Floats | None:
        """Return how check-worthy each text is, 0..1; None where the policy has no model for it."""
        head = self._models.check_worthiness
        if head is None:
            return None
        return np.asarray(head.scores(self.encode(texts).astype(np.float32)), dtype=np.float64)

    def only(self, *rules: str) -> Screener:
        """Return a screener with some of the rules, for a rival that is a part of ours."""
        chosen = [rule for rule in self.screener.rules if rule.id in rules]
        return Screener(policy=self.policy, rules=chosen)

    def with_claims(self, records: Iterable[ClaimRecord]) -> Subject:
        """Return the same policy with further claims in its knowledge base."""
        knowledge = KnowledgeBase((*self.policy.knowledge.records, *records))
        return Subject(policy=replace(self.policy, knowledge=knowledge), models=self._models)

    def examine(self, texts: Sequence[str], *, language: str = "en") -> Iterator[Outcome]:
        """Yield the outcome of every text, in order."""
        classes = set(self.toxicity.classes)
        for at in range(0, len(texts), BATCH):
            read = [_manuscript(text, language) for text in texts[at : at + BATCH]]
            examined = iter(self.screener.examine_all([one for one in read if one is not None]))
            for manuscript in read:
                yield _outcome(None if manuscript is None else next(examined), classes)


def bench_settings(home: Path, *, threads: int = 1) -> Settings:
    """Return settings of a gateway that keeps its small files in `home`.

    One thread unless asked: two that wait for each other on a busy machine take many times as long.
    """
    return load_settings(home=home, torch_threads=threads)


def imported_claims(path: Path, *, language: str = "en", today: date | None = None) -> list[ClaimRecord]:
    """Return the records of a file of fact-checks, imported as `assay policy kb import` does."""
    from policies.importers.files import read_reviews
    from policies.importers.merge import Merge
    from policies.importers.records import ImportSettings

    merge = Merge.onto(())
    settings = ImportSettings(
        source=path.name,
        today=today or datetime.now(UTC).date(),
        languages=(language,),
        language=language,
    )
    merge.take(read_reviews(path), settings, update=False)
    return list(merge.records.values())


def _manuscript(text: str, language: str) -> Manuscript | None:
    try:
        written_as = Format.SCRIPT if looks_like_script(text) else Format.TEXT
        return read_manuscript(text, written_as=written_as, language=language)
    except ScriptError:
        return None  # safe to ignore because the outcome is an error: a script that cannot be read is refused


def _outcome(examined: Examination | ScreeningError | None, classes: set[str]) -> Outcome:
    if examined is None or isinstance(examined, ScreeningError):
        return Outcome(ERROR, 1.0, 1.0, ())
    scores = (score for one in examined.sentences for name, score in one.scores.items() if name in classes)
    categories = moderation_categories(examined)
    findings = tuple(
        Found(
            finding.rule,
            finding.category,
            str(finding.verdict),
            finding.span.start,
            finding.span.end,
            finding.stance,
            tuple(one.record or one.claim for one in finding.evidence),
        )
        for finding in examined.decision.findings
    )
    return Outcome(
        str(examined.decision.verdict),
        max(scores, default=0.0),
        max(categories[name].score for name in OPENAI_SOURCES),
        findings,
    )
