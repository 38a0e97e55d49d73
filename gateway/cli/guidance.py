"""What the policy tells reviewers about a category, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gateway.cli.findings import COLOURS

if TYPE_CHECKING:
    from rich.panel import Panel


def guidance_panel(guidance: Mapping[str, Any]) -> Panel:
    """Return one category's guidance as a panel: goal, definition, what to allow and refuse, levels with examples."""
    from rich.panel import Panel
    from rich.text import Text

    text = Text()
    text.append(f"{guidance['goal']}\n", style="bold")
    text.append(f"{guidance['definition']}\n")
    for label, style, sentences in (("allow", "green", guidance["allow"]), ("refuse", "red", guidance["refuse"])):
        for sentence in sentences:
            text.append(f"{label:>7} ", style=style)
            text.append(f"{sentence}\n")
    for level in guidance["levels"]:
        text.append(f"{level['code']:>7} ", style=COLOURS[str(level["verdict"])])
        text.append(f"{level['verdict']}: {level['meaning']}\n")
        for example in level["examples"]:
            text.append(f"        e.g. {example}\n", style="dim")
    text.rstrip()
    return Panel(text, title=", ".join(guidance["categories"]), title_align="left")
