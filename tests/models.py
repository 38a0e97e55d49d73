"""The real models as the service loads them, for tests that screen with the default pack."""

from __future__ import annotations

from policies.adapters.detoxify import DetoxifyModel
from policies.adapters.entailment import EntailmentModel
from policies.adapters.hibari_dictionary import HibariDictionary
from policies.adapters.minilm import MiniLmEncoder
from policies.adapters.packaged_encoder import PackagedEncoder
from policies.adapters.topics import TopicHeads
from policies.assemble import Models
from policies.checkworthiness import CheckWorthiness
from policies.language_identifier import LanguageModel


def real_models(packaged: PackagedEncoder, toxicity: DetoxifyModel) -> Models:
    """Return `toxicity` with the other shipped models over `packaged`."""
    encoder = MiniLmEncoder(packaged=packaged)
    return Models(
        toxicity=toxicity,
        encoder=encoder,
        stance=EntailmentModel(packaged=packaged),
        check_worthiness=CheckWorthiness(encoder=encoder.model),
        topics=TopicHeads(encoder=encoder),
        pronunciations=HibariDictionary(),
        language=LanguageModel(),
    )
