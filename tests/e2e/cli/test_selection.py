"""R13 on the command line: a part of a document is planned and applied, the rest waits."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from support import small
from support.command_line import TODAY, CommandLine, Ended, command_line

pytestmark = [pytest.mark.e2e, pytest.mark.folder]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[CommandLine]:
    """Three products of one client in two orders, and one of another client."""
    rows = [
        small.item(1, purchaseOrderNumber="PO-1"),
        small.item(2, purchaseOrderNumber="PO-2"),
        small.item(3, purchaseOrderNumber="PO-2"),
        small.of_bolt(1, id="20000000-0000-4000-8000-000000000009"),
    ]
    with command_line(tmp_path) as line:
        line.load("pax8", small.pax8(rows, total=64.00))
        items = [small.sold(900 + number, f"Product {number}") for number in (1, 2, 3)]
        line.load("halopsa", small.halopsa(items=items))
        keys = {"client_id": "sandbox", "client_secret": "sandbox"}
        line.settings(small.settings() | {"halopsa": keys, "pax8": keys})
        yield line


def asked(line: CommandLine, *words: str) -> Ended:
    return line.run(*words, "--sandbox-url", line.url, "--today", TODAY)


def money(ended: Ended) -> dict[str, int]:
    price = ended.told["statement"]["currencies"]["USD"]["price"]
    return {name: int(Decimal(amount)) for name, amount in price.items() if Decimal(amount or 0)}


def invoices(line: CommandLine) -> list[list[str]]:
    """The texts of each invoice's lines."""
    rows = line.state("halopsa")["entities"]["invoices"]
    return [[one["item_shortdescription"][:6] for one in row["lines"]] for row in rows]


def test_a_selection_is_planned_and_applied_and_the_rest_waits(line: CommandLine) -> None:
    settings = ("--settings", str(line.folder / "settings.toml"))
    read = asked(line, "ingest", *settings)
    run = read.told["run_id"]
    planned = asked(line, "plan", run, "--order", "PO-2", "--product", small.product(9))
    assert money(planned) == {"received": 80, "pending": 40, "held": 40}
    assert set(planned.told["statement"]["currencies"]["USD"]["held_by"]) == {"not-selected"}
    assert asked(line, "apply", run, "--yes").code == 2, "what was not selected waits"
    assert invoices(line) == [["Seat 2", "Seat 3"]]

    first = line.state("halopsa")["entities"]["invoices"][0]
    assert asked(line, "plan", run, "--order", "none", "--order", "PO-1").code == 2
    applied = asked(line, "apply", run, "--yes")
    assert (applied.code, money(applied)) == (0, {"received": 80, "posted": 80})
    assert invoices(line) == [["Seat 2", "Seat 3"], ["Seat 1"], ["Seat 1"]]
    assert line.state("halopsa")["entities"]["invoices"][0] == first, "it was not moved"


def test_what_can_not_be_selected_is_refused(line: CommandLine) -> None:
    ended = asked(line, "plan", "run_any", "--type", "seats")
    assert ended.code == 4
    assert "types" in ended.said
