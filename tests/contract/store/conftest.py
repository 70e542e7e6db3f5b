"""Every implementation of Records that the contract is asked of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.records import Records
from support.embedded import open_store


@pytest.fixture(params=["embedded thread", "embedded inline"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    store = open_store(tmp_path, request.param.split()[1])
    yield store.records
    store.close()
