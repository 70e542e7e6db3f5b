"""Above a limit two people approve: what is counted, and who may be the second."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.approval import above_limit, divided
from gateway.domain.projection import Projection
from gateway.domain.run import FirstApproval
from schemas.messages import BatchHead
from schemas.settings import Approvals, Settings

from .facts import KEPT, done, money, normalized, planned


def batch(name: str, *facts: BatchHead) -> Projection:
    found = Projection(run="run", batch=name)
    for fact in facts:
        found = found.take(fact)
    return found


def a_plan(name: str, amount: Decimal = KEPT, **more: Any) -> Projection:
    given: dict[str, Any] = {"operations": 1, "money": money("pending", amount=amount)} | more
    return batch(name, normalized(name), planned(name, **given))


def limit(above: str | None, currency: str = "USD") -> Settings:
    return Settings.model_validate(
        {"approvals": {"second_above": above}, "tenant": {"currency": currency}}
    )


def passed(chosen: list[Projection], above: str | None, others: list[Projection] = []) -> bool:  # noqa: B006
    return bool(above_limit([*chosen, *others], chosen, limit(above)))


def test_the_limit_itself_is_not_above_it() -> None:
    assert not passed([a_plan("b1")], "30")
    assert passed([a_plan("b1")], "29.99")
    assert not passed([a_plan("b1")], None)


def test_small_invoices_come_to_the_limit_together() -> None:
    assert passed([a_plan("b1"), a_plan("b2")], "59.99")
    assert not passed([a_plan("b1"), a_plan("b2")], "60")


def test_what_was_applied_before_counts() -> None:
    before = batch("b0", normalized("b0"), planned("b0"), done("b0"))
    assert passed([a_plan("b1")], "59.99", [before])
    assert not passed([a_plan("b1")], "59.99", [a_plan("b2")]), "what is not approved does not"


def test_a_credit_does_not_make_room() -> None:
    assert passed([a_plan("b1"), a_plan("b2", -KEPT)], "59.99")


def test_each_currency_has_its_own_limit_and_none_is_above_any() -> None:
    euros = Settings.model_validate(
        {"approvals": {"second_above": "1000000"}, "tenant": {"currency": "EUR"}}
    )
    assert set(above_limit([a_plan("b1")], [a_plan("b1")], euros)) == {"b1"}
    named = {"second_above": "0", "in_currency": {"USD": "30"}}
    dollars = euros.model_copy(update={"approvals": Approvals.model_validate(named)})
    assert above_limit([a_plan("b1")], [a_plan("b1")], dollars) == {}


def test_a_plan_that_writes_nothing_needs_nobody() -> None:
    stands = a_plan("b1", operations=0, money=money("posted"))
    assert not passed([stands], "0")


@pytest.mark.parametrize(
    ("by", "planned_by", "second"),
    [("bob", "", True), ("bob", "ann", True), ("ann", "", False), ("bob", "bob", False)],
)
def test_the_second_is_neither_the_first_nor_the_planner(
    by: str, planned_by: str, *, second: bool
) -> None:
    first = {"b1": FirstApproval(by="ann", hash="h")}
    sent, new = divided([a_plan("b1")], first, by, planned_by)
    assert bool(sent) is second
    assert new == {}


def test_another_plan_of_the_batch_needs_a_first_word_again() -> None:
    first = {"b1": FirstApproval(by="ann", hash="older")}
    sent, new = divided([a_plan("b1")], first, "bob", "")
    assert sent == []
    assert new == {"b1": FirstApproval(by="bob", hash="h")}
