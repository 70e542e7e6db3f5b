"""Spans and numbers of one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.embedded import EmbeddedStore
from support.embedded import open_store
from support.told import Numbers, Spans, counted, recorded


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded() as found:
        yield found


@pytest.fixture
def numbers() -> Iterator[Numbers]:
    with counted() as found:
        yield found


@pytest.fixture
def system(tmp_path: Path) -> Iterator[EmbeddedStore]:
    store = open_store(tmp_path)
    yield store
    store.close()
