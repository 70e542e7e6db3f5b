"""The servers in containers, where no engine runs: refused with what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from servers.kafka import kafka
from servers.mongodb import mongodb


@pytest.mark.parametrize(
    ("variable", "start"),
    [("CHARGELINE_TEST_KAFKA", kafka), ("CHARGELINE_TEST_MONGODB", mongodb)],
)
def test_without_an_engine_the_refusal_says_what_to_do(
    variable: str, start: Callable[[], AbstractContextManager[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "testcontainers")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(AssertionError, match=f"leave {variable} away"), start():
        pass
