"""Verify an export of an Assay log. This file is copied into every export and imports nothing of Assay.

Usage: python verify.py [VKEY]        (needs Python 3.11 or later and the package `cryptography`)

VKEY is the log's verifier key, which you should have from elsewhere; without it, log.vkey in this folder is used.

1. Every file has the SHA-256 that manifest.json says.
2. The checkpoint is signed by the log's key (Ed25519 signed note, c2sp.org/signed-note).
3. The entries, hashed as in RFC 6962, lead to the checkpoint's root: all of them at once, or each by its own path.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash over two neighbours."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf(entry: str) -> bytes:
    """Return the hash of an entry's bytes."""
    return hashlib.sha256(b"\x00" + entry.encode()).digest()


def push(stack: list[bytes], size: int, level: int, value: bytes) -> int:
    """Put a complete subtree of 2**level entries at the right edge of a tree of `size`; return the new size."""
    count = size >> level
    while count & 1:
        value, count = node(stack.pop(), value), count >> 1
    stack.append(value)
    return size + (1 << level)


def climb(value: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to (RFC 9162, section 2.1.3.2)."""
    last = size - 1
    for sibling in path:
        if last == 0:
            sys.exit("a proof is too long")
        if index & 1 or index == last:
            value = node(sibling, value)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            value = node(value, sibling)
        index, last = index >> 1, last >> 1
    return value if last == 0 else b"too short"


def open_checkpoint(note: str, vkey: str) -> tuple[int, bytes]:
    """Return size and root of a checkpoint, having verified its signature."""
    name, key_id, key = vkey.strip().split("+", 2)
    raw = base64.b64decode(key)
    if raw[0] != 1 or hashlib.sha256(f"{name}\n".encode() + raw).hexdigest()[:8] != key_id:
        sys.exit("the verifier key is malformed")
    text, _, signatures = note.rpartition("\n\n")
    for line in signatures.splitlines():
        _, signer, blob = line.split(" ")
        value = base64.b64decode(blob)
        if signer == name and value[:4].hex() == key_id:
            Ed25519PublicKey.from_public_bytes(raw[1:]).verify(value[4:], f"{text}\n".encode())
            origin, size, root = text.split("\n")[:3]
            if origin != name:
                sys.exit("the checkpoint is of another log")
            return int(size), base64.b64decode(root)
    sys.exit("the checkpoint is not signed by this key")


def main() -> None:
    """Verify the folder of this file."""
    here = Path(__file__).resolve().parent
    manifest = json.loads((here / "manifest.json").read_bytes())
    for file, expected in manifest["files"].items():  # 1.
        with (here / Path(file).name).open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != expected:
                sys.exit(f"{file} is not the file that was exported")
    vkey = sys.argv[1] if len(sys.argv) > 1 else (here / "log.vkey").read_text()
    size, root = open_checkpoint((here / "checkpoint").read_text(), vkey)  # 2.
    proof = json.loads((here / "proof.json").read_bytes())  # 3.
    stack = [base64.b64decode(value) for value in proof["left"]]
    reached, entries = proof["start"], 0
    if len(stack) != reached.bit_count():
        sys.exit("the proof does not fit its start")
    with (here / "events.ndjson").open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            event, entries = json.loads(line), entries + 1
            if proof["kind"] == "range":
                if event["index"] != reached:
                    sys.exit(f"entry {reached} is missing")
                reached = push(stack, reached, 0, leaf(event["entry"]))
            else:
                path = [base64.b64decode(value) for value in event["proof"]]
                if climb(leaf(event["entry"]), event["index"], size, path) != root:
                    sys.exit(f"entry {event['index']} is not the one that was signed")
    if proof["kind"] == "range":
        for value in proof["right"]:
            free = (reached & -reached).bit_length() - 1 if reached else 64
            reached = push(stack, reached, min(free, (size - reached).bit_length() - 1), base64.b64decode(value))
        if reached != size:
            sys.exit("the proof does not reach the checkpoint's size")
        computed = stack.pop() if stack else hashlib.sha256(b"").digest()
        while stack:
            computed = node(stack.pop(), computed)
        if computed != root:
            sys.exit("the entries do not lead to the signed root: something was changed, left out or put in")
    if entries != manifest["entries"]:
        sys.exit("the number of entries is not the one in the manifest")
    sys.stdout.write(f"{entries} entries are proven by the signed checkpoint of size {size}\n")


if __name__ == "__main__":
    main()
