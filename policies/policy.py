"""Policy packs: dated rules, thresholds and disclosures as data, validated whole, identified by their own digest.

A pack is a folder with `policy.toml`, a lexicon and a knowledge base. A pack that is wrong in any place is refused in
whole: a policy that loads half of its rules would pass what its author meant to stop.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import rfc8785
from pydantic import ValidationError

from policies.decision import Finding
from policies.errors import InvalidPolicyError
from policies.knowledge import KnowledgeBase
from policies.lexicon import Lexicon
from policies.pack_schema import Disclosure, PackDocument
from policies.rule_settings import RuleSettings
from policies.text import Manuscript
from policies.views import Views

PACK_FILE = "policy.toml"
DEFAULT_PACK = Path(__file__).with_name("packs") / "default-2026-11-25"


class Coverage(StrEnum):
    """Whether a category was looked at; "not evaluated" is never reported as a score of zero."""

    EVALUATED = "evaluated"  # a rule of this policy judged it
    NOT_EVALUATED = "not_evaluated"  # no rule could, and the policy says so


class Rule(Protocol):
    """One thing that a policy forbids or asks a person about.

    Obligations: `check` is a pure function of its arguments and may be called from several threads at once; it looks at
    every sentence of every view; it raises rather than returning less than it was asked for. `models` names what it
    used, so that a decision can be repeated.
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
    status: str  # draft, shadow or live
    languages: tuple[str, ...]
    guidance: str  # for reviewers, plain text
    disclosures: tuple[Disclosure, ...]
    rules: RuleSettings
    not_evaluated: tuple[str, ...]  # categories that this policy declares it cannot judge
    lexicon: Lexicon
    knowledge: KnowledgeBase
    digest: str  # "sha256:<hex>" over policy.toml in canonical form (RFC 8785) and the digests of its files

    @classmethod
    def load(cls, path: Path) -> Policy:
        """Load the pack in folder `path` (or the `policy.toml` named by it).

        Raises `InvalidPolicyError` that names the file, the key and what to do.
        """
        file = path if path.suffix == ".toml" else path / PACK_FILE
        document = _read(file)
        lexicon_bytes = _companion(file, document.lexicon, "lexicon")
        knowledge_bytes = _companion(file, document.knowledge_base, "knowledge_base")
        lexicon = Lexicon.parse(lexicon_bytes, source=document.lexicon)
        knowledge = KnowledgeBase.parse(knowledge_bytes, source=document.knowledge_base)
        if document.rules.is_empty():
            raise InvalidPolicyError(
                f"{file}: no rule is enabled; a policy without rules would allow everything: set enabled = true for one"
            )
        digest = _digest(document, {document.lexicon: lexicon_bytes, document.knowledge_base: knowledge_bytes})
        return cls(
            id=document.id,
            version=document.version,
            status=document.status,
            languages=tuple(document.languages),
            guidance=document.guidance,
            disclosures=tuple(document.disclosures),
            rules=document.rules,
            not_evaluated=tuple(document.not_evaluated),
            lexicon=lexicon,
            knowledge=knowledge,
            digest=digest,
        )


def knowledge_file(path: Path) -> Path:
    """Return where the pack at `path` keeps its knowledge base; raises as `Policy.load` does for `policy.toml`."""
    file = path if path.suffix == ".toml" else path / PACK_FILE
    return file.with_name(_read(file).knowledge_base)


def _read(file: Path) -> PackDocument:
    try:
        parsed: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidPolicyError(
            f"{file}: cannot be read ({error.strerror}); name a folder with {PACK_FILE}"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidPolicyError(f"{file}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidPolicyError(f"{file}: is not valid TOML: {error}; correct that line") from error
    if not parsed:
        raise InvalidPolicyError(f"{file}: is empty; a policy needs an id, a version and at least one rule")
    try:
        document = PackDocument.model_validate(parsed)
    except ValidationError as error:
        raise InvalidPolicyError(f"{file}: {_explain(error)}") from error
    try:
        date.fromisoformat(document.version[:10])
    except ValueError as error:
        raise InvalidPolicyError(
            f"{file}: version: {document.version!r} does not begin with a date; write YYYY-MM-DD"
        ) from error
    return document


def _explain(error: ValidationError) -> str:
    """Name every wrong key with its fix, on one line each."""
    hints = {"extra_forbidden": "unknown key; remove it or correct its name", "missing": "is required; add it"}
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in problem["loc"]) or "the document"
        lines.append(f"{key}: {hints.get(problem['type'], problem['msg'])}")
    return "; ".join(lines)


def _companion(file: Path, name: str, key: str) -> bytes:
    if Path(name).name != name:
        raise InvalidPolicyError(f"{file}: {key}: {name!r} must be a file name in the pack's own folder")
    try:
        return file.with_name(name).read_bytes()
    except OSError as error:
        raise InvalidPolicyError(
            f"{file}: {key}: {name} cannot be read ({error.strerror}); put it beside the policy"
        ) from error


def _digest(document: PackDocument, files: dict[str, bytes]) -> str:
    canonical = rfc8785.dumps(
        {
            "v": 1,
            "policy": document.model_dump(mode="json"),
            "files": {name: "sha256:" + hashlib.sha256(content).hexdigest() for name, content in files.items()},
        }
    )
    return "sha256:" + hashlib.sha256(canonical).hexdigest()
