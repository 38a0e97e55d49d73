"""Witness policies: whose word makes a checkpoint count (C2SP tlog-policy; pure).

A policy names logs, witnesses, groups of them, and one quorum. A checkpoint is accepted when one of the logs signed it
and the quorum cosigned it: with a quorum, showing different histories to different people needs that many liars.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from audit.checkpoint import Checkpoint, parse_and_verify
from audit.cosignature import CosignatureVerifier, cosigned_at
from audit.errors import CheckpointError, QuorumError, WitnessPolicyError
from audit.note import Signature, Verifier, split_note

MAX_POLICY_BYTES = 64 * 1024  # far more than the 32 logs, witnesses and groups that the format asks for
MAX_LINES = 1_000
NO_QUORUM = "none"


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log whose checkpoints the policy accepts."""

    verifier: Verifier
    url: str = ""


@dataclass(frozen=True, slots=True)
class KnownWitness:
    """A witness; `name` is the policy's own, the key has its own in `verifier`."""

    name: str
    verifier: CosignatureVerifier
    url: str = ""  # submission prefix; only whoever asks for cosignatures needs it


@dataclass(frozen=True, slots=True)
class Group:
    """Counts as one witness that has cosigned when `threshold` of its members have."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """A whole policy; `text` is the file that it was read from."""

    logs: tuple[KnownLog, ...]
    witnesses: tuple[KnownWitness, ...]
    groups: Mapping[str, Group]
    quorum: str  # name of a witness or group, or `NO_QUORUM`
    text: str

    @property
    def has_quorum(self) -> bool:
        """False where checkpoints count without any witness."""
        return self.quorum != NO_QUORUM

    def is_met_by(self, names: Collection[str]) -> bool:
        """True if these witnesses, by the policy's names, make the quorum."""
        return not self.has_quorum or self._counts(self.quorum, names)

    def cosigners(self, note: str) -> dict[str, datetime]:
        """Return the witnesses that cosigned a checkpoint, by name, and when.

        Raises `CheckpointError` if the note is malformed or a known witness's cosignature is bad.
        """
        text, signatures = split_note(note)
        return {witness.name: at for witness, at in self._verified(text, signatures)}

    def verify(self, note: str, *, origin: str | None = None) -> Checkpoint:
        """Return the checkpoint if a log of the policy signed it and the quorum cosigned it.

        1. Signed by a known log, of `origin` if given.
        2. No cosignature of a known witness is bad.
        3. The quorum cosigned.

        Raises `CheckpointError` for 1 and 2, `QuorumError` for 3.
        """
        # 1.
        named = note.partition("\n")[0]
        keys = [known.verifier for known in self.logs if known.verifier.name == named]
        if not keys or (origin is not None and named != origin):
            raise CheckpointError(f"the policy does not accept checkpoints of {named!r}; check which log it names")
        checkpoint = parse_and_verify(note, origin=named, verifiers=keys)
        # 2. and 3.
        self.require(note)
        return checkpoint

    def require(self, note: str) -> dict[str, datetime]:
        """Insist on the quorum, and return who cosigned, and when; raises `QuorumError` or `CheckpointError`."""
        cosigners = self.cosigners(note)
        if not self.is_met_by(cosigners.keys()):
            held = ", ".join(sorted(cosigners)) or "nobody"
            raise QuorumError(f"the checkpoint is cosigned by {held}, which is not the quorum {self.quorum!r}")
        return cosigners

    def require_log(self, verifier: Verifier) -> None:
        """Insist that the policy accepts the log with this key; raises `WitnessPolicyError`."""
        if all(known.verifier != verifier for known in self.logs):
            raise WitnessPolicyError(f"the policy does not name this log; add the line: log {verifier.vkey}")

    def _verified(self, text: str, signatures: Sequence[Signature]) -> list[tuple[KnownWitness, datetime]]:
        known = {(one.verifier.name, one.verifier.key_id): one for one in self.witnesses}
        found = []
        for signature in signatures:
            witness = known.get((signature.name, signature.key_id))
            if witness is not None:
                witness.verifier.verify(text, signature.signature)
                found.append((witness, cosigned_at(signature)))
        return found

    def _counts(self, name: str, names: Collection[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in names
        return sum(self._counts(member, names) for member in group.members) >= group.threshold

    @classmethod
    def parse(cls, content: bytes) -> WitnessPolicy:
        """Read a policy file; raises `WitnessPolicyError` naming the line."""
        if len(content) > MAX_POLICY_BYTES:
            raise WitnessPolicyError(f"a policy file has at most {MAX_POLICY_BYTES} bytes")
        reader = _Reader()
        lines = content.decode("utf-8", "surrogateescape").split("\n")  # names are octets, whatever they spell
        for number, line in enumerate(lines[: MAX_LINES + 1], start=1):
            try:
                reader.take(line)
            except (WitnessPolicyError, CheckpointError) as error:
                raise WitnessPolicyError(f"line {number} of the policy: {error}") from error
        if len(lines) > MAX_LINES:
            raise WitnessPolicyError(f"a policy has at most {MAX_LINES} lines")
        if reader.quorum is None:
            raise WitnessPolicyError("the policy has no quorum line; write `quorum NAME`, or `quorum none`")
        return cls(
            tuple(reader.logs),
            tuple(reader.witnesses),
            reader.groups,
            reader.quorum,
            content.decode("utf-8", "replace"),
        )


class _Reader:
    """Reads line by line: names must be defined above their use."""

    def __init__(self) -> None:
        self.logs: list[KnownLog] = []
        self.witnesses: list[KnownWitness] = []
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()

    def take(self, line: str) -> None:
        if any((character < " " and character != "\t") or character == "\x7f" for character in line):
            raise WitnessPolicyError("control characters other than tab and newline are not allowed")
        words = [word for word in line.replace("\t", " ").split(" ") if word]
        if not words or words[0].startswith("#"):
            return
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self._log(KnownLog(Verifier.parse(vkey), *words[2:]))
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                self._witness(KnownWitness(name, CosignatureVerifier.parse(vkey), *words[3:]))
            case ["group", name, threshold, _, *_]:
                self._group(name, threshold, tuple(words[3:]))
            case ["quorum", name]:
                self._quorum(name)
            case _:
                raise WitnessPolicyError("it is neither log, witness, group nor quorum, or lacks a part")

    def _log(self, log: KnownLog) -> None:
        if any(known.verifier.public_key == log.verifier.public_key for known in self.logs):
            raise WitnessPolicyError("a log with this key is named above")
        self.logs.append(log)

    def _witness(self, witness: KnownWitness) -> None:
        if any(known.verifier.public_key == witness.verifier.public_key for known in self.witnesses):
            raise WitnessPolicyError("a witness with this key is named above; one witness counts once")
        self._define(witness.name)
        self.witnesses.append(witness)

    def _group(self, name: str, threshold: str, members: tuple[str, ...]) -> None:
        for member in members:
            self._require_defined(member)
            if member in self._members:
                raise WitnessPolicyError(f"{member!r} is a member already; each may count in one way only")
            self._members.add(member)
        words = {"any": 1, "all": len(members)}
        if threshold not in words and not (threshold.isascii() and threshold.isdigit() and len(threshold) < 5):
            raise WitnessPolicyError("a group needs `any`, `all` or a number of members")
        needed = words.get(threshold) or int(threshold)
        if not 1 <= needed <= len(members):
            raise WitnessPolicyError(f"a group of {len(members)} members cannot need {needed} of them")
        self._define(name)
        self.groups[name] = Group(needed, members)

    def _quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise WitnessPolicyError("there is a quorum line above; a policy has exactly one")
        if name != NO_QUORUM:
            self._require_defined(name)
        self.quorum = name

    def _define(self, name: str) -> None:
        if name == NO_QUORUM or name in self._names():
            raise WitnessPolicyError(f"the name {name!r} is taken; choose another")

    def _require_defined(self, name: str) -> None:
        if name not in self._names():
            raise WitnessPolicyError(f"{name!r} is not defined above this line")

    def _names(self) -> set[str]:
        return {witness.name for witness in self.witnesses} | self.groups.keys()
