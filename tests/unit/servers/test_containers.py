"""The servers in containers, where no engine runs: refused with what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from servers import versions
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


def test_the_record_says_what_is_not_as_the_store_is_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CHARGELINE_TEST_MONGODB", raising=False)
    assert versions().endswith(", its memory of retried writes set to 500")
