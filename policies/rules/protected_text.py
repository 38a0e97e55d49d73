"""Passages of protected texts (lyrics, books, wire copy, confidential papers) that are longer than a quotation."""

from __future__ import annotations

from policies.decision import Evidence, Finding
from policies.errors import InvalidPolicyError
from policies.protected.registry import TextIndex, TextRegistry
from policies.text import Manuscript
from policies.views import View, Views


class ProtectedPassages:
    """Finds passages of registered texts, also with other punctuation, case, spelling, and some words changed."""

    id = "protected_text"
    categories = ("protected_text",)

    def __init__(self, *, registry: TextRegistry) -> None:
        if not registry.texts:
            raise InvalidPolicyError(
                "the policy looks for protected texts, but none is registered; run `assay policy texts add FILE`, "
                "or set rules.protected_text.enabled = false"
            )
        self._index = TextIndex(registry)
        self.models: tuple[tuple[str, str], ...] = (("protected-texts", registry.digest),)

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Search every distinct view; a passage found in several of them is one finding."""
        del manuscript
        findings: list[Finding] = []
        searched: set[str] = set()
        for view in views.all:
            if view.text in searched:
                continue
            searched.add(view.text)
            for finding in self._search(view):
                if not any(_same(finding, known) for known in findings):
                    findings.append(finding)
        return findings

    def _search(self, view: View) -> list[Finding]:
        places, passages = self._index.search(view.text)
        found = []
        for passage in passages:
            text = self._index.texts[passage.text]
            share = min(1.0, passage.matched / (passage.last - passage.first))
            found.append(
                Finding(
                    rule=self.id,
                    category=self.categories[0],
                    verdict=text.verdict,
                    span=view.span(places[passage.first][0], places[passage.last - 1][1]),
                    score=round(share, 4),
                    explanation=(
                        f"{passage.matched} words of this passage stand in a protected text, of which "
                        f"{text.quote_words} may be quoted; shorten it, or get the owner's permission."
                    ),
                    view=view.name,
                    evidence=(
                        Evidence(
                            claim=text.title,
                            rating="protected",
                            publisher=text.owner,
                            url=text.url,
                            published_on=text.added_on.isoformat(),
                            similarity=round(share, 4),
                            record=text.id,
                        ),
                    ),
                )
            )
        return found


def _same(one: Finding, other: Finding) -> bool:
    return (
        one.evidence[0].record == other.evidence[0].record
        and one.span.start < other.span.end
        and other.span.start < one.span.end
    )
