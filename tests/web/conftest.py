from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import web_support


@pytest.fixture
def network(db: None) -> web_support.Network:
    """Three practices, their PCN, a trust, an ICB, and one member of staff of each role."""
    return web_support.build_network()


@pytest.fixture
def signed_in(client: Any, network: web_support.Network) -> Callable[[str], Any]:
    """`signed_in("gp")`: the test client, acting as that member of the network."""

    def start(key: str) -> Any:
        return web_support.sign_in(client, network.members[key])

    return start
