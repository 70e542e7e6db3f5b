"""The vendor accounts of a tenant as the gateway sees them: one entry a vendor.

What an entry does are short calls outside jobs, on the connection's reserve: trying the credentials
right by right, and listing what a person picks from.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from chassis.errors import Failure
from schemas.settings import Settings
from vendors.connections import HALOPSA, HUNTRESS, PAX8, Connections
from vendors.halopsa import Halo, halo_url
from vendors.halopsa.models import HaloItem
from vendors.probe import Finding, probe_halo, probe_huntress, probe_pax8

_CODES_LIST = "accounts code"  # in the name of HaloPSA's list of them, whatever its number
_LISTS_OF_LISTS = 11


class Pick(BaseModel):
    """Something to choose: its id or code as settings take it, and what people call it."""

    model_config = ConfigDict(frozen=True)

    value: str
    name: str


class PickList(BaseModel):
    """Choices of one kind, from where they were read; `missing` says why there are none."""

    model_config = ConfigDict(frozen=True)

    kind: str
    source: str = ""
    choices: tuple[Pick, ...] = ()
    missing: str = ""


type Probe = Callable[[Connections, str, Settings], Awaitable[list[Finding]]]
type SignIn = Callable[[Connections, str, Settings], Awaitable[object]]
type Lists = Callable[[Connections, str, Settings], Awaitable[list[PickList]]]


@dataclass(frozen=True)
class VendorEntry:
    """What the gateway knows of a vendor. `address`: the one in the settings, for people."""

    name: str
    address: Callable[[Settings], str]
    sign_in: SignIn
    probe: Probe
    lists: Lists


async def _pax8(opened: Connections, tenant: str, settings: Settings) -> list[Finding]:
    return await probe_pax8(await opened.pax8(tenant, settings))


async def _halo(opened: Connections, tenant: str, settings: Settings) -> list[Finding]:
    return await probe_halo(await opened.halo(tenant, settings))


async def _huntress(opened: Connections, tenant: str, settings: Settings) -> list[Finding]:
    return await probe_huntress(await opened.huntress(tenant, settings))


async def _into_pax8(opened: Connections, tenant: str, settings: Settings) -> object:
    return await (await opened.pax8(tenant, settings)).scope()


async def _into_halo(opened: Connections, tenant: str, settings: Settings) -> object:
    return await (await opened.halo(tenant, settings)).scope()


async def _into_huntress(opened: Connections, tenant: str, settings: Settings) -> object:
    return await (await opened.huntress(tenant, settings)).actor()


async def _no_lists(_: Connections, __: str, ___: Settings) -> list[PickList]:
    return []


async def _halo_lists(opened: Connections, tenant: str, settings: Settings) -> list[PickList]:
    """Items, tax codes, income and expense accounts; a list that may not be read says so."""
    halo = await opened.halo(tenant, settings)
    items: list[HaloItem] = []
    try:
        items = await halo.items()
        listed = PickList(
            kind="items",
            source="Item",
            choices=_picks((str(item.id), item.name) for item in items),
        )
    except Failure as failure:
        listed = PickList(kind="items", missing=failure.text)
    return [
        listed,
        await _tried("taxes", "Tax", lambda: _taxes(halo)),
        await _tried("item-groups", "AssetGroup", lambda: _groups(halo)),
        await _codes("income", halo, [item.nominalcode for item in items]),
        await _codes("expense", halo, [item.purchasenominalcode for item in items]),
    ]


async def _taxes(halo: Halo) -> tuple[Pick, ...]:
    return _picks((str(tax.id), f"{tax.name} {tax.code}".strip()) for tax in await halo.taxes())


async def _groups(halo: Halo) -> tuple[Pick, ...]:
    return _picks((group.name, group.name) for group in await halo.asset_groups())


async def _codes(kind: str, halo: Halo, used: Sequence[str]) -> PickList:
    """From HaloPSA's list of accounts codes, else those that its items use (sheet 5.3)."""
    try:
        lists = await halo.lookups(_LISTS_OF_LISTS)
        number = next((row.id for row in lists if _CODES_LIST in row.name.lower()), None)
        rows = await halo.lookups(number) if number is not None else []
    except Failure:
        rows = []
    if rows:
        choices = _picks((row.value2 or row.name, row.name) for row in rows)
        return PickList(kind=kind, source="accounts codes", choices=choices)
    met = _picks((code, code) for code in used if code)
    missing = "" if met else "HaloPSA shows no accounts codes to this agent: type the code in"
    return PickList(kind=kind, source="items" if met else "", choices=met, missing=missing)


async def _tried(
    kind: str, source: str, read: Callable[[], Awaitable[tuple[Pick, ...]]]
) -> PickList:
    try:
        return PickList(kind=kind, source=source, choices=await read())
    except Failure as failure:
        return PickList(kind=kind, missing=failure.text)


def _picks(found: Iterable[tuple[str, str]]) -> tuple[Pick, ...]:
    by_value = dict(found)
    return tuple(Pick(value=value, name=by_value[value]) for value in sorted(by_value))


def _halo_address(settings: Settings) -> str:
    return halo_url(settings.halopsa.url) if settings.halopsa.url else ""


VENDORS: dict[str, VendorEntry] = {
    PAX8: VendorEntry("Pax8", lambda s: s.pax8.url, _into_pax8, _pax8, _no_lists),
    HALOPSA: VendorEntry("HaloPSA", _halo_address, _into_halo, _halo, _halo_lists),
    HUNTRESS: VendorEntry(
        "Huntress", lambda s: s.huntress.url, _into_huntress, _huntress, _no_lists
    ),
}
