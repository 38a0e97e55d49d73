"""A published log of an earlier day, read again, and proofs that Go's code for checksum databases made from it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from log_files import audit, files_of

from audit import merkle
from audit.checkpoint import LogKey, Verifier
from audit.errors import ProofError
from audit.log import Log
from audit.tiles import TileName, Tiling, decode_bundle, encode_bundle

VECTORS = Path(__file__).parents[2] / "vectors" / "tlog"
VKEY = "gateway.example/audit+d5ae1d6d+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"


def the_log() -> Log:
    log = Log(origin="gateway.example/audit", key=LogKey.from_seed(b"\x01" * 32))
    assert log.verifier == Verifier.parse(VKEY)
    return log


def go() -> dict[str, Any]:
    proofs: dict[str, Any] = json.loads((VECTORS / "proofs.json").read_text())
    return proofs


def entries() -> list[bytes]:
    files = files_of(VECTORS / "log")
    return [*decode_bundle(files["tile/entries/000"], 256), *decode_bundle(files["tile/entries/001.p/44"], 44)]


def hashed(texts: list[str]) -> tuple[bytes, ...]:
    return tuple(map(base64.b64decode, texts))


class Nodes:
    """Every node of the tree over some leaves, by the definition."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._leaves = [merkle.leaf_hash(leaf) for leaf in leaves]

    def __call__(self, level: int, index: int) -> bytes:
        return merkle.complete_root(self._leaves[index << level : (index + 1) << level])


def test_published_log_still_reads_as_it_was_signed() -> None:
    found = audit(VECTORS / "log", the_log())
    assert (found.divergence, found.entries) == (None, 300)
    assert base64.b64encode(found.checkpoint.root).decode() == go()["root"]


def test_same_entries_give_the_same_files() -> None:
    tiling, files, leaves = Tiling(), {}, entries()
    for first in range(0, 300, 256):
        bundle = leaves[first : first + 256]
        files[TileName(None, first // 256, len(bundle)).path] = encode_bundle(bundle)
        for leaf in bundle:
            files |= {name.path: content for name, content in tiling.push(merkle.leaf_hash(leaf))}
    files |= {name.path: content for name, content in tiling.edge()}
    kept = files_of(VECTORS / "log")
    assert kept.pop("checkpoint").decode().startswith(f"gateway.example/audit\n300\n{go()['root']}\n\n")
    assert files == kept


@pytest.mark.parametrize("case", go()["inclusion"], ids=lambda case: str(case["index"]))
def test_inclusion_proof_is_the_one_that_go_made(case: dict[str, Any]) -> None:
    leaves, root, proof = entries(), base64.b64decode(go()["root"]), hashed(case["hashes"])
    index, (leaf,) = case["index"], hashed([case["leaf_hash"]])
    assert leaf == merkle.leaf_hash(leaves[index])
    assert merkle.inclusion_proof(index, 300, Nodes(leaves)) == proof
    merkle.verify_inclusion(index=index, size=300, leaf=leaf, proof=proof, root=root)
    with pytest.raises(ProofError):
        merkle.verify_inclusion(index=index ^ 1, size=300, leaf=leaf, proof=proof, root=root)


@pytest.mark.parametrize("case", go()["consistency"], ids=lambda case: str(case["old_size"]))
def test_consistency_proof_is_the_one_that_go_made(case: dict[str, Any]) -> None:
    leaves, root, proof = entries(), base64.b64decode(go()["root"]), hashed(case["hashes"])
    old_size, (old_root,) = case["old_size"], hashed([case["old_root"]])
    nodes = Nodes(leaves)
    assert merkle.frontier_at(old_size, nodes).root() == old_root
    assert merkle.consistency_proof(old_size, 300, nodes) == proof
    merkle.verify_consistency(old_size=old_size, old_root=old_root, new_size=300, new_root=root, proof=proof)
    with pytest.raises(ProofError):
        merkle.verify_consistency(old_size=old_size, old_root=root, new_size=300, new_root=root, proof=proof)
