"""A tenant at the HaloPSA sandbox, and the poster working on it."""

from collections.abc import AsyncIterator

import pytest

from .world import TENANT_ROWS, World, only_halo


@pytest.fixture
async def world() -> AsyncIterator[World]:
    one = World(only_halo())
    await one.load(**TENANT_ROWS)
    await one.use()
    yield one
    await one.http.aclose()
    one.app.close()
