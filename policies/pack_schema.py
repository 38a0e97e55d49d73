"""The shape of `policy.toml` outside its rules: every key, its type and its limits (values only)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policies.rule_settings import RuleSettings, Strict

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class Disclosure(Strict):
    """A sentence that every release under this policy carries."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    where: Literal["show_notes", "spoken", "metadata"]
    text: str = Field(min_length=1, max_length=500)


class PackDocument(Strict):
    """The whole file."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)
    version: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}(\.\d+)?$")
    status: Literal["draft", "shadow", "live"]
    languages: tuple[Language, ...] = Field(min_length=1)
    description: str = Field(min_length=1)
    guidance: str = Field(min_length=1)
    lexicon: str
    knowledge_base: str
    not_evaluated: tuple[str, ...] = ()
    disclosures: tuple[Disclosure, ...] = ()
    rules: RuleSettings
