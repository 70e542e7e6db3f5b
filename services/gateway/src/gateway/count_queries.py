"""What people look at of counts: the newest results, what is held, the links, and what was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from chassis.bodies import Bodies
from chassis.errors import PermanentError
from gateway.domain.syncs import Accepted, Links, Standing, Sync
from gateway.store import Store
from schemas.counts import CountLink, CountLinks, CountRow, CountRows, Shortfall


class CountsView(BaseModel):
    """What stands: the newest sync, and the results of the newest one that came to its end."""

    model_config = ConfigDict(frozen=True)

    newest: Sync | None = None
    results: Sync | None = None
    rows: tuple[CountRow, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()  # of a reseller, as the results' snapshot has them


class CountQueries:
    """Reads only."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        self._store = store
        self._bodies = bodies

    async def standing(self, tenant: str, source: str) -> Standing:
        """The record of the source; empty before its first sync."""
        stored = await self._store.standing.get(tenant, source)
        return stored.value if stored else Standing()

    async def view(self, tenant: str, source: str) -> CountsView:
        """What stands now."""
        stands = await self.standing(tenant, source)
        results = await self.sync(tenant, stands.results) if stands.results else None
        received = results.received if results is not None else None
        return CountsView(
            newest=await self.sync(tenant, stands.newest) if stands.newest else None,
            results=results,
            rows=await self.rows(tenant, results) if results else (),
            accepted=stands.accepted,
            shortfalls=received.shortfalls if received is not None else (),
        )

    async def sync(self, tenant: str, run: str) -> Sync:
        """One sync; PermanentError `sync-unknown` if there is none."""
        stored = await self._store.syncs.get(tenant, run)
        if stored is None:
            raise PermanentError("sync-unknown", f"there is no sync of counts {run}")
        return stored.value

    async def rows(self, tenant: str, sync: Sync) -> tuple[CountRow, ...]:
        """A sync's results, one for every row of its snapshot; none before its end."""
        if sync.rows is None:
            return ()
        return tuple(CountRows.validate_json(await self._bodies.get(tenant, sync.rows)))

    async def held(self, tenant: str, source: str) -> list[CountRow]:
        """Rows of the results that wait for a person."""
        return [row for row in (await self.view(tenant, source)).rows if row.outcome == "held"]

    async def links(self, tenant: str, source: str) -> tuple[Links | None, list[CountLink]]:
        """The newest answer about links; None before the first."""
        links = (await self.standing(tenant, source)).links
        if links is None:
            return None, []
        return links, CountLinks.validate_json(await self._bodies.get(tenant, links.rows))

    async def syncs(self, tenant: str, source: str) -> list[Sync]:
        """All of them, oldest first."""
        found = [s.value async for s in self._store.syncs.every(tenant, "source", source)]
        return sorted(found, key=lambda sync: sync.revision)

    async def history(
        self, tenant: str, source: str, last: int
    ) -> Mapping[tuple[str, str], Mapping[str, int]]:
        """By organisation and product the count of each of the `last` days with results.

        Of several syncs of one day the newest counts.
        """
        by_day = {s.day: s for s in await self.syncs(tenant, source) if s.rows is not None}
        counts: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        for day in sorted(by_day)[-last:]:
            for row in await self.rows(tenant, by_day[day]):
                counts[row.organization, row.product][day] = row.count
        return counts
