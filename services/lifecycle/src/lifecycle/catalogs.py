"""Clients and items as HaloPSA listed them: each list is read once per run and kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from lifecycle.domain.clients import Client, Clients
from lifecycle.domain.items import Item, Items
from lifecycle.tools import Session, Tools
from lifecycle.translate import client_from_halo, item_from_halo
from schemas.messages import Head

COLLECTION = "catalogs"
OPEN = 14  # Item.status
# A run waits for approvals: an older list may miss what people did meanwhile.
FRESH = timedelta(minutes=15)


class Catalog(BaseModel):
    """One list. `revision` is the command that read it, `reader` the later one that reuses it."""

    model_config = ConfigDict(frozen=True)

    run: str
    revision: int
    listed_at: datetime
    reader: int | None = None
    clients: tuple[Client, ...] = ()
    items: tuple[Item, ...] = ()

    def serves(self, command: Head, now: datetime) -> bool:
        """A command meets its own list again, or takes over one that nobody else took yet."""
        mine = self.reader is None or command.revision in (self.revision, self.reader)
        return self.run == command.run and mine and now - self.listed_at <= FRESH


class Catalogs:
    """Lists through the job's session, when the stored list does not serve."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def clients(self, session: Session, command: Head) -> Clients:
        """All clients, inactive ones included as far as HaloPSA lists them."""
        there = await self._stored(session, "clients", command)
        if there is None:
            rows = await self._list_clients(session)
            there = await self._keep(session, "clients", self._new(command, clients=rows))
        return Clients(there.clients)

    async def last_clients(self, session: Session) -> Clients:
        """As some run listed them last: good for names, and no call; empty before the first."""
        job = session.job
        record = await self._tools.outbox.get(
            job.tenant, COLLECTION, catalog_key(job.connection, "clients")
        )
        return Clients(Catalog.model_validate_json(record.body).clients if record else ())

    async def items(self, session: Session, command: Head) -> Items:
        """All open items."""
        there = await self._stored(session, "items", command)
        if there is None:
            return await self.list_items(session, command)
        return Items(there.items)

    async def list_items(self, session: Session, command: Head) -> Items:
        """All open items as they are now."""
        halo = await session.halo()
        rows = [r for r in await halo.items() if r.status in (None, OPEN)]
        items = tuple(item_from_halo(r) for r in rows)
        await self._keep(session, "items", self._new(command, items=items))
        return Items(items)

    async def _list_clients(self, session: Session) -> tuple[Client, ...]:
        halo = await session.halo()
        rows = await halo.clients()
        currencies: dict[int, str] = {}
        if any(r.default_currency_code for r in rows):
            currencies = {c.id: c.code for c in await halo.currencies() if c.code}
        return tuple(client_from_halo(r, currencies) for r in rows)

    def _new(
        self, command: Head, *, clients: tuple[Client, ...] = (), items: tuple[Item, ...] = ()
    ) -> Catalog:
        now = self._tools.clock.now()
        return Catalog(
            run=command.run,
            revision=command.revision,
            listed_at=now,
            # Only the list that matching read is handed on: a retry must see what people did.
            reader=None if command.kind == "MatchCompanies" else command.revision,
            clients=clients,
            items=items,
        )

    async def _stored(self, session: Session, what: str, command: Head) -> Catalog | None:
        job = session.job
        record = await self._tools.outbox.get(
            job.tenant, COLLECTION, catalog_key(job.connection, what)
        )
        if record is None:
            return None
        there = Catalog.model_validate_json(record.body)
        if not there.serves(command, self._tools.clock.now()):
            return None
        if command.revision in (there.revision, there.reader):
            return there
        return await self._keep(
            session, what, there.model_copy(update={"reader": command.revision})
        )

    async def _keep(self, session: Session, what: str, catalog: Catalog) -> Catalog:
        job = session.job
        key = catalog_key(job.connection, what)
        body = catalog.model_dump_json(exclude_defaults=True).encode()
        await self._tools.put(job.tenant, COLLECTION, key, body)
        return catalog


def catalog_key(connection: str, what: str) -> str:
    """One record a connection and list; the newest replaces."""
    return f"{connection}/{what}"
