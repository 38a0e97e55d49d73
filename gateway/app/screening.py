"""Builders of what judges scripts and finished audio: models, policies, screeners and the spoken check.

Engines are imported inside the builders, so that importing this module stays cheap.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.app.protectedtexts import registered_texts
from gateway.errors import SettingsError
from gateway.modelfiles import find_model
from synth.memory import return_freed_memory

if TYPE_CHECKING:
    from gateway.settings import Settings
    from policies.assemble import Models
    from policies.policy import Policy
    from policies.rules.claim_matching import SentenceEncoder
    from policies.rules.llm_judge import Judge
    from policies.screen import Screener
    from policies.spoken import SpokenCheck
    from policies.vectors import VectorCache

VECTORS = Path("models") / "vectors"  # below the home folder: vectors of claims, which only save time

logger = logging.getLogger(__name__)


def build_models(settings: Settings) -> Models:
    """Load everything learned that policies use; what is missing or has another digest stops the process."""
    import torch

    from policies.adapters.detoxify import DetoxifyModel
    from policies.adapters.entailment import EntailmentModel
    from policies.adapters.hibari_dictionary import HibariDictionary
    from policies.adapters.minilm import MiniLmEncoder
    from policies.adapters.packaged_encoder import PackagedEncoder
    from policies.adapters.topics import TopicHeads
    from policies.assemble import Models
    from policies.checkworthiness import CheckWorthiness
    from policies.language_identifier import LanguageModel
    from policies.memo import RememberedScores, RememberedVectors
    from policies.vectors import VectorCache

    torch.set_num_threads(settings.torch_threads)
    packaged = PackagedEncoder()
    if settings.detoxify is None:
        scratch = settings.home / "models" / "configuration"
        toxicity = DetoxifyModel.packaged(packaged=packaged, scratch=scratch)
    else:
        (file,) = find_model("detoxify-original").files
        toxicity = DetoxifyModel.official(
            checkpoint=settings.detoxify / file.name,
            sha256=file.sha256,
            configuration=settings.detoxify,
            name="detoxify-original",
        )
    encoder = RememberedVectors(MiniLmEncoder(packaged=packaged))
    models = Models(
        toxicity=RememberedScores(toxicity),
        encoder=encoder,
        topics=TopicHeads(encoder=encoder),
        stance=EntailmentModel(packaged=packaged),
        check_worthiness=CheckWorthiness(encoder=encoder.model),
        pronunciations=HibariDictionary(),
        vectors=VectorCache(folder=settings.home / VECTORS),
        language=LanguageModel(),
        texts=registered_texts(settings),
        judge=build_judge(settings),
    )
    return_freed_memory()
    return models


def build_judge(settings: Settings) -> Judge | None:
    """Build access to the language model that gives second opinions; None where no endpoint is set."""
    if not settings.judge_url:
        return None
    from policies.adapters.llm_judge import ChatCompletionsJudge

    return ChatCompletionsJudge(
        url=settings.judge_url,
        model=settings.judge_model,
        kind=settings.judge_kind,
        api_key=settings.judge_api_key.get_secret_value(),
        timeout_seconds=settings.judge_timeout_seconds,
        concurrency=settings.judge_concurrency,
        allow_plain_http=settings.judge_allow_plain_http,
    )


def build_claim_encoder(
    settings: Settings, *, progress: Callable[[int, int], None] | None = None
) -> tuple[SentenceEncoder, VectorCache]:
    """Load the encoder of claims and open its stored vectors; `progress` is told (done, all) while it encodes."""
    import torch

    from policies.adapters.minilm import MiniLmEncoder
    from policies.adapters.packaged_encoder import PackagedEncoder
    from policies.vectors import VectorCache

    torch.set_num_threads(settings.torch_threads)
    vectors = VectorCache(folder=settings.home / VECTORS, progress=progress)
    return MiniLmEncoder(packaged=PackagedEncoder()), vectors


def build_spoken_check(settings: Settings, screener: Screener) -> SpokenCheck | None:
    """Load the recogniser, if the policy asks for the spoken check; None if it does not, or development does without.

    Raises `SettingsError` where production would release what nobody heard, though its policy asks for it.
    """
    from gateway.settings import Environment

    rule = screener.policy.rules.spoken
    if rule is None or not rule.enabled:
        return None
    if not settings.spoken_check:
        if settings.environment is Environment.PRODUCTION:
            raise SettingsError(
                "the policy asks for the spoken check, so production cannot go without; set ASSAY_SPOKEN_CHECK=true, "
                "or use a policy without [rules.spoken]"
            )
        return None
    from policies.adapters.whisper import WhisperListener
    from policies.spoken import SpokenCheck

    threads = settings.torch_threads
    listener = (
        WhisperListener.packaged(threads=threads)
        if settings.whisper is None
        else WhisperListener.from_folder(settings.whisper, threads=threads)
    )
    return SpokenCheck(screener=screener, listener=listener, settings=rule)


def build_screener(settings: Settings) -> Screener:
    """Load one policy with its models, whatever its status: for trying it on texts, not for the gate."""
    from policies.policy import Policy

    (screener,) = assemble_screeners(settings, [Policy.load(settings.policy)])
    return screener


def assemble_screeners(settings: Settings, packs: Sequence[Policy]) -> tuple[Screener, ...]:
    """Return a screener for each pack, over one set of models."""
    from policies.assemble import build_screener as assemble

    models = build_models(settings)
    return tuple(assemble(policy, models=models) for policy in packs)


def build_screeners(settings: Settings) -> tuple[Screener, tuple[Screener, ...]]:
    """Load the policy in force and those in shadow, over one set of models.

    Raises `InvalidPolicyError` where a pack's status does not allow its use, or one pack is named twice.
    """
    from policies.errors import InvalidPolicyError
    from policies.pack_checks import remarks
    from policies.policy import Policy, Status

    wanted = [(settings.policy, Status.LIVE), *((folder, Status.SHADOW) for folder in settings.shadow_policies)]
    packs = [Policy.load(folder) for folder, _ in wanted]
    for (folder, status), policy in zip(wanted, packs, strict=True):
        if policy.status is not status:
            role = "in force (ASSAY_POLICY)" if status is Status.LIVE else "in shadow (ASSAY_SHADOW_POLICIES)"
            raise InvalidPolicyError(
                f"{folder}: status is {policy.status.value!r}, but only a pack whose status is {status.value!r} may be "
                f"{role}; try it with `assay policy check --for live` and edit its status"
            )
        for remark in remarks(policy, today=datetime.now(UTC).date()):
            logger.warning("policy %s %s: %s", policy.id, policy.version, remark)
    if len({policy.digest for policy in packs}) != len(packs):
        raise InvalidPolicyError("one policy pack is named twice; name it once, in force or in shadow")
    live, *shadows = assemble_screeners(settings, packs)
    return live, tuple(shadows)
