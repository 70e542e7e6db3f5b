"""Explain recomputes every line, and agrees with the statement and with what HaloPSA shows."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from chargeline.audit import line_audit
from chargeline.explain import Explain
from chargeline.explain.reading import ALLOWED, Denied, OnlyDecisions
from chargeline.standing import with_standing
from chassis.errors import PermanentError
from chassis.records import Record
from sandbox.generate import Month, generate_month
from support.explained import billed, explained
from support.memory_records import MemoryRecords
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Whole, posted_by_line

ZERO = Decimal(0)


@pytest.fixture(scope="module")
def month() -> Month:
    return generate_month(7, clients=12, lines=100)


@pytest.mark.parametrize("resolved", [False, True])
def test_every_line_is_explained_as_the_statement_has_it(
    tmp_path: Path, month: Month, resolved: bool
) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        async with whole.running() as system:
            ran = await billed(whole, system, month, resolved=resolved)
            found = await explained(system, ran)
        assert found.sound
        assert [(line.page, line.row) for line in found.lines] == sorted(
            (line.page or 0, line.row or 0) for line in found.lines
        )
        assert [line.vendor_id for line in found.lines] == [item["id"] for item in month.items]
        sums: dict[tuple[str, str, str], Decimal] = defaultdict(lambda: ZERO)
        for line in found.lines:
            assert line.received is not None
            if line.outcome != "collapsed":
                reason = line.rule or "" if line.outcome != "posted" else ""
                sums[line.currency, line.outcome or "", reason] += line.received.total or ZERO
        for line in found.merged:
            assert line.billed is not None
            reason = line.rule or "" if line.outcome == "held" else ""
            sums[line.currency, line.outcome or "", reason] += line.billed.total
        for currency, told in ran.statement.currencies.items():
            side = told.price
            posted = side.posted + side.rounding
            assert sums.pop((currency, "posted", ""), ZERO) == posted
            for outcome in ("dropped", "held", "excluded"):
                for reason, money in getattr(told, f"{outcome}_by").items():
                    assert sums.pop((currency, outcome, reason)) == money, (outcome, reason)
        assert not sums

    in_virtual_time(story())


def test_lines_are_billed_in_halopsa_as_explained(tmp_path: Path, month: Month) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        async with whole.running() as system:
            found = await explained(system, await billed(whole, system, month, resolved=True))
        there = posted_by_line(await whole.vendors.state("halopsa"))
        said = {
            line.line: [line.billed.total]
            for line in (*found.lines, *found.merged)
            if line.outcome == "posted" and line.billed is not None
        }
        assert said == there
        assert any(line.billed and line.billed.restated for line in found.lines)
        merged = found.merged[0]
        into = [line.line for line in found.lines if line.into == merged.line]
        assert sorted(into) == sorted(merged.members)
        assert into

    in_virtual_time(story())


def test_an_explanation_says_what_decided_and_what_did_not(tmp_path: Path, month: Month) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        async with whole.running() as system:
            ran = await billed(whole, system, month)
            explain = Explain(system.store.records)
            found = await explained(system, ran)
            versions = {ran.run.document: ran.run.settings}
            sources = {ran.run.document: ran.run.source}
            posted = next(line for line in found.lines if line.outcome == "posted")
            assert await explain.line(TENANT, posted.line, versions, sources) == posted
            merged = found.merged[0]
            assert await explain.line(TENANT, merged.line, versions, sources) == merged
            with pytest.raises(PermanentError, match="line-unknown"):
                await explain.line(TENANT, "line_0", versions, sources)
        assert not any(rule.fired for rule in posted.rules)
        assert all(rule.why for rule in posted.rules)
        assert {"drop-zero", "drop-azure", "billedByPax8"} <= {r.rule for r in posted.rules}
        assert posted.mapping is not None
        assert posted.mapping.client_name
        assert posted.mapping.evidence in ("external id", "exact name", "settings")
        assert posted.product is not None
        assert posted.product.item is not None
        assert posted.product.evidence
        zero = next(line for line in found.lines if line.rule == "drop-zero")
        assert [rule.rule for rule in zero.rules if rule.fired] == ["drop-zero"]
        assert zero.level == "global"
        held = next(line for line in found.lines if line.rule == "company-unmapped")
        assert "chargeline mappings client" in held.text

    in_virtual_time(story())


def test_explain_can_not_see_what_was_posted() -> None:
    async def story() -> None:
        seen = OnlyDecisions(MemoryRecords())
        for name in ("plans", "postings", "batches-to-post", "projections", "parked", "runs"):
            assert name not in ALLOWED
            with pytest.raises(Denied):
                await seen.get(TENANT, name, "key")
            with pytest.raises(Denied):
                await seen.find(TENANT, name, "tag", "value")
            with pytest.raises(Denied):
                await seen.count(TENANT, name, "tag", "value")
        for name in ALLOWED:
            assert await seen.get(TENANT, name, "key") is None
            record = Record(TENANT, name, "key", 0, b"")
            with pytest.raises(Denied):
                await seen.insert(record)
            with pytest.raises(Denied):
                await seen.replace(record)
            with pytest.raises(Denied):
                await seen.delete(TENANT, name, "key")
            with pytest.raises(Denied):
                await seen.sweep(name, "tag", "value")
        with pytest.raises(Denied):
            await seen.with_outgoing()

    in_virtual_time(story())


def test_what_the_destination_decided_stands_beside_the_explanation(
    tmp_path: Path, month: Month
) -> None:
    """R10: no open invoice. Explain can not know that; the run says it."""

    async def story() -> None:
        whole = Whole(tmp_path)
        async with whole.running() as system:
            await whole.vendors.load("pax8", month.pax8)
            await whole.vendors.load("halopsa", month.halopsa)
            settings = month.resolved_settings()
            settings["policy"] = settings["policy"] | {"behaviour": "latest"}
            await whole.set_up(system, settings)
            [document] = await whole.documents(system)
            ran = await whole.bill(system, document)
            found = await explained(system, ran)
            assert await line_audit(system.store.records, TENANT, ran.run.run) == []
            shown = await with_standing(system.store.records, TENANT, ran.run, found)
            settings["policy"] = settings["policy"] | {"behaviour": "new"}
            await whole.set_up(system, settings)
            ran = await whole.again(system, ran.run.run)
            posted = await with_standing(
                system.store.records, TENANT, ran.run, await explained(system, ran)
            )
        due = [line for line in found.lines if line.outcome == "posted"]
        assert due
        assert {line.stands for line in found.lines} == {None}
        assert {line.stands for line in shown.lines} == {None, "held: latest-not-open"}
        assert {line.stands for line in shown.merged} == {"held: latest-not-open"}
        assert {line.stands for line in posted.lines} == {None, "posted"}
        assert {line.stands for line in posted.merged} == {"posted"}

    in_virtual_time(story())
