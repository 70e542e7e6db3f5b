"""Lines computed for a plan serve its application, and nothing else."""

from __future__ import annotations

import json
from decimal import Decimal

from poster_halo.domain.amounts import Precision
from poster_halo.domain.desired import Item
from poster_halo.domain.wanted import Wanted

CENTS = Precision.of("USD", 2, 2)


def body(*totals: str) -> bytes:
    return json.dumps(
        [
            {"id": f"line_{n}", "outcome": "kept", "product_key": "p", "quantity": "1",
             "price": total, "cost": total, "total": total, "cost_total": total}
            for n, total in enumerate(totals)
        ]
    ).encode()  # fmt: skip


def test_the_same_bytes_items_and_selection_are_computed_once() -> None:
    wanted = Wanted()
    items = {"p": Item(7)}
    lines = wanted.lines(body("5.00"), items, CENTS, ())
    assert [(line.item, line.total) for line in lines] == [(7, Decimal("5.00"))]
    assert wanted.lines(body("5.00"), {"p": Item(7)}, CENTS, ()) is lines


def test_whatever_differs_is_computed_anew() -> None:
    wanted = Wanted()
    lines = wanted.lines(body("5.00"), {"p": Item(7)}, CENTS, ())
    assert wanted.lines(body("5.01"), {"p": Item(7)}, CENTS, ())[0].total == Decimal("5.01")
    assert wanted.lines(body("5.00"), {"p": Item(8)}, CENTS, ())[0].item == 8
    chosen = wanted.lines(body("5.00"), {"p": Item(7)}, CENTS, ("line_9",))
    assert chosen[0].hold == "not-selected"
    assert lines[0].hold is None
    assert wanted.lines(body("5.00"), {"p": Item(7)}, Precision.of("JPY", 0, 0), ()) is not lines


def test_no_more_lines_are_kept_than_the_limit_says() -> None:
    wanted = Wanted(kept_lines_max=3)
    first, second = body("1", "2"), body("3", "4")
    one = wanted.lines(first, {}, CENTS, ())
    assert wanted.lines(second, {}, CENTS, ()) is not wanted.lines(second, {}, CENTS, ())
    assert wanted.lines(first, {}, CENTS, ()) is one
    wanted.forget()
    assert wanted.lines(first, {}, CENTS, ()) is not one
    kept = wanted.lines(body("5"), {}, CENTS, ())
    assert wanted.lines(body("5"), {}, CENTS, ()) is kept
