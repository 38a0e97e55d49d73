"""Signed notes, checkpoints and keys against published vectors and hostile spellings."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.checkpoint import Checkpoint, LogKey, Verifier, parse_and_verify, sign_checkpoint
from audit.errors import CheckpointError, LogKeyError
from audit.merkle import EMPTY_ROOT
from audit.note import MAX_SIGNATURES, encode_base64, open_note, sign_note

ORIGIN = "gateway.example/audit"
ROOT = bytes.fromhex("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")
VKEY = "gateway.example/audit+d5ae1d6d+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
NOTE = (
    "gateway.example/audit\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n— gateway.example/audit "
    "1a4dbWaDOITeXqGBzcf5DFVvvaIiFj7glfUjwVd0Y/7fTjVW5KTDufhDA64KLzZVi7HDEGTfrSEbRRc8E8Va6alMYwo=\n"
)
# The example note of Go's golang.org/x/mod/sumdb/note.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


@pytest.fixture
def verifier(key: LogKey) -> Verifier:
    return key.verifier(ORIGIN)


def signed(text: str, key: LogKey, name: str = ORIGIN) -> str:
    return sign_note(text, name=name, key=key)


def test_checkpoint_is_signed_byte_for_byte_as_published(key: LogKey, verifier: Verifier) -> None:
    assert verifier.vkey == VKEY
    assert sign_checkpoint(origin=ORIGIN, size=8, root=ROOT, key=key).note == NOTE


def test_published_checkpoint_is_read() -> None:
    checkpoint = parse_and_verify(NOTE, origin=ORIGIN, verifiers=[Verifier.parse(VKEY)])
    assert checkpoint == Checkpoint(ORIGIN, 8, ROOT, NOTE)


def test_note_signed_by_another_implementation_is_read() -> None:
    text, signers = open_note(GO_NOTE, [Verifier.parse(GO_VKEY)])
    assert text.startswith("If you think")
    assert [signer.name for signer in signers] == ["PeterNeumann"]


def test_changed_letter_is_refused() -> None:
    with pytest.raises(CheckpointError, match="was changed"):
        open_note(GO_NOTE.replace("answer", "Answer"), [Verifier.parse(GO_VKEY)])


def test_checkpoint_by_another_key_of_the_same_name_is_refused() -> None:
    stranger = LogKey.generate().verifier(ORIGIN)
    with pytest.raises(CheckpointError, match="no signature by an expected key"):
        parse_and_verify(NOTE, origin=ORIGIN, verifiers=[stranger])


def test_no_keys_verify_nothing() -> None:
    with pytest.raises(CheckpointError, match="no verifier keys"):
        open_note(NOTE, [])


def test_signatures_of_unknown_keys_are_ignored_but_the_log_must_have_signed(key: LogKey, verifier: Verifier) -> None:
    witness = LogKey.generate()
    text, lines = NOTE.split("\n\n")
    witnessed = sign_note(text + "\n", name="witness.example", key=witness).split("\n\n")[1]
    both = f"{text}\n\n{witnessed}{lines}"
    assert parse_and_verify(both, origin=ORIGIN, verifiers=[verifier]).size == 8
    with pytest.raises(CheckpointError, match="not signed by the log"):
        parse_and_verify(f"{text}\n\n{witnessed}", origin=ORIGIN, verifiers=[witness.verifier("witness.example")])


def test_bad_signature_of_a_known_key_spoils_the_note(key: LogKey, verifier: Verifier) -> None:
    bad = f"— {ORIGIN} {encode_base64(verifier.key_id + bytes(64))}\n"
    with pytest.raises(CheckpointError, match="was changed"):
        parse_and_verify(NOTE + bad, origin=ORIGIN, verifiers=[verifier])


def test_sixteen_signatures_are_accepted_and_thousands_are_not(verifier: Verifier) -> None:
    line = f"— other.example {encode_base64(bytes(2424))}\n"
    assert parse_and_verify(NOTE + 15 * line, origin=ORIGIN, verifiers=[verifier]).size == 8
    short = f"— other.example {encode_base64(bytes(8))}\n"
    with pytest.raises(CheckpointError, match="more than"):
        parse_and_verify(NOTE + MAX_SIGNATURES * short, origin=ORIGIN, verifiers=[verifier])
    with pytest.raises(CheckpointError, match="longer than"):
        parse_and_verify(NOTE + 1000 * line, origin=ORIGIN, verifiers=[verifier])


def test_checkpoint_of_another_log_by_the_same_key_is_refused(key: LogKey, verifier: Verifier) -> None:
    body = f"other.example/audit\n8\n{encode_base64(ROOT)}\n"
    with pytest.raises(CheckpointError, match="is of the log"):
        parse_and_verify(signed(body, key), origin=ORIGIN, verifiers=[verifier])


@pytest.mark.parametrize(
    "size", ["08", "+8", "-8", " 8", "8 ", "٨", "8.0", "", "99999999999999999999", "9223372036854775808"]
)
def test_size_has_one_spelling_only(size: str, key: LogKey, verifier: Verifier) -> None:
    with pytest.raises(CheckpointError, match=r"decimal|cannot have"):
        parse_and_verify(signed(f"{ORIGIN}\n{size}\n{encode_base64(ROOT)}\n", key), origin=ORIGIN, verifiers=[verifier])


@pytest.mark.parametrize(
    "root",
    [
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyh=",  # stray trailing bits that a lenient decoder ignores
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz-Nw7_RgQyg=",  # the URL alphabet
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg",  # no padding
        "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg= ",
        encode_base64(ROOT[:31]),
        encode_base64(ROOT + b"\0"),
        "é",
        "",
    ],
)
def test_root_has_one_spelling_only(root: str, key: LogKey, verifier: Verifier) -> None:
    with pytest.raises(CheckpointError, match=r"base64|root has 32 bytes"):
        parse_and_verify(signed(f"{ORIGIN}\n8\n{root}\n", key), origin=ORIGIN, verifiers=[verifier])


@pytest.mark.parametrize("extra", ["extension\n", "\nextension\n"])
def test_extension_lines_are_refused(extra: str, key: LogKey, verifier: Verifier) -> None:
    with pytest.raises(CheckpointError, match="three lines"):
        parse_and_verify(
            signed(f"{ORIGIN}\n8\n{encode_base64(ROOT)}\n{extra}", key), origin=ORIGIN, verifiers=[verifier]
        )


def test_empty_log_can_only_have_the_empty_root(key: LogKey) -> None:
    assert sign_checkpoint(origin=ORIGIN, size=0, root=EMPTY_ROOT, key=key).size == 0
    with pytest.raises(CheckpointError, match="empty root"):
        sign_checkpoint(origin=ORIGIN, size=0, root=ROOT, key=key)


@pytest.mark.parametrize("size", [-1, 2**63])
def test_impossible_size_is_not_signed(size: int, key: LogKey) -> None:
    with pytest.raises(CheckpointError, match="cannot have"):
        sign_checkpoint(origin=ORIGIN, size=size, root=ROOT, key=key)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        NOTE[:-1],  # no final newline
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("\n\n", "\n\n\n"),
        NOTE.replace("— ", "- "),
        NOTE.replace("— ", "—"),
        NOTE + "\n",
        NOTE + "— \n",
        NOTE + "— name\n",
        NOTE + "—  AAAAAAA=\n",
        NOTE + "— a+b AAAAAAA=\n",
        NOTE + "— name AAAA\n",
        NOTE + "— name AAAAAA==\n",  # a key ID without a signature
        NOTE + "— name AAAAAAB=\n",
        NOTE + "— name é\n",
        NOTE.replace("\n8\n", "\n8\r\n"),
        NOTE.replace("\n8\n", "\n8\x00\n"),
        "\ud800\n\n— name AAAAAAA=\n",
    ],
)
def test_malformed_note_is_refused(note: str, verifier: Verifier) -> None:
    with pytest.raises(CheckpointError):
        parse_and_verify(note, origin=ORIGIN, verifiers=[verifier])


@pytest.mark.parametrize("text", ["no newline", "tab\t\n", "\ud800\n"])
def test_text_that_no_note_can_carry_is_not_signed(text: str, key: LogKey) -> None:
    with pytest.raises(CheckpointError, match="text of a note"):
        sign_note(text, name=ORIGIN, key=key)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "line\nbreak", "no\u00a0break", "nul\x00", "\ud800"])
def test_impossible_key_name_is_refused(name: str, key: LogKey) -> None:
    with pytest.raises(CheckpointError, match="cannot name a key"):
        key.verifier(name)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+d5ae1d6d",
        VKEY.replace("d5ae1d6d", "d5ae1d6e"),
        VKEY.replace("gateway", "getaway"),
        VKEY.replace("+AYqI", "+BYqI"),  # another signature type
        VKEY[:-4],
        VKEY + "====",
    ],
)
def test_malformed_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(CheckpointError):
        Verifier.parse(vkey)


def test_key_is_saved_for_its_owner_only_and_loaded_again(tmp_path: Path, key: LogKey) -> None:
    path = tmp_path / "log.pem"
    key.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert LogKey.load(path).verifier(ORIGIN) == key.verifier(ORIGIN)


def test_existing_key_is_never_replaced(tmp_path: Path, key: LogKey) -> None:
    path = tmp_path / "log.pem"
    key.save(path)
    with pytest.raises(LogKeyError, match="never replaced"):
        LogKey.generate().save(path)
    assert LogKey.load(path).verifier(ORIGIN) == key.verifier(ORIGIN)


def test_two_generated_keys_differ_and_neither_shows_itself() -> None:
    one, other = LogKey.generate(), LogKey.generate()
    assert one.verifier(ORIGIN) != other.verifier(ORIGIN)
    assert repr(one) == "LogKey()"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_key_that_others_may_use_is_refused(mode: int, tmp_path: Path, key: LogKey) -> None:
    path = tmp_path / "log.pem"
    key.save(path)
    path.chmod(mode)
    with pytest.raises(LogKeyError, match="chmod 600"):
        LogKey.load(path)


def test_missing_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogKeyError, match="cannot be read"):
        LogKey.load(tmp_path / "absent.pem")
    with pytest.raises(LogKeyError, match="cannot be read"):
        LogKey.load(tmp_path)


def pem(private_key: Ed25519PrivateKey, password: bytes | None = None) -> bytes:
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return private_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def test_file_that_is_no_log_key_is_refused(tmp_path: Path) -> None:
    elliptic = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    contents = {
        b"": "not an unencrypted PEM",
        b"\x00\xff" * 100: "not an unencrypted PEM",
        pem(Ed25519PrivateKey.generate(), b"secret"): "not an unencrypted PEM",
        elliptic: "not an Ed25519 key",
    }
    path = tmp_path / "log.pem"
    path.touch(mode=0o600)
    for content, reason in contents.items():
        path.write_bytes(content)
        with pytest.raises(LogKeyError, match=reason):
            LogKey.load(path)


def test_seed_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(LogKeyError, match="32 bytes"):
        LogKey.from_seed(b"short")


def test_unwritable_place_for_a_key_is_reported(tmp_path: Path, key: LogKey) -> None:
    with pytest.raises(LogKeyError, match="cannot be written"):
        key.save(tmp_path / "absent" / "log.pem")
