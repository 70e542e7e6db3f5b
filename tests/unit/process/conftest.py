"""An environment without servers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture
def nowhere() -> Iterator[dict[str, str]]:
    """Addresses at which nobody answers, held so that nobody else takes them."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        yield {
            "CHARGELINE_KAFKA": f"127.0.0.1:{port}",
            "CHARGELINE_MONGODB": f"mongodb://127.0.0.1:{port}/?directConnection=true",
            "CHARGELINE_REQUEST_TIMEOUT_S": "0.2",
        }
