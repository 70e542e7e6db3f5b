"""Every story about jobs is told on both stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.embedded.store import EmbeddedStore
from chassis.embedded.writer import InlineExecutor
from support.job_world import World
from support.memory_records import MemoryRecords


@pytest.fixture(params=["memory", "embedded"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A world in memory, and one in SQLite."""
    if request.param == "memory":
        yield World(MemoryRecords())
        return
    store = EmbeddedStore.open(tmp_path, executor=InlineExecutor(), durability="OFF")
    yield World(store.records)
    store.close()
