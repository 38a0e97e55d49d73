"""What was vendored is what its list says."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from gateway.console.pages import STATIC


def test_vendored_files_are_the_listed_ones_byte_for_byte() -> None:
    listed = dict(
        re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", (STATIC / "VENDORED.md").read_text(), re.MULTILINE)
    )
    assert listed
    for name, digest in listed.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest
    minified = {path.name for path in Path(STATIC).glob("*.min.*")}
    assert minified == set(listed)
