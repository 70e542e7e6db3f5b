"""A statement for spreadsheets and for paper."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest

from gateway.statement_shown import HEAD, as_csv, as_html
from schemas.statement import CurrencyStatement, Side, Statement


def statement(**price: str | None) -> Statement:
    amounts = {k: Decimal(v) if v is not None else None for k, v in price.items()}
    told = CurrencyStatement(
        price=Side.model_validate(amounts),
        cost=Side(unexplained=Decimal(0)),
        held_by={"net-credit": Decimal("10.005")},
    )
    return Statement(document="d-1", source="pax8", period="2026-11", currencies={"USD": told})


OPEN = statement(received="110.005", posted="100.00", held="10.005", unexplained="0")


def test_every_figure_is_a_row_with_its_exact_amount() -> None:
    rows = list(csv.reader(io.StringIO(as_csv(OPEN))))
    assert tuple(rows[0]) == HEAD
    assert ["d-1", "2026-11", "USD", "price", "received", "", "110.005"] in rows
    assert ["d-1", "2026-11", "USD", "price", "held", "net-credit", "10.005"] in rows
    assert len(rows) == 1 + 2 * 10 + 1


def test_the_rows_of_a_side_add_up_to_what_was_received() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(OPEN))))
    price = {
        r["figure"]: Decimal(r["amount"]) for r in rows if r["side"] == "price" and not r["reason"]
    }
    received, unexplained = price.pop("received"), price.pop("unexplained")
    assert received - sum(price.values()) == unexplained == 0


def test_what_is_not_known_is_empty_and_never_nought() -> None:
    unknown = statement(received="1", unexplained=None)
    rows = list(csv.DictReader(io.StringIO(as_csv(unknown))))
    assert [r["amount"] for r in rows if r["figure"] == "unexplained"] == ["", "0"]
    assert "nothing is proved yet" in as_html(unknown, "Summit")


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (statement(received="1", posted="1", unexplained="0"), "0.00 unexplained"),
        (statement(received="2", posted="1", unexplained="1"), "unexplained; 0 lines"),
        (OPEN, "waits for a person"),
        (Statement(document="d", source="pax8"), "nothing is proved yet"),
    ],
)
def test_the_page_says_how_it_stands(told: Statement, says: str) -> None:
    assert says in as_html(told, "Summit")


def test_names_are_text_and_never_markup() -> None:
    page = as_html(OPEN, "<script>alert(1)</script>")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_people_read_cents_and_find_the_exact_amount_behind() -> None:
    assert '<span title="110.005">110.01</span>' in as_html(OPEN, "Summit")


def test_less_than_a_cent_is_not_shown_as_nought() -> None:
    told = statement(received="1", posted="1.001", rounding="-0.001", unexplained="0")
    assert ">-0.001</span>" in as_html(told, "Summit")
