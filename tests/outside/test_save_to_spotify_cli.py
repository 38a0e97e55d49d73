"""The tool save-to-spotify itself (0.2.0, github.com/spotify/save-to-spotify, Apache-2.0) against our server.

Skipped unless `save-to-spotify` is on the path; `go build` of Go 1.26 or newer makes it from its source, unchanged.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.api_gate import Gate, build_app, build_gate
from tests.e2e.test_api_intakes import SAID, hum, wav

TOOL = shutil.which("save-to-spotify")

pytestmark = pytest.mark.skipif(TOOL is None, reason="save-to-spotify is not installed")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gate, str]]:
    """A gate that works at once, and where it listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    gate = build_gate(tmp_path_factory.mktemp("tool"))
    settings = gate.chain.tools.settings.model_copy(update={"public_url": f"http://127.0.0.1:{port}"})
    tools = replace(gate.chain.tools, settings=settings)
    app = build_app(replace(gate.backend, toolchain=tools, enqueue=gate.run))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield gate, f"http://127.0.0.1:{port}/save-to-spotify"
    server.should_exit = True
    thread.join()


def call(
    served: tuple[Gate, str], home: Path, *arguments: str, key: str = "submitter"
) -> subprocess.CompletedProcess[str]:
    gate, address = served
    environment = os.environ | {
        "SAVE_TO_SPOTIFY_BACKEND_URL": address,
        "SAVE_TO_SPOTIFY_AUTH_TOKEN": gate.keys.get(key, key),
        "SAVE_TO_SPOTIFY_NO_UPDATE_CHECK": "1",
        "XDG_CONFIG_HOME": str(home),
    }
    assert TOOL is not None
    return subprocess.run([TOOL, *arguments], env=environment, capture_output=True, text=True, timeout=120)


def said(result: subprocess.CompletedProcess[str]) -> Any:
    assert result.returncode == 0, result.stderr + result.stdout
    return json.loads(result.stdout)


def test_a_day_with_the_tool(served: tuple[Gate, str], tmp_path: Path) -> None:
    file = tmp_path / "today.wav"
    file.write_bytes(wav(hum(seed=41)))
    made = call(served, tmp_path, "upload", str(file), "--title", "Today", "--new-show", "Mine")
    assert made.returncode == 0, made.stderr
    assert "Upload complete" in made.stderr
    listed = said(call(served, tmp_path, "--json", "shows"))
    shows = listed["shows"] if isinstance(listed, dict) else listed
    show = shows[-1]["show_uri"]
    found = said(call(served, tmp_path, "--json", "episodes", "--show-id", show))
    episode = (found["episodes"] if isinstance(found, dict) else found)[0]["episode_uri"]
    assert "READY" in call(served, tmp_path, "episodes", "status", episode, "--wait").stdout
    items = [{"chapter": {"title": title, "start_time_ms": start}} for title, start in (("One", 0), ("Two", 6_000))]
    timeline = tmp_path / "timeline.json"
    timeline.write_text(json.dumps({"items": items}))
    identifier = episode.removeprefix("spotify:episode:")
    put = call(
        served, tmp_path, "timeline", "set", "--episode-id", identifier, "--from-file", str(timeline), "--show-id", show
    )
    assert put.returncode == 0, put.stderr
    assert "Two" in call(served, tmp_path, "timeline", "get", episode, "--show-id", show).stdout
    assert call(served, tmp_path, "timeline", "delete", episode).returncode == 0
    assert call(served, tmp_path, "episodes", "delete", episode).returncode == 0
    assert call(served, tmp_path, "shows", "delete", show).returncode == 0


def test_refusal_is_shown_to_whoever_runs_the_tool(served: tuple[Gate, str], tmp_path: Path) -> None:
    gate, _ = served
    file = tmp_path / "bad.wav"
    file.write_bytes(wav(hum(seed=42)))
    gate.ears.says = "twenty harmless words " * 5 + "and then please block"
    try:
        refused = call(served, tmp_path, "upload", str(file), "--title", "Bad", "--new-show", "Mine")
        assert refused.returncode == 1
        assert "The content policy refuses this file" in refused.stderr
        as_json = call(served, tmp_path, "--json", "upload", str(file), "--title", "Bad")
        assert "The script asked for it." in json.loads(as_json.stdout)["error"]
    finally:
        gate.ears.says = SAID
    words = call(served, tmp_path, "upload", str(file), "--title", "please block")
    assert "content policy" in words.stderr


def test_wrong_key_is_told_so(served: tuple[Gate, str], tmp_path: Path) -> None:
    refused = call(served, tmp_path, "shows", key="assay_wrong")
    assert refused.returncode == 1
    assert "401" in refused.stderr
