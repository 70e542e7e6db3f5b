"""One look at what counts are billed by: licences, recurring invoices, and the links planned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from poster_halo.count_store import Standing
from poster_halo.domain.counted_lines import Link, Recurring
from poster_halo.domain.licences import Counted
from poster_halo.domain.links import PRICE_MISSING, There, plan_link
from poster_halo.licence_reading import licence_of, prices_of, recurring_of
from schemas.count_settings import EffectiveCount
from schemas.settings import Settings
from vendors.halopsa import Halo

type Wanted = list[tuple[Counted, EffectiveCount]]


class LinkLook:
    """What one job sees; a recurring invoice that was read again takes its place in it."""

    def __init__(self, wanted: Wanted, there: There) -> None:
        self._wanted = wanted
        self.there = there
        self.links = [plan_link(entry, rule, there) for entry, rule in wanted]

    def take(self, fresh: Recurring) -> None:
        """Plan again over this reading of the invoice."""
        recurring = {
            client: [one for one in rows if one.id != fresh.id]
            for client, rows in self.there.recurring.items()
        }
        recurring[fresh.client] = [*recurring.get(fresh.client, ()), fresh]
        self.use(replace(self.there, recurring=recurring))

    def use(self, there: There) -> None:
        """Plan again over another look."""
        self.there = there
        self.links = [plan_link(entry, rule, there) for entry, rule in self._wanted]

    def by_hash(self) -> Mapping[str, Link]:
        """The changes that are planned now."""
        return {link.row.hash: link for link in self.links if link.row.hash}

    def recurring(self) -> Iterable[Recurring]:
        """All of them, of all clients."""
        return (one for rows in self.there.recurring.values() for one in rows)


def wanted_links(standing: Standing, settings: Settings) -> Wanted:
    """What is counted and is to be billed by a recurring invoice, by client and product."""
    rules = [
        (entry, settings.counts.of(entry.product, entry.client))
        for _, entry in sorted(standing.rows.items())
    ]
    return [(e, rule) for e, rule in rules if rule.recurring and rule.bill == "licence"]


async def look(halo: Halo, wanted: Wanted, settings: Settings, source: str) -> LinkLook:
    """List once; prices and currencies only where a line would be added."""
    if not wanted:
        return LinkLook(wanted, There({}, {}))
    licences = {row.id: licence_of(row) for row in await halo.licences()}
    recurring: dict[int, list[Recurring]] = defaultdict(list)
    for row in await halo.recurring_invoices():
        recurring[row.client_id].append(recurring_of(row))
    there = There(
        licences=licences,
        recurring=recurring,
        named={
            row.halo: row.recurring
            for row in settings.client
            if row.source == source and row.halo is not None and row.recurring is not None
        },
        may_create=settings.counts.create_recurring,
    )
    seen = LinkLook(wanted, there)
    if any(_adds(link) for link in seen.links):
        codes = {row.code: row.id for row in await halo.currencies()}
        currency = codes.get(settings.tenant.currency, 0)
        seen.use(replace(there, prices=await prices_of(halo), currency=currency))
    return seen


def _adds(link: Link) -> bool:
    return link.row.operation in ("add-line", "create") or link.row.code == PRICE_MISSING
