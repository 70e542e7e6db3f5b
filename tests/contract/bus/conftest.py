"""Every implementation of the bus that the contract is asked of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from chassis.embedded import EmbeddedStore
from support.embedded import open_store

Open = Callable[[], EmbeddedStore]


@pytest.fixture(params=["embedded thread", "embedded inline"])
def open_system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the system on the same data every time: close it before opening it again."""
    with ExitStack() as cleanup:

        def open_again() -> EmbeddedStore:
            store = open_store(tmp_path, request.param.split()[1])
            cleanup.callback(store.close)
            return store

        yield open_again
