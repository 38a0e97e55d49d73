"""Pages as HTML: values in, text out (pure apart from reading its own templates)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.pages import wording
from gateway.pages.picture import draw
from gateway.pages.wording import CONFIDENCES, LAYERS, OUTCOMES, PLACEMENTS, PRESENCES, Tone, clock
from gateway.verification.passages import ReportedPassage
from gateway.verification.recall import Similar
from gateway.verification.report import Check, Report

HERE = Path(__file__).parent
STATIC = {"page.css": "text/css; charset=utf-8", "verify.js": "text/javascript; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class ShownCheck:
    """One check as the page shows it."""

    number: int
    name: str
    outcome: str
    tone: Tone
    symbol: str
    explanation: str
    facts: tuple[tuple[str, str], ...]


class Pages:
    """Renders the public pages of one installation; safe for several threads."""

    def __init__(self, *, organisation: str, public_url: str, most_bytes: int) -> None:
        environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals.update(organisation=organisation, public_url=public_url.rstrip("/"))
        self._form = partial(environment.get_template("verify.html").render, most_megabytes=most_bytes // 2**20)
        self._result = environment.get_template("result.html").render
        self._pending = environment.get_template("pending.html").render
        self._problem = environment.get_template("problem.html").render

    def form(self) -> str:
        """Return the page that takes a file."""
        return str(self._form())

    def result(self, report: Report, *, signed_url: str | None, manifest_url: str | None = None) -> str:
        """Return the page of a finished verification."""
        return str(
            self._result(
                report=report,
                headline=wording.HEADLINES[report.conclusion],
                tone=wording.TONES[report.conclusion],
                symbol=wording.SYMBOLS[wording.TONES[report.conclusion]],
                picture=draw(report),
                stretches=_stretches(report),
                checks=[_shown(check) for check in report.checks],
                timeline=[(wording.STEPS.get(one.event, one.event), one) for one in report.timeline],
                state=wording.STATES.get(report.episode.state, "") if report.episode else "",
                length=clock(report.seconds) if report.seconds is not None else None,
                signed_url=signed_url,
                manifest_url=manifest_url,
            )
        )

    def pending(self, address: str) -> str:
        """Return the page of a verification that is under way; it looks again by itself."""
        return str(self._pending(address=address))

    def problem(self, *, title: str, detail: str, status: int) -> str:
        """Return the page of a refusal."""
        return str(self._problem(title=title, detail=detail, status=status))


def static_file(name: str) -> tuple[bytes, str] | None:
    """Return the bytes and media type of a style sheet or script of the pages, None for any other name."""
    media_type = STATIC.get(name)
    return None if media_type is None else ((HERE / "static" / name).read_bytes(), media_type)


def _stretches(report: Report) -> list[dict[str, str]]:
    """Say in words what the bands of the picture show."""
    marked: list[tuple[ReportedPassage | Similar, str, str, str]] = [
        (one, PLACEMENTS[one.placement.value], one.placement.value, CONFIDENCES[one.confidence.value])
        for one in report.passages
    ]
    alike: list[tuple[ReportedPassage | Similar, str, str, str]] = [
        (one, "like it, but no mark was found", "similar", "") for one in report.similar
    ]
    return [
        {
            "kind": kind,
            "file": f"{clock(one.start)}–{clock(one.end)}",
            "episode": one.episode_id,
            "of": f"{clock(one.episode_start)}–{clock(one.episode_end)}",
            "speed": one.speed,
            "pitch": one.pitch,
            "what": what,
            "confidence": confidence,
        }
        for one, what, kind, confidence in [*marked, *alike]
    ]


def _shown(check: Check) -> ShownCheck:
    outcome, tone = OUTCOMES[check.outcome]
    return ShownCheck(
        check.number,
        check.name,
        outcome,
        tone,
        wording.SYMBOLS[tone],
        check.explanation,
        tuple(_facts(check.id, check.details)),
    )


def _facts(check_id: str, details: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the details of a check that a person may want, each with its label."""
    if check_id == "watermark":
        return [(LAYERS.get(one["layer"], one["layer"]), _layer(one)) for one in details.get("layers", ())]
    if check_id == "credentials":
        facts = [
            ("State", details.get("state")),
            ("Signer", details.get("signer")),
            ("Time-stamp", details.get("signed_at")),
            ("Manifest", details.get("manifest_label")),
            ("Failure codes", ", ".join(details.get("codes", ())) or None),
        ]
        return [(label, str(value)) for label, value in facts if value]
    if check_id == "audit_log":
        entries = details.get("entries", ())
        origin = [("Log", str(details["origin"]))] if entries else []
        return origin + [
            (one["event"], f"entry {one['entry']}, under the checkpoint of size {one['checkpoint_size']}")
            for one in entries
        ]
    if check_id == "readable":
        return [("Kind of file", str(details["media_type"]))] if "media_type" in details else []
    return []


def _layer(layer: dict[str, Any]) -> str:
    said = PRESENCES.get(layer["presence"], "could not be looked for")
    return f"{said} ({CONFIDENCES[layer['confidence']]})" if layer["confidence"] else said
