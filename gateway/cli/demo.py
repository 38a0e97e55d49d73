"""`assay demo`: the whole promise on real input, and a stranger's look at what came out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.terminal import Exit, console, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from gateway.cli.demochecks import CopyCheck
    from gateway.cli.embedded import EmbeddedGate, Outcome
    from gateway.cli.following import Follower
    from gateway.settings import Settings

EXAMPLES = Path("examples")
FINDINGS_SHOWN = 4  # per script: enough to see why, `assay screen` shows all
EXPECTED = {  # what each example is there to show
    "morning-briefing": "released",
    "audiobook-passage": "released",
    "refused-toxic": "blocked",
    "refused-misinformation": "blocked",
    "held-for-review": "awaiting_review",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One example and what became of it."""

    name: str
    text: str
    outcome: Outcome
    seconds: float

    @property
    def as_expected(self) -> bool:
        """True if the script ended where it should; any end will do for a script of the user's own."""
        state = self.outcome.submission.state
        return EXPECTED.get(self.name, state) == state


@click.command(short_help="Run the examples, then check what came out.")
@click.option(
    "--examples",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=EXAMPLES,
    show_default=True,
    help="Folder with the scripts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.pass_context
def demo(context: click.Context, examples: Path, as_json: bool) -> None:
    """Take the example scripts through the gate, then check every released file and three copies of it.

    Makes development keys under `var/keys` if there are none. Run it as often as you like: every run is new.
    """
    from gateway.cli.demochecks import check_copies
    from gateway.cli.embedded import demo_sign_in, embedded_gate, export, local_api_keys
    from gateway.cli.following import Follower
    from gateway.settings import load_settings

    settings = load_settings()
    scripts = sorted(examples.glob("*.md"), key=lambda path: _place(path.stem))
    if not scripts:
        raise click.UsageError(f"there is no script in {examples}; run this in the repository or name --examples")
    screen = console(stderr=as_json)
    began = time.monotonic()
    screen.print("Loading voices, watermarks, models and keys …")
    follower = Follower()
    with embedded_gate(settings, progress=follower.stage) as gate:
        screen.print(f"Ready after {time.monotonic() - began:.0f} s.")
        with follower.showing(screen):
            shown = _take_all(gate, scripts, follower)
        folder = settings.home / "demo"
        released = [one for one in shown if one.outcome.submission.state == "released"]
        for one in released:
            export(gate, one.outcome, folder, stem=one.name)
        results = check_copies(gate, [(one.name, one.outcome) for one in released], folder, screen)
        keys = local_api_keys(settings)
        sign_in = None if as_json else demo_sign_in(gate)
    seconds = time.monotonic() - began
    as_expected = all(
        EXPECTED.get(one.name, one.outcome.submission.state) == one.outcome.submission.state for one in shown
    )
    as_expected = as_expected and all(result.as_expected for result in results)
    if as_json:
        print_json(
            {
                "seconds": round(seconds, 1),
                "as_expected": as_expected,
                "episodes": [_as_json(one) for one in shown],
                "checks": [result.to_dict() for result in results],
            }
        )
    else:
        _print_tables(screen, shown, results)
        _print_next_steps(screen, settings, folder, shown, keys, seconds)
        if sign_in is not None:
            address = f"{settings.public_url}/console/link/{sign_in}"
            screen.print(f"  console      {settings.public_url}/console/ (this link signs in once, as a reviewer)")
            screen.print(f"    {address}", soft_wrap=True)
        if not as_expected:
            screen.print("[red bold]Something did not come out as it should: look at the tables above.[/red bold]")
    context.exit(Exit.DONE if as_expected else Exit.FAILED)


def _place(name: str) -> tuple[int, str]:
    names = list(EXPECTED)
    return (names.index(name) if name in names else len(names), name)


def _take_all(gate: EmbeddedGate, scripts: list[Path], follower: Follower) -> list[Shown]:
    shown = []
    for path in scripts:
        text = path.read_text(encoding="utf-8")
        follower.begin(path.stem)
        began = time.monotonic()
        outcome = gate.take(text, on_change=follower.state)
        shown.append(Shown(path.stem, text, outcome, time.monotonic() - began))
    return shown


def _print_tables(screen: Console, shown: list[Shown], results: list[CopyCheck]) -> None:
    from rich.table import Table

    from gateway.cli.findings import findings_table, hearing_summary

    table = Table("script", "decision", "heard", "state", "seconds", "file, layers", title="What became of the scripts")
    for one in shown:
        row = one.outcome.submission
        decision = row.decision or {}
        layers = "\n".join(
            f"{clip.media_type} {clip.duration:.0f} s, {clip.loudness:.1f} LUFS, {clip.true_peak:.1f} dBTP: "
            + ", ".join(["C2PA", *(mark[0] for mark in clip.marks)])
            for clip in one.outcome.clips
        )
        table.add_row(
            one.name,
            str(decision.get("verdict", "none")),
            "" if one.outcome.hearing is None else hearing_summary(one.outcome.hearing),
            row.state if not row.failure else f"{row.state}: {row.failure}\n{row.failure_detail}",
            f"{one.seconds:.1f}",
            layers,
        )
    screen.print(table)
    for one in shown:
        decision = one.outcome.submission.decision or {}
        if decision.get("findings"):
            found = findings_table(one.text, decision, most=FINDINGS_SHOWN)
            found.title = f"Why: {one.name}"
            screen.print(found)
        if one.outcome.hearing is not None and one.outcome.hearing.decision["findings"]:
            found = findings_table(one.text, one.outcome.hearing.decision, most=FINDINGS_SHOWN)
            found.title = f"Heard otherwise: {one.name}"
            screen.print(found)
    checks = Table(title="A stranger checks the files")
    checks.add_column("file", overflow="fold")
    for name in ("what was done to it", "assay verify says"):
        checks.add_column(name)
    for result in results:
        said = f"[green]{result.report.conclusion.value}[/green]"
        if not result.as_expected:
            said = f"[red]{result.report.conclusion.value}[/red], not {' or '.join(result.expected)}"
        checks.add_row(result.path.name, result.what, said)
    screen.print(checks)


def _print_next_steps(
    screen: Console, settings: Settings, folder: Path, shown: list[Shown], keys: dict[str, str], seconds: float
) -> None:
    waiting = [one.outcome.submission.id for one in shown if one.outcome.submission.state == "awaiting_review"]
    screen.print(f"Done in {seconds:.0f} s. Listen: {folder}/*.mp3")
    screen.print("Next: [bold].venv/bin/assay serve[/bold], then")
    screen.print(f"  feed         {settings.public_url}/feed.xml")
    screen.print(f"  API          {settings.public_url}/openapi.json")
    screen.print(f"  API keys     {settings.keys}/local-api-keys.json")
    address = f"{settings.public_url}/v1/verifications"
    screen.print(f"  check a file curl -F file=@{folder}/morning-briefing.mp3 {address}", soft_wrap=True)
    for episode_id in waiting:
        url = f"{settings.public_url}/v1/reviews/{episode_id}"
        header = f"-H 'Authorization: Bearer {keys['reviewer']}'"
        screen.print(f"  approve what is waiting:\n    curl -X POST {header} {url}/claim", soft_wrap=True)
        screen.print(
            f"    curl -X POST {header} -H 'Content-Type: application/json' "
            f'-d \'{{"reason": "consent of the person is on file"}}\' {url}/approve',
            soft_wrap=True,
        )


def _as_json(one: Shown) -> dict[str, object]:
    from gateway.cli.findings import hearing_json

    row = one.outcome.submission
    return {
        "script": one.name,
        "episode": row.id,
        "state": row.state,
        "failure": row.failure,
        "verdict": (row.decision or {}).get("verdict"),
        "hearing": hearing_json(one.outcome.hearing),
        "seconds": round(one.seconds, 2),
        "clips": [
            {"sha256": clip.sha256, "media_type": clip.media_type, "marks": clip.marks} for clip in one.outcome.clips
        ],
    }
