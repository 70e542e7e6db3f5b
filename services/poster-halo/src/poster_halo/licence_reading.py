"""HaloPSA's licences and recurring invoices in our words, and why it may not save a licence."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from chassis.errors import PermanentError
from poster_halo.domain.counted_lines import Recurring, RecurringLine
from poster_halo.domain.licences import Licence
from poster_halo.domain.stamps import is_stamp
from schemas.counts import ClientCount
from vendors.halopsa import Halo, HaloInvoice, HaloLicence, HaloLine

NAME_MAX = 500


def licence_of(row: HaloLicence) -> Licence:
    """A third party's product on a licence says that a sync of HaloPSA's or Huntress's keeps it."""
    return Licence(
        id=row.id,
        name=row.name,
        count=row.count,
        client=row.client_id or 0,
        site=row.site_id,
        item=row.item_id or 0,
        kind=row.type,
        active=row.is_active is not False,
        deleted=row.deleted,
        vendor=row.vendor,
        sync=row.third_party_productname or row.third_party_product,
    )


def recurring_of(invoice: HaloInvoice) -> Recurring:
    """A recurring invoice; its lines keep every field they were read with."""
    return Recurring(
        id=invoice.id,
        client=invoice.client_id,
        name=invoice.name,
        currency=invoice.currency_code,
        disabled=invoice.disabled,
        period=invoice.period,
        next_creation=invoice.nextcreationdate,
        lines=tuple(_line_of(line) for line in invoice.lines),
    )


def _line_of(line: HaloLine) -> RecurringLine:
    links = line.raw.get("quantity_licences")
    stamps = (line.comment_1, line.comment_2)
    return RecurringLine(
        id=line.id,
        item=line.item_id,
        quantity=line.qty_order,
        counts_by=line.recurring_invoice_quantity_type,
        links=tuple(row for row in links if isinstance(row, dict))
        if isinstance(links, list)
        else (),
        ours=any(map(is_stamp, stamps)),
        passing=line.onetimecharge or bool(line.is_calculated),
        raw=line.raw,
    )


async def prices_of(halo: Halo) -> dict[int, tuple[Decimal | None, Decimal | None]]:
    """By item its price and cost a unit and month; 0 is no price."""
    return {
        item.id: (
            item.recurringprice or item.baseprice or None,
            item.recurringcost or item.costprice,
        )
        for item in await halo.items()
    }


async def explained(
    halo: Halo, refused: Iterable[ClientCount]
) -> dict[tuple[int, int | None], str]:
    """By client and item what is wrong with them, as far as reads can tell."""
    wants = list(refused)
    try:
        items = {item.id: item for item in await halo.items(include_inactive=True)}
        clients = {client.id: client for client in await halo.clients()}
    except PermanentError:
        return {}  # without the right to look there is no cause to name
    causes: dict[tuple[int, int | None], str] = {}
    for want in wants:
        item, client = items.get(want.item or 0), clients.get(want.client)
        if client is None:
            cause = f"client {want.client} is not in HaloPSA any more: map the organization anew"
        elif client.inactive:
            cause = f"client {client.name!r} ({client.id}) is inactive: make it active"
        elif item is None:
            cause = f"item {want.item} is not in HaloPSA any more: map the product to another"
        elif not item.is_open:
            cause = f"item {item.name!r} ({item.id}) is closed: open it, or map to another"
        elif len(want.licence) > NAME_MAX:
            cause = f"its name has {len(want.licence)} characters, HaloPSA takes {NAME_MAX}"
        else:
            continue
        causes[want.client, want.item] = cause
    return causes
