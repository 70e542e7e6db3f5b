"""Collection `items`: one record per product key, the guard against making an item twice."""

from __future__ import annotations

from collections.abc import Iterable

from chassis.outbox import Outbox
from chassis.service import JobRun
from chassis.table import Table
from chassis.together import together
from lifecycle.domain.items import ItemRecord

COLLECTION = "items"


class ItemRecords:
    """Only jobs of the connection write here, one at a time."""

    def __init__(self, outbox: Outbox) -> None:
        self._table = Table(outbox, COLLECTION, ItemRecord)

    async def known(self, job: JobRun, keys: Iterable[str]) -> dict[str, ItemRecord]:
        """What is known at this connection; what was decided for another one does not count."""
        found: dict[str, ItemRecord] = {}
        wanted = list(keys)
        there = await together([self._table.get(job.tenant, key) for key in wanted])
        for key, stored in zip(wanted, there, strict=True):
            if stored is not None and stored.value.connection == job.connection:
                found[key] = stored.value
        return found

    async def put(self, tenant: str, record: ItemRecord) -> None:
        """Insert or replace."""
        tags = {"state": record.state}
        while not await self._table.insert(tenant, record.product_key, record, tags=tags):
            there = await self._table.get(tenant, record.product_key)
            if there is not None and await self._table.replace(there, record, tags=tags):
                return
