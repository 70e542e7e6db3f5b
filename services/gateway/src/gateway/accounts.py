"""The vendor accounts of a tenant as the gateway sees them: one entry a vendor.

What an entry does are short calls outside jobs, on the connection's reserve: trying the credentials
right by right, and listing what a person picks from.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from chassis.errors import Failure
from schemas.settings import Settings
from vendors.connections import HALOPSA, HUNTRESS, PAX8, Connections
from vendors.halopsa import Halo, halo_url
from vendors.halopsa.accounts import CodeList, account_codes
from vendors.probe import Finding, probe_halo, probe_huntress, probe_pax8


class Pick(BaseModel):
    """Something to choose: its id or code as settings take it, and what people call it."""

    model_config = ConfigDict(frozen=True)

    value: str
    name: str


class PickList(BaseModel):
    """Choices of one kind, from where they were read; `missing` says why there are none.

    `tried`: sources without any, each with its reason. `typed`: any other value is taken, too.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    source: str = ""
    choices: tuple[Pick, ...] = ()
    missing: str = ""
    tried: tuple[str, ...] = ()
    typed: bool = False


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
    codes = await account_codes(halo)
    return [
        await _tried("items", "Item", lambda: _items(halo)),
        await _tried("taxes", "Tax", lambda: _taxes(halo)),
        await _tried("item-groups", "AssetGroup", lambda: _groups(halo)),
        _coded("income", codes.income),
        _coded("expense", codes.expense),
    ]


async def _items(halo: Halo) -> tuple[Pick, ...]:
    return _picks((str(item.id), item.name) for item in await halo.items())


async def _taxes(halo: Halo) -> tuple[Pick, ...]:
    return _picks((str(tax.id), f"{tax.name} {tax.code}".strip()) for tax in await halo.taxes())


async def _groups(halo: Halo) -> tuple[Pick, ...]:
    return _picks((group.name, group.name) for group in await halo.asset_groups())


def _coded(kind: str, codes: CodeList) -> PickList:
    """With what was tried before its source; a code that is not listed is taken as well."""
    return PickList(
        kind=kind,
        source=codes.source,
        choices=_picks((code, f"{code} {name}".rstrip()) for code, name in codes.codes),
        missing="" if codes.codes else "HaloPSA shows no accounts codes to this agent: type it in",
        tried=codes.tried,
        typed=True,
    )


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
