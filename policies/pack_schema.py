"""The shape of a pack's TOML files outside the rules: every key, its type and its limits (values only)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from policies.decision import Guidance, GuidanceLevel, Verdict
from policies.rule_settings import RuleSettings, Strict

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Category = Annotated[str, Field(pattern=r"^[a-z0-9_]+(/[a-z0-9_]+)*$", max_length=64)]
Sentence = Annotated[str, Field(min_length=1, max_length=1_000)]
Sentences = Annotated[tuple[Sentence, ...], Field(max_length=50)]


class Disclosure(Strict):
    """A sentence that every release under this policy carries."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    where: Literal["show_notes", "spoken", "metadata"]
    text: str = Field(min_length=1, max_length=500)


class PackDocument(Strict):
    """`policy.toml`."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)
    version: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}(\.\d+)?$", max_length=32)
    status: Literal["draft", "shadow", "live"]
    languages: tuple[Language, ...] = Field(min_length=1, max_length=50)
    description: str = Field(min_length=1)
    guidance: str = Field(min_length=1)  # for reviewers, about the policy as a whole
    lexicon: str
    knowledge_base: str
    examples: str = "golden.toml"
    category_guidance: str = "guidance.toml"
    not_evaluated: tuple[Category, ...] = ()
    disclosures: tuple[Disclosure, ...] = ()
    rules: RuleSettings

    @field_validator("version")
    @classmethod
    def _dated(cls, version: str) -> str:
        try:
            date.fromisoformat(version[:10])
        except ValueError as error:
            raise ValueError(f"{version!r} does not begin with a date; write YYYY-MM-DD") from error
        return version

    @field_validator("languages", "not_evaluated")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"names {', '.join(twice)} twice; name each once")
        return names


class LevelDocument(Strict):
    """One coded step of severity inside a category, with what it leads to."""

    code: str = Field(pattern=r"^[A-Z]{2,4}\d$")
    verdict: Verdict
    meaning: Sentence
    examples: Sentences = ()


class CategoryDocument(Strict):
    """What a reviewer needs to judge findings of some categories."""

    id: str = Field(pattern=r"^[a-z0-9_-]+$", max_length=64)
    categories: tuple[Category, ...] = Field(min_length=1, max_length=50)
    goal: Sentence
    definition: Sentence
    allow: Sentences = Field(min_length=1)
    refuse: Sentences = Field(min_length=1)
    levels: tuple[LevelDocument, ...] = Field(min_length=2, max_length=10)

    @model_validator(mode="after")
    def _mild_to_strict(self) -> Self:
        codes = [level.code for level in self.levels]
        if len(set(codes)) != len(codes):
            raise ValueError(f"a code stands twice among {codes}; give each level its own")
        strictness = [level.verdict.severity for level in self.levels]
        if strictness != sorted(strictness):
            raise ValueError("levels must go from mild to strict: allow, then review, then block")
        return self

    def value(self) -> Guidance:
        """Return the guidance as a decision carries it."""
        levels = tuple(GuidanceLevel(one.code, one.verdict, one.meaning, one.examples) for one in self.levels)
        return Guidance(self.id, self.categories, self.goal, self.definition, self.allow, self.refuse, levels)


class GuidanceDocument(Strict):
    """`guidance.toml`."""

    category: tuple[CategoryDocument, ...] = Field(min_length=1, max_length=200)


class ExampleDocument(Strict):
    """One example: a text of one speaker, or turns of two speakers who take turns."""

    name: str = Field(min_length=1, max_length=120)  # "group: what it shows"
    text: str = Field(default="", max_length=100_000)
    turns: tuple[Sentence, ...] = Field(default=(), max_length=100)
    language: Language | None = None  # by default the policy's first
    expect: tuple[Verdict, ...] = ()  # the verdicts that are right; empty: allow, or review and block
    category: Category | None = None  # a category that one of the findings must have

    @model_validator(mode="after")
    def _has_words(self) -> Self:
        if bool(self.text) == bool(self.turns):
            raise ValueError("needs either text or turns")
        return self


class ExamplesDocument(Strict):
    """The file of examples: what the policy must pass and what it must catch."""

    must_pass: tuple[ExampleDocument, ...] = Field(default=(), max_length=5_000)
    must_catch: tuple[ExampleDocument, ...] = Field(default=(), max_length=5_000)
