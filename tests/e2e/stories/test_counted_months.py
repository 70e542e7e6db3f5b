"""Counts of a day become licences or charges of a month, through the whole system."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway.domain.syncs import Sync, SyncStage
from schemas.counts import CountRow
from support import small
from support.huntress import organization
from support.sandboxes import money_on, ours_on
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Ran
from support.world import APPROVED, World

ACME, BOLT, MONTH = 700101, 700102, "2026-11"
CHARGED = {"product": "edr", "bill": "charge", "price": "4.25", "cost": "2.10"}


def settings(**changes: Any) -> dict[str, Any]:
    """Acme is mapped, Bolt is not; endpoints are billed as charges of the month's fifth day."""
    return small.settings(
        client=[{"source": "huntress", "company": str(ACME), "halo": 41}],
        product=[{"source": "huntress", "product": "edr", "halo": 901}],
        counts={"mode": "quick", "cut_off_day": 5, "rule": [CHARGED]},
        **changes,
    )


class Counted(World):
    """The small MSP with a Huntress account of two organisations: 21 and 8 endpoints."""

    async def account(self) -> None:
        rows = [
            organization(ACME, name="Acme East", sat_learner_count=0),
            organization(BOLT, name="Bolt", agents_count=8, sat_learner_count=0),
        ]
        await self.vendors.load("huntress", {"organizations": rows})
        await self.system.seal(TENANT, "huntress", "hk_1", "hs_1")

    async def sync(self) -> tuple[Sync, list[CountRow]]:
        gateway = self.system.gateway
        begun = await gateway.counts.sync_counts(TENANT)

        async def over() -> bool:
            return (await gateway.count_queries.sync(TENANT, begun.run)).stage is SyncStage.ENDED

        await self.system.wait_for(over)
        done = await gateway.count_queries.sync(TENANT, begun.run)
        return done, list(await gateway.count_queries.rows(TENANT, done))

    async def bill_month(self) -> Ran:
        runs, queries = self.system.gateway.runs, self.system.gateway.queries
        run = await runs.start(TENANT, "huntress", MONTH, **APPROVED)

        async def over() -> bool:
            return not await queries.waiting(TENANT, run)

        await self.system.wait_for(over)
        return Ran(await queries.run(TENANT, run), await queries.statement(TENANT, run))


def test_a_month_of_counts_is_billed_and_proved_to_the_cent(tmp_path: Path) -> None:
    async def story() -> None:
        async with Counted(tmp_path, settings=settings()) as w:
            await w.account()
            done, rows = await w.sync()
            assert done.problem is None
            assert {(row.organization, row.outcome) for row in rows} == {
                (str(ACME), "charged"),
                (str(BOLT), "charged"),
            }
            ran = await w.bill_month()
            price, cost = (getattr(ran.statement.currencies["USD"], s) for s in ("price", "cost"))
            assert (price.received, price.posted) == (Decimal("123.25"), Decimal("123.25"))
            assert (cost.posted, price.unexplained, cost.unexplained) == (Decimal("60.90"), 0, 0)
            assert [money_on(ours_on(one)) for one in await w.invoices(41)] == [Decimal("89.25")]
            assert [money_on(ours_on(one)) for one in await w.invoices(42)] == [Decimal("34.00")]

    in_virtual_time(story())


def test_a_month_billed_twice_posts_nothing_more(tmp_path: Path) -> None:
    async def story() -> None:
        async with Counted(tmp_path, settings=settings()) as w:
            await w.account()
            await w.sync()
            first = await w.bill_month()
            again = await w.bill_month()
            assert again.statement.currencies == first.statement.currencies
            assert len(await w.invoices()) == 2

    in_virtual_time(story())


def test_a_month_whose_day_was_not_synced_says_so_and_is_billed_after_the_sync(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with Counted(tmp_path, settings=settings()) as w:
            await w.account()
            ran = await w.bill_month()
            assert ran.run.problem == "count-month-open"
            assert await w.invoices() == []
            await w.sync()
            ran = await w.again(ran)
            assert ran.run.problem is None
            assert len(await w.invoices()) == 2

    in_virtual_time(story())
