"""The poster's counts against the HaloPSA sandbox: what lifecycle says, what HaloPSA then holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from chassis.service import JobRun, JobWaits
from schemas import frame
from schemas.counts import (
    ClientCount,
    CountLink,
    CountLinks,
    CountLinksPlanned,
    CountPart,
    CountRow,
    CountRows,
    CountsPosted,
    CountsResolved,
    LinkCounts,
    ResolvedCounts,
)
from schemas.messages import Head
from schemas.settings import Settings
from support.poster import CONNECTION, TENANT
from vendors.halopsa import Halo

from .world import TENANT_ROWS, HandRun, Killed, World, only_halo

EDR, ITDR = 310, 311
ITEMS = [
    {"id": EDR, "name": "Managed EDR", "recurringprice": 4.5, "recurringcost": 2.25},
    {"id": ITDR, "name": "Managed ITDR", "recurringprice": 3, "recurringcost": 1},
    {"id": 12, "name": "Firewall"},
]
NAMES = {"edr": "Huntress Managed EDR", "itdr": "Huntress Managed ITDR"}
_Hashes = TypeAdapter(list[str])


def counted(client: int, count: int, product: str = "edr", **changes: Any) -> ClientCount:
    """A client's sum, all of it of one organisation."""
    given: dict[str, Any] = {
        "client": client,
        "client_name": f"Client {client}",
        "product": product,
        "item": EDR if product == "edr" else ITDR,
        "licence": NAMES.get(product, product),
        "count": count,
        "parts": (part(7_000 + client, count),),
    }
    return ClientCount.model_validate(given | changes)


def part(organization: int, count: int) -> CountPart:
    name = f"Organization {organization}"
    return CountPart(organization=str(organization), organization_name=name, count=count)


class Crossed:
    """HaloPSA, where something else happens once: `before` or `after` a call by its name."""

    def __init__(self, halo: Halo, acts: dict[str, Callable[[], Awaitable[Any]]]) -> None:
        self._halo, self._acts = halo, acts

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._halo, name)

        async def crossed(*given: Any, **named: Any) -> Any:
            await self._act(f"before {name}")
            answer = await call(*given, **named)
            await self._act(f"after {name}")
            return answer

        return crossed

    async def _act(self, when: str) -> None:
        act = self._acts.pop(when, None)
        if act is not None:
            await act()


class CountsWorld(World):
    """Syncs and links as messages; the results as people read them."""

    client_id_after_a_write = ""  # the credentials are changed there while a job waits

    async def sync(
        self, *clients: ClientCount, ended: Sequence[CountRow] = (), at: int | None = None
    ) -> CountsPosted:
        """One sync to its end; its rows are in `rows`."""
        self.revision = at or self.revision + 1
        head = CountsResolved(**self.about(), day="2026-11-05", organizations=len(clients))
        resolved = ResolvedCounts(clients=clients, ended=tuple(ended))
        await self.run("CountsResolved", head, resolved.model_dump_json().encode())
        posted, body = self.last(CountsPosted)
        self.rows = CountRows.validate_json(body)
        return posted

    async def link(self, *hashes: str) -> list[CountLink]:
        """Plan the links, or apply those named."""
        self.revision += 1
        head = LinkCounts(**self.about(), applies=bool(hashes))
        await self.run("LinkCounts", head, _Hashes.dump_json(list(hashes)))
        self.planned, body = self.last(CountLinksPlanned)
        return CountLinks.validate_json(body)

    async def apply_all(self) -> list[CountLink]:
        """Plan, and apply everything that is planned."""
        return await self.link(*[row.hash for row in await self.link() if row.hash])

    def row(self, client: int, product: str = "edr") -> CountRow:
        (found,) = [r for r in self.rows if (r.client, r.product) == (client, product)]
        return found

    def outcomes(self) -> dict[tuple[int | None, str], str]:
        return {(row.client, row.product): row.outcome for row in self.rows}

    def last[T: Head](self, kind: type[T]) -> tuple[T, bytes]:
        """The newest fact of that kind: once, however often its job was killed."""
        found: dict[bytes, tuple[T, bytes]] = {}
        for message in self.bus.messages:
            fact = self.parsed(message)
            if isinstance(fact, kind) and fact.revision == self.revision:
                found[message.value] = (fact, frame.decode(message.value)[1])
        (one,) = found.values()
        return one

    async def open_halo(self, run: JobRun, settings: Settings) -> Halo:
        if run.attempts and self.client_id_after_a_write:
            self.client_id = self.client_id_after_a_write
        halo = await super().open_halo(run, settings)
        return Crossed(halo, self.meanwhile)  # type: ignore[return-value] # in front of it

    async def dies(self) -> None:
        """To be put in `meanwhile`: the process ends there."""
        raise Killed

    async def first_pass(self, kind: str, head: Head, body: bytes) -> HandRun:
        """A job that waits after its first pass, while others may run."""
        payload = frame.encode(head.model_dump_json().encode(), body)
        job = HandRun(f"job_{self.revision}_waits", kind, payload, self._step, fence=self.fence)
        with pytest.raises(JobWaits):
            await self.service.jobs[kind](job)
        return job

    async def again(self) -> None:
        """The job that ran last is run once more, as after a crash at its very end."""
        await self.clock.sleep(60)
        job = replace(self.last_job, fence=self.fence)
        await self.resume(job)

    async def resume(self, job: HandRun) -> None:
        self.last_job = job
        await super().resume(job)

    async def licences(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.state())["entities"]["software_licences"]
        return rows

    async def counts(self) -> dict[tuple[int, str], int]:
        """What HaloPSA's licences count, by client and name."""
        rows = await self.licences()
        found = {(row["client_id"], row["name"]): row["count"] for row in rows}
        assert len(found) == len(rows), "a licence is there twice"
        return found

    async def written(self) -> int:
        """Requests that write licences, since the last time somebody asked."""
        calls = await self.calls()
        await self.control("reset_calls", {})
        return calls.get("POST /SoftwareLicence", 0)

    def about(self) -> dict[str, Any]:
        """What the head of each message says."""
        return {
            "tenant": TENANT,
            "run": "counts_1",
            "revision": self.revision,
            "settings": self.version,
            "source": "huntress",
            "connection": CONNECTION,
        }


def recurring_row(number: int, client: int, *lines: dict[str, Any], **changes: Any) -> Any:
    """A monthly recurring invoice that is due on the 20th."""
    return {
        "id": number,
        "client_id": client,
        "name": "Monthly",
        "period": 2,
        "startdate": "2026-01-20T00:00:00",
        "nextcreationdate": "2026-11-20T00:00:00",
        "lines": list(lines),
        **changes,
    }


FIREWALL = {
    "id": 9001,
    "_itemid": 12,
    "item_shortdescription": "Firewall",
    "qty_order": 1,
    "unit_price": 99.10,
    "unit_cost": 0.5,
    "comment_1": "by hand",
}
ENDPOINTS = {
    "id": 9002,
    "_itemid": EDR,
    "item_shortdescription": "Endpoints",
    "qty_order": 12,
    "unit_price": 4.35,
}
RULE = {"product": "edr", "recurring": True}


def rules(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Settings in which counts are billed by recurring invoices."""
    return {"counts": {"rule": list(rows or (RULE,)), **changes}}


async def billed_by_recurring(*rows: Any, rule: dict[str, Any] | None = None) -> CountsWorld:
    """Client 42 with 19 endpoints on a licence, and a recurring invoice of two lines."""
    one = CountsWorld(only_halo())
    invoices = rows or (recurring_row(-94, 42, FIREWALL, ENDPOINTS),)
    await one.load(**TENANT_ROWS | {"items": ITEMS, "recurring_invoices": list(invoices)})
    await one.use(**rules(rule or RULE))
    await one.sync(counted(42, 19))
    return one
