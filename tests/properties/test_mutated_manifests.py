"""Thousands of damaged and forged manifests: none may read as trusted, and none may stop the reader.

C2PA leaves some bytes of a store unprotected: the zeroes that fill up the space reserved for the signature, and flags
of its boxes. A change there changes no fact, so such a file may stay trusted if its report is exactly the intact one's.
`make fuzz-credentials` runs the whole; the default suite a part, always the same.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from synth.adapters.claimsigner import ContentCredentialsSigner
from synth.credentials import CredentialsReport, CredentialsState
from tests.credentials_samples import FACTS, chain, clip, digest, signer, stored

MUTATIONS = int(os.environ.get("ASSAY_TEST_MUTATIONS", "300"))  # for each kind of file
LONGEST = 400  # bytes of a stretch that is moved, copied or overwritten
KINDS = ("audio/ogg", "audio/mpeg", "audio/mp4")
Random = np.random.Generator

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Material:
    """A signed clip, and stores that mutations may take parts from."""

    gate: ContentCredentialsSigner
    media_type: str
    data: bytes
    store: bytes
    intact: CredentialsReport
    donors: tuple[bytes, ...]  # of another clip by the same signer, and of the same clip by a stranger

    def read(self, store: bytes) -> CredentialsReport:
        if stored(self.media_type, store) is not None:
            return self.gate.read(self.data, self.media_type, manifest_store=store)
        return self.gate.read(self.data.replace(self.store, store), self.media_type)


@pytest.fixture(scope="module", params=KINDS)
def material(request: pytest.FixtureRequest) -> Material:
    media_type = request.param
    gate = signer(chain())
    sound = clip(media_type, seconds=0.5)
    data, store = gate.sign(sound, media_type, FACTS)
    intact = gate.read(data, media_type, manifest_store=stored(media_type, store))
    other = replace(
        FACTS,
        episode_id="01JDX7M0Q5W3ZK8N2V4B6C9D1F",
        plan_digest=digest("1"),
        screening=replace(FACTS.screening, policy_digest=digest("2"), verdict="review"),
    )
    donors = (
        gate.sign(clip(media_type, seconds=0.6), media_type, other)[1],
        signer(chain("Stranger")).sign(sound, media_type, FACTS)[1],
    )
    assert intact.state is CredentialsState.TRUSTED
    return Material(gate, media_type, data, store, intact, donors)


def stretch(random: Random, store: bytes) -> tuple[int, int]:
    start = int(random.integers(0, len(store) - 1))
    return start, min(len(store), start + 1 + int(random.integers(0, LONGEST)))


def flip(random: Random, store: bytes, material: Material) -> bytes:
    changed = bytearray(store)
    for place in random.integers(0, len(store), int(random.integers(1, 9))).tolist():
        changed[place] ^= 1 << int(random.integers(0, 8))
    return bytes(changed)


def overwrite(random: Random, store: bytes, material: Material) -> bytes:
    start, end = stretch(random, store)
    return store[:start] + random.bytes(end - start) + store[end:]


def blank(random: Random, store: bytes, material: Material) -> bytes:
    start, end = stretch(random, store)
    return store[:start] + bytes([int(random.choice([0, 0xFF]))]) * (end - start) + store[end:]


def insert(random: Random, store: bytes, material: Material) -> bytes:
    (start, end), place = stretch(random, store), int(random.integers(0, len(store)))
    return store[:place] + store[start:end] + store[place:]


def delete(random: Random, store: bytes, material: Material) -> bytes:
    start, end = stretch(random, store)
    return store[:start] + store[end:]


def swap(random: Random, store: bytes, material: Material) -> bytes:
    length = int(random.integers(1, 200))
    first, second = sorted(random.integers(0, len(store) - length, 2).tolist())
    second = max(second, min(first + length, len(store) - length))
    a, b = store[first : first + length], store[second : second + length]
    return store[:first] + b + store[first + length : second] + a + store[second + length :]


def truncate(random: Random, store: bytes, material: Material) -> bytes:
    return store[: int(random.integers(1, len(store)))]


def splice(random: Random, store: bytes, material: Material) -> bytes:
    """Take a stretch of another store, at the same place: often another fact, hash, certificate or signature."""
    donor = material.donors[int(random.integers(0, len(material.donors)))]
    start, end = stretch(random, store)
    return store[:start] + donor[start:end] + store[end:]


def head_or_tail(random: Random, store: bytes, material: Material) -> bytes:
    """Join the beginning of one store and the end of another."""
    donor = material.donors[int(random.integers(0, len(material.donors)))]
    place = int(random.integers(1, len(store)))
    return (store[:place] + donor[place:]) if random.random() < 0.5 else (donor[:place] + store[place:])


def resize_box(random: Random, store: bytes, material: Material) -> bytes:
    """Make a box claim another length."""
    names = [place for place in range(4, len(store) - 4) if store[place : place + 4] in (b"jumb", b"jumd", b"cbor")]
    place = names[int(random.integers(0, len(names)))]
    (size,) = struct.unpack_from(">I", store, place - 4)
    other = max(0, min(0xFFFF_FFFF, size + int(random.choice([-8, -1, 1, 8, 0xFFFF_FFFF, -size]))))
    return store[: place - 4] + struct.pack(">I", other) + store[place:]


def second_manifest(random: Random, store: bytes, material: Material) -> bytes:
    """Put the manifest of another store into this one, as its last and so its active one."""
    donor = material.donors[int(random.integers(0, len(material.donors)))]
    (described,) = struct.unpack_from(">I", donor, 8)
    body = store[8:] + donor[8 + described :]
    return struct.pack(">I", len(body) + 8) + b"jumb" + body


def rewrite_fact(random: Random, store: bytes, material: Material) -> bytes:
    """Say something else in as many bytes."""
    pairs = [
        (FACTS.episode_id.encode(), b"01JDX7M0Q5W3ZK8N2V4B6C9D1X"),
        (b"allow", b"block"),
        (digest("c").encode(), digest("0").encode()),
        (FACTS.title.encode(), FACTS.title.swapcase().encode()),
        (b"trainedAlgorithmicMedia", b"digitalCaptureOfSomething"[:23]),
        (b"notAllowed", b"allowed!!!"),
        (FACTS.marks[0].algorithm.encode(), FACTS.marks[0].algorithm.upper().encode()),
    ]
    old, new = pairs[int(random.integers(0, len(pairs)))]
    return store.replace(old, new, 1)


Mutate = Callable[[Random, bytes, Material], bytes]
OPERATORS: tuple[Mutate, ...] = (
    *(flip, overwrite, blank, insert, delete, swap, truncate, splice, head_or_tail, resize_box, second_manifest),
    rewrite_fact,
)


def test_no_mutated_manifest_is_trusted(material: Material) -> None:
    read = changed = spared = 0
    for seed in range(MUTATIONS):
        random = np.random.default_rng([7, seed])
        mutated = material.store
        for _ in range(int(random.integers(1, 4))):
            operator = OPERATORS[int(random.integers(0, len(OPERATORS)))]
            if len(mutated) > LONGEST:
                mutated = operator(random, mutated, material)
        if mutated == material.store:
            continue
        changed += 1
        report = material.read(mutated)  # raises for nothing
        read += report.facts is not None
        if report.state is CredentialsState.TRUSTED:
            spared += 1
            assert report == material.intact, f"seed {seed} changed what a trusted file says"
            assert len(mutated) == len(material.store), f"seed {seed}"
    assert changed > 0.9 * MUTATIONS
    # Damage that only ever hit the reserved space would prove nothing.
    assert spared < 0.25 * changed
    logger.info("%s: %d mutated, %d in unprotected space, %d shown", material.media_type, changed, spared, read)
