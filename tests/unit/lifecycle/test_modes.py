"""R7, R8: what the products of a run come to in each lifecycle mode, and what is kept of them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from lifecycle.domain.items import Item, ItemRecord, Items, reference
from lifecycle.domain.resolve import (
    Batch,
    Held,
    ItemStep,
    Resolved,
    items_of,
    match_products,
    products_to_match,
    records_to_keep,
)
from support.lifecycle import (
    CONNECTION,
    batch_of,
    item,
    line,
    settings,
)

from .deciding import BASIC, PREMIUM, basic, choices, codes, resolve

# ---- R7: the four modes ----------------------------------------------------------------------


def test_r7_off_bills_without_items_even_where_one_would_match() -> None:
    answer = resolve(batch_of([line()], lifecycle="off"))["batch_1"]
    assert choices(answer) == {"pax8:p1:monthly": None}
    assert isinstance(answer, Resolved)
    assert answer.proposed == 0


def test_r7_off_needs_no_product_at_all() -> None:
    answer = resolve(batch_of([line(product_key=None)], lifecycle="off"))["batch_1"]
    assert choices(answer) == {}


def test_r7_manual_uses_what_matches() -> None:
    answer = resolve(batch_of([line()], lifecycle="manual"))["batch_1"]
    assert choices(answer) == {"pax8:p1:monthly": 901}


def test_r7_manual_holds_the_whole_run_while_one_product_is_unmatched() -> None:
    got = resolve(
        batch_of([line(1), basic(2)], "batch_1", lifecycle="manual"),
        batch_of([line(3)], "batch_2", lifecycle="manual"),
    )
    assert codes(got["batch_1"]) == ["product-unmatched"]
    assert codes(got["batch_2"]) == ["manual-incomplete"]


def test_r7_manual_a_product_of_a_batch_that_is_not_posted_holds_nobody_else() -> None:
    got = resolve(
        batch_of([basic()], "batch_1", lifecycle="manual", client=None),
        batch_of([line()], "batch_2", lifecycle="manual"),
    )
    assert codes(got["batch_1"]) == ["company-unmapped"]
    assert isinstance(got["batch_2"], Resolved)


def test_r7_only_the_mode_manual_holds_the_whole_run() -> None:
    twins = [item(8), item(9), BASIC]
    got = resolve(batch_of([line()], "batch_1"), batch_of([basic()], "batch_2"), items=twins)
    assert codes(got["batch_1"]) == ["product-ambiguous"]
    assert isinstance(got["batch_2"], Resolved)


def test_r7_manual_two_hits_are_an_unmatched_product_too() -> None:
    got = resolve(
        batch_of([line()], "batch_1", lifecycle="manual"),
        batch_of([basic()], "batch_2", lifecycle="manual"),
        items=[item(8), item(9), BASIC],
    )
    assert codes(got["batch_1"]) == ["product-ambiguous"]
    assert codes(got["batch_2"]) == ["manual-incomplete"]


def test_r7_manual_a_dropped_line_without_item_holds_nobody() -> None:
    dropped = basic(outcome="dropped", rule="drop-zero")
    got = resolve(batch_of([line(), dropped], lifecycle="manual"))
    assert isinstance(got["batch_1"], Resolved)


def test_r7_manual_an_empty_batch_that_would_clear_a_recurring_invoice_waits_too() -> None:
    empty = batch_of([], "batch_2", lifecycle="manual", policy={"behaviour": "recurring"})
    got = resolve(batch_of([basic()], lifecycle="manual"), empty)
    assert codes(got["batch_2"]) == ["manual-incomplete"]


def test_r7_default_sells_everything_as_the_default_item() -> None:
    got = resolve(
        batch_of([line(), basic()], lifecycle="default"),
        given=settings(defaults={"item": 902}, product=[{"product": "p1", "halo": 901}]),
        items=[PREMIUM, BASIC],
    )
    assert set(choices(got["batch_1"]).values()) == {902}


@pytest.mark.parametrize("number", [None, 777])
def test_r7_default_without_its_item_holds(number: int | None) -> None:
    got = resolve(
        batch_of([line()], lifecycle="default"), given=settings(defaults={"item": number})
    )
    assert codes(got["batch_1"]) == ["default-item-missing"]


def test_r7_create_proposes_what_nothing_matches() -> None:
    answer = resolve(batch_of([line(), basic()]))["batch_1"]
    assert isinstance(answer, Resolved)
    assert answer.proposed == 1
    assert answer.choices["pax8:p1:monthly"].item == 901
    assert answer.choices["pax8:p2:monthly"].proposed


def test_r7_a_product_that_two_items_match_holds_with_the_command() -> None:
    got = resolve(batch_of([line()]), items=[item(8), item(9)])["batch_1"]
    assert codes(got) == ["product-ambiguous"]
    assert isinstance(got, Held)
    hold = got.holds[0]
    assert "chargeline mappings product pax8:p1:monthly --halo 8" in hold.text
    assert (hold.product_key, hold.price, hold.cost, hold.lines) == (
        "pax8:p1:monthly",
        Decimal("22.00"),
        Decimal("18.26"),
        1,
    )


def test_a_command_to_copy_survives_an_odd_key() -> None:
    odd = line(product_key="pax8:A B;c:monthly")
    got = resolve(batch_of([odd], lifecycle="manual"), items=[])["batch_1"]
    assert isinstance(got, Held)
    assert "mappings product 'pax8:A B;c:monthly' --halo ITEM" in got.holds[0].text


@pytest.mark.parametrize("lifecycle", ["manual", "create"])
def test_r7_a_kept_line_with_neither_product_nor_sku_holds(lifecycle: str) -> None:
    got = resolve(batch_of([line(product_key=None)], lifecycle=lifecycle))
    assert codes(got["batch_1"]) == ["product-missing"]


def test_r7_the_collapsed_azure_line_is_a_product_like_others() -> None:
    azure = line(product_key="azure-collapsed", name="Microsoft Azure", product=None, sku=None)
    answer = resolve(batch_of([azure]), items=[item(5, "Microsoft Azure")])["batch_1"]
    assert choices(answer) == {"azure-collapsed": 5}


# ---- R8: default codes ------------------------------------------------------------------------


def test_r8_without_an_accounting_integration_codes_may_be_empty() -> None:
    assert isinstance(resolve(batch_of([basic()]))["batch_1"], Resolved)


@pytest.mark.parametrize("integration", [True, None])
def test_r8_with_one_a_missing_code_blocks_the_item_with_a_sentence(
    integration: bool | None,
) -> None:
    got = resolve(
        batch_of([basic()]), integration=integration, given=settings(defaults={"income": "200"})
    )["batch_1"]
    assert codes(got) == ["default-code-missing"]
    assert isinstance(got, Held)
    assert "set expense under [defaults]" in got.holds[0].text


def test_r8_a_missing_code_does_not_touch_products_that_match() -> None:
    assert isinstance(resolve(batch_of([line()]), integration=True)["batch_1"], Resolved)


# ---- products of a run, and what is kept of them -----------------------------------------------


def test_r7_a_new_items_price_is_that_of_the_first_subscription_line_of_the_run() -> None:
    usage = basic(1, kind="usage", price="9.99", cost="8.88")
    seat = basic(2, price="5.00", cost="4.00")
    later = basic(3, price="7.00", cost="6.00")
    uses = products_to_match([batch_of([usage], "batch_1"), batch_of([seat, later], "batch_2")])
    use = uses["pax8:p2:monthly"]
    assert (use.unit_price, use.unit_cost) == (Decimal("5.00"), Decimal("4.00"))


def kept(batches: Sequence[Batch], items: Sequence[Item], known: ItemRecord | None = None) -> Any:
    there = {known.product_key: known} if known else {}
    all_items, uses = Items(items), products_to_match(batches)
    step = ItemStep(all_items, match_products(uses, all_items, settings(), "pax8", there))
    got = [items_of(b, step) for b in batches]
    answers = [a if isinstance(a, Held) else Resolved(None, a) for a in got]
    return records_to_keep(step, uses, answers, there, CONNECTION)


def record(state: str, number: int | None = None) -> ItemRecord:
    given = {"product_key": "pax8:p1:monthly", "connection": CONNECTION, "state": state}
    return ItemRecord.model_validate(given | {"item": number})


def test_r7_a_match_is_kept_as_a_decision_once() -> None:
    (new,) = kept([batch_of([line()])], [PREMIUM])
    assert (new.state, new.item, new.evidence) == ("matched", 901, "exact name")
    assert kept([batch_of([line()])], [PREMIUM], new) == []


def test_r7_a_proposal_is_kept_with_what_creating_needs() -> None:
    (new,) = kept([batch_of([line()])], [])
    assert (new.state, new.sku, new.unit_price) == ("proposed", "SKU-1", Decimal("22.00"))
    assert new.name == "Business Premium (Monthly)"
    assert kept([batch_of([line()])], [], new) == []


def test_r7_nothing_is_proposed_in_the_mode_manual() -> None:
    assert kept([batch_of([line()], lifecycle="manual")], []) == []


def test_r7_an_item_that_is_being_made_is_not_proposed_again() -> None:
    assert kept([batch_of([line()])], [], record("creating")) == []


def test_r7_a_lost_answer_is_adopted_by_our_reference() -> None:
    found = item(77, "Ours", reference=reference("pax8:p1:monthly"))
    (new,) = kept([batch_of([line()])], [found], record("creating"))
    assert (new.state, new.item) == ("matched", 77)


def test_r7_a_refused_item_is_proposed_again_by_the_next_run() -> None:
    (new,) = kept([batch_of([line()])], [], record("refused"))
    assert new.state == "proposed"
