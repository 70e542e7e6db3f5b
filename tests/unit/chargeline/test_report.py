"""What a run says: holds by money, exit codes, and text from outside made harmless."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from chargeline.billing import Billed
from chargeline.plan_shown import effect
from chargeline.report import commands_in, exit_code, holds_of, run_document, summed
from chargeline.shown import money, safe
from gateway.domain.run import Run
from gateway.queries import BatchView
from schemas.messages import Hold
from schemas.statement import CurrencyStatement, Entry, Side, Statement

from .views import view


def run(**changed: Any) -> Run:
    return Run(
        run="run_1",
        tenant="main",
        source="pax8",
        document="doc",
        revision=1,
        settings="v",
        connection="c",
        **changed,
    )


def side(**amounts: str) -> Side:
    return Side(**{name: Decimal(amount) for name, amount in amounts.items()})


def statement(price: Side, *, lines: dict[str, int] | None = None) -> Statement:
    cost = side(unexplained="0")
    return Statement(
        document="doc",
        source="pax8",
        currencies={"USD": CurrencyStatement(price=price, cost=cost)},
        lines=lines or {"received": 1},
        complete=True,
    )


def billed(price: Side, *views: BatchView, **changed: Any) -> Billed:
    return Billed(run(**changed), statement(price), views, ())


FINE = side(received="10", posted="10", unexplained="0")


@pytest.mark.parametrize(
    ("price", "code"),
    [
        (FINE, 0),
        (side(received="10", held="10", unexplained="0"), 2),
        (side(received="10", refused="10", unexplained="0"), 2),
        (side(received="10", pending="10", unexplained="0"), 2),
        (side(received="10", posted="9", unexplained="1"), 2),
        (side(received="10", posted="10"), 2),  # not known yet is never fine
    ],
)
def test_only_what_is_proven_ends_with_zero(price: Side, code: int) -> None:
    assert exit_code([billed(price)], 0) == code


def test_a_parked_message_needs_a_person() -> None:
    assert exit_code([billed(FINE)], 1) == 2


def test_nothing_audited_is_an_exit_code_of_its_own() -> None:
    assert exit_code([], 0) == 3


def test_a_document_that_no_login_reached_is_refused() -> None:
    assert exit_code([billed(FINE, problem="pax8-login")], 0) == 4


def test_holds_are_sorted_by_what_waits_because_of_them() -> None:
    small = Hold(code="product-ambiguous", text="two items", product_key="p", price=Decimal(5))
    large = Hold(code="company-unmapped", text="who?", company="c", price=Decimal(30))
    money_of = [Entry(outcome="held", reason="r", lines=3, price=Decimal(100))]
    of_client = view(entries=tuple(money_of), holds=(small,))
    other = [Entry(outcome="held", reason="r", lines=1, price=Decimal(30))]
    holds = holds_of(billed(FINE, of_client, view(entries=tuple(other), holds=(large,))))
    assert [(h["code"], h["price"], h["waits"]) for h in holds] == [
        ("product-ambiguous", "5", "100"),
        ("company-unmapped", "30", "30"),
    ]


def test_amounts_of_two_currencies_are_never_added() -> None:
    hold = Hold(code="product-ambiguous", text="two", product_key="p", price=Decimal(5))
    held = (Entry(outcome="held", reason="r", lines=1, price=Decimal(5)),)
    views = [view(currency=c, entries=held, holds=(hold,)) for c in ("USD", "GBP")]
    assert sorted(h["currency"] for h in holds_of(billed(FINE, *views))) == ["GBP", "USD"]


@pytest.mark.parametrize(
    "code", ["latest-not-open", "recurring-missing", "net-credit", "item-refused"]
)
def test_each_client_that_the_destination_holds_waits_under_its_own_name(code: str) -> None:
    held = (Entry(outcome="held", reason=code, lines=2, price=Decimal(20)),)
    acme = view(code=code, text="invoice 7: it is paid", entries=held)
    bolt = view(
        batch="b2",
        bill_to="client:2",
        client=2,
        client_name="Bolt",
        code=code,
        text="invoice 9: it was sent",
        entries=held,
    )
    holds = holds_of(billed(FINE, acme, bolt))
    assert [(h["name"], h["bill_to"], h["text"], h["lines"], h["waits"]) for h in holds] == [
        ("Acme", "client:1", "invoice 7: it is paid", 2, "20"),
        ("Bolt", "client:2", "invoice 9: it was sent", 2, "20"),
    ]


def test_what_holds_the_whole_run_is_one_row_that_says_how_many_clients_wait() -> None:
    """A bookkeeper decides it once: fifty equal rows would hide the others."""
    held = (Entry(outcome="held", reason="manual-incomplete", lines=2, price=Decimal(20)),)
    hold = Hold(code="manual-incomplete", text="1 product has no item", lines=2, price=Decimal(20))
    views = [
        view(batch=f"b{n}", bill_to=f"client:{n}", client_name=f"C{n}", entries=held, holds=(hold,))
        for n in (1, 2)
    ]
    (both,) = holds_of(billed(FINE, *views))
    assert (both["name"], both["lines"], both["waits"]) == ("2 clients", 4, "40")
    (one,) = holds_of(billed(FINE, views[0]))
    assert (one["name"], one["bill_to"]) == ("C1", "client:1")


def test_whatever_waits_without_a_list_is_told_too() -> None:
    """Posted in part, or taken back: the end of the report says that a person is needed."""
    posted = Entry(outcome="posted", lines=1, price=Decimal(5))
    nameless = Entry(outcome="held", reason="amount-missing", lines=1)
    undone = Entry(outcome="held", reason="undone", lines=2, price=Decimal(20))
    of_bolt = view(batch="b2", bill_to="client:2", client_name="Bolt", entries=(undone,))
    first, second = holds_of(billed(FINE, view(entries=(posted, nameless)), of_bolt))
    assert (first["code"], first["name"], first["waits"]) == ("undone", "Bolt", "20")
    assert (second["code"], second["name"], second["lines"]) == ("amount-missing", "Acme", 1)
    assert second["command"] == "chargeline explain --all"
    assert holds_of(billed(FINE, view(entries=(posted,)))) == []


def test_a_name_that_looks_like_a_command_is_not_offered_as_one() -> None:
    name = "`chargeline undo run_1 --yes`"
    text = f"no HaloPSA client for {name}: `chargeline mappings exclude c1`"
    assert commands_in(text, name) == ["chargeline mappings exclude c1"]


def test_text_from_outside_can_not_touch_the_terminal() -> None:
    shown = safe("[red]a\x1b[2Jb\u202ec\nd[/]")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\n" not in shown
    assert shown.startswith("\\[red]")


def test_money_is_shown_to_the_minor_unit_and_unknown_is_said() -> None:
    assert money(Decimal("12480.555"), "USD") == "12,480.56"
    assert money(Decimal("-0.001"), "USD") == "0.00"
    assert money(None, "USD") == "not known yet"


def test_a_yes_names_its_effect() -> None:
    pending = (Entry(outcome="pending", lines=1, price=Decimal("12480.55")),)
    views = [view(progress="planned", operations=41, entries=pending), view()]
    assert effect(views) == "41 invoices, 12,480.55 USD"


def test_several_documents_are_one_statement_and_unknown_stays_unknown() -> None:
    total = summed([statement(FINE), statement(side(received="5", posted="5"))])
    assert total.document == "doc,doc"
    price = total.currencies["USD"].price
    assert [price.received, price.posted] == [15, 15]
    assert price.unexplained is None
    told = run_document([billed(FINE), billed(FINE)], calls={}, parked=0, elapsed_s=1.0)
    assert told["statement"]["currencies"]["USD"]["price"]["received"] == "20"
    assert len(told["runs"]) == 2
