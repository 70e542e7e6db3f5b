"""Explain recomputes every line, and agrees with the statement and with what HaloPSA shows."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from chargeline.audit import line_audit
from chargeline.explain import DocumentExplained, Explain
from chargeline.explain.reading import ALLOWED, Denied, OnlyDecisions
from chargeline.standing import with_standing
from chargeline.system import System
from chassis.embedded.sqlite import FILE
from chassis.errors import PermanentError
from chassis.records import Record
from sandbox.generate import Month, Shape, generate_month
from support.memory_records import MemoryRecords
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Ran, Whole, posted_by_line

ZERO = Decimal(0)


@pytest.fixture(scope="module")
def month() -> Month:
    return generate_month(7, clients=12, lines=100)


async def billed(whole: Whole, system: System, month: Month, *, resolved: bool = False) -> Ran:
    await whole.vendors.load("pax8", month.pax8)
    await whole.vendors.load("halopsa", month.halopsa)
    await whole.set_up(system, month.resolved_settings() if resolved else month.settings)
    [document] = await whole.documents(system)
    return await whole.bill(system, document)


async def explained(system: System, ran: Ran) -> DocumentExplained:
    explain = Explain(system.store.records)
    return await explain.document(TENANT, ran.run.document, ran.run.settings)


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
            posted = next(line for line in found.lines if line.outcome == "posted")
            assert await explain.line(TENANT, posted.line, versions) == posted
            merged = found.merged[0]
            assert await explain.line(TENANT, merged.line, versions) == merged
            with pytest.raises(PermanentError, match="line-unknown"):
                await explain.line(TENANT, "line_0", versions)
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


type Edit = Callable[[bytes], bytes]


def edit_page(folder: Path, edit: Edit) -> None:
    """Change the stored bytes of the first page as somebody with the file could."""
    with sqlite3.connect(folder / FILE) as store:
        number, body = store.execute(
            "SELECT id, body FROM records WHERE collection = 'pages' ORDER BY key LIMIT 1"
        ).fetchone()
        store.execute("UPDATE records SET body = ? WHERE id = ?", (edit(body), number))
    store.close()


def flipped(body: bytes, at: int, to: bytes) -> bytes:
    assert body[at : at + 1] != to
    return body[:at] + to + body[at + 1 :]


def digit_of_total(vendor_id: str) -> Edit:
    def edit(body: bytes) -> bytes:
        row = body.index(b"\n") + body[body.index(b"\n") :].index(vendor_id.encode())
        total = re.compile(rb'"total":\s*-?').search(body, row)
        assert total is not None
        return flipped(
            body, total.end(), b"7" if body[total.end() : total.end() + 1] != b"7" else b"8"
        )

    return edit


def quote_of_row(vendor_id: str) -> Edit:
    def edit(body: bytes) -> bytes:
        row = body.index(b"\n") + body[body.index(b"\n") :].index(vendor_id.encode())
        return flipped(body, row - 1, b"x")

    return edit


def one_byte_more(vendor_id: str) -> Edit:
    def edit(body: bytes) -> bytes:
        total = body.index(
            b'"total":', body.index(b"\n") + body[body.index(b"\n") :].index(vendor_id.encode())
        )
        return body[: total + 8] + b"9" + body[total + 8 :]

    return edit


@pytest.mark.parametrize("edit", [digit_of_total, quote_of_row, one_byte_more])
def test_one_edited_byte_fails_for_that_very_line(
    tmp_path: Path, month: Month, edit: Callable[[str], Edit]
) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        async with whole.running() as system:
            ran = await billed(whole, system, month, resolved=True)
            before = await explained(system, ran)
        victim = next(line for line in before.lines if line.outcome == "posted")
        assert victim.vendor_id is not None
        edit_page(tmp_path, edit(victim.vendor_id))
        async with whole.running() as system:
            after = await explained(system, ran)
        assert not after.sound
        assert not after.problems
        bad = [line for line in after.lines if line.problem]
        assert [(line.line, line.problem) for line in bad] == [(victim.line, "raw-altered")]
        assert bad[0].outcome is None
        assert bad[0].vendor_id == victim.vendor_id
        others = [line for line in before.lines if line.line != victim.line]
        assert [line for line in after.lines if not line.problem] == others

    in_virtual_time(story())


def test_without_vendor_ids_an_edited_line_is_named_all_the_same(tmp_path: Path) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        month = generate_month(3, clients=10, lines=60, shape=Shape(item_ids=False))
        async with whole.running() as system:
            ran = await billed(whole, system, month, resolved=True)
            before = await explained(system, ran)
        assert len({line.line for line in before.lines}) == len(month.items)
        edit_page(tmp_path, lambda body: flipped(body, body.index(b'"total":') + 8, b"0"))
        async with whole.running() as system:
            after = await explained(system, ran)
        bad = [(line.line, line.row) for line in after.lines if line.problem]
        assert bad == [(before.lines[0].line, 1)]

    in_virtual_time(story())


def test_an_edited_byte_around_the_rows_is_named_and_the_lines_still_explain(
    tmp_path: Path, month: Month
) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        async with whole.running() as system:
            ran = await billed(whole, system, month, resolved=True)
            before = await explained(system, ran)
        edit_page(tmp_path, lambda body: flipped(body, body.rindex(b":") + 1, b"9"))
        async with whole.running() as system:
            after = await explained(system, ran)
        assert not after.sound
        assert [(p.code, p.page) for p in after.problems] == [("raw-altered", 1)]
        assert after.lines == before.lines

    in_virtual_time(story())


def test_a_byte_between_two_rows_belongs_to_the_second(tmp_path: Path, month: Month) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        async with whole.running() as system:
            ran = await billed(whole, system, month, resolved=True)
            before = await explained(system, ran)
        edit_page(tmp_path, lambda body: flipped(body, body.rindex(b"},{") + 1, b";"))
        async with whole.running() as system:
            after = await explained(system, ran)
        bad = [line.line for line in after.lines if line.problem]
        assert bad == [before.lines[-1].line]

    in_virtual_time(story())


def test_a_page_that_is_gone_is_named(tmp_path: Path, month: Month) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        async with whole.running() as system:
            ran = await billed(whole, system, month)
            [page] = await system.store.records.find(TENANT, "pages", "document", ran.run.document)
            await system.store.records.delete(TENANT, "pages", page.key)
            found = await explained(system, ran)
        assert [problem.code for problem in found.problems] == ["page-missing"]
        assert not found.sound

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
