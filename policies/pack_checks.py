"""What a pack says against itself, once its rules exist; and what it still lacks for going live (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Protocol, runtime_checkable

from policies.decision import Verdict
from policies.errors import Problem
from policies.pack_files import suggestion
from policies.policy import Policy, Rule, Status

ENGLISH_ONLY = ("en",)  # what a model knows that does not say


@runtime_checkable
class Multilingual(Protocol):
    """A model that says which languages it knows; one that does not is taken to know English only."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639 codes, for example ("en", "de")."""
        ...


@runtime_checkable
class Limited(Protocol):
    """A rule that says which verdicts its findings can have; one that does not may have any."""

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Verdicts that `check` can return under the rule's settings."""
        ...


def contradictions(policy: Policy, rules: Sequence[Rule], *, models: Iterable[tuple[str, object]]) -> list[Problem]:
    """Return everything in the pack that cannot be true together.

    `rules` are those of all languages; `models` are the (name, model) in use.

    1. A category is judged by a rule and declared as not evaluated.
    2. Guidance is about a category that no rule finds and no declaration names.
    3. An example expects a category or a verdict that no enabled rule can give.
    4. The policy lists a language that a model it uses does not know.
    """
    judged = {category for rule in rules for category in rule.categories}
    return [
        *_judged_and_not(policy, judged),
        *_unknown_guidance(policy, judged),
        *_unreachable(policy, rules, judged),
        *_unknown_languages(policy, models),
    ]


def _judged_and_not(policy: Policy, judged: set[str]) -> Iterator[Problem]:
    for number, category in enumerate(policy.not_evaluated):
        if category in judged:
            yield policy.files["policy"].problem(
                ("not_evaluated", number),
                f"{category!r} is judged by a rule of this policy; remove it here, or turn the rule off",
            )


def _unknown_guidance(policy: Policy, judged: set[str]) -> Iterator[Problem]:
    known = sorted(judged | set(policy.not_evaluated))
    for number, guidance in enumerate(policy.category_guidance):
        for place, category in enumerate(guidance.categories):
            if category not in known:
                yield policy.files["category_guidance"].problem(
                    ("category", number, "categories", place),
                    f"no enabled rule finds {category!r}; correct it, remove it or enable the rule"
                    + suggestion(category, known),
                )


def _unreachable(policy: Policy, rules: Sequence[Rule], judged: set[str]) -> Iterator[Problem]:
    possible = {Verdict.ALLOW}
    for rule in rules:
        possible |= set(rule.verdicts) if isinstance(rule, Limited) else set(Verdict)
    counts: dict[str, int] = {}
    for example in policy.examples:
        number = counts.get(example.purpose, 0)
        counts[example.purpose] = number + 1
        file, at = policy.files["examples"], (example.purpose.value, number)
        if not set(example.expect) & possible:
            yield file.problem(
                (*at, "expect"),
                f"no enabled rule can give {' or '.join(example.expect)}; expect another verdict or enable a rule",
            )
        if example.category and example.category not in judged:
            yield file.problem(
                (*at, "category"),
                f"no enabled rule finds {example.category!r}; correct it or enable the rule"
                + suggestion(example.category, sorted(judged)),
            )


def _unknown_languages(policy: Policy, models: Iterable[tuple[str, object]]) -> Iterator[Problem]:
    for name, model in models:
        known = model.languages if isinstance(model, Multilingual) else ENGLISH_ONLY
        for number, language in enumerate(policy.languages):
            if language not in known:
                yield policy.files["policy"].problem(
                    ("languages", number),
                    f"the {name} model knows {', '.join(known)}, not {language!r}, and would judge it blindly: "
                    "remove the language (its scripts then go to a person), or use a model that knows it",
                )


def remarks(policy: Policy, *, today: date) -> list[str]:
    """Return what is odd about a usable pack, in sentences."""
    noted = []
    if policy.version[:10] > today.isoformat():
        noted.append(f"version {policy.version} lies in the future (today is {today.isoformat()})")
    if not policy.examples:
        noted.append("there are no examples, so nobody can see whether a change breaks what the policy is for")
    return noted


def missing_for_live(policy: Policy, rules: Sequence[Rule]) -> list[str]:
    """Return what the pack lacks for being in force, in sentences; examples that fail are found by running them."""
    missing = []
    if policy.status is not Status.LIVE:
        missing.append(f'status is "{policy.status}"; when everything else is right, write status = "live"')
    explained = {category for guidance in policy.category_guidance for category in guidance.categories}
    judged = {category for rule in rules for category in rule.categories}
    if unexplained := sorted(judged - explained):
        missing.append(f"no guidance for {', '.join(unexplained)}; add these categories to the guidance file")
    purposes = {example.purpose for example in policy.examples}
    if len(purposes) < 2:
        missing.append("examples must hold both must_pass and must_catch; add the kind that is missing")
    return missing
