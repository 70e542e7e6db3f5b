"""One embedded system for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.embedded import EmbeddedStore
from support.embedded import open_store


@pytest.fixture
def system(tmp_path: Path) -> Iterator[EmbeddedStore]:
    store = open_store(tmp_path)
    yield store
    store.close()
