"""A small MSP with something wrong in it, and how its run ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from chargeline.audit import line_audit
from chargeline.explain import Explain
from chassis.job_settings import RunnerSettings
from schemas.statement import OUTCOMES, Side
from support import small
from support.small import DOCUMENT
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Ran, Vendors, Whole, posted_by_line

ZERO = Decimal(0)
ITEMS = "/invoices/{id}/items"
SENTENCE_MAX = 400


@dataclass
class World:
    """What the vendors have, what the MSP has set, and what goes wrong on the way."""

    pax8: dict[str, Any] = field(default_factory=small.pax8)
    halopsa: dict[str, Any] = field(default_factory=small.halopsa)
    settings: dict[str, Any] = field(default_factory=small.settings)
    faults: Sequence[dict[str, Any]] = ()
    wrong_credentials: str = ""
    transport: httpx.AsyncBaseTransport | None = None
    vendors: Vendors = field(default_factory=Vendors)
    tries_max: int = 100


@dataclass
class Story:
    """How the run over the document ended, and what a person reads about it."""

    ran: Ran
    sentences: list[str]
    posted: dict[str, list[Decimal]]
    outcomes: dict[str, int]
    audit: list[str]

    @property
    def sides(self) -> dict[str, Side]:
        return {c: found.price for c, found in self.ran.statement.currencies.items()}

    def says(self, *words: str) -> None:
        """Every sentence is short, and one of them holds all these words."""
        assert all(0 < len(one) <= SENTENCE_MAX for one in self.sentences), self.sentences
        assert any(all(word in one for word in words) for one in self.sentences), self.sentences

    def holds(self, code: str, amount: str, currency: str = "USD") -> None:
        """That much is held for that reason, and every cent of the document is accounted for."""
        assert self.ran.statement.currencies[currency].held_by[code] == Decimal(amount)
        self.balances()

    def balances(self) -> None:
        assert self.ran.statement.complete
        for side in self.sides.values():
            assert side.unexplained == 0
            assert side.received == sum((getattr(side, name) for name in OUTCOMES), ZERO)


async def billed(folder: Path, world: World) -> Story:
    runner = RunnerSettings(take_over=True, tries_max=world.tries_max)
    whole = Whole(folder, world.vendors, world.transport, runner)
    await whole.vendors.load("pax8", world.pax8)
    await whole.vendors.load("halopsa", world.halopsa)
    for fault in world.faults:
        await whole.vendors.fault(**fault)
    async with whole.running() as system:
        await whole.set_up(system, world.settings)
        if world.wrong_credentials:
            await system.seal(TENANT, world.wrong_credentials, "bad", "secret")
        ran = await whole.bill(system, DOCUMENT)
        sentences = [ran.run.text] if ran.run.problem else await whole.holds(system, ran)
        records = system.store.records
        audit = [d.problem for d in await line_audit(records, TENANT, ran.run.run)]
        outcomes: dict[str, int] = {}
        if await records.get(TENANT, "documents", DOCUMENT):
            explained = await Explain(records).document(TENANT, DOCUMENT, ran.run.settings)
            outcomes = explained.outcomes
    posted = posted_by_line(await whole.vendors.state("halopsa"))
    return Story(ran, sentences, posted, outcomes, audit)


def story_of(folder: Path, world: World) -> Story:
    return in_virtual_time(billed(folder, world))


def items(*rows: dict[str, Any]) -> World:
    return World(pax8=small.pax8(rows))


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def forbidden(vendor: str, path: str, method: str = "") -> dict[str, Any]:
    return {"vendor": vendor, "kind": "forbidden", "times": -1, "path": path, "method": method}
