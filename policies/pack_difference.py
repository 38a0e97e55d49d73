"""What differs between two packs: settings, words, claims, examples, guidance (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from policies.policy import Policy


@dataclass(frozen=True, slots=True)
class PackChange:
    """One thing that differs; None stands for what is not there."""

    part: str  # "head", "rules", "lexicon", "claims", "examples" or "guidance"
    name: str  # dotted key, term, claim id, example name ...
    old: str | None
    new: str | None


def pack_changes(old: Policy, new: Policy) -> tuple[PackChange, ...]:
    """Return everything in which `new` differs from `old`, part by part and sorted by name."""
    return tuple(
        PackChange(part, name, before.get(name), after.get(name))
        for part, read in _PARTS.items()
        for before, after in ((read(old), read(new)),)
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _head(policy: Policy) -> dict[str, str]:
    head: dict[str, Any] = {
        "id": policy.id,
        "version": policy.version,
        "status": policy.status.value,
        "languages": list(policy.languages),
        "description": policy.description,
        "guidance": policy.guidance.strip(),
        "not_evaluated": sorted(policy.not_evaluated),
    }
    head |= {f"disclosures.{one.id}": f"{one.where}: {one.text}" for one in policy.disclosures}
    return {name: _shown(value) for name, value in head.items()}


def _rules(policy: Policy) -> dict[str, str]:
    return dict(_flat(policy.rules.model_dump(mode="json", exclude_none=True)))


def _lexicon(policy: Policy) -> dict[str, str]:
    listed: dict[str, set[str]] = {}
    for entry in policy.lexicon.entries:
        listed.setdefault(" ".join(entry.words), set()).add(f"{entry.category}: {entry.verdict.value}")
    return {term: ", ".join(sorted(meanings)) for term, meanings in listed.items()}


def _claims(policy: Policy) -> dict[str, str]:
    found = {}
    for record in policy.knowledge.records:
        for key, value in _flat(record.model_dump(mode="json", exclude_none=True, exclude={"id"})):
            found[f"{record.id}.{key}"] = value
    return found


def _examples(policy: Policy) -> dict[str, str]:
    return {
        one.name: f"{one.purpose.value}, {' or '.join(one.expect)}"
        + (f", {one.category}" if one.category else "")
        + f": {one.manuscript.text}"
        for one in policy.examples
    }


def _guidance(policy: Policy) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in policy.category_guidance:
        document = {key: value for key, value in asdict(one).items() if key != "id"}
        found |= {f"{one.id}.{key}": value for key, value in _flat(document)}
    return found


_PARTS = {
    "head": _head,
    "rules": _rules,
    "lexicon": _lexicon,
    "claims": _claims,
    "examples": _examples,
    "guidance": _guidance,
}


def _flat(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted key, shown value) of everything in nested tables; an empty table is shown as itself."""
    for key, below in value.items():
        name = f"{above}{key}"
        if isinstance(below, Mapping) and below:
            yield from _flat(below, f"{name}.")
        elif below not in ({}, [], ()):
            yield name, _shown(below)


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return "; ".join(_shown(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_shown(below)}" for key, below in value.items() if below not in ((), []))
    return str(value)
