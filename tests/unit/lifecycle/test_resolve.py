"""R7, R8, R12: what every batch of a run comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.domain.clients import Billable, Client, Clients
from lifecycle.domain.facts import charges_held, charges_resolved
from lifecycle.domain.items import Item, ItemRecord, Items, reference
from lifecycle.domain.resolve import (
    Answer,
    Batch,
    Held,
    ItemStep,
    Resolved,
    client_of,
    codes_hold,
    default_item,
    incomplete,
    items_of,
    match_products,
    products_to_match,
    records_to_keep,
)
from schemas.charges import ItemChoices
from schemas.messages import ResolveRun
from schemas.settings import Settings
from support.lifecycle import (
    CONNECTION,
    TENANT,
    batch_of,
    client,
    item,
    line,
    lines_body,
    normalized,
    settings,
)

PREMIUM, BASIC = item(901), item(902, "Basic")


def basic(number: int = 2, **changes: Any) -> Any:
    return line(
        number, **({"product_key": "pax8:p2:monthly", "name": "Basic", "sku": None} | changes)
    )


def resolve(
    *batches: Batch,
    clients: Sequence[Client] = (client(),),
    items: Sequence[Item] = (PREMIUM,),
    known: Mapping[str, ItemRecord] | None = None,
    integration: bool | None = False,
    given: Settings | None = None,
) -> dict[str, Answer]:
    """The job's steps, without a vendor."""
    with_settings = given or settings()
    all_items = Items(items)
    uses = products_to_match(batches)
    step = ItemStep(
        items=all_items,
        matches=match_products(uses, all_items, with_settings, "pax8", known or {}),
        default=default_item(all_items, with_settings),
        codes=codes_hold(with_settings, integration=integration),
    )
    answers: dict[str, Answer] = {}
    for batch in batches:
        billed = client_of(batch, Clients(clients), with_settings)
        if isinstance(billed, Held):
            answers[batch.id] = billed
            continue
        choices = items_of(batch, step)
        answers[batch.id] = choices if isinstance(choices, Held) else Resolved(billed, choices)
    return incomplete(batches, answers)


def codes(answer: Answer) -> list[str]:
    assert isinstance(answer, Held)
    return [hold.code for hold in answer.holds]


def choices(answer: Answer) -> dict[str, int | None]:
    assert isinstance(answer, Resolved)
    return {key: choice.item for key, choice in answer.choices.items()}


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


# ---- clients, lines and money -----------------------------------------------------------------


def test_an_unmapped_company_is_held_with_its_money_and_both_ways_out() -> None:
    lines = [line(1), line(2, total="-2.00", cost_total="-1.00")]
    batch = batch_of(lines, client=None, bill_to="company:c1")
    got = resolve(batch, clients=[client(42, "Acme Ltd")])["batch_1"]
    assert isinstance(got, Held)
    (hold,) = got.holds
    assert (hold.code, hold.company, hold.lines) == ("company-unmapped", "c1", 2)
    assert (hold.price, hold.cost) == (Decimal("20.00"), Decimal("17.26"))
    assert "chargeline mappings client c1 --halo 42" in hold.text
    assert "chargeline mappings exclude c1" in hold.text
    assert [s.id for s in hold.suggestions] == [42]


def test_a_mapped_client_that_is_gone_holds_with_the_command() -> None:
    got = resolve(batch_of([line()]), clients=[])["batch_1"]
    assert codes(got) == ["client-gone"]
    assert isinstance(got, Held)
    assert "chargeline mappings client c1 --halo" in got.holds[0].text


def test_r12_one_held_line_holds_its_batch_and_only_kept_money_counts() -> None:
    held = line(2, outcome="held", rule="product-missing", total="5.00", cost_total="4.00")
    batch = batch_of([line(), held])
    got = resolve(batch)["batch_1"]
    assert codes(got) == ["product-missing"]
    assert isinstance(got, Held)
    head, _ = charges_held(CONNECTION, batch.head, got.holds)
    assert (head.held_lines, head.held_price, head.held_cost) == (
        1,
        Decimal("22.00"),
        Decimal("18.26"),
    )


def test_r12_post_partial_lets_the_other_lines_go() -> None:
    held = line(2, outcome="held", rule="product-missing")
    batch = batch_of([line(), held], policy={"post_partial": True})
    assert isinstance(resolve(batch)["batch_1"], Resolved)


def test_r12_held_lines_alone_hold_the_batch_so_that_nothing_is_cleared() -> None:
    held = line(1, outcome="held", rule="product-missing")
    batch = batch_of([held], policy={"behaviour": "recurring"})
    assert codes(resolve(batch)["batch_1"]) == ["product-missing"]


def test_a_code_from_the_source_holds_the_batch() -> None:
    got = resolve(batch_of([line()], client=None, hold="company-missing"))
    assert codes(got["batch_1"]) == ["company-missing"]


def test_a_hold_of_the_source_shows_its_lines_once_with_their_money() -> None:
    held = [line(n, outcome="held", rule="company-missing", company="") for n in (1, 2)]
    answer = resolve(batch_of(held, client=None, hold="company-missing"))["batch_1"]
    assert isinstance(answer, Held)
    (hold,) = answer.holds
    assert (hold.code, hold.lines, hold.price) == ("company-missing", 2, Decimal("44.00"))


def test_a_batch_too_large_for_its_lines_is_held_with_its_money() -> None:
    money = {"outcome": "held", "reason": "batch-too-large", "lines": 10001, "price": "7.00"}
    answer = resolve(batch_of([], hold="batch-too-large", money=[money]))["batch_1"]
    assert isinstance(answer, Held)
    (hold,) = answer.holds
    assert (hold.code, hold.lines, hold.price) == ("batch-too-large", 10001, Decimal("7.00"))


@pytest.mark.parametrize("number", [42, None])
def test_r15_a_batch_without_kept_lines_is_resolved_and_empty(number: int | None) -> None:
    dropped = line(outcome="dropped", rule="drop-zero")
    batch = batch_of([dropped], client=number)
    answer = resolve(batch, clients=[])["batch_1"]
    assert isinstance(answer, Resolved)
    head, _ = charges_resolved(command(), batch.head, answer, b"[]")
    assert (head.client, head.kept_lines) == (number or 0, 0)


def test_r15_an_empty_batch_of_a_recurring_client_still_checks_the_client() -> None:
    batch = batch_of([], policy={"behaviour": "recurring"})
    assert codes(resolve(batch, clients=[])["batch_1"]) == ["client-gone"]
    answer = resolve(batch)["batch_1"]
    assert isinstance(answer, Resolved)
    assert answer.billable is not None


def command(**changes: Any) -> ResolveRun:
    given = {"tenant": TENANT, "run": "run_1", "revision": 2, "settings": "none"}
    return ResolveRun.model_validate(given | {"connection": CONNECTION} | changes)


def test_the_lines_are_passed_on_byte_for_byte_behind_the_choices() -> None:
    lines = [line(1), basic(2)]
    body = lines_body(lines)
    batch = batch_of(lines, recurring=-94)
    answer = resolve(batch, clients=[client(42, site=57, billed_through=43), client(43, site=58)])
    resolved = answer["batch_1"]
    assert isinstance(resolved, Resolved)
    head, got = charges_resolved(command(), batch.head, resolved, body)
    first, rest = got.split(b"\n", 1)
    assert rest == body
    assert set(ItemChoices.validate_json(first)) == {"pax8:p1:monthly", "pax8:p2:monthly"}
    assert (head.client, head.bill_client, head.site, head.recurring) == (42, 43, 58, -94)
    assert (head.kept_lines, head.kept_price) == (2, Decimal("44.00"))
    assert (head.batch, head.content, head.revision) == ("batch_1", "content of batch_1", 2)


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


LINES = st.lists(
    st.tuples(
        st.sampled_from(["kept", "dropped", "held"]),
        st.sampled_from(["pax8:p1:monthly", "pax8:p2:monthly", "pax8:p3:"]),
        st.decimals(-50, 50, places=3),
    ),
    max_size=8,
)
MODES = st.sampled_from(["off", "manual", "default", "create"])


@given(st.lists(st.tuples(LINES, MODES, st.sampled_from([42, 43, None])), max_size=4))
def test_every_batch_gets_one_answer_that_accounts_for_all_kept_lines(drawn: Any) -> None:
    batches = [
        batch_of(
            [
                line(n, outcome=o, product_key=key, name=key, sku=None, total=t, rule="drop-zero")
                for n, (o, key, t) in enumerate(lines)
            ],
            f"batch_{number}",
            lifecycle=mode,
            client=who,
        )
        for number, (lines, mode, who) in enumerate(drawn)
    ]
    answers = resolve(*batches, items=[item(5, "pax8:p1:monthly")])
    assert resolve(*reversed(batches), items=[item(5, "pax8:p1:monthly")]) == answers
    for batch in batches:
        answer = answers[batch.id]
        if isinstance(answer, Held):
            head, _ = charges_held(CONNECTION, batch.head, answer.holds)
            assert (head.held_lines, head.held_price) == (
                batch.head.kept_lines,
                batch.head.kept_price,
            )
        else:
            named = {u.key for u in batch.uses.products}
            assert set(answer.choices) == named
            assert answer.billable is None or isinstance(answer.billable, Billable)
            assert not batch.head.kept_lines or answer.billable is not None


def test_a_hostile_name_does_not_make_the_head_too_large() -> None:
    batch = batch_of([line(company_name="x" * 5000)], client=None)
    got = resolve(batch)["batch_1"]
    assert isinstance(got, Held)
    head, _ = charges_held(CONNECTION, batch.head, got.holds)
    assert len(head.model_dump_json()) < 4096


def test_a_normalized_head_says_what_its_lines_come_to() -> None:
    head = normalized([line(1), line(2, outcome="dropped")])
    assert (head.kept_lines, head.kept_price) == (1, Decimal("22.00"))
