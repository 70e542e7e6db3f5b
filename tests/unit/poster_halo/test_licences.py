"""Which licence is ours and what a sync does to it, without a vendor (R21)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poster_halo.domain import count_rows, licences, links
from poster_halo.domain.counted_lines import quantity_of
from poster_halo.domain.licence_writes import (
    LICENCES_A_WRITE,
    Write,
    Writes,
    batches,
    body_of,
    looked,
)
from poster_halo.domain.licences import Counted, Decision, Licence, Shelf, decide, key_of
from schemas.counts import ClientCount

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook"
WANT = ClientCount(client=42, client_name="Acme", product="edr", item=310, licence="EDR", count=19)
THERE = Licence(id=50, name="EDR", count=5, client=42, item=310)


def known(**changes: Any) -> Counted:
    """Client 42's licence 50 as it was read last."""
    given = {"client": 42, "product": "edr", "item": 310, "name": "EDR", "licence": 50, "count": 5}
    return Counted.model_validate(given | changes)


def licence(**changes: Any) -> Licence:
    return replace(THERE, **changes)


@pytest.mark.parametrize(
    ("shelf", "entry", "outcome", "code"),
    [
        ([], None, "created", ""),
        ([THERE], None, "updated", ""),
        ([licence(count=19)], None, "unchanged", ""),
        ([licence(client=43)], None, "created", ""),
        ([licence(site=3)], None, "created", ""),
        ([licence(name="EDR ")], None, "created", ""),
        ([licence(item=0)], None, "updated", ""),
        ([licence(item=12)], None, "held", "licence-differs"),
        ([licence(kind=1)], None, "held", "licence-differs"),
        ([THERE, licence(id=51)], None, "held", "licence-doubled"),
        ([THERE, licence(id=51, item=12)], None, "updated", ""),
        ([THERE, licence(id=51, active=False)], None, "updated", ""),
        ([THERE, licence(id=51, deleted=True)], None, "updated", ""),
        ([licence(active=False)], None, "held", "licence-inactive"),
        ([licence(deleted=True)], None, "held", "licence-gone"),
        ([licence(name="Agreed")], known(), "updated", ""),
        ([licence(name="Agreed"), licence(id=51)], known(), "held", "licence-doubled"),
        ([licence(item=12)], known(), "held", "licence-differs"),
        ([licence(active=False)], known(), "held", "licence-inactive"),
        ([], known(), "held", "licence-gone"),
        ([licence(client=43)], known(), "held", "licence-gone"),
        ([licence(deleted=True)], known(), "held", "licence-gone"),
        ([licence(id=51)], known(), "updated", ""),
        ([], known(licence=None, count=None), "created", ""),
    ],
)
def test_ours_is_the_licence_of_the_client_with_our_name_and_item(
    shelf: list[Licence], entry: Counted | None, outcome: str, code: str
) -> None:
    made = decide(WANT, Shelf(shelf), entry)
    assert (made.outcome, made.code) == (outcome, code)
    assert bool(made.text) == bool(code)


def test_nothing_is_made_for_no_units_and_nothing_without_an_item() -> None:
    none = WANT.model_copy(update={"count": 0})
    assert decide(none, Shelf([]), None).outcome == "nothing"
    assert decide(none, Shelf([THERE]), None).outcome == "updated"
    unmapped = WANT.model_copy(update={"item": None})
    assert decide(unmapped, Shelf([THERE]), None).code == "item-missing"


def test_a_count_that_waits_for_a_person_is_held_whatever_stands_there() -> None:
    waits = WANT.model_copy(update={"code": "count-zero", "text": "fell"})
    for shelf in ([], [THERE], [THERE, licence(id=51)]):
        made = decide(waits, Shelf(shelf), None)
        assert (made.outcome, made.code, made.text) == ("held", "count-zero", "fell")
    assert decide(waits, Shelf([THERE]), None).before == 5


def test_another_writer_is_a_count_that_neither_we_nor_our_lost_write_left_there() -> None:
    there = Shelf([licence(count=30)])
    first = decide(WANT, there, known())
    assert (first.outcome, first.others, first.warnings) == ("updated", 1, ("count-other-writer",))
    second = decide(WANT, there, known(others=1))
    assert (second.outcome, second.code, second.others) == ("held", "count-other-writer", 2)
    ours = decide(WANT, there, known(), own=30)
    assert (ours.outcome, ours.others, ours.warnings) == ("updated", 0, ())
    other_licence = decide(WANT, Shelf([licence(id=51, count=30)]), known())
    assert other_licence.others == 0


@pytest.mark.parametrize(
    ("there", "was", "outcome", "others"),
    [
        (30, 30, "held", 2),  # it may write the same every day
        (31, 30, "held", 3),
        (5, 30, "updated", 0),  # ours was put back
        (19, 30, "unchanged", 0),  # both say the same
    ],
)
def test_a_hold_for_another_writer_lasts_until_our_count_is_there_again(
    there: int, was: int, outcome: str, others: int
) -> None:
    entry = known(count=was, others=2, ours=5)
    made = decide(WANT, Shelf([licence(count=there)]), entry)
    assert (made.outcome, made.others) == (outcome, others)
    if outcome == "held":
        assert made.text.endswith("let one of the two count it, then set it to 5")


def test_a_licence_that_is_gone_is_missed_only_while_there_is_something_to_count() -> None:
    none = WANT.model_copy(update={"count": 0})
    gone = decide(none, Shelf([]), known())
    assert (gone.outcome, gone.licence, gone.text) == ("nothing", 50, "")
    assert decide(none, Shelf([licence(deleted=True)]), None).outcome == "nothing"
    moved = decide(none, Shelf([licence(client=43)]), known())
    assert (moved.outcome, moved.code, moved.before) == ("held", "licence-gone", 5)


def row(outcome: str = "created", **changes: Any) -> Write:
    decision = {"outcome": outcome, "licence": 50 if outcome == "updated" else None}
    made: dict[str, Any] = {"decision": Decision.model_validate(decision), "name": "EDR"}
    return Write(**made | {"count": 19} | changes)


@pytest.mark.parametrize(
    ("outcome", "states"),
    [
        ("created", ["sending", "planned", "sending"]),
        ("updated", ["planned", "sending", "sending"]),
    ],
)
def test_a_create_is_looked_for_twice_before_it_is_repeated(
    outcome: str, states: list[str]
) -> None:
    one = looked(row(outcome, state="sending"), None, None)
    assert (one.state, one.looks) == (states[0], 1)
    two = looked(one.model_copy(update={"state": "sending"}), None, None)
    assert two.looks == 2
    assert two.state == "planned"
    three = looked(two.model_copy(update={"state": "sending"}), 50, 18)
    assert (three.state, three.code) == ("refused", "licence-not-saved")


def test_what_was_answered_and_reads_back_otherwise_is_not_kept() -> None:
    sent = row("updated", state="sent")
    for _ in range(3):
        assert sent.state == "sent"
        sent = looked(sent, 50, 5)
    assert (sent.state, sent.code) == ("refused", "licence-not-kept")
    assert looked(row("updated", state="sent"), 50, 19).state == "done"


@given(st.lists(st.integers(1, LICENCES_A_WRITE), max_size=300))
def test_every_row_goes_once_in_a_request_that_is_small_enough_for_it(limits: list[int]) -> None:
    rows = {f"{n}/edr": row(limit=limit) for n, limit in enumerate(limits)}
    made = batches(rows)
    assert sorted(key for batch in made for key in batch) == sorted(rows)
    assert all(len(batch) <= one.limit for batch in made for one in batch.values())
    firsts = [next(iter(batch.values())).limit for batch in made]
    assert firsts == sorted(firsts, reverse=True)


def test_of_a_licence_that_is_there_only_the_count_is_written() -> None:
    assert body_of(row("updated"), WANT, "huntress") == {"id": 50, "count": 19}
    made = body_of(row(), WANT, "huntress")
    assert made == {
        "type": 0,
        "name": "EDR",
        "count": 19,
        "client_id": 42,
        "site_id": -1,
        "item_id": 310,
        "vendor": "Huntress",
        "is_active": True,
    }


def test_uncertain_writes_are_those_whose_answer_is_not_known() -> None:
    rows = {"a": row(state="sending"), "b": row(state="sent"), "c": row(state="done")}
    assert Writes(job="j").having(rows).uncertain == [rows["a"]]


def _link(number: int, free: int, minimum: int) -> dict[str, Any]:
    return {"licence_id": number, "qty_free": free, "minimum_qty": minimum}


@given(st.lists(st.tuples(*[st.integers(0, 60)] * 3), max_size=6))
def test_a_line_bills_each_licence_less_its_free_units_and_never_under_its_minimum(
    given_links: list[tuple[int, int, int]],
) -> None:
    links_there = [_link(n, free, least) for n, (_, free, least) in enumerate(given_links)]
    shelf = {
        n: Licence(id=n, name="", count=count, client=1)
        for n, (count, _, _) in enumerate(given_links)
    }
    expected = sum(
        count - free if count - free > least else least for count, free, least in given_links
    )
    assert quantity_of(links_there, shelf) == expected


def test_a_deleted_licence_counts_nothing_and_numbers_may_come_as_text() -> None:
    gone = licence(deleted=True)
    assert quantity_of([_link(50, 0, 0)], {50: gone}) == 0
    text = {"licence_id": "50.0", "qty_free": 1.0, "minimum_qty": None}
    assert quantity_of([text], {50: licence(count=9)}) == 8


def test_keys_tell_clients_and_products_apart() -> None:
    assert len({key_of(4, "2/edr"), key_of(42, "edr"), key_of(4, "edr")}) == 3


@pytest.mark.parametrize("module", [licences, links, count_rows])
def test_every_code_that_a_row_can_show_has_a_page(module: Any) -> None:
    pages = {page.stem for page in RUNBOOK.glob("*.md")}
    codes = {
        value
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and "-" in value
    }
    assert codes
    assert codes <= pages, codes - pages
