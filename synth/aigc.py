"""The implicit AIGC label of China's GB 45438-2025, Annex E: one JSON object per file (pure)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from synth.errors import AudioError

MAX_FIELD_CHARACTERS = 256  # ours; the standard names no limit
_VALUE = re.compile(rf"[\x21\x23-\x5B\x5D-\x7E]{{0,{MAX_FIELD_CHARACTERS}}}")
_KEYS = {
    "Label": "label",
    "ContentProducer": "content_producer",
    "ProduceID": "produce_id",
    "ReservedCode1": "reserved_code_1",
    "ContentPropagator": "content_propagator",
    "PropagateID": "propagate_id",
    "ReservedCode2": "reserved_code_2",
}


@dataclass(frozen=True, slots=True)
class AigcLabel:
    """Who made and who spreads a file, each value printable ASCII without space, quote and backslash.

    When a file is first published its propagator is its producer, and both ids are the same.
    """

    content_producer: str
    produce_id: str
    content_propagator: str
    propagate_id: str
    label: str = "1"  # "1" is made by AI, "2" possibly, "3" suspected
    reserved_code_1: str = ""
    reserved_code_2: str = ""

    def __post_init__(self) -> None:
        for key, name in _KEYS.items():
            if _VALUE.fullmatch(getattr(self, name)) is None:
                raise AudioError(
                    f"the AIGC field {key} takes up to {MAX_FIELD_CHARACTERS} printable ASCII characters "
                    "without space, quote and backslash; encode the value first"
                )
        if self.label not in ("1", "2", "3"):
            raise AudioError("the AIGC field Label is '1', '2' or '3'")

    def to_json(self) -> str:
        """Return the compact JSON object that goes into a file, with its keys in the standard's order."""
        return json.dumps({key: getattr(self, name) for key, name in _KEYS.items()}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> AigcLabel:
        """Read what `to_json` wrote, or the same object under a single key "AIGC"; `AudioError` if it is neither."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise AudioError(f"the AIGC label is not JSON: {error}") from error
        if isinstance(found, dict) and set(found) == {"AIGC"}:
            found = found["AIGC"]
        if not isinstance(found, dict):
            raise AudioError("the AIGC label is not a JSON object")
        if missing := [key for key in _KEYS if not isinstance(found.get(key), str)]:
            raise AudioError(f"the AIGC label lacks the text of {', '.join(missing)}")
        return cls(**{name: found[key] for key, name in _KEYS.items()})
