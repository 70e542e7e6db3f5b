"""A tenant at a Huntress sandbox in memory."""

from collections.abc import AsyncIterator, Callable

import pytest

from .world import World


@pytest.fixture
async def make() -> AsyncIterator[Callable[[], World]]:
    """Worlds, each with an account of its own."""
    worlds: list[World] = []

    def one() -> World:
        worlds.append(World())
        return worlds[-1]

    yield one
    for world in worlds:
        await world.http.aclose()
        world.app.close()


@pytest.fixture
def world(make: Callable[[], World]) -> World:
    return make()
