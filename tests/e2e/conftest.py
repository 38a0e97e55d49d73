"""One gateway for all tests of the HTTP interface: what they add to it does not disturb the others."""

from __future__ import annotations

import pytest

from gateway.app import build_screener
from gateway.settings import Settings
from policies.screen import Screener
from tests.api_gate import Gate, a_script, build_gate


@pytest.fixture(scope="session")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return build_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="session")
def screener(tmp_path_factory: pytest.TempPathFactory) -> Screener:
    """The real screener with its models, which take long to load."""
    return build_screener(Settings(home=tmp_path_factory.mktemp("models")))


@pytest.fixture(scope="session")
def released(gate: Gate) -> str:
    """Id of an episode of about half a minute that anybody may hear."""
    episode_id = gate.make(a_script())
    assert gate.chain.row(episode_id).state == "released"
    return episode_id


@pytest.fixture(scope="session")
def waiting(gate: Gate) -> str:
    """Id of an episode that waits for a reviewer; no test may decide it."""
    episode_id = gate.make(a_script("please review", title="Waiting", sentences=3))
    assert gate.chain.row(episode_id).state == "awaiting_review"
    return episode_id
