"""HaloPSA confirms a write and keeps another: the statement has the amount, the audit the line.

What was injected is read off the sandbox's own state, against what the same month makes there
without the fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chargeline.audit import line_audit
from chargeline.explain import Explain
from chargeline.system import System
from sandbox.generate import Month, Shape, generate_month
from schemas.statement import Difference
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Ran, Whole, posted_by_line

ZERO = Decimal(0)
ITEMS = "/invoices/{id}/items"
KINDS = {
    "alter_line": "altered",
    "drop_line": "missing",
    "double_line": "doubled",
    "quantity_to_one": "altered",
    "truncate_page": "missing",
}


@pytest.fixture(scope="module")
def month() -> Month:
    return generate_month(7, clients=10, lines=60)


@dataclass
class Billed:
    """A month that was billed, and what HaloPSA has of every line afterwards."""

    ran: Ran
    audit: list[Difference]
    there: dict[str, list[Decimal]]


async def bill(whole: Whole, system: System, month: Month, **policy: str) -> Ran:
    await whole.vendors.load("pax8", month.pax8)
    await whole.vendors.load("halopsa", month.halopsa)
    settings = month.resolved_settings()
    settings["policy"] = settings["policy"] | policy
    await whole.set_up(system, settings)
    [document] = await whole.documents(system)
    return await whole.bill(system, document)


async def billed(folder: Path, month: Month, fault: dict[str, Any], **policy: str) -> Billed:
    whole = Whole(folder)
    async with whole.running() as system:
        await whole.vendors.fault("halopsa", amount=1.25, **fault)
        ran = await bill(whole, system, month, **policy)
        records = system.store.records
        audit = await line_audit(records, TENANT, ran.run.run)
    state = await whole.vendors.state("halopsa")
    assert state["faults"]["fired"] == {fault["kind"]: 1}
    there = posted_by_line(state)
    return Billed(ran, audit, there)


async def audited(whole: Whole, ran: Ran) -> list[Difference]:
    """What the audit finds on the data folder as it lies there."""
    async with whole.running() as system:
        return await line_audit(system.store.records, TENANT, ran.run.run)


async def due(folder: Path, month: Month, **policy: str) -> dict[str, Decimal]:
    """What HaloPSA has of every line when it keeps what it is sent."""
    whole = Whole(folder)
    async with whole.running() as system:
        ran = await bill(whole, system, month, **policy)
        assert await line_audit(system.store.records, TENANT, ran.run.run) == []
    assert not any(side.price.unexplained for side in ran.statement.currencies.values())
    there = posted_by_line(await whole.vendors.state("halopsa"))
    assert all(len(lines) == 1 for lines in there.values())
    return {line: amount for line, [amount] in there.items()}


POLICIES = [
    {"behaviour": "new"},
    {"behaviour": "latest", "when_not_open": "new"},
]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy["behaviour"])
@pytest.mark.parametrize("after", [0, 4])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_injected_amount_is_unexplained_and_its_line_is_named(
    tmp_path: Path, month: Month, kind: str, after: int, policy: dict[str, str]
) -> None:
    async def story() -> None:
        wanted = await due(tmp_path / "due", month, **policy)
        fault = {"kind": kind, "after": after}
        found = await billed(tmp_path / "faulty", month, fault, **policy)
        harmed = {
            line: wanted[line] - sum(there, ZERO)
            for line, there in found.there.items()
            if sum(there, ZERO) != wanted[line]
        }
        if kind in ("drop_line", "truncate_page"):  # not there at all, or there and never shown
            harmed = {found.audit[0].line: wanted[found.audit[0].line]}
            assert (found.audit[0].line in found.there) is (kind == "truncate_page")
        [(line, amount)] = harmed.items()
        unexplained = sum(
            (side.price.unexplained or ZERO for side in found.ran.statement.currencies.values()),
            ZERO,
        )
        assert unexplained == amount
        for told in (found.ran.differences, found.audit):
            assert [(d.line, d.problem) for d in told] == [(line, KINDS[kind])]
            assert told[0].expected - told[0].found == amount
        assert found.ran.statement.complete

    in_virtual_time(story())


def test_on_a_recurring_invoice_too(tmp_path: Path) -> None:
    month = generate_month(7, clients=10, lines=60, shape=Shape(recurring=True))

    async def story() -> None:
        wanted = await due(tmp_path / "due", month)
        found = await billed(tmp_path / "faulty", month, {"kind": "double_line"})
        [(line, there)] = [(n, there) for n, there in found.there.items() if len(there) > 1]
        assert sum(there) == 2 * wanted[line]
        assert [(d.line, d.problem) for d in found.ran.differences] == [(line, "doubled")]
        assert [d.line for d in found.audit] == [line]
        unexplained = [s.price.unexplained for s in found.ran.statement.currencies.values()]
        assert sum(amount or ZERO for amount in unexplained) == -wanted[line]

    in_virtual_time(story())


def test_a_page_that_lacks_a_row_holds_the_document(tmp_path: Path, month: Month) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        async with whole.running() as system:
            await whole.vendors.fault("pax8", kind="truncate_page", times=-1, path=ITEMS)
            ran = await bill(whole, system, month)
            explained = await Explain(system.store.records).document(
                TENANT, ran.run.document, ran.run.settings
            )
        assert ran.run.problem == "document-incomplete"
        assert "promised" in ran.run.text
        assert ran.run.rows_read < ran.run.rows_promised
        assert not ran.statement.complete
        for side in ran.statement.currencies.values():
            assert side.price.unexplained is None
            assert side.price.posted == 0
        assert not posted_by_line(await whole.vendors.state("halopsa"))
        assert {(line.outcome, line.rule) for line in explained.lines} == {
            ("held", "document-incomplete")
        }
        assert await audited(whole, ran) == []

    in_virtual_time(story())


def test_once_the_pages_are_whole_the_document_is_billed(tmp_path: Path, month: Month) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        async with whole.running() as system:
            await whole.vendors.fault("pax8", kind="truncate_page", times=2, path=ITEMS)
            ran = await bill(whole, system, month)
            assert ran.run.problem == "document-incomplete"
            ran = await whole.bill(system, ran.run.document)
        assert ran.run.problem is None
        assert ran.statement.lines["received"] == len(month.items)
        assert ran.unexplained() == 0
        assert posted_by_line(await whole.vendors.state("halopsa"))

    in_virtual_time(story())
