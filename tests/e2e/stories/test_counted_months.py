"""Counts of a day become licences or charges of a month, through the whole system."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from chargeline.audit import line_audit
from chargeline.explain import DocumentExplained, Explain
from chassis.records import Record, Records
from gateway.domain.syncs import Sync, SyncStage
from schemas.counts import CountRow
from support import small
from support.huntress import organization
from support.sandboxes import money_on, ours_on
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Ran
from support.world import APPROVED, World

ACME, BOLT, MONTH = 700101, 700102, "2026-11"
DETAILED = {"mode": "detailed", "cut_off_day": 5}
CHARGED = {"product": "edr", "bill": "charge", "price": "4.25", "cost": "2.10"}


def settings(counts: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Acme is mapped, Bolt is not; endpoints are billed as charges of the month's fifth day."""
    return small.settings(
        client=[{"source": "huntress", "company": str(ACME), "halo": 41}],
        product=[{"source": "huntress", "product": "edr", "halo": 901}],
        counts={"mode": "quick", "cut_off_day": 5, "rule": [CHARGED]} | (counts or {}),
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

    async def explained(self, ran: Ran) -> DocumentExplained:
        """The month's lines, after the audit found each of them where it should be."""
        records = self.system.store.records
        assert await line_audit(records, TENANT, ran.run.run) == []
        run = ran.run
        return await Explain(records).document(TENANT, run.document, run.settings, run.source)

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


def test_a_line_of_a_month_is_explained_from_the_snapshot_to_the_invoice(tmp_path: Path) -> None:
    async def story() -> None:
        async with Counted(tmp_path, settings=settings(counts=DETAILED)) as w:
            await w.account()
            await w.sync()
            ran = await w.bill_month()
            found = await w.explained(ran)
            assert found.outcomes == {"held": 1, "posted": 1}
            [acme] = [line for line in found.lines if line.company == str(ACME)]
            assert acme.counted is not None
            assert (acme.counted.day, acme.counted.rule) == ("2026-11-05", "cut-off day")
            assert (acme.counted.count, acme.counted.raw, acme.counted.read_from) == (
                19,
                19,
                "detail",
            )
            assert acme.counted.seen == {"agents": 21, "unresponsive": 2}
            assert acme.text == "billed to client 41 as 19 x 4.2500 = 80.75 USD"
            assert [money_on(ours_on(one)) for one in await w.invoices(41)] == [Decimal("80.75")]
            [bolt] = [line for line in found.lines if line.company == str(BOLT)]
            assert (bolt.outcome, bolt.rule) == ("held", "count-detail-missing")

            await altered(w.system.store.records, f"huntress/2026-11-05/organization/{ACME:020d}")
            found = await Explain(w.system.store.records).document(
                TENANT, MONTH, ran.run.settings, "huntress"
            )
            [acme] = [line for line in found.lines if line.company == str(ACME)]
            assert (acme.problem, acme.outcome) == ("raw-altered", None)
            assert not found.sound

    in_virtual_time(story())


def test_a_month_without_its_snapshot_has_no_line_to_explain(tmp_path: Path) -> None:
    async def story() -> None:
        async with Counted(tmp_path, settings=settings()) as w:
            await w.account()
            ran = await w.bill_month()
            assert (await w.explained(ran)).lines == ()
            await w.sync()
            assert len((await w.explained(await w.again(ran))).lines) == 2

    in_virtual_time(story())


async def altered(records: Records, key: str) -> None:
    """One byte of what Huntress answered is another now."""
    there = await records.get(TENANT, "snapshots", key)
    assert there is not None
    body = there.body.replace(b'"billable_agents_count":19', b'"billable_agents_count":91')
    assert await records.replace(Record(TENANT, "snapshots", key, there.version, body, there.tags))
