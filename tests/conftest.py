"""The servers of the tests that need them: those of `make kafka`, or some for this run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from servers import Servers, servers

# No test is about time: on a busy machine any example may take long.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def served() -> Iterator[Servers]:
    """A broker and a store; without them a test fails, it never skips."""
    with servers() as found:
        yield found
