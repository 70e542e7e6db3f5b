"""A Huntress account in the sandbox, and a client to it."""

from collections.abc import AsyncIterator

import pytest

from support.huntress import HuntressSystem


@pytest.fixture
async def system() -> AsyncIterator[HuntressSystem]:
    built = HuntressSystem()
    yield built
    await built.close()
