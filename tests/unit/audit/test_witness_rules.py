"""What a witness answers, status by status, and what it remembers: real state files, hostile logs."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.checkpoint import LogKey, sign_checkpoint
from audit.cosignature import CosignatureVerifier, cosign, cosigned_at, witness_verifier
from audit.errors import CheckpointError, LogKeyError, WitnessRefusalError, WitnessStateError
from audit.merkle import leaf_hash
from audit.note import MAX_NOTE_CHARACTERS, Signature, open_note, sign_note, split_note
from audit.witness import MAX_BODY_BYTES, Submission, origin_hash
from audit.witness_store import KEY_FILE, STATE_FILE, VKEY_FILE, Witness, create_witness, open_witness
from tests.trees import LEAVES, checkpoint_of, submission_of

ORIGIN, OTHER_ORIGIN = "log.example/one", "log.example/two"
KEY, OTHER_KEY, STRANGER = (LogKey.from_seed(bytes([number]) * 32) for number in (1, 2, 3))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOGS = (KEY.verifier(ORIGIN), OTHER_KEY.verifier(OTHER_ORIGIN))


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_witness(tmp_path / "witness", name="witness.example/one")
    return tmp_path / "witness"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def witness(folder: Path, clock: Clock) -> Iterator[Witness]:
    opened = open_witness(folder, logs=LOGS, clock=clock)
    yield opened
    opened.close()


def honest(size: int, *, old: int = 0) -> Submission:
    return submission_of(LEAVES[:size], old=old, origin=ORIGIN, key=KEY)


def refused(witness: Witness, body: bytes | Submission) -> WitnessRefusalError:
    with pytest.raises(WitnessRefusalError) as caught:
        witness.add_checkpoint(body.body() if isinstance(body, Submission) else body)
    return caught.value


def test_first_checkpoint_of_any_size_is_cosigned(witness: Witness) -> None:
    submission = honest(200)
    line = witness.add_checkpoint(submission.body())
    text, signed = open_note(submission.note() + line, [KEY.verifier(ORIGIN), witness.verifier])
    assert [verifier.name for verifier in signed] == [ORIGIN, "witness.example/one"]
    assert cosigned_at(Signature.parse(line[:-1])) == NOW
    assert text == submission.text


@pytest.mark.parametrize(
    ("old", "size"), [(1, 1), (1, 2), (2, 3), (7, 8), (8, 200), (199, 200), (255, 257), (256, 300)]
)
def test_growth_with_its_proof_is_cosigned(witness: Witness, old: int, size: int) -> None:
    witness.add_checkpoint(honest(old).body())
    witness.add_checkpoint(honest(size, old=old).body())
    assert refused(witness, honest(size)).body == f"{size}\n"


def test_the_same_checkpoint_may_be_cosigned_again_at_a_later_time(witness: Witness, clock: Clock) -> None:
    witness.add_checkpoint(honest(5).body())
    clock.now = datetime(2026, 3, 2, tzinfo=UTC)
    line = witness.add_checkpoint(honest(5, old=5).body())
    assert cosigned_at(Signature.parse(line[:-1])) == clock.now


def test_a_clock_that_was_set_back_does_not_date_a_larger_tree_earlier(witness: Witness, clock: Clock) -> None:
    witness.add_checkpoint(honest(5).body())
    clock.now = datetime(2020, 1, 1, tzinfo=UTC)
    line = witness.add_checkpoint(honest(6, old=5).body())
    assert cosigned_at(Signature.parse(line[:-1])) == NOW


def test_unknown_log_is_404(witness: Witness) -> None:
    submission = submission_of(LEAVES[:3], old=0, origin="log.example/unknown", key=KEY)
    assert refused(witness, submission).status == 404


def test_another_key_under_the_logs_name_is_403(witness: Witness) -> None:
    assert refused(witness, submission_of(LEAVES[:3], old=0, origin=ORIGIN, key=STRANGER)).status == 403


def test_the_key_of_another_witnessed_log_does_not_count_for_this_one(witness: Witness) -> None:
    assert refused(witness, submission_of(LEAVES[:3], old=0, origin=ORIGIN, key=OTHER_KEY)).status == 403


def test_a_bad_signature_of_the_known_key_is_403_even_beside_a_good_one(witness: Witness) -> None:
    submission = honest(3)
    (good,) = submission.signatures
    bad = replace(good, signature=bytes(64))
    assert refused(witness, replace(submission, signatures=(bad,))).status == 403
    assert refused(witness, replace(submission, signatures=(good, bad))).status == 403


def test_signatures_of_unknown_keys_are_ignored_and_not_kept(witness: Witness) -> None:
    submission = honest(3)
    stranger = Signature("stranger.example", b"\x01\x02\x03\x04", bytes(64))
    line = witness.add_checkpoint(replace(submission, signatures=(stranger, *submission.signatures)).body())
    assert witness.checkpoint(origin_hash(ORIGIN)) == submission.note() + line


def test_an_old_size_beyond_the_checkpoint_is_400(witness: Witness) -> None:
    witness.add_checkpoint(honest(9).body())
    assert refused(witness, replace(honest(4), old=9)).status == 400


@pytest.mark.parametrize("old", [0, 3, 6])
def test_another_old_size_than_the_last_cosigned_is_409_with_that_size(witness: Witness, old: int) -> None:
    witness.add_checkpoint(honest(5).body())
    refusal = refused(witness, honest(8, old=old))
    assert (refusal.status, refusal.body, refusal.media_type) == (409, "5\n", "text/x.tlog.size")


def test_a_log_never_seen_has_size_0(witness: Witness) -> None:
    refusal = refused(witness, honest(8, old=5))
    assert (refusal.status, refusal.body) == (409, "0\n")


def test_a_proof_from_nothing_is_422(witness: Witness) -> None:
    assert refused(witness, replace(honest(3), proof=(bytes(32),))).status == 422


def test_size_0_with_another_root_than_the_empty_one_is_422(witness: Witness) -> None:
    text = f"{ORIGIN}\n0\n{split_note(honest(3).note())[0].splitlines()[2]}\n"
    note = sign_note(text, name=ORIGIN, key=KEY)
    assert refused(witness, f"old 0\n\n{note}".encode()).status == 422


def test_the_empty_log_is_cosigned_and_can_grow(witness: Witness) -> None:
    witness.add_checkpoint(honest(0).body())
    witness.add_checkpoint(honest(0).body())
    witness.add_checkpoint(honest(4).body())


def test_same_size_with_another_root_is_422(witness: Witness) -> None:
    witness.add_checkpoint(honest(5).body())
    forged = submission_of((b"forged", *LEAVES[1:5]), old=5, origin=ORIGIN, key=KEY)
    assert refused(witness, forged).status == 422


def test_rewritten_history_is_422_and_kept_as_evidence(witness: Witness) -> None:
    witness.add_checkpoint(honest(5).body())
    forged = submission_of((b"forged", *LEAVES[1:9]), old=5, origin=ORIGIN, key=KEY)
    assert refused(witness, forged).status == 422
    assert witness.contradictions(ORIGIN) == [forged.body()]
    note = witness.checkpoint(origin_hash(ORIGIN))
    assert note is not None
    assert note.startswith(honest(5).note())  # what was cosigned stands


@pytest.mark.parametrize(
    "change", [lambda proof: proof[:-1], lambda proof: (*proof, bytes(32)), lambda proof: proof[::-1]]
)
def test_a_changed_proof_is_422(witness: Witness, change: object) -> None:
    witness.add_checkpoint(honest(5).body())
    submission = honest(9, old=5)
    assert callable(change)
    assert refused(witness, replace(submission, proof=tuple(change(submission.proof)))).status == 422


def test_each_log_has_its_own_memory(witness: Witness) -> None:
    witness.add_checkpoint(honest(5).body())
    other = submission_of(LEAVES[:2], old=0, origin=OTHER_ORIGIN, key=OTHER_KEY)
    witness.add_checkpoint(other.body())
    assert refused(witness, honest(8)).body == "5\n"
    assert witness.checkpoint(origin_hash("log.example/unknown")) is None


def test_extension_lines_of_other_logs_are_cosigned_as_they_are(witness: Witness) -> None:
    text = honest(3).text + "other.example extension\n"
    line = witness.add_checkpoint(f"old 0\n\n{sign_note(text, name=ORIGIN, key=KEY)}".encode())
    witness.verifier.verify(text, Signature.parse(line[:-1]).signature)


NOTE = checkpoint_of(LEAVES[:3], origin=ORIGIN, key=KEY).note


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        NOTE.encode(),
        f"old\n\n{NOTE}".encode(),
        f"old -1\n\n{NOTE}".encode(),
        f"old 00\n\n{NOTE}".encode(),
        f"old 1_0\n\n{NOTE}".encode(),
        f"old 99999999999999999999\n\n{NOTE}".encode(),
        f"new 0\n\n{NOTE}".encode(),
        f"old 0\r\n\r\n{NOTE}".encode(),
        f"old 0\nnot base64\n\n{NOTE}".encode(),
        f"old 0\nAAAA\n\n{NOTE}".encode(),
        b"old 0\n" + b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" * 64 + b"\n" + NOTE.encode(),
        f"old 0\n\n{NOTE}\n".encode(),
        f"old 0\n\n{NOTE[:-1]}".encode(),
        f"old 0\n\n{ORIGIN}\n3\n\n{NOTE.splitlines()[-1]}\n".encode(),
        f"old 0\n\n{ORIGIN}\n03\n{NOTE.splitlines()[2]}\n\n{NOTE.splitlines()[-1]}\n".encode(),
        b"old 0\n\n" + b"a" * MAX_BODY_BYTES,
        b"old 0\n\n" + b"a\n" * (MAX_NOTE_CHARACTERS // 2),
    ],
)
def test_what_is_no_request_is_400(witness: Witness, body: bytes) -> None:
    assert refused(witness, body).status == 400


def test_of_requests_that_race_exactly_one_follows_each_size(folder: Path, clock: Clock) -> None:
    """Two processes' worth of connections, many threads: whatever was cosigned is one line of growth."""
    witnesses = [open_witness(folder, logs=LOGS, clock=clock) for _ in range(2)]
    witnesses[0].add_checkpoint(honest(10).body())
    outcomes: list[int] = []

    def add(number: int) -> None:
        try:
            witnesses[number % 2].add_checkpoint(honest(11 + number, old=10).body())
            outcomes.append(200)
        except WitnessRefusalError as refusal:
            outcomes.append(refusal.status)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for witness in witnesses:
        witness.close()
    assert sorted(outcomes) == [200] + [409] * 7


def test_what_was_cosigned_survives_a_restart(folder: Path, clock: Clock) -> None:
    first = open_witness(folder, logs=LOGS, clock=clock)
    line = first.add_checkpoint(honest(5).body())
    first.close()
    second = open_witness(folder, logs=LOGS, clock=clock)
    assert refused(second, honest(4)).body == "5\n"
    assert second.checkpoint(origin_hash(ORIGIN)) == honest(5).note() + line
    second.close()


def test_a_witness_that_lost_its_memory_does_not_begin_again(folder: Path, clock: Clock) -> None:
    (folder / STATE_FILE).unlink()
    with pytest.raises(WitnessStateError, match="must not cosign again"):
        open_witness(folder, logs=LOGS, clock=clock)
    with pytest.raises(LogKeyError, match="never replaced"):
        create_witness(folder, name="witness.example/one")


def test_the_memory_of_another_witness_is_refused(tmp_path: Path, folder: Path, clock: Clock) -> None:
    create_witness(tmp_path / "other", name="witness.example/other")
    (tmp_path / "other" / STATE_FILE).rename(folder / STATE_FILE)
    with pytest.raises(WitnessStateError, match="another witness"):
        open_witness(folder, logs=LOGS, clock=clock)


def test_damaged_memory_is_refused(folder: Path, clock: Clock) -> None:
    (folder / STATE_FILE).write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(WitnessStateError, match="nothing was cosigned"):
        open_witness(folder, logs=LOGS, clock=clock)


def test_the_verifier_key_of_another_key_is_refused(folder: Path, clock: Clock) -> None:
    (folder / VKEY_FILE).write_text(witness_verifier(STRANGER, "witness.example/one").vkey + "\n")
    with pytest.raises(WitnessStateError, match="not of the key beside it"):
        open_witness(folder, logs=LOGS, clock=clock)


def test_a_witness_without_logs_or_without_a_folder_does_not_start(folder: Path, tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(CheckpointError, match="no log is named"):
        open_witness(folder, logs=(), clock=clock)
    with pytest.raises(WitnessStateError, match="there is no witness"):
        open_witness(tmp_path / "absent", logs=LOGS, clock=clock)


def test_the_key_is_its_owners_alone(folder: Path, clock: Clock) -> None:
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    (folder / KEY_FILE).chmod(0o640)
    with pytest.raises(LogKeyError, match="may be read by others"):
        open_witness(folder, logs=LOGS, clock=clock)


@pytest.mark.parametrize("statement", ["UPDATE cosigned SET size = size - 1", "DELETE FROM cosigned"])
def test_the_state_file_itself_never_goes_back(folder: Path, clock: Clock, statement: str) -> None:
    witness = open_witness(folder, logs=LOGS, clock=clock)
    witness.add_checkpoint(honest(5).body())
    witness.close()
    connection = sqlite3.connect(folder / STATE_FILE)
    with pytest.raises(sqlite3.IntegrityError, match="a witness never"):
        connection.execute(statement)
    connection.close()


def test_a_full_disk_cosigns_nothing(folder: Path, clock: Clock) -> None:
    witness = open_witness(folder, logs=LOGS, clock=clock)
    witness.add_checkpoint(honest(5).body())
    pages = witness._connection.execute("PRAGMA page_count").fetchone()[0]
    witness._connection.execute(f"PRAGMA max_page_count = {pages}")
    long = checkpoint_of(LEAVES[:9], origin=ORIGIN, key=KEY).note.split("\n\n")[0] + "\n"
    text = long + "x" * 60_000 + "\n"  # more than the page that is left holds
    proof = honest(9, old=5).body().decode().split("\n\n")[0]
    with pytest.raises(WitnessStateError, match="nothing was cosigned"):
        witness.add_checkpoint(f"{proof}\n\n{sign_note(text, name=ORIGIN, key=KEY)}".encode())
    assert refused(witness, honest(9)).body == "5\n"
    witness.close()


class TestCosignatures:
    TEXT = honest(3).text

    def line(self, at: int = 1_700_000_000) -> Signature:
        return cosign(self.TEXT, name="witness.example/one", key=KEY, at=at)

    def test_vkey_of_type_4_is_read_back_and_differs_from_the_same_key_of_a_log(self) -> None:
        verifier = witness_verifier(KEY, ORIGIN)
        assert CosignatureVerifier.parse(verifier.vkey) == verifier
        assert verifier.key_id != KEY.verifier(ORIGIN).key_id
        with pytest.raises(CheckpointError, match="type 0x01"):
            CosignatureVerifier.parse(KEY.verifier(ORIGIN).vkey)

    def test_a_cosigner_with_the_logs_name_cannot_speak_for_the_log(self) -> None:
        from audit.checkpoint import parse_and_verify

        line = cosign(self.TEXT, name=ORIGIN, key=STRANGER, at=5).line
        with pytest.raises(CheckpointError, match="not signed by the log"):
            parse_and_verify(f"{self.TEXT}\n{line}", origin=ORIGIN, verifiers=[witness_verifier(STRANGER, ORIGIN)])

    def test_keys_and_times_of_other_implementations_are_read(self) -> None:
        """Published in the tests of transparency-dev/formats: a public witness's key, and one of its signatures."""
        remora = CosignatureVerifier.parse("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2")
        assert remora.key_id.hex() == "da77ade7"
        encoded = (
            "ZGhGuQAAAABm/qTPeyKXD+R2rzyQsxPiP8mXum7qq/iF0u4vanlqJyocWODBt97w9uL+8qT7S5gxEHWWOworDcFiEBYJXORmnFBOBA=="
        )
        assert cosigned_at(Signature.parse(f"— w {encoded}")).timestamp() == 1727964367

    @pytest.mark.parametrize("position", range(72))
    def test_every_changed_byte_is_refused(self, position: int) -> None:
        signed = self.line().signature
        changed = signed[:position] + bytes([signed[position] ^ 1]) + signed[position + 1 :]
        with pytest.raises(CheckpointError):
            witness_verifier(KEY, "witness.example/one").verify(self.TEXT, changed)

    @pytest.mark.parametrize("length", [0, 8, 64, 71, 73])
    def test_another_length_is_refused(self, length: int) -> None:
        with pytest.raises(CheckpointError, match="72 bytes"):
            witness_verifier(KEY, "witness.example/one").verify(self.TEXT, bytes(length))

    def test_a_log_signature_is_no_cosignature_of_the_same_key(self) -> None:
        plain = KEY.private_key.sign(self.TEXT.encode())
        with pytest.raises(CheckpointError, match="does not fit"):
            witness_verifier(KEY, "witness.example/one").verify(self.TEXT, (5).to_bytes(8, "big") + plain)

    @pytest.mark.parametrize("at", [0, -1, 2**63])
    def test_an_impossible_time_is_not_signed(self, at: int) -> None:
        with pytest.raises(CheckpointError, match="set the clock"):
            self.line(at)

    def test_many_signatures_on_one_note(self) -> None:
        note = sign_checkpoint(origin=ORIGIN, size=1, root=leaf_hash(b"a"), key=KEY).note
        text, _ = split_note(note)
        lines = [cosign(text, name=f"w{number}.example", key=STRANGER, at=9).line for number in range(40)]
        verifiers = [KEY.verifier(ORIGIN), *(witness_verifier(STRANGER, f"w{number}.example") for number in range(40))]
        assert len(open_note(note + "".join(lines), verifiers)[1]) == 41
