"""`assay mcp` beside an agent: the official client starts it, and it talks to a gateway on a real socket."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import types
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.api_gate import Gate, a_script
from tests.e2e.test_api_server import serve

ROOT = Path(__file__).parent.parent.parent
TOOLS = 8


@pytest.fixture(scope="module")
def url(gate: Gate) -> Iterator[str]:
    yield from serve(gate.app)


def beside(url: str, key: str, work: Callable[[Client], Awaitable[Any]], *options: str) -> Any:
    """Run `work` with a client whose server is `assay mcp` in a process of its own."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "gateway", "mcp", *options],
        env={"GATEWAY_URL": url, "GATEWAY_API_KEY": key, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )

    async def connected() -> Any:
        with Path(os.devnull).open("w") as nowhere:
            async with Client(stdio_client(server, errlog=nowhere)) as client:
                return await work(client)

    return asyncio.run(connected())


def words(result: types.CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, types.TextContent)
    return content.text


def test_script_is_blocked_mended_and_accepted(url: str, gate: Gate) -> None:
    async def work(client: Client) -> str:
        assert len((await client.list_tools()).tools) == TOOLS
        bad = a_script("please block", title="By an agent", sentences=2)
        first = (await client.call_tool("submit_episode", {"script": bad})).structured_content
        await asyncio.to_thread(gate.run, first["id"])
        blocked = await client.call_tool("get_episode", {"episode_id": first["id"], "include_script": True})
        assert blocked.structured_content["state"] == "blocked"
        assert blocked.structured_content["script"] == bad
        (finding,) = blocked.structured_content["findings"]
        assert (finding["rule"], finding["excerpt"]) == ("words", "---")
        assert finding["what_would_pass"]
        mended = bad.replace(" please block", "")
        assert (await client.call_tool("check_script", {"script": mended})).structured_content["verdict"] == "allow"
        second = (await client.call_tool("submit_episode", {"script": mended})).structured_content
        await asyncio.to_thread(gate.run, second["id"])
        released = (await client.call_tool("get_episode", {"episode_id": second["id"]})).structured_content
        assert released["episode_url"] == f"{url}/v1/episodes/{second['id']}"
        return str(released["state"])

    assert beside(url, gate.keys["submitter"], work) == "released"


def test_file_is_read_below_its_folder_alone(url: str, gate: Gate, released: str, tmp_path: Path) -> None:
    folder, outside = tmp_path / "episodes", tmp_path / "secret.wav"
    folder.mkdir()
    outside.write_bytes(b"RIFF secret")
    clip = gate.client().get(f"/v1/episodes/{released}").json()["clips"][0]
    (folder / "episode.mp3").write_bytes(gate.chain.tools.blobs.read(clip["sha256"]))
    (folder / "link.wav").symlink_to(outside)
    (folder / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    hostile = [
        "../secret.wav",
        str(outside),
        "link.wav",
        "up/secret.wav",
        "pipe",
        ".",
        "nothing.mp3",
        "a\0b",
        "a/" * 2_000,
    ]

    async def work(client: Client) -> None:
        found = (await client.call_tool("verify_audio", {"path": "episode.mp3"})).structured_content
        assert found["conclusion"] == "genuine"
        for path in hostile:
            answer = await client.call_tool("verify_audio", {"path": path})
            assert answer.is_error, path
            assert "below the folder" in words(answer)

    beside(url, gate.keys["submitter"], work, "--audio-folder", str(folder))


def test_wrong_key_and_a_gateway_that_is_gone_are_told_to_the_agent(url: str, gate: Gate) -> None:
    async def work(client: Client) -> str:
        answer = await client.call_tool("list_episodes", {})
        assert answer.is_error
        return words(answer)

    assert "authentication-required" in beside(url, "assay_" + "0" * 12 + "_" + "0" * 43, work)
    assert "does not answer" in beside("http://127.0.0.1:9", gate.keys["submitter"], work)


@pytest.mark.parametrize(
    ("options", "key", "why"),
    [
        (["--url", "http://gate.example"], "assay_x", "unencrypted"),
        (["--url", "ftp://127.0.0.1"], "assay_x", "http or https"),
        (["--url", "https://me:secret@gate.example"], "assay_x", "name or password"),
        ([], "", "API key is needed"),
        (["--key", "assay_x"], "assay_x", "No such option"),
    ],
)
def test_command_line_that_would_leak_a_key_is_refused(options: list[str], key: str, why: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "gateway", "mcp", *options],
        cwd=ROOT,
        env={**os.environ, "GATEWAY_API_KEY": key},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 2
    assert why in " ".join(result.stderr.split())
    assert "secret" not in result.stderr
