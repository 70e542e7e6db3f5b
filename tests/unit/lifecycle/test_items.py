"""R7: which item a product is sold as."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.domain.items import (
    Item,
    ItemHold,
    ItemRecord,
    Items,
    item_name,
    mapped_items,
    missing_codes,
    new_item,
    proposed,
    reference,
)
from schemas.charges import ItemChoice
from schemas.settings import Settings
from schemas.uses import ProductUse
from support.lifecycle import CONNECTION, item, settings

KEY = "pax8:p1:monthly"
USE = ProductUse(key=KEY, name="Business Premium", sku="SKU-1", product="p1", term="Monthly")


def match(
    *items: Item, known: ItemRecord | None = None, use: ProductUse = USE, **given: Any
) -> ItemChoice | ItemHold | None:
    return Items(items).match(use, settings(**given), "pax8", known)


def matched(*items: Item, **given: Any) -> ItemChoice:
    got = match(*items, **given)
    assert isinstance(got, ItemChoice)
    return got


def decided(number: int, **changes: Any) -> ItemRecord:
    given = {"product_key": KEY, "connection": CONNECTION, "state": "matched", "item": number}
    return ItemRecord.model_validate(given | changes)


MAP = [{"product": "p1", "halo": 1}]
BY_MAP, BY_RECORD = item(1, "Mapped"), item(2, "Decided")
BY_REFERENCE = item(3, "Ours", reference=reference(KEY))
BY_CODE, BY_NAME = item(4, "Coded", accounts_id="SKU-1"), item(5)


def test_r7_the_order_is_map_decision_reference_accounts_id_name() -> None:
    every = (BY_MAP, BY_RECORD, BY_REFERENCE, BY_CODE, BY_NAME)
    known = decided(2, evidence="exact name")
    assert matched(*every, known=known, product=MAP).item == 1
    assert matched(*every, known=known).item == 2
    assert matched(*every).item == 3
    assert matched(BY_CODE, BY_NAME).item == 4
    assert matched(BY_NAME).item == 5
    assert match(item(6, "Else")) is None


@pytest.mark.parametrize(
    ("found", "evidence"),
    [(BY_REFERENCE, "our reference"), (BY_CODE, "accounts id"), (BY_NAME, "exact name")],
)
def test_r7_a_match_says_what_it_rests_on(found: Item, evidence: str) -> None:
    assert matched(found).evidence == evidence


def test_r7_a_choice_carries_the_items_accounts_id_and_tax_for_the_line() -> None:
    got = matched(item(4, "Coded", accounts_id="SKU-1", tax=7))
    assert (got.code, got.tax, got.proposed) == ("SKU-1", 7, False)


def test_r7_a_mapped_item_that_is_gone_holds_and_nothing_else_is_tried() -> None:
    got = match(BY_NAME, product=MAP)
    assert isinstance(got, ItemHold)
    assert got.code == "item-gone"
    assert [s.id for s in got.suggestions] == [5]


def test_r7_a_decision_whose_item_is_gone_is_decided_afresh() -> None:
    assert matched(BY_NAME, known=decided(77)).item == 5
    assert match(known=decided(77, state="created")) is None


@pytest.mark.parametrize("state", ["default", "refused", "proposed", "creating"])
def test_r7_what_was_no_decision_is_decided_afresh(state: str) -> None:
    assert match(BY_RECORD, known=decided(2, state=state)) is None


@pytest.mark.parametrize(
    "twins",
    [
        (item(8, "A", accounts_id="SKU-1"), item(9, "B", accounts_id="SKU-1")),
        (item(8), item(9)),
        (item(8, "A", reference=reference(KEY)), item(9, "B", reference=reference(KEY))),
    ],
)
def test_r7_two_hits_hold_and_are_shown(twins: tuple[Item, Item]) -> None:
    got = match(*twins)
    assert isinstance(got, ItemHold)
    assert got.code == "product-ambiguous"
    assert [s.id for s in got.suggestions] == [8, 9]


def test_r7_two_hits_are_not_decided_by_weaker_evidence() -> None:
    a, b = item(8, accounts_id="SKU-1"), item(9, "B", accounts_id="SKU-1")
    assert isinstance(match(a, b), ItemHold)


def test_r7_an_item_made_for_another_term_is_not_matched_by_code_or_name() -> None:
    annual = item(8, accounts_id="SKU-1", reference=reference("pax8:p1:annual"))
    assert match(annual) is None


def test_r7_a_foreign_reference_does_not_keep_an_item_from_being_matched() -> None:
    assert matched(item(8, reference="WH-0815")).item == 8


def test_r7_a_product_without_sku_does_not_match_items_without_accounts_id() -> None:
    nameless = ProductUse(key="pax8:p9:")
    assert match(item(8, ""), use=nameless) is None


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"product": "p1", "halo": 1}], {1}),
        ([{"product": "p1", "term": "Monthly", "halo": 1}], {1}),
        ([{"product": "p1", "term": "1 Year", "halo": 1}], set()),
        ([{"product": "p1", "halo": 1}, {"product": "p1", "term": "MONTHLY", "halo": 2}], {2}),
        ([{"product": KEY, "halo": 1}], {1}),
        ([{"product": "p1", "halo": 1, "source": "huntress"}], set()),
        ([{"product": "p", "halo": 1}], set()),
        ([{"product": "p1", "halo": 1}, {"product": "p1", "halo": 2}], {1, 2}),
    ],
)
def test_r7_our_map_is_by_product_and_a_row_with_the_term_wins(
    rows: list[dict[str, Any]], expected: set[int]
) -> None:
    assert mapped_items(settings(product=rows).product, "pax8", KEY) == expected


def test_r7_the_collapsed_azure_product_is_mapped_like_others() -> None:
    rows = settings(product=[{"product": "azure-collapsed", "halo": 3}]).product
    assert mapped_items(rows, "pax8", "azure-collapsed") == {3}
    assert mapped_items(rows, "pax8", "pax8:azure-collapsed:") == {3}


def test_r7_a_map_that_names_two_items_holds() -> None:
    got = match(item(1), item(2, "B"), product=[*MAP, {"product": "p1", "halo": 2}])
    assert isinstance(got, ItemHold)
    assert got.code == "product-ambiguous"


ITEMS = st.lists(
    st.builds(
        Item,
        id=st.integers(1, 6),
        name=st.sampled_from(["Business Premium", "BUSINESS  premium", "Else"]),
        accounts_id=st.sampled_from(["", "SKU-1", "SKU-2"]),
        reference=st.sampled_from(["", reference(KEY), reference("pax8:p1:annual")]),
    ),
    max_size=6,
    unique_by=lambda i: i.id,
)


@given(ITEMS, st.randoms(use_true_random=False))
def test_r7_matching_never_picks_on_two_hits_in_whatever_order_items_come(
    items: list[Item], rng: random.Random
) -> None:
    got = match(*items)
    shuffled = list(items)
    rng.shuffle(shuffled)
    assert match(*shuffled) == got
    free = [i for i in items if not i.reference]
    hits = (
        [i for i in items if i.reference == reference(KEY)]
        or [i for i in free if i.accounts_id == "SKU-1"]
        or [i for i in free if i.name != "Else"]
    )
    if len(hits) == 1:
        assert isinstance(got, ItemChoice)
        assert got.item == hits[0].id
    elif hits:
        assert isinstance(got, ItemHold)
    else:
        assert got is None


# ---- new items -------------------------------------------------------------------------------


def with_defaults(**defaults: Any) -> Settings:
    return settings(defaults={"income": "200", "expense": "310", "tax": 4, **defaults})


def test_r7_a_new_item_has_the_default_codes_and_the_first_subscription_lines_amounts() -> None:
    use = USE.model_copy(update={"unit_price": Decimal("22.5"), "unit_cost": Decimal("18.261")})
    new = new_item(proposed(use, CONNECTION), with_defaults(), set())
    assert (new.income, new.expense, new.tax) == ("200", "310", 4)
    assert (new.price, new.cost) == (Decimal("22.5"), Decimal("18.261"))
    assert (new.accounts_id, new.reference) == ("SKU-1", reference(KEY))


def test_r7_without_a_subscription_line_price_and_cost_are_0() -> None:
    new = new_item(proposed(USE, CONNECTION), with_defaults(), set())
    assert (new.price, new.cost) == (Decimal(0), Decimal(0))


def test_r7_a_sku_that_is_taken_is_left_out() -> None:
    assert new_item(proposed(USE, CONNECTION), with_defaults(), {"SKU-1"}).accounts_id is None


def test_r7_a_name_is_one_line_with_its_term_and_fits() -> None:
    assert item_name('Vault "Teams"\n(user)', "Monthly", KEY) == 'Vault "Teams" (user) (Monthly)'
    assert item_name("", "", KEY) == KEY
    long = item_name("x" * 400, "1 Year", KEY)
    assert len(long) == 250
    assert long.endswith(" (1 Year)")


def test_r8_codes_that_are_missing_are_named() -> None:
    assert missing_codes(with_defaults()) == []
    assert missing_codes(with_defaults(income="", expense=None)) == ["income", "expense"]
