"""Policy packs: dated rules, thresholds and disclosures as data, validated whole, identified by their own digest.

A pack is a folder with `policy.toml`, a lexicon, a knowledge base, guidance for reviewers and examples. A pack that is
wrong in any place is refused in whole: a policy that loads half of its rules would pass what its author meant to stop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import rfc8785
from pydantic import ValidationError

from policies.decision import Finding, Guidance
from policies.errors import InvalidPolicyError, Problem
from policies.examples import Example, read_examples
from policies.knowledge import KnowledgeBase
from policies.lexicon import Lexicon
from policies.pack_files import (
    MAX_KNOWLEDGE_BYTES,
    MAX_LEXICON_BYTES,
    TomlFile,
    read_bytes,
    read_toml,
    suggestion,
    validated,
)
from policies.pack_schema import Disclosure, GuidanceDocument, PackDocument
from policies.rule_settings import RuleSettings
from policies.text import Manuscript
from policies.views import Views

PACK_FILE = "policy.toml"
DEFAULT_PACK = Path(__file__).with_name("packs") / "default-2026-11-25"


class Status(StrEnum):
    """Where a pack is in its life; people move it on by editing the file."""

    DRAFT = "draft"  # may be tried and compared, never run by the service
    SHADOW = "shadow"  # may run beside the policy in force, and decides nothing
    LIVE = "live"  # may be in force


class Coverage(StrEnum):
    """Whether a category was looked at; "not evaluated" is never reported as a score of zero."""

    EVALUATED = "evaluated"  # a rule of this policy judged it
    NOT_EVALUATED = "not_evaluated"  # no rule could, and the policy says so


class Rule(Protocol):
    """One thing that a policy forbids or asks a person about.

    Obligations: `check` is a pure function of its arguments and may be called from several threads at once; it looks at
    every sentence of every view; it raises rather than returning less than it was asked for. `models` names what it
    used, so that a decision can be repeated. A rule may also say which verdicts it can give (`policies.pack_checks`).
    """

    @property
    def id(self) -> str:
        """Name of the rule in the policy, for example "toxicity"."""
        ...

    @property
    def categories(self) -> tuple[str, ...]:
        """All categories that this rule's findings can have."""
        ...

    @property
    def models(self) -> tuple[tuple[str, str], ...]:
        """(model id, "sha256:<hex>") of everything learned that the rule uses."""
        ...

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Return what the rule saw, spans in the author's text; an empty list says that it looked and saw nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Policy:
    """A loaded pack: everything a screening depends on besides models."""

    id: str
    version: str  # ISO date, with an optional suffix: "2026-11-22", "2026-11-22.2"
    status: Status
    languages: tuple[str, ...]
    description: str
    guidance: str  # for reviewers, plain text, about the whole policy
    category_guidance: tuple[Guidance, ...]  # for reviewers, per category
    disclosures: tuple[Disclosure, ...]
    rules: RuleSettings
    not_evaluated: tuple[str, ...]  # categories that this policy declares it cannot judge
    lexicon: Lexicon
    knowledge: KnowledgeBase
    examples: tuple[Example, ...]
    digest: str  # "sha256:<hex>" over policy.toml in canonical form (RFC 8785) and the digests of its files
    files: Mapping[str, TomlFile] = field(repr=False, compare=False)  # by the key that names them, for error places

    @classmethod
    def load(cls, path: Path) -> Policy:
        """Load the pack in folder `path` (or the `policy.toml` named by it).

        Raises `InvalidPolicyError` that names file, line, key and what to do, for every mistake of the first file that
        has any.
        """
        file = path if path.suffix == ".toml" else path / PACK_FILE
        folder = file.parent
        policy = read_toml(folder, file.name)
        if not policy.values:
            raise InvalidPolicyError(f"{file}: is empty; a policy needs an id, a version and at least one rule")
        document = validated(PackDocument, policy)
        lexicon = read_bytes(folder, document.lexicon, key="lexicon", limit=MAX_LEXICON_BYTES)
        knowledge = read_bytes(folder, document.knowledge_base, key="knowledge_base", limit=MAX_KNOWLEDGE_BYTES)
        examples = read_toml(folder, document.examples, key="examples")
        guidance = read_toml(folder, document.category_guidance, key="category_guidance")
        if problems := [*_rule_problems(document, policy), *_disclosure_problems(document, policy)]:
            raise InvalidPolicyError.listing(problems)
        return cls(
            id=document.id,
            version=document.version,
            status=Status(document.status),
            languages=document.languages,
            description=document.description,
            guidance=document.guidance,
            category_guidance=_read_guidance(guidance),
            disclosures=document.disclosures,
            rules=document.rules,
            not_evaluated=document.not_evaluated,
            lexicon=Lexicon.parse(lexicon, source=document.lexicon),
            knowledge=KnowledgeBase.parse(knowledge, source=document.knowledge_base),
            examples=read_examples(examples, languages=document.languages),
            digest=_digest(document, {"lexicon": lexicon, "knowledge_base": knowledge}, (examples, guidance)),
            files={"policy": policy, "examples": examples, "category_guidance": guidance},
        )

    def in_language(self, language: str) -> Policy | None:
        """Return a policy of the rules alone that have other settings for `language`; None where none has."""
        changed = {
            name: rule.in_language(language)
            for name, rule in self.rules
            if getattr(rule, "enabled", False) and language in getattr(rule, "languages", ())
        }
        if not changed:
            return None
        return replace(self, rules=RuleSettings.model_construct(**changed))

    def guidance_for(self, category: str) -> Guidance | None:
        """Return what a reviewer should know about findings of `category`, if the pack says anything."""
        return next((one for one in self.category_guidance if category in one.categories), None)


def knowledge_file(path: Path) -> Path:
    """Return where the pack at `path` keeps its knowledge base; raises as `Policy.load` does for `policy.toml`."""
    file = path if path.suffix == ".toml" else path / PACK_FILE
    document = validated(PackDocument, read_toml(file.parent, file.name))
    read_bytes(file.parent, document.knowledge_base, key="knowledge_base", limit=MAX_KNOWLEDGE_BYTES)
    return file.with_name(document.knowledge_base)


def _rule_problems(document: PackDocument, file: TomlFile) -> list[Problem]:
    """Return what is wrong with the rules as a whole, and with their settings per language."""
    if document.rules.is_empty():
        return [
            file.problem(
                ("rules",),
                "no rule is enabled; a policy without rules would allow everything: set enabled = true for one",
            )
        ]
    problems = []
    for name, rule in document.rules:
        for language, override in getattr(rule, "languages", {}).items():
            at = ("rules", name, "languages", language)
            if language not in document.languages:
                near = suggestion(language, document.languages)
                problems.append(
                    file.problem(at, f"no language of the policy; add it to languages, or remove this table{near}")
                )
            for key in sorted({"enabled", "languages"} & set(override)):
                problems.append(file.problem((*at, key), "cannot differ by language; remove it"))
            try:
                rule.in_language(language)
            except ValidationError as error:
                problems += file.problems(error, shape=type(rule), below=at)
    return problems


def _disclosure_problems(document: PackDocument, file: TomlFile) -> list[Problem]:
    seen: set[str] = set()
    problems = []
    for number, disclosure in enumerate(document.disclosures):
        if disclosure.id in seen:
            problems.append(file.problem(("disclosures", number, "id"), f"{disclosure.id!r} is used twice; rename one"))
        seen.add(disclosure.id)
    return problems


def _read_guidance(file: TomlFile) -> tuple[Guidance, ...]:
    document = validated(GuidanceDocument, file)
    problems = []
    ids: set[str] = set()
    owners: dict[str, str] = {}
    codes: dict[str, str] = {}
    for number, one in enumerate(document.category):
        at = ("category", number)
        if one.id in ids:
            problems.append(file.problem((*at, "id"), f"{one.id!r} is used twice; rename one"))
        ids.add(one.id)
        for category in one.categories:
            if (owner := owners.setdefault(category, one.id)) != one.id:
                problems.append(
                    file.problem((*at, "categories"), f"{category!r} has guidance in {owner!r} already; keep one")
                )
        for place, level in enumerate(one.levels):
            if (owner := codes.setdefault(level.code, one.id)) != one.id:
                problems.append(
                    file.problem((*at, "levels", place, "code"), f"{level.code!r} is a code of {owner!r}; take another")
                )
    if problems:
        raise InvalidPolicyError.listing(problems)
    return tuple(one.value() for one in document.category)


def _digest(document: PackDocument, files: Mapping[str, bytes], values: tuple[TomlFile, ...]) -> str:
    """Return the pack's digest; of TOML files the values count, so that a comment changes nothing."""
    content: dict[str, Any] = {
        "v": 2,
        "policy": document.model_dump(mode="json"),
        "files": {key: "sha256:" + hashlib.sha256(content).hexdigest() for key, content in files.items()},
        "values": [file.values for file in values],
    }
    try:
        canonical = rfc8785.dumps(content)
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        raise InvalidPolicyError(f"a value of the pack has no canonical form: {error}; write it otherwise") from error
    return "sha256:" + hashlib.sha256(canonical).hexdigest()
