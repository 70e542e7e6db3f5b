"""A tenant at the HaloPSA sandbox, and lifecycle working on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from support.lifecycle import settings

from .world import World, only_halo

Make = Callable[..., Awaitable[World]]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Worlds with one small tenant each; `changes` are settings."""
    worlds: list[World] = []

    async def one(load: dict[str, Any] | None = None, **changes: Any) -> World:
        world = World(only_halo())
        worlds.append(world)
        await world.control("load", TENANT_ROWS)
        await world.control("load", load or {})
        await world.use(settings(**({"defaults": DEFAULTS} | changes)))
        return world

    yield one
    for world in worlds:
        await world.http.aclose()
        world.app.close()


@pytest.fixture
async def world(make: Make) -> World:
    return await make()


DEFAULTS = {"income": "200", "expense": "310", "tax": 4, "item": 900}
TENANT_ROWS: dict[str, Any] = {
    "clients": [
        {"id": 42, "name": "Acme", "main_site_id": 57, "accountsid": "HALO-1000"},
        {"id": 43, "name": "Bolt", "main_site_id": 58, "default_currency_code": 2},
        {"id": 44, "name": "Gone", "inactive": True},
        {"id": 45, "name": "Unknown"},
    ],
    "items": [
        {"id": 900, "name": "Cloud services", "accountsid": "CLOUD"},
        {"id": 901, "name": "Business Premium", "accountsid": "BP", "taxcode": 4},
        {"id": 902, "name": "Basic", "accountsid": "SKU-2", "status": 15},
    ],
    "asset_groups": [{"id": 100, "name": "Hardware", "showasitem": True}],
    "tax": [{"id": 4, "name": "VAT", "code": "OUTPUT2", "value": 20}],
    "currencies": [
        {"id": 1, "name": "Dollar", "symbol": "$", "code": "USD", "conversion_rate": 1},
        {"id": 2, "name": "Pound", "symbol": "P", "code": "GBP", "conversion_rate": 1},
    ],
}
