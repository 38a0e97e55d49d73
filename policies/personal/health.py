"""Statements about the health of one person who is named, or near to the speaker (pure).

Health is a special category of personal data (GDPR, article 9). Only a person can tell who is public, so every such
statement is a question to the reviewer; statements about illnesses, groups and the speaker are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.personal.datum import Seen, seen


def _any_of(*words: str) -> str:
    return "(?:" + "|".join(words) + ")"


_NAME = r"[A-Z][\w'’-]{1,20}"
# Places and institutions have two capitals as well: "South Africa has HIV under control".
_NOT_A_FIRST_NAME = (
    "(?!(?:New|North|South|East|West|Great|Gulf|United|Los|Las|San|Santa|Saint|Latin|Central|Old|Royal|National|The|This|"
    "That|When|While|Since|In|On|At|And|But|If|As|Although|Because)[ ])"
)
_NOT_A_SURNAME = (
    "(?!(?:United|City|Kingdom|States|Coast|County|University|Company|Association|Union|America|Africa|Asia|Europe|Islands?|"
    "Britain|Zealand|Church|Hospital|Party|Police|Council|Republic|Valley|Bay)(?![a-z]))"
)
_FULL_NAME = _NOT_A_FIRST_NAME + r"[A-Z][a-z'’-]{1,20} (?:[A-Z]\. )?" + _NOT_A_SURNAME + _NAME
_RELATION = _any_of(
    "neighbou?r", "boss", "colleague", "co-?worker", "teacher", "landlord", "tenant", "roommate", "flatmate",
    "classmate", "student", "employee", "client", "patient", r"ex(?:-\w{2,9})?", "nanny", "babysitter", "manager",
)  # fmt: skip
_PERSON = _any_of(
    r"(?:[Mm]y|[Oo]ur|[Hh]is|[Hh]er|[Tt]heir) (?:\w{2,12} )?" + _RELATION + r"(?:,? " + _NAME + r"){0,2},?",
    r"(?:[Tt]he )?[Pp]atient,? " + _NAME + "(?: " + _NAME + ")?,?",
    _FULL_NAME,
)
_STATE = _any_of(
    "diagnosed with", "suffers from", "suffering from", "being treated for", "in treatment for", "in rehab for",
    "hospitali[sz]ed (?:for|with)", "tested positive for", "on medication for", "takes? medication for", "hiding",
    "living with", "has", "had",
)  # fmt: skip
_QUALIFIER = _any_of("an?", "her", "his", "their", "severe", r"stage \w{1,5}", r"type \w{1,3}", "chronic", "advanced")
_CONDITION = _any_of(
    "cancer", "leuka?emia", "diabetes", "epilepsy", "depression", "bipolar(?: disorder)?", "schizophrenia", "anxiety",
    "ptsd", "autism", "adhd", "dementia", "alzheimer['’]?s", "parkinson['’]?s", "hiv", "aids", "hepatitis(?: [abc])?",
    "herpes", "syphilis", "chlamydia", "gonorrho?ea", "std", "sti", "anorexia", "bulimia", "eating disorder",
    "addiction", "alcoholism", "abortion", "miscarriage", "infertility", "multiple sclerosis", "tumou?r",
    "(?:borderline )?personality disorder", "overdose", "stroke", "covid",
)  # fmt: skip
_STATEMENT = re.compile(
    r"(?<!\w)" + _PERSON + r"\s(?:(?:is|was|has|had|has been|had been|who) )?(?:(?:currently|secretly|still|just) )?"
    + _STATE + "(?: " + _QUALIFIER + "){0,2} (?i:" + _CONDITION + r")(?!\w)"
)  # fmt: skip
_RECORD_KIND = _any_of(
    "medical record", "patient record", "patient file", "psychiatric file", "hospital file", "therapy notes?",
    "test result", "lab result", "(?:hiv|HIV) status", "diagnosis",
)  # fmt: skip
_RECORD = re.compile(
    r"\b" + _RECORD_KIND + "s? (?:of|for) (?:my |our )?" + _FULL_NAME
    + r"|\b" + _FULL_NAME + r"['’]s? (?:" + _RECORD_KIND + r"|abortion|medication)s?\b"
)  # fmt: skip


def health(text: str) -> Iterator[Seen]:
    """Yield statements about the health of one named or related person, and mentions of their records."""
    for pattern in (_STATEMENT, _RECORD):
        for match in pattern.finditer(text):
            yield seen("medical", match)
