"""An environment without servers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

PASSWORD = "hunter2pw"


@pytest.fixture
def nowhere() -> Iterator[dict[str, str]]:
    """Addresses at which nobody answers, held so that nobody else takes them; with passwords."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        yield {
            "CHARGELINE_KAFKA": f"127.0.0.1:{port}",
            "CHARGELINE_MONGODB": f"mongodb://cl:{PASSWORD}@127.0.0.1:{port}/?directConnection=true",
            "CHARGELINE_KAFKA_USER": "chargeline",
            "CHARGELINE_KAFKA_PASSWORD": "canary-of-the-bus",
            "CHARGELINE_REQUEST_TIMEOUT_S": "0.2",
        }
