"""The knowledge base that ships, with the real encoder: consistent, searchable, and the same from stored vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from policies.adapters.minilm import MiniLmEncoder
from policies.adapters.packaged_encoder import PackagedEncoder
from policies.knowledge_checks import defects_between
from policies.policy import DEFAULT_PACK, Policy
from policies.rules.claim_index import ClaimIndex
from policies.vectors import VectorCache


@pytest.fixture(scope="module")
def encoder() -> MiniLmEncoder:
    return MiniLmEncoder(packaged=PackagedEncoder())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vectors")


@pytest.fixture(scope="module")
def index(encoder: MiniLmEncoder, folder: Path) -> ClaimIndex:
    knowledge = Policy.load(DEFAULT_PACK).knowledge
    return ClaimIndex(knowledge=knowledge, encoder=encoder, vectors=VectorCache(folder=folder))


def test_no_two_claims_say_nearly_the_same_with_opposite_ratings(
    encoder: MiniLmEncoder, folder: Path, index: ClaimIndex
) -> None:
    records = Policy.load(DEFAULT_PACK).knowledge.records
    vectors = VectorCache(folder=folder).load_or_build([record.claimReviewed for record in records], encoder=encoder)
    assert list(defects_between(records, vectors)) == []


def test_vectors_from_the_file_are_those_of_the_encoder(
    encoder: MiniLmEncoder, folder: Path, index: ClaimIndex
) -> None:
    texts = [record.claimReviewed for record in Policy.load(DEFAULT_PACK).knowledge.records[:40]]
    stored = VectorCache(folder=folder).load_or_build(texts, encoder=encoder)
    assert float((stored * encoder.encode(texts)).sum(axis=1).min()) > 0.9999
    assert np.isfinite(stored).all()


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("My neighbour told me that babies die in their sleep because of their shots.", "vaccines-sids"),
        ("Just wait inside the door frame until the quake is over.", "doorway-earthquake"),
        ("You go home if the polling place shuts before it is your turn.", "queue-closing"),
        ("They show six million, but the Red Cross counted only a few victims.", "six-million"),
        ("If I send him one bitcoin, he sends me two.", "crypto-giveaway"),
    ],
)
def test_a_claim_in_other_words_is_found(index: ClaimIndex, text: str, identifier: str) -> None:
    (hit,) = index.search(text, 1)
    assert hit.record.id == identifier
