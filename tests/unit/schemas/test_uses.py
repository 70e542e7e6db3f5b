"""What lines come to: by product, by company, and what is held."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.uses import uses_of


def row(**changes: Any) -> dict[str, Any]:
    given = {"outcome": "kept", "total": "2.50", "cost_total": "2", "product_key": "p1"}
    return given | {"company": "c1", "company_name": "Acme", "name": "Seat"} | changes


def test_a_product_is_called_as_its_first_line_and_priced_as_its_first_subscription() -> None:
    found = uses_of(
        [
            row(kind="usage", price="9", name="First"),
            row(company="c2", price="3", cost="1"),
            row(price="4"),
        ]
    )
    [product] = found.products
    assert (product.name, product.lines, product.price) == ("First", 3, Decimal("7.50"))
    assert (product.unit_price, product.unit_cost) == (Decimal(3), Decimal(1))
    assert [(c.company, c.lines) for c in found.companies] == [("c1", 2), ("c2", 1)]


def test_only_what_is_kept_or_held_counts_and_held_lines_are_by_reason_and_company() -> None:
    held = {"outcome": "held", "rule": "amount-missing", "total": "0"}
    ended = [row(outcome="dropped"), row(outcome="collapsed"), row(outcome="excluded")]
    found = uses_of([row(**held), row(**held, company="c2"), row(**held), *ended])
    assert (found.products, found.companies) == ((), ())
    assert [(h.code, h.company, h.lines) for h in found.held] == [
        ("amount-missing", "c1", 2),
        ("amount-missing", "c2", 1),
    ]


ROWS = st.lists(
    st.builds(
        row,
        outcome=st.sampled_from(["kept", "held", "dropped"]),
        product_key=st.sampled_from(["p1", "p2", None]),
        company=st.sampled_from(["c1", "c2"]),
        total=st.decimals(-50, 50, places=3).map(str),
    )
)


@given(ROWS)
def test_products_and_companies_both_add_up_to_everything_kept(rows: list[dict[str, Any]]) -> None:
    found = uses_of(rows)
    kept = [Decimal(r["total"]) for r in rows if r["outcome"] == "kept"]
    for sums in (found.products, found.companies):
        assert sum(one.lines for one in sums) == len(kept)
        assert sum(one.price for one in sums) == sum(kept)
