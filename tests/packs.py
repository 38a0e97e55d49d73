"""Small policy packs that need no model, written into a folder for a test."""

from __future__ import annotations

from pathlib import Path

HEAD = """id = "small"
version = "2026-03-01"
status = "live"
languages = ["en", "de"]
description = "A policy for tests."
guidance = "Look twice."
lexicon = "lexicon.csv"
knowledge_base = "claims.json"
not_evaluated = ["defamation"]

[rules.lexicon]
evasion = "review"

[rules.personal_data]
verdict = "review"
kinds = ["email"]
"""

LEXICON = """term,category,verdict
blimey,profanity,review
scoundrel,slur,block
"""

CLAIMS = """[{
  "id": "moon-cheese", "claimReviewed": "The Moon is made of cheese.",
  "reviewRating": {"ratingValue": 1, "bestRating": 5, "worstRating": 1, "alternateName": "False"},
  "author": {"name": "NASA"}, "url": "https://science.nasa.gov/moon/", "reviewed_on": "2026-01-01",
  "topic": "science", "harm": "low", "paraphrases": ["Our Moon is a cheese."], "corrections": ["The Moon is rock."]
}]
"""

EXAMPLES = """[[must_pass]]
name = "calm: weather"
text = "It stays dry until the evening."

[[must_catch]]
name = "rude: name"
text = "You scoundrel."
expect = ["block"]
category = "slur"
"""

GUIDANCE = """[[category]]
id = "rude"
categories = ["slur", "profanity", "evasion", "email"]
goal = "Be kind."
definition = "Words that are not kind."
allow = ["Quotations."]
refuse = ["Abuse."]
[[category.levels]]
code = "RU0"
verdict = "allow"
meaning = "Harmless."
[[category.levels]]
code = "RU3"
verdict = "block"
meaning = "Abuse."
"""


def write_pack(
    folder: Path,
    *replacements: tuple[str, str],
    head: str = HEAD,
    lexicon: str = LEXICON,
    claims: str = CLAIMS,
    examples: str = EXAMPLES,
    guidance: str = GUIDANCE,
) -> Path:
    """Write a pack into the new folder `folder`; each replacement (old, new) is made once, in the file that has it."""
    files = {
        "policy.toml": head,
        "lexicon.csv": lexicon,
        "claims.json": claims,
        "golden.toml": examples,
        "guidance.toml": guidance,
    }
    for old, new in replacements:
        (name,) = [name for name, text in files.items() if old in text]
        files[name] = files[name].replace(old, new, 1)
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
