"""From a policy and its models to the rules that it enables: the one place that knows all rules (no I/O)."""

from __future__ import annotations

from dataclasses import dataclass

from policies.checkworthiness import CheckWorthinessModel
from policies.errors import InvalidPolicyError
from policies.homophones import Pronunciations
from policies.language_identifier import LanguageModel
from policies.pack_checks import contradictions
from policies.policy import Policy, Rule
from policies.protected.registry import TextRegistry
from policies.rules.claim_matching import SentenceEncoder
from policies.rules.language import UnsupportedLanguage
from policies.rules.lexicon import ListedWords, SensitiveTopics
from policies.rules.llm_judge import Judge, SecondOpinion
from policies.rules.markup_injection import MarkupInjection
from policies.rules.misinformation import Misinformation
from policies.rules.personal_data import PersonalData
from policies.rules.protected_text import ProtectedPassages
from policies.rules.stance import StanceModel
from policies.rules.toxicity import Toxicity, ToxicityModel
from policies.screen import Screener
from policies.vectors import VectorCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Everything learned that rules may need; None where this process has none."""

    toxicity: ToxicityModel | None = None
    encoder: SentenceEncoder | None = None
    pronunciations: Pronunciations | None = None
    stance: StanceModel | None = None
    check_worthiness: CheckWorthinessModel | None = None
    vectors: VectorCache | None = None  # where the encoder's vectors of claims are kept
    language: LanguageModel | None = None  # the rule loads its own where there is none to share
    texts: TextRegistry | None = None
    judge: Judge | None = None


def build_rules(policy: Policy, *, models: Models) -> tuple[Rule, ...]:
    """Return the enabled rules, ready to run.

    Raises `InvalidPolicyError` when the policy needs a model that was not given: leaving the rule out would pass what
    the policy forbids.
    """
    settings, rules = policy.rules, list[Rule]()
    if settings.markup_injection and settings.markup_injection.enabled:
        rules.append(MarkupInjection(settings=settings.markup_injection))
    if settings.language and settings.language.enabled:
        rules.append(UnsupportedLanguage(languages=policy.languages, settings=settings.language, model=models.language))
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
    if settings.protected_text and settings.protected_text.enabled:
        if models.texts is None:
            raise InvalidPolicyError(
                f"policy {policy.id!r} looks for protected texts, but none is registered; run `assay policy texts add`"
            )
        rules.append(ProtectedPassages(registry=models.texts))
    if settings.llm_judge and settings.llm_judge.enabled:
        if models.judge is None:
            raise InvalidPolicyError(
                f"policy {policy.id!r} asks a judge, but none is configured; set ASSAY_JUDGE_URL and ASSAY_JUDGE_MODEL"
            )
        rules.append(
            SecondOpinion(
                judge=models.judge,
                guidance=policy.guidance,
                settings=settings.llm_judge,
                categories=policy.category_guidance,
            )
        )
    return tuple(rules)


def build_screener(policy: Policy, *, models: Models) -> Screener:
    """Return a screener that runs every enabled rule of `policy`, with its settings for each language.

    Raises `InvalidPolicyError` when the pack contradicts itself or what its models know.
    """
    rules = build_rules(policy, models=models)
    variants: list[Rule] = []
    by_language = {}
    for language in policy.languages:
        if (changed := policy.in_language(language)) is not None:
            # Rules without settings of their own for this language are shared: some hold large indexes.
            replaced = {rule.id: rule for rule in build_rules(changed, models=models)}
            variants += replaced.values()
            by_language[language] = tuple(replaced.get(rule.id, rule) for rule in rules)
    if problems := contradictions(policy, (*rules, *variants), models=_used(policy, models)):
        raise InvalidPolicyError.listing(problems)
    return Screener(policy=policy, rules=rules, by_language=by_language, pronunciations=models.pronunciations)


def _used(policy: Policy, models: Models) -> list[tuple[str, object]]:
    """Return (name, model) of the models whose rules are on."""
    settings = policy.rules
    pairs = (("toxicity", settings.toxicity, models.toxicity), ("sentence", settings.misinformation, models.encoder))
    return [(name, model) for name, rule, model in pairs if rule and rule.enabled and model is not None]
