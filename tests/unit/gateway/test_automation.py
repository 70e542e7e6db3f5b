"""R17: an automatic run applies what nothing speaks against; the rest waits for a person."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.automation import STOPS, stop
from schemas.settings import Automation

from .facts import KEPT, money, planned


def why(
    *, history: list[str] | None = None, rules: dict[str, Any] | None = None, **plan: Any
) -> Any:
    totals = [Decimal(total) for total in history or []]
    return stop(planned(**plan), totals, Automation(automatic=True, **(rules or {})))


def test_r17_a_usual_batch_goes() -> None:
    assert why(history=["28", "30", "31"]) is None
    assert why() is None  # the first document of a client has no history to differ from


@pytest.mark.parametrize("code", ["latest-not-open", "replacement", "currency-mismatch"])
def test_r17_a_plan_that_is_held_waits_with_its_code(code: str) -> None:
    assert why(code=code) == code


@pytest.mark.parametrize("warning", sorted(STOPS))
def test_r17_each_stop_stops(warning: str) -> None:
    assert why(warnings=("harmless", f"{warning}: the line")) == f"{warning}: the line"
    assert why(warnings=("harmless",)) is None


def test_r17_a_batch_with_a_held_line_waits() -> None:
    assert why(money=(*money("pending"), *money("held", "not-selected"))) == "held-lines"


def test_r17_the_approval_limit_is_the_last_amount_that_goes() -> None:
    assert why(rules={"approval_limit": str(KEPT)}) is None
    assert why(rules={"approval_limit": "29.99"}) == "over-approval-limit"
    standing = (*money("pending", amount=Decimal(20)), *money("posted", amount=Decimal(10)))
    assert why(money=standing, rules={"approval_limit": "29.99"}) == "over-approval-limit"


@pytest.mark.parametrize(
    ("history", "usual"),
    [
        (["20"], True),  # 30 is exactly half more
        (["19.99"], False),
        (["60"], True),
        (["60.01"], False),
        (["1", "30", "900"], True),  # the median, so an outlier does not count
        (["0"], False),
    ],
)
def test_r17_the_usual_range_is_a_share_of_the_median(history: list[str], usual: bool) -> None:
    assert why(history=history) == (None if usual else "outside-usual-range")


def test_r17_the_share_is_a_setting() -> None:
    assert why(history=["29"], rules={"usual_range": "0.01"}) == "outside-usual-range"
