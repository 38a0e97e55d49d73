"""Witness policies: what they say, and every way in which one can be wrong."""

from __future__ import annotations

import itertools

import pytest

from audit.checkpoint import LogKey
from audit.cosignature import CosignatureVerifier, add_signatures, cosign, witness_verifier
from audit.errors import CheckpointError, QuorumError, WitnessPolicyError
from audit.note import Signature, split_note
from audit.tlog_policy import WitnessPolicy
from tests.trees import LEAVES, checkpoint_of

ORIGIN = "log.example/one"
LOG = LogKey.from_seed(b"\x01" * 32)
KEYS = {name: LogKey.from_seed(bytes([number]) * 32) for number, name in enumerate(["X1", "X2", "X3", "Y1", "Y2"], 10)}


def key_name(name: str) -> str:
    return f"{name.lower()}.example"


def vkey(name: str) -> str:
    return witness_verifier(KEYS[name], key_name(name)).vkey


WITNESSES = "".join(f"witness {name} {vkey(name)} https://{key_name(name)}/\n" for name in KEYS)
TWO_LEVELS = f"""# who we trust
log {LOG.verifier(ORIGIN).vkey} https://log.example/

{WITNESSES}
\tgroup X 2 X1 X2 X3
group\tY  any Y1 Y2
group X-and-Y all X Y
quorum X-and-Y
"""


def policy(text: str) -> WitnessPolicy:
    return WitnessPolicy.parse(text.encode())


def note(*names: str, size: int = 5) -> str:
    plain = checkpoint_of(LEAVES[:size], origin=ORIGIN, key=LOG).note
    text, _ = split_note(plain)
    return plain + "".join(cosign(text, name=key_name(name), key=KEYS[name], at=1_700_000_000).line for name in names)


def test_the_quorum_of_the_published_example_for_every_set_of_witnesses() -> None:
    read = policy(TWO_LEVELS)
    for count in range(6):
        for names in itertools.combinations(KEYS, count):
            expected = len({"X1", "X2", "X3"} & set(names)) >= 2 and bool({"Y1", "Y2"} & set(names))
            assert read.is_met_by(names) is expected, names
            if expected:
                assert read.verify(note(*names)).size == 5
            else:
                with pytest.raises(QuorumError, match="not the quorum 'X-and-Y'"):
                    read.verify(note(*names))


def test_parts_of_the_policy_are_read() -> None:
    read = policy(TWO_LEVELS)
    assert [one.name for one in read.witnesses] == list(KEYS)
    assert read.witnesses[0].url == "https://x1.example/"
    assert read.logs[0].url == "https://log.example/"
    assert (read.groups["X"].threshold, read.groups["Y"].threshold, read.groups["X-and-Y"].threshold) == (2, 1, 2)
    assert read.text == TWO_LEVELS


def test_one_witness_may_be_the_quorum() -> None:
    read = policy(f"log {LOG.verifier(ORIGIN).vkey}\n{WITNESSES}quorum Y2\n")
    read.verify(note("Y2"))
    with pytest.raises(QuorumError, match="cosigned by X1, Y1,"):
        read.verify(note("X1", "Y1"))


def test_quorum_none_asks_for_nobody_but_the_log() -> None:
    read = policy(f"log {LOG.verifier(ORIGIN).vkey}\nquorum none\n")
    assert not read.has_quorum
    read.verify(note())


def test_a_checkpoint_of_a_log_that_is_not_named_is_refused() -> None:
    other = policy(f"log {LOG.verifier('log.example/two').vkey}\nquorum none\n")
    with pytest.raises(CheckpointError, match="does not accept checkpoints of"):
        other.verify(note())
    with pytest.raises(CheckpointError, match="does not accept"):
        policy(TWO_LEVELS).verify(note("X1", "X2", "Y1"), origin="log.example/two")
    with pytest.raises(WitnessPolicyError, match="does not name this log"):
        other.require_log(LOG.verifier(ORIGIN))


def test_a_bad_cosignature_of_a_known_witness_spoils_even_a_quorum() -> None:
    good, other = note("X1", "X2", "Y1"), note("X3", size=6)
    stolen = other.splitlines()[-1]
    with pytest.raises(CheckpointError, match="does not fit"):
        policy(TWO_LEVELS).verify(f"{good}{stolen}\n")


def test_a_cosignature_under_another_witnesss_name_does_not_count() -> None:
    text, _ = split_note(note())
    posing = cosign(text, name=key_name("X2"), key=KEYS["X1"], at=1_700_000_000)
    with pytest.raises(QuorumError, match="cosigned by X1, Y1,"):
        policy(TWO_LEVELS).verify(note("X1", "Y1") + posing.line)


def test_a_signature_of_the_right_key_id_and_wrong_type_is_bad_not_ignored() -> None:
    text, _ = split_note(note())
    verifier = CosignatureVerifier.parse(vkey("X1"))
    plain = Signature(verifier.name, verifier.key_id, KEYS["X1"].private_key.sign(text.encode()))
    with pytest.raises(CheckpointError, match="72 bytes"):
        policy(TWO_LEVELS).verify(note("X2", "X3", "Y1") + plain.line)


def test_signatures_are_added_once() -> None:
    once = note("X1")
    text, signatures = split_note(once)
    assert add_signatures(once, signatures) == once
    later = cosign(text, name=key_name("X1"), key=KEYS["X1"], at=1_800_000_000)
    assert add_signatures(once, [later]) == once


L, W = f"log {LOG.verifier(ORIGIN).vkey}\n", WITNESSES


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no quorum line"),
        (W, "no quorum line"),
        ("quorum none\nquorum none\n", "line 2 .*exactly one"),
        (f"quorum X1\n{W}", "line 1 .*not defined above"),
        ("quorum nobody\n", "not defined above"),
        (f"{W}group G 2 X1 later\ngroup later any Y1\nquorum G\n", "'later' is not defined above"),
        (f"{W}group G any none\nquorum G\n", "'none' is not defined"),
        (f"{W}group G any G\nquorum G\n", "'G' is not defined"),
        (f"{W}group none any X1\nquorum none\n", "'none' is taken"),
        (f"{W}group X1 any X2\nquorum X1\n", "'X1' is taken"),
        (f"{W}group G 0 X1\nquorum G\n", "cannot need 0"),
        (f"{W}group G 3 X1 X2\nquorum G\n", "cannot need 3"),
        (f"{W}group G -1 X1\nquorum G\n", "a number of members"),
        (f"{W}group G ² X1 X2\nquorum G\n", "a number of members"),
        (f"{W}group G 99999999999999999999 X1\nquorum G\n", "a number of members"),
        (f"{W}group G any\nquorum G\n", "lacks a part"),
        (f"{W}group G 2 X1 X1\nquorum G\n", "one way only"),
        (f"{W}group G any X1\ngroup H any X1\nquorum H\n", "one way only"),
        (f"{W}witness again {vkey('X1')}\nquorum none\n", "counts once"),
        (f"{W}witness again {witness_verifier(KEYS['X1'], 'other.example').vkey}\nquorum none\n", "counts once"),
        (f"witness X1 {vkey('X1')}\nwitness X1 {vkey('X2')}\nquorum none\n", "'X1' is taken"),
        (f"{L}log {LOG.verifier('another').vkey}\nquorum none\n", "key is named above"),
        (f"witness W {LOG.verifier(ORIGIN).vkey}\nquorum W\n", "type 0x01"),
        (f"log {vkey('X1')}\nquorum none\n", "type 0x04"),
        ("log nonsense\nquorum none\n", "form name"),
        ("witness W\nquorum none\n", "lacks a part"),
        ("mirror M\nquorum none\n", "neither log"),
        ("Quorum none\n", "neither log"),
        ("quorum none none\n", "neither log"),
        ("quorum none\r\n", "control characters"),
        ("# \x00\nquorum none\n", "control characters"),
        ("#" * 70_000 + "\nquorum none\n", "at most 65536 bytes"),
        ("\n" * 1_001 + "quorum none\n", "at most 1000 lines"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(WitnessPolicyError, match=reason):
        policy(text)


def test_names_are_octets() -> None:
    content = b"# caf\xe9 \xff\nwitness K\xe2\x84\xaa " + vkey("X1").encode() + b"\nquorum K\xe2\x84\xaa\n"
    assert WitnessPolicy.parse(content).quorum != "KK"
