"""Lines computed for a plan serve its application, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from decimal import Decimal

from poster_halo.domain.amounts import Precision
from poster_halo.domain.desired import Desired
from poster_halo.domain.sold import Item
from poster_halo.domain.wanted import LINE_BYTES, SOLD_BYTES, Asked, Wanted

CENTS = Precision.of("USD", 2, 2)


def body(*totals: str) -> bytes:
    return json.dumps(
        [
            {"id": f"line_{n}", "outcome": "kept", "product_key": "p", "quantity": "1",
             "price": total, "cost": total, "total": total, "cost_total": total}
            for n, total in enumerate(totals)
        ]
    ).encode()  # fmt: skip


def lines(
    wanted: Wanted,
    given: bytes,
    items: Mapping[str, Item] | None = None,
    to: Precision = CENTS,
    selection: Collection[str] = (),
) -> list[Desired]:
    """As the planner asks."""
    asked = Asked.of(hashlib.sha256(given).hexdigest(), items or {}, to, selection)
    kept = wanted.kept(asked)
    return wanted.lines(asked, given) if kept is None else kept


def test_the_same_bytes_items_and_selection_are_computed_once() -> None:
    wanted = Wanted()
    made = lines(wanted, body("5.00"), {"p": Item(7)})
    assert [(line.sold.item.item, line.sold.total) for line in made] == [(7, Decimal("5.00"))]
    assert lines(wanted, body("5.00"), {"p": Item(7)}) is made


def test_whatever_differs_is_computed_anew() -> None:
    wanted = Wanted()
    items = {"p": Item(7)}
    made = lines(wanted, body("5.00"), items)
    assert lines(wanted, body("5.01"), items)[0].sold.total == Decimal("5.01")
    assert lines(wanted, body("5.00"), {"p": Item(8)})[0].sold.item.item == 8
    assert lines(wanted, body("5.00"), items, selection=("line_9",))[0].hold == "not-selected"
    assert made[0].hold is None


def test_amounts_met_before_are_not_those_of_another_precision() -> None:
    wanted = Wanted()
    assert lines(wanted, body("5.25"))[0].sold.figures[:3] == ("1.00", "5.25", "5.25")
    yen = lines(wanted, body("5.25"), to=Precision.of("JPY", 0, 0))[0]
    assert yen.sold.figures[:] == ("1", "5", "5", "5", "5")
    assert yen.amounts.money == Decimal(5)
    assert lines(wanted, body("5.25", "7"))[0].sold.figures[:3] == ("1.00", "5.25", "5.25")


def test_no_more_is_kept_than_the_limit_says() -> None:
    wanted = Wanted(3 * (LINE_BYTES + SOLD_BYTES))
    first, second = body("1", "2"), body("3", "4")
    one = lines(wanted, first)
    assert lines(wanted, second) is not lines(wanted, second)
    assert lines(wanted, first) is one
    wanted.forget()
    assert lines(wanted, first) is not one
    kept = lines(wanted, body("5"))
    assert lines(wanted, body("5")) is kept


def test_lines_that_sell_the_same_share_it() -> None:
    wanted = Wanted()
    first, second, other = lines(wanted, body("1", "1", "2"), {"p": Item(7)})
    assert first.sold is second.sold
    assert first.sold is not other.sold
    assert lines(wanted, body("1"), {"p": Item(7)})[0].sold is first.sold
    assert lines(wanted, body("1"), {"p": Item(8)})[0].sold is not first.sold
