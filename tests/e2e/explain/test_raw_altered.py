"""One edited byte of a stored page: explain fails for that very line, and for no other."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.generate import Month, Shape, generate_month
from support.explained import billed, explained
from support.tampering import Edit, edit_page
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Whole


@pytest.fixture(scope="module")
def month() -> Month:
    return generate_month(7, clients=12, lines=100)


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
