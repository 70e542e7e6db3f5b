"""A client's row tells what became of its lines, whatever the last fact about it was."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from chargeline.shown import show_clients
from gateway.queries import BatchView
from schemas.statement import Entry, Outcome

from .views import view


def entry(outcome: Outcome, reason: str = "", price: str = "20.00", cost: str = "15.00") -> Entry:
    return Entry(outcome=outcome, reason=reason, lines=1, price=Decimal(price), cost=Decimal(cost))


def batch(*entries: Entry, **changes: Any) -> BatchView:
    """One invoice was made of it, if nothing else is said."""
    told: dict[str, Any] = {
        "progress": "done",
        "plan": "plan_1",
        "operations": 1,
        "external_ids": ("1",),
        "created": 1,
    }
    return view(entries=entries, **(told | changes))


@pytest.mark.parametrize(
    ("shown", "row"),
    [
        (batch(entry("posted")), "20.00 USD ✓ read back"),
        # Its price is missing: nobody knows whether there is something to bill.
        (
            batch(
                entry("held", "amount-missing", "0"),
                progress="held",
                code="amount-missing",
                external_ids=(),
            ),
            "0.00 USD 0.00 amount-missing",
        ),
        # Posted in part: the line without a price waits beside what stands.
        (
            batch(entry("posted"), entry("held", "amount-missing", "0")),
            "20.00 USD 0.00 amount-missing",
        ),
        # `done` is what was; since then it was taken back.
        (batch(entry("held", "undone")), "0.00 USD 20.00 undone"),
        (batch(entry("pending"), progress="planned"), "0.00 USD 20.00 planned"),
        (batch(entry("refused", "moved"), code="moved"), "0.00 USD 20.00 moved"),
        (batch(entry("dropped", "drop-zero"), external_ids=()), "0.00 USD nothing to bill"),
        (batch(external_ids=()), "0.00 USD nothing to bill"),
    ],
)
def test_a_row_says_what_its_entries_say(
    capsys: pytest.CaptureFixture[str], shown: BatchView, row: str
) -> None:
    show_clients([shown])
    said = capsys.readouterr().out.splitlines()[1]
    assert " ".join(said.split()).endswith(row)
