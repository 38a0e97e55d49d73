"""From a policy and its models to the rules that it enables: the one place that knows all rules (no I/O)."""

from __future__ import annotations

from dataclasses import dataclass

from policies.checkworthiness import CheckWorthinessModel
from policies.errors import InvalidPolicyError
from policies.policy import Policy, Rule
from policies.rules.claim_matching import SentenceEncoder
from policies.rules.language import UnsupportedLanguage
from policies.rules.lexicon import ListedWords, SensitiveTopics
from policies.rules.markup_injection import MarkupInjection
from policies.rules.misinformation import Misinformation
from policies.rules.personal_data import PersonalData
from policies.rules.stance import StanceModel
from policies.rules.toxicity import Toxicity, ToxicityModel
from policies.screen import Screener
from policies.vectors import VectorCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Everything learned that rules may need; None where this process has none."""

    toxicity: ToxicityModel | None = None
    encoder: SentenceEncoder | None = None
    stance: StanceModel | None = None
    check_worthiness: CheckWorthinessModel | None = None
    vectors: VectorCache | None = None  # where the encoder's vectors of claims are kept


def build_rules(policy: Policy, *, models: Models) -> tuple[Rule, ...]:
    """Return the enabled rules, ready to run.

    Raises `InvalidPolicyError` when the policy needs a model that was not given: leaving the rule out would pass what
    the policy forbids.
    """
    settings, rules = policy.rules, list[Rule]()
    if settings.markup_injection and settings.markup_injection.enabled:
        rules.append(MarkupInjection(settings=settings.markup_injection))
    if settings.language and settings.language.enabled:
        rules.append(UnsupportedLanguage(languages=policy.languages, settings=settings.language))
    if settings.lexicon and settings.lexicon.enabled:
        rules.append(ListedWords(lexicon=policy.lexicon, settings=settings.lexicon))
    if settings.sensitive and settings.sensitive.enabled:
        rules.append(SensitiveTopics(lexicon=policy.lexicon))
    if settings.personal_data and settings.personal_data.enabled:
        rules.append(PersonalData(settings=settings.personal_data))
    if settings.toxicity and settings.toxicity.enabled:
        if models.toxicity is None:
            raise InvalidPolicyError(f"policy {policy.id!r} screens for toxicity, but no toxicity model was given")
        rules.append(Toxicity(model=models.toxicity, settings=settings.toxicity))
    if settings.misinformation and settings.misinformation.enabled:
        if models.encoder is None or models.stance is None or models.check_worthiness is None:
            raise InvalidPolicyError(
                f"policy {policy.id!r} matches claims, but no sentence encoder, no stance model "
                "or no check-worthiness model was given"
            )
        rules.append(
            Misinformation(
                knowledge=policy.knowledge,
                encoder=models.encoder,
                stance=models.stance,
                check_worthiness=models.check_worthiness,
                settings=settings.misinformation,
                vectors=models.vectors,
            )
        )
    return tuple(rules)


def build_screener(policy: Policy, *, models: Models) -> Screener:
    """Return a screener that runs every enabled rule of `policy`."""
    return Screener(policy=policy, rules=build_rules(policy, models=models))
