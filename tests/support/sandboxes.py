"""Both vendors' sandboxes: what was loaded, what people do there, and what there is now."""

from __future__ import annotations

import copy
from datetime import date
from decimal import Decimal
from typing import Any

import httpx

from sandbox.app import Sandbox, build_app
from sandbox.core import dumps, loads
from support import small
from support.whole import ACCOUNTS, SANDBOX, Vendors

ZERO = Decimal(0)
CENT = Decimal("0.01")
OURS = "line_"


class Sandboxes:
    """Pax8 and HaloPSA in memory; without payloads those of the small MSP."""

    def __init__(
        self, pax8: dict[str, Any] | None, halopsa: dict[str, Any] | None, today: date
    ) -> None:
        self.pax8 = small.pax8() if pax8 is None else pax8
        loaded = small.halopsa() if halopsa is None else halopsa
        self.loaded: dict[str, Any] = loads(dumps(loaded))  # numbers as the sandbox reads them
        self.app: Sandbox = build_app(None, today=today)
        self.vendors = Vendors(self.app)
        self.edits: list[dict[str, Any]] = []

    def other_halopsa(self) -> Sandbox:
        """From now on another HaloPSA answers, with nothing but what was loaded into the first."""
        first, other = self.app, build_app(None, today=self.app.clock.today)
        other.vendors["halopsa"].load(copy.deepcopy(self.loaded), False)
        mounts = {f"/{name}" for name in ("halopsa", "_sandbox/halopsa")}
        kept = [r for r in first.routes if getattr(r, "path", "") not in mounts]
        news = [r for r in other.routes if getattr(r, "path", "") in mounts]
        first.router.routes = [*kept, *news]
        return other

    async def halo_state(self) -> dict[str, Any]:
        """HaloPSA's entities as they are now."""
        found: dict[str, Any] = (await self.vendors.state("halopsa"))["entities"]
        return found

    async def calls(self, vendor: str = "halopsa") -> dict[str, int]:
        """Calls since the last `reset_calls`, by method and path."""
        found: dict[str, int] = (await self.vendors.state(vendor))["calls"]
        return found

    async def reset_calls(self) -> None:
        for vendor in ACCOUNTS:
            await self._control(vendor, "reset_calls", {})

    async def person(self, **edit: Any) -> Any:
        """Somebody works in HaloPSA's own screens."""
        self.edits.append(edit)
        return await self._control("halopsa", "edit", edit)

    async def create_due(self, day: date) -> list[dict[str, Any]]:
        """HaloPSA creates the invoices whose creation date has come."""
        answer = await self._control("halopsa", "create_due", {"date": day.isoformat()})
        made: list[dict[str, Any]] = answer["invoices"]
        return made

    async def invoices(self, client: int | None = None) -> list[dict[str, Any]]:
        """Invoices of ours that stand, oldest first."""
        return [
            row
            for row in (await self.halo_state())["invoices"]
            if not row.get("voided")
            and (client is None or row["client_id"] == client)
            and ours_on(row)
        ]

    async def _control(self, vendor: str, name: str, payload: Any) -> Any:
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url=SANDBOX) as client:
            answer = await client.post(f"/_sandbox/{vendor}/{name}", content=dumps(payload))
        assert answer.status_code == 200, answer.text
        return loads(answer.content)


def ours_on(invoice: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of ours on an invoice."""
    return [line for line in invoice["lines"] if str(line.get("comment_2") or "").startswith(OURS)]


def money_on(lines: list[dict[str, Any]], unit: str = "unit_price") -> Decimal:
    """What the lines come to, each rounded to the cent."""
    return sum(
        (
            (Decimal(str(x["qty_order"])) * Decimal(str(x[unit]))).quantize(CENT, "ROUND_HALF_UP")
            for x in lines
        ),
        ZERO,
    )
