"""Findings of a decision as a table for people: rule, verdict, score, the words concerned, and the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from gateway.submissions import EpisodeHearing

QUOTE_CHARACTERS = 90  # of the author's text shown per finding
COLOURS = {"block": "red", "review": "yellow", "allow": "green"}


def findings_table(text: str, decision: Mapping[str, Any], *, most: int | None = None) -> Table:
    """Return the findings of a stored decision on `text`, the strictest first, and `most` of them at most."""
    from rich.table import Table
    from rich.text import Text

    table = Table("verdict", "rule", "score", "in the script")
    table.add_column("why", overflow="fold")  # addresses of evidence must stay whole
    order = {"block": 0, "review": 1, "allow": 2}
    findings = sorted(decision["findings"], key=lambda one: (order[one["verdict"]], -one["score"]))
    if most is not None and len(findings) > most:
        table.caption = f"and {len(findings) - most} more"
    for finding in findings[:most]:
        span = finding["span"]
        quote = " ".join(text[span["start"] : span["end"]].split())
        if len(quote) > QUOTE_CHARACTERS:
            quote = quote[:QUOTE_CHARACTERS] + "…"
        why = finding["explanation"]
        for evidence in finding.get("evidence", ()):
            why += f"\n{evidence['publisher']}: {evidence['rating']} ({evidence['published_on']}) {evidence['url']}"
        if finding.get("time_start") is not None:
            why += f"\nheard at {finding['time_start']:.1f} to {finding['time_end']:.1f} s"
        verdict = finding["verdict"]
        table.add_row(
            Text(verdict, style=COLOURS[verdict]),
            f"{finding['rule']}\n{finding['category'].removeprefix(finding['rule']).lstrip('/')}",
            f"{finding['score']:.2f}",
            Text(quote),
            Text(why),
        )
    return table


def hearing_json(hearing: EpisodeHearing | None) -> dict[str, object] | None:
    """Return what was heard as JSON values, without the words; None where nobody listened."""
    if hearing is None:
        return None
    rate = hearing.errors / hearing.words if hearing.words else 1.0
    return {
        "verdict": hearing.decision["verdict"],
        "words": hearing.words,
        "errors": hearing.errors,
        "word_error_rate": round(rate, 4),
        "listener": hearing.listener,
        "decision": hearing.decision,
    }


def hearing_summary(hearing: EpisodeHearing) -> str:
    """Return the spoken check in a few words: its verdict, and how many words were heard otherwise."""
    return f"{hearing.decision['verdict']}, {hearing.errors} of {hearing.words} words otherwise"
