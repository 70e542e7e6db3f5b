"""R3, R12, R15: what every batch of a run comes to, with its money."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.domain.clients import Billable
from lifecycle.domain.facts import charges_held, charges_resolved
from lifecycle.domain.holds import map_product, unmapped
from lifecycle.domain.items import ItemHold
from lifecycle.domain.resolve import (
    Held,
    Resolved,
)
from schemas.charges import ItemChoices
from schemas.messages import BodyRef, ResolveRun
from schemas.uses import CompanyUse
from support.lifecycle import (
    CONNECTION,
    TENANT,
    batch_of,
    client,
    item,
    line,
    normalized,
)

from .deciding import basic, codes, resolve

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
    head, _ = charges_resolved(command(), batch.head, answer)
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


def test_the_answer_has_the_choices_and_says_where_the_lines_lie() -> None:
    at = BodyRef(digest="d" * 64, size_bytes=99)
    batch = batch_of([line(1), basic(2)], recurring=-94, lines_at=at)
    answer = resolve(batch, clients=[client(42, site=57, billed_through=43), client(43, site=58)])
    resolved = answer["batch_1"]
    assert isinstance(resolved, Resolved)
    head, got = charges_resolved(command(), batch.head, resolved)
    first, rest = got.split(b"\n", 1)
    assert (rest, head.lines_at) == (b"[]", at)
    assert set(ItemChoices.validate_json(first)) == {"pax8:p1:monthly", "pax8:p2:monthly"}
    assert (head.client, head.bill_client, head.site, head.recurring) == (42, 43, 58, -94)
    assert (head.kept_lines, head.kept_price) == (2, Decimal("44.00"))
    assert (head.batch, head.content, head.revision) == ("batch_1", "content of batch_1", 2)


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


def test_a_command_names_the_source_that_it_is_about() -> None:
    use = CompanyUse(company="700101", name="Acme", lines=1)
    assert "client 700101 --source huntress --halo ID`" in unmapped(use, (), "huntress").text
    assert "client 700101 --halo ID`" in unmapped(use, ()).text
    held = map_product(ItemHold("product-unmatched", "no item"), "huntress:edr:monthly")
    assert "product huntress:edr:monthly --source huntress --halo ITEM`" in held.text
