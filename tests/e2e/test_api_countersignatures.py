"""What outsiders get of witnesses and time stamps: over the API, on the command line, and in `/readyz`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import scitt_cose
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization
from sqlalchemy import text

from audit.checkpoint import LogKey
from audit.errors import QuorumError
from audit.receipt import Receipt
from audit.tlog_policy import WitnessPolicy
from gateway.api.readiness import countersigning_probe
from gateway.cli import main
from gateway.cli.terminal import Exit
from tests.api_gate import Gate, a_script, build_gate
from tests.audit_log import drop_guards
from tests.gateway_chain import LOG_SEED, ORIGIN
from tests.stamp_authority import make_authority
from tests.witnesses import RunningWitness, policy_of, running_witness

KEY = LogKey.from_seed(LOG_SEED)
LOG = KEY.verifier(ORIGIN)


def now() -> datetime:
    return datetime.now(UTC)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWitness]:
    with running_witness(tmp_path_factory.mktemp("witness") / "w1", [LOG]) as running:
        yield running


@pytest.fixture(scope="module")
def policy(witness: RunningWitness) -> WitnessPolicy:
    return policy_of(LOG, [(witness.verifier, witness.url)], quorum="all")


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, policy: WitnessPolicy) -> Iterator[Gate]:
    gate = build_gate(tmp_path_factory.mktemp("gate"), clock=now, policy=policy)  # type: ignore[arg-type]
    yield gate
    gate.chain.tools.close()


@pytest.fixture(scope="module")
def episode_id(gate: Gate) -> str:
    return gate.make(a_script())


def proof_of(gate: Gate, episode_id: str, query: str = "") -> bytes:
    answer = gate.client().get(f"/v1/log/proof/{episode_id}{query}")
    assert answer.status_code == 200, answer.text
    return answer.content


def test_proof_and_checkpoint_carry_the_cosignature(gate: Gate, episode_id: str, policy: WitnessPolicy) -> None:
    policy.require(Receipt.from_text(proof_of(gate, episode_id).decode()).note)
    shown = gate.client().get("/v1/log/checkpoint").text
    assert set(policy.require(shown)) == {"w1"}


def test_the_policy_is_served_as_it_is(gate: Gate, policy: WitnessPolicy, tmp_path: Path) -> None:
    answer = gate.client().get("/v1/log/policy")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert WitnessPolicy.parse(answer.content) == policy
    assert gate.client().head("/v1/log/policy").status_code == 200
    without = build_gate(tmp_path / "without")
    assert without.client().get("/v1/log/policy").status_code == 404
    without.chain.tools.close()


def test_a_cose_receipt_verifies_elsewhere(gate: Gate, episode_id: str) -> None:
    leaf = Receipt.from_text(proof_of(gate, episode_id).decode()).leaf
    answer = gate.client().get(f"/v1/log/proof/{episode_id}?format=cose")
    assert answer.headers["content-type"] == 'application/cose; cose-type="cose-sign1"'
    pem = KEY.private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert scitt_cose.verify_receipt(answer.content, leaf_entry_hex=leaf.hex(), log_public_key_pem=pem.decode()).ok
    assert gate.client().get(f"/v1/log/proof/{episode_id}?format=pdf").status_code == 422


def test_the_command_line_checks_the_quorum(gate: Gate, episode_id: str, policy: WitnessPolicy, tmp_path: Path) -> None:
    proof, rules = tmp_path / "episode.tlog-proof", tmp_path / "policy"
    proof.write_bytes(proof_of(gate, episode_id))
    rules.write_text(policy.text)
    result = run("log", "verify", str(proof), "--policy", str(rules), "--json")
    assert result.exit_code == Exit.DONE, result.output
    assert set(json.loads(result.output)["witnesses"]) == {"w1"}
    receipt = Receipt.from_text(proof.read_text())
    alone = replace(receipt, note="".join(receipt.note.splitlines(keepends=True)[:-1]))
    proof.write_text(alone.to_text())
    assert run("log", "verify", str(proof), "--vkey", LOG.vkey).exit_code == Exit.DONE
    result = run("log", "verify", str(proof), "--policy", str(rules))
    assert result.exit_code == Exit.FAILED
    assert "cosigned by nobody, which is not the quorum" in result.output


def test_the_command_line_refuses_a_policy_of_another_log(gate: Gate, episode_id: str, tmp_path: Path) -> None:
    proof, rules = tmp_path / "episode.tlog-proof", tmp_path / "policy"
    proof.write_bytes(proof_of(gate, episode_id))
    rules.write_text(f"log {LogKey.generate().verifier(ORIGIN).vkey}\nquorum none\n")
    assert run("log", "verify", str(proof), "--policy", str(rules)).exit_code == Exit.FAILED
    result = run("log", "verify", str(proof), "--policy", str(rules), "--vkey", LOG.vkey)
    assert result.exit_code == Exit.FAILED  # also with the right key beside it


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the authority of this test is OpenSSL")
def test_the_command_line_checks_a_time_stamp(gate: Gate, episode_id: str, tmp_path: Path) -> None:
    from audit.note import split_note
    from audit.timestamp import request_stamp

    authority = make_authority(tmp_path / "authority")
    proof, stamp, roots = tmp_path / "proof", tmp_path / "stamp", tmp_path / "roots.pem"
    proof.write_bytes(proof_of(gate, episode_id))
    roots.write_bytes(authority.root_pem)
    note = Receipt.from_text(proof.read_text()).note
    options = ("--vkey", LOG.vkey, "--timestamp", str(stamp), "--tsa-roots", str(roots))
    stamp.write_bytes(authority.answer(request_stamp(split_note(note)[0]).body))
    result = run("log", "verify", str(proof), *options, "--json")
    assert result.exit_code == Exit.DONE, result.output
    assert json.loads(result.output)["stamped"].startswith(f"{now():%Y-}")
    stamp.write_bytes(authority.answer(request_stamp("another").body))
    assert run("log", "verify", str(proof), *options).exit_code == Exit.FAILED
    assert run("log", "verify", str(proof), *options[:4]).exit_code == Exit.USAGE


def test_a_waiting_submission_says_what_it_lacks(tmp_path: Path, witness: RunningWitness) -> None:
    away = policy_of(LOG, [(witness.verifier, "http://127.0.0.1:1")], quorum="all")
    gate = build_gate(tmp_path, clock=now, policy=away)  # type: ignore[arg-type]
    episode_id = gate.make(a_script())
    seen = gate.client("submitter").get(f"/v1/submissions/{episode_id}").json()
    assert seen["state"] == "approved"
    assert seen["waiting_for"] == "the quorum of witnesses: 0 cosigned; w1: it cannot be reached (ConnectError)"
    assert gate.client().get(f"/v1/log/proof/{episode_id}").status_code == 404
    assert gate.client().get("/v1/log/checkpoint").status_code == 404  # nothing is shown that lacks the quorum
    probe = countersigning_probe(gate.chain.tools.countersigning, clock=now, patience=timedelta(hours=1))
    assert "0 of " in str(probe.ask())
    probe = countersigning_probe(
        gate.chain.tools.countersigning, clock=lambda: now() + timedelta(hours=2), patience=timedelta(hours=1)
    )
    with pytest.raises(QuorumError, match="has been lacking for 7"):
        probe.ask()
    gate.chain.tools.close()


def test_readiness_names_the_witness_and_its_age(gate: Gate, episode_id: str) -> None:
    gate.chain.tools.countersigning.ask(everybody=True)
    probe = countersigning_probe(gate.chain.tools.countersigning, clock=now, patience=timedelta(minutes=1))
    assert "s ago by w1" in str(probe.ask())


def test_a_stored_cosignature_that_somebody_changed_is_named(gate: Gate, episode_id: str) -> None:
    others, database = gate.chain.tools.countersigning, gate.chain.database
    gate.make(a_script())  # a second checkpoint, so that there are two cosignatures to mix up
    others.ask(everybody=True)
    with database.read() as session:
        assert list(others.problems(session)) == []
    drop_guards(database.writer, "audit_cosignature")
    with database.write() as session:
        first, other = session.execute(text("SELECT size, line FROM audit_cosignature ORDER BY size")).all()[:2]
        session.execute(
            text("UPDATE audit_cosignature SET line = :line WHERE size = :size"),
            {"line": other.line, "size": first.size},
        )
    try:
        with database.read() as session:
            (problem,) = others.problems(session)
        assert problem.startswith(f"countersignatures of checkpoint {first.size}: the cosignature of")
    finally:
        with database.write() as session:
            session.execute(
                text("UPDATE audit_cosignature SET line = :line WHERE size = :size"),
                {"line": first.line, "size": first.size},
            )
