"""`assay mcp`: the tools of a running gateway for an agent on this machine, over standard input and output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from gateway.mcp.client import GateClient

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@click.command(short_help="Offer a gateway's tools to an agent on this machine.")
@click.option("--url", envvar="GATEWAY_URL", default="http://127.0.0.1:8400", show_default=True, help="The gateway.")
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the API key in its first line; by default the variable GATEWAY_API_KEY.",
)
@click.option(
    "--audio-folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder whose files verify_audio may read; by default none.",
)
@click.option("--allow-plain-http", is_flag=True, help="Send key and scripts unencrypted to another machine.")
def mcp(url: str, key_file: Path | None, audio_folder: Path | None, allow_plain_http: bool) -> None:
    """Speak the Model Context Protocol on standard input and output, and act on the gateway at URL with an API key.

    The key never stands on the command line. What it may do is what its role may do; nothing approves a review.
    """
    import asyncio
    import os

    address = checked_address(url, allow_plain_http=allow_plain_http)
    key = key_file.read_text().partition("\n")[0].strip() if key_file else os.environ.get("GATEWAY_API_KEY", "").strip()
    if not key or not key.isascii() or not key.isprintable():
        raise click.UsageError("an API key is needed: set GATEWAY_API_KEY, or give --key-file")
    asyncio.run(serve_standard_streams(address, key, audio_folder))


def checked_address(url: str, *, allow_plain_http: bool) -> str:
    """Return the gateway's address; raises `click.UsageError` where a key would travel unencrypted or stand in it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise click.UsageError("--url must be an http or https address without a name or password in it")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and not allow_plain_http:
        raise click.UsageError("the key would travel unencrypted; use https, or --allow-plain-http on a closed network")
    return url.rstrip("/")


async def serve_standard_streams(address: str, key: str, audio_folder: Path | None) -> None:
    """Serve until standard input ends."""
    from contextlib import asynccontextmanager
    from importlib.metadata import version

    import httpx
    from mcp.server.stdio import stdio_server

    from gateway.mcp.client import ANSWER_SECONDS, CONNECT_SECONDS, GateClient
    from gateway.mcp.server import build_server

    timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    headers = {"Authorization": f"Bearer {key}"}
    # Redirects are not followed: the key is for this address alone.
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=timeout) as http:

        @asynccontextmanager
        async def opening(_: Any) -> AsyncIterator[GateClient]:
            yield GateClient(http, address=address)

        server = build_server(version=version("assay-gateway"), opening=opening, audio_folder=audio_folder)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
