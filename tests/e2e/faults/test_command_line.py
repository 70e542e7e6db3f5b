"""The same faults as a person meets them: exit code 2, the amount, and the id of the line."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.generate import Month, generate_month
from support.command_line import CommandLine, command_line
from support.tampering import edit_page
from support.whole import posted_by_line

ZERO = Decimal(0)


@pytest.fixture(scope="module")
def month() -> Month:
    return generate_month(7, clients=10, lines=60)


@pytest.fixture
def line(tmp_path: Path, month: Month) -> Iterator[CommandLine]:
    with command_line(tmp_path) as line:
        line.load("pax8", month.pax8)
        line.load("halopsa", month.halopsa)
        line.settings(month.resolved_settings())
        yield line


@pytest.mark.parametrize("kind", ["alter_line", "drop_line", "double_line", "quantity_to_one"])
def test_a_line_that_halopsa_keeps_otherwise(line: CommandLine, kind: str) -> None:
    line.fault("halopsa", kind=kind)
    ended = line.bill()
    assert ended.code == 2
    [told] = ended.told["unexplained_lines"]
    amount = Decimal(told["expected"]) - Decimal(told["found"])
    prices = [found["price"] for found in ended.told["statement"]["currencies"].values()]
    assert sum((Decimal(price["unexplained"]) for price in prices), ZERO) == amount != 0
    there = posted_by_line(line.state("halopsa")).get(told["line"], [])
    assert sum(there, ZERO) == Decimal(told["found"])
    explained = line.run("explain", told["line"])
    assert explained.code == 0
    assert explained.told["outcome"] == "posted"
    assert explained.told["stands"] == "posted" or kind == "drop_line"
    assert explained.told["billed"]["total"] == told["expected"]


def test_a_page_of_lines_that_is_cut_after_the_write_was_confirmed(line: CommandLine) -> None:
    line.fault("halopsa", kind="truncate_page")
    ended = line.bill()
    assert ended.code == 2
    [told] = ended.told["unexplained_lines"]
    assert (told["problem"], told["found"]) == ("missing", "0")
    prices = [found["price"] for found in ended.told["statement"]["currencies"].values()]
    assert sum((Decimal(p["unexplained"]) for p in prices), ZERO) == Decimal(told["expected"]) != 0


def test_a_page_that_lacks_a_row(line: CommandLine) -> None:
    line.fault("pax8", kind="truncate_page", times=-1, path="/invoices/{id}/items")
    ended = line.bill()
    assert ended.code == 2
    [run] = ended.told["runs"]
    assert run["problem"] == "document-incomplete"
    for found in ended.told["statement"]["currencies"].values():
        assert found["price"]["unexplained"] is None
        assert found["price"]["posted"] == "0"
    assert not posted_by_line(line.state("halopsa"))


def another_cost(page: bytes) -> bytes:
    """The first row's, by one digit."""
    at = page.index(b'"costTotal":') + len(b'"costTotal":')
    return page[:at] + (b"1" if page[at : at + 1] != b"1" else b"2") + page[at + 1 :]


def test_one_edited_byte_of_the_store_fails_for_its_line(line: CommandLine, month: Month) -> None:
    assert line.bill().code == 0
    before = line.run("explain", "--all")
    assert before.code == 0
    [document] = before.told["documents"]
    assert len(document["lines"]) == len(month.items)
    edit_page(line.data, another_cost)
    after = line.run("explain", "--all")
    assert after.code == 2
    [told] = after.told["documents"]
    assert [one["line"] for one in told["lines"] if one["problem"]] == [
        document["lines"][0]["line"]
    ]
    assert line.run("explain", document["lines"][0]["line"]).code == 2
    assert line.run("explain", document["lines"][1]["line"]).code == 0
