"""Which events are told, and what a message says: ids, states and links, never a word of a script (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from audit.event import Event, EventKind
from gateway.submissions import PUBLISHED, State

TEST = "webhook.test"  # type of the message that only tries an endpoint out
# Steps of the machinery and of reviewers among themselves. All else that happens to an episode is told, so that a kind
# of event that is new is not forgotten.
UNTOLD = frozenset(
    {
        EventKind.SCREENING_SHADOWED,
        EventKind.STEP_FAILED,
        EventKind.RELEASE_INTENDED,
        EventKind.RELEASE_FAILED,
        EventKind.REVIEW_CLAIMED,
        EventKind.REVIEW_RELEASED,
        EventKind.REVIEW_HANDED_OVER,
        EventKind.REVIEW_REPEATED,  # about the quality of decisions: it changes nothing for the episode
        EventKind.REVIEW_SETTLED,
    }
)
# What is about the installation, or the quality of its decisions, and not about an episode.
INSTALLATION = frozenset(
    {"account", "apikey", "consent", "feed", "golden", "key", "log", "policy", "settings", "verification"}
)
TOLD = tuple(
    kind for kind in EventKind if kind not in UNTOLD and kind.value.partition(".")[0] not in INSTALLATION | {"webhook"}
)
FACTS = ("verdict", "outcome", "categories", "reason", "against", "leads_to", "replacement", "duration")


def is_told(kind: str) -> bool:
    """True for an event that endpoints may hear of."""
    return kind in _TOLD_VALUES


def wants(filters: Iterable[str], kind: str) -> bool:
    """True if an endpoint with these filters wants this kind; none wants all, `episode.*` a whole group."""
    chosen = tuple(filters)
    return not chosen or kind in chosen or f"{kind.partition('.')[0]}.*" in chosen


def message_body(event: Event, *, entry: int, state: str, public_url: str) -> bytes:
    """Return the message about an event: the same bytes at every attempt.

    `state` is where the submission rested when the message was made. Everything in it is in the public log as well.
    """
    base = public_url.rstrip("/")
    links = {"submission": f"{base}/v1/submissions/{event.subject}", "entry": f"{base}/v1/log/entries/{entry}"}
    if state in {one.value for one in PUBLISHED}:
        links["episode"] = f"{base}/v1/episodes/{event.subject}"
    if state == State.AWAITING_REVIEW.value:
        links["console"] = f"{base}/console/episodes/{event.subject}"
    data = {
        "episode_id": event.subject,
        "state": state,
        "entry": entry,
        "facts": {name: event.facts[name] for name in FACTS if name in event.facts},
        "links": links,
    }
    return _body(event.kind.value, event.at, data)


def trial_body(endpoint_id: str, at: datetime) -> bytes:
    """Return the message that tries an endpoint out."""
    return _body(TEST, at, {"endpoint": endpoint_id})


def _body(kind: str, at: datetime, data: dict[str, object]) -> bytes:
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return json.dumps({"type": kind, "timestamp": stamp, "data": data}, separators=(",", ":")).encode()


_TOLD_VALUES = frozenset(kind.value for kind in TOLD)
