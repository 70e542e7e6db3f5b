"""Counts through the whole system: to licences, to a recurring invoice, to a month's charges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from chargeline import commands, counting
from chargeline.session import Where
from sandbox.app import build_app
from sandbox.core import dumps, loads
from support import small
from support.command_line import toml

pytestmark = pytest.mark.e2e

EDR, SAT = 903, 904
ACME, BOLT, STRAY = "700101", "700102", "700103"
FIRST, NEXT = date(2026, 11, 5), date(2026, 11, 6)
RULES = """
[counts]
cut_off_day = 6

[[counts.rule]]
product = "edr"
recurring = true
free = 2
minimum = 5

[[counts.rule]]
product = "sat"
bill = "charge"
price = "2.50"
cost = "1.75"
"""


def organization(number: str, name: str, edr: int, sat: int | None = None) -> dict[str, Any]:
    usages: dict[str, Any] = {"edr": {"billable_agents_count": edr}}
    if sat is not None:
        usages["sat"] = {"learners_count": sat}
    return {
        "id": int(number),
        "name": name,
        "key": name.lower(),
        "agents_count": edr,
        "sat_learner_count": sat or 0,
        "actual_usages": usages,
    }


def line(number: int, item: int, name: str, quantity: int) -> dict[str, Any]:
    """A line of a recurring invoice as a person made it."""
    of_item = {"_itemid": item, "item_shortdescription": name}
    return {"id": number, **of_item, "qty_order": quantity, "unit_price": 4}


@dataclass
class Story:
    """One tenant's data folder with the sandboxes in it; each command opens and closes it."""

    folder: Path

    async def begin(self) -> None:
        lines = [line(71, EDR, "Managed EDR", 1)]
        extra = [line(72, 901, "Product 1", 3)]
        halopsa = small.halopsa(
            items=[
                small.sold(901, "Product 1"),
                small.sold(EDR, "Managed EDR", recurringprice=4, recurringcost=2),
                small.sold(SAT, "Managed SAT", recurringprice=2.5, recurringcost=1.75),
            ],
            recurring_invoices=[
                small.recurring(-41, 41, lines=[*lines, *extra]),
                small.recurring(-42, 42, lines=[{**lines[0], "id": 73}]),
            ],
        )
        rows = [
            {"source": "huntress", "company": ACME, "halo": 41},
            {"source": "huntress", "company": BOLT, "halo": 42},
        ]
        products = [
            {"source": "huntress", "product": "edr", "halo": EDR},
            {"source": "huntress", "product": "sat", "halo": SAT},
        ]
        settings = toml(small.settings(client=rows, product=products)) + RULES
        (self.folder / "settings.toml").write_text(settings, encoding="utf-8")
        huntress = {
            "accounts": [{"id": 5, "name": "Partner", "subdomain": "partner"}],
            "organizations": [
                organization(ACME, "Acme", 12),
                organization(BOLT, "Bolt", 3, 8),
                organization(STRAY, "Stray", 2),
            ],
            "days": [{"organization": int(ACME), "day": NEXT.isoformat(), "edr": 0}],
        }
        await self.ask("pax8", "load", small.pax8())
        await self.ask("halopsa", "load", halopsa)
        await self.ask("huntress", "load", huntress)

    async def ask(self, vendor: str, what: str, payload: Any = None, day: date = FIRST) -> Any:
        """What the sandbox's own controls do, while no command is at work."""
        app = build_app(self.folder / "data" / "sandbox", today=day)
        try:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as http:
                path = f"/_sandbox/{vendor}/{what}"
                got = http.get(path) if payload is None else http.post(path, content=dumps(payload))
                answer = await got
                assert answer.status_code == 200, answer.text
                return loads(answer.content)
        finally:
            app.close()

    def where(self, day: date, **more: Any) -> Where:
        settings = self.folder / "settings.toml"
        return Where(self.folder / "data", settings, sandbox=True, today=day, **more)

    async def sync(self, day: date = FIRST) -> Told:
        code, document = await counting.sync(
            self.where(day, counts=True), mode=None, day=None, as_json=True
        )
        return Told(code, document or {})

    async def licences(self) -> dict[int, int]:
        """By client the count of its licence for EDR."""
        state = await self.ask("halopsa", "state")
        return {
            row["client_id"]: int(row["count"]) for row in state["entities"]["software_licences"]
        }


@dataclass
class Told:
    """What a sync said."""

    code: int
    document: Mapping[str, Any]

    @property
    def rows(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        names = ("before", "after", "outcome", "reason")
        return {
            (row["organization"], row["product"]): tuple(row[name] for name in names)
            for row in self.document["results"]
        }


@pytest.fixture
async def story(tmp_path: Path) -> Story:
    told = Story(tmp_path)
    await told.begin()
    return told


async def test_a_second_sync_writes_nothing_and_a_zero_waits_until_it_is_accepted(
    story: Story,
) -> None:
    first = await story.sync()
    assert first.code == 2, "an organization is not mapped"
    assert first.rows == {
        (ACME, "edr"): (None, 12, "created", ""),
        (BOLT, "edr"): (None, 3, "created", ""),
        (BOLT, "sat"): (None, None, "charged", ""),
        (STRAY, "edr"): (None, None, "held", "organization-unmapped"),
    }
    assert list(first.document["results"][0])[:9] == [
        *("organization", "product", "client", "item", "before", "after"),
        *("outcome", "reason", "at"),
    ]
    assert first.document["calls"]["huntress"] <= 1 + 1 + 2
    assert await story.licences() == {41: 12, 42: 3}

    again = await story.sync()
    assert again.document["written"] == 0
    assert again.rows[ACME, "edr"] == (12, 12, "unchanged", "")

    fallen = await story.sync(NEXT)
    assert fallen.rows[ACME, "edr"][2:] == ("held", "count-zero")
    assert await story.licences() == {41: 12, 42: 3}, "a held count leaves the licence alone"

    data = Where(story.folder / "data")
    assert await counting.accept(data, ACME, "edr", 0) == (0, None)
    through = await story.sync(NEXT)
    assert through.rows[ACME, "edr"] == (12, 0, "updated", "")
    assert await story.licences() == {41: 0, 42: 3}, "zero is written, nothing is deleted"
    still = await story.sync(NEXT)
    assert still.rows[ACME, "edr"] == (0, 0, "unchanged", ""), "it does not ask again"

    code, shown = await counting.show(data, as_json=True)
    assert (code, shown and shown["held"]) == (2, 1)
    assert shown is not None
    [row] = [r for r in shown["results"] if (r["organization"], r["product"]) == (ACME, "edr")]
    assert row["history"] == {"2026-11-05": 12, "2026-11-06": 0}


async def test_the_count_of_a_month_is_billed_by_a_recurring_invoice(story: Story) -> None:
    await story.sync()
    where = story.where(FIRST, counts=True)
    code, planned = await counting.link(where, apply=False, yes=False, as_json=True)
    assert planned is not None
    assert not planned["applied"]
    assert {r["client"]: (r["operation"], r["bills_then"]) for r in planned["links"]} == {
        41: ("link", 10),
        42: ("link", 5),
    }
    code, applied = await counting.link(where, apply=True, yes=True, as_json=True)
    assert applied is not None
    assert (code, applied["applied"]) == (0, True)

    made = await story.ask("halopsa", "create_due", {"date": "2026-11-10"}, date(2026, 11, 10))
    quantities = {
        (invoice["client_id"], line["_itemid"]): Decimal(str(line["qty_order"]))
        for invoice in made["invoices"]
        for line in invoice["lines"]
    }
    assert quantities[41, EDR] == 10, "12 less 2 free ones"
    assert quantities[42, EDR] == 5, "3 less 2 free ones, and at least 5"
    assert quantities[41, 901] == 3, "a foreign line is left as it is"


async def test_a_count_is_billed_as_a_charge_to_an_invoice_that_the_statement_proves(
    story: Story,
) -> None:
    await story.sync()
    await story.sync(NEXT)
    where = story.where(NEXT, source="huntress")
    code, document = await commands.bill(
        where, document=None, yes=True, automatic=False, canary=1, as_json=True
    )
    assert document is not None
    told = json.dumps(document, indent=1)
    assert code == 0, told
    sides = document["statement"]["currencies"]["USD"]["price"]
    assert Decimal(sides["received"]) == Decimal(sides["posted"]) == Decimal("20.00"), told
    assert Decimal(sides["unexplained"]) == 0
    state = await story.ask("halopsa", "state")
    [invoice] = state["entities"]["invoices"]
    [line] = invoice["lines"]
    assert invoice["client_id"] == 42
    assert (Decimal(str(line["qty_order"])), Decimal(str(line["unit_price"]))) == (
        Decimal(8),
        Decimal("2.5"),
    )
    _, again = await commands.bill(
        where, document=None, yes=True, automatic=False, canary=1, as_json=True
    )
    assert again is not None
    assert again["postings"]["created"] == 0


async def test_in_a_sandbox_of_its_own_a_second_sync_is_shown_to_write_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CHARGELINE_DATA", raising=False)
    where = Where(sandbox=True, counts=True, clients=10, lines=100, seed=7)
    _, document = await counting.sync(where, mode=None, day=None, as_json=True)
    assert document is not None
    assert document["written"] > 0
    again = document["again"]
    assert (again["problem"], again["written"], again["held"]) == (None, 0, document["held"])
    assert again["calls"]["huntress"] == document["calls"]["huntress"]
    assert again["calls"]["halopsa"] < document["calls"]["halopsa"]
