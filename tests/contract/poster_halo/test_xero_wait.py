"""R10: after an append to a synced invoice, whether HaloPSA has brought it to Xero."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from support.poster import charge

from .world import World

LATEST = {"behaviour": "latest"}
WAIT = timedelta(seconds=30)  # the account's settle_s
OLD_ERROR = {
    "id": 1,
    "entity_type": "Invoice",
    "entity_id": 700,
    "error": "an old one",
    "date": "2026-10-21T00:00:00",
}


@pytest.fixture
async def pushing(world: World) -> World:
    """HaloPSA pushes the client's invoices; the latest one was synced when it was made."""
    synced = {"xeroid": "x1", "xero_status": "AUTHORISED", "last_synced": "2026-10-20T08:00:00"}
    invoice = {"id": 700, "client_id": 42, "invoice_date": "2026-10-20T00:00:00", "lines": []}
    await world.load(
        clients=[{"id": 42, "name": "Acme", "accountsid": "AC-42", "xerodetails_id": 1}],
        xero_details=[{"id": 1, "enablesync": True, "default_item_code": "CLOUD"}],
        invoices=[invoice | synced],
        integration_errors=[OLD_ERROR],
    )
    return world


async def appended(world: World, *faults: dict[str, Any]) -> tuple[tuple[str, ...], timedelta, int]:
    """The warnings, the time that it took, and how often the integration errors were listed."""
    await world.spoil(*({"method": "POST", "path": "/Invoice"} | fault for fault in faults))
    begun = world.clock.instant
    done = await world.post(charge(1), policy=LATEST)
    assert (done.matches, done.updated) == (True, 1), "it stands at HaloPSA, whatever Xero has"
    errors = (await world.calls()).get("GET /IntegrationError", 0)
    return done.warnings, world.clock.instant - begun, errors


async def test_r10_what_is_synced_at_once_is_not_waited_for(pushing: World) -> None:
    assert await appended(pushing) == ((), timedelta(), 0)


async def test_r10_a_late_sync_is_waited_for(pushing: World) -> None:
    late = {"kind": "xero_late", "reads": 2}
    assert await appended(pushing, late) == ((), WAIT, 0)


async def test_r10_neither_synced_nor_an_error_is_done_with_a_warning(pushing: World) -> None:
    never = {"kind": "xero_late", "never": True}
    assert await appended(pushing, never) == (("xero-not-updated",), WAIT, 1)


async def test_r10_an_integration_error_is_told_apart(pushing: World) -> None:
    assert await appended(pushing, {"kind": "xero_error"}) == (("xero-refused",), WAIT, 1)


async def test_r10_errors_that_may_not_be_read_are_not_known(pushing: World) -> None:
    forbidden = {"kind": "forbidden", "method": "GET", "path": "/IntegrationError"}
    warnings, _, _ = await appended(pushing, {"kind": "xero_error"}, forbidden)
    assert warnings == ("xero-not-updated",)


@pytest.mark.parametrize("never", [None, "1900-01-01T00:00:00"])
async def test_r10_an_invoice_that_was_never_synced_is_not_waited_for(
    world: World, never: str | None
) -> None:
    invoice = {"id": 700, "client_id": 42, "invoice_date": "2026-10-20T00:00:00", "lines": []}
    await world.load(invoices=[invoice | {"last_synced": never}])
    assert await appended(world) == ((), timedelta(), 0)
