"""A client's row tells what became of its lines, whatever the last fact about it was."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from chargeline.shown import show_clients
from gateway.queries import BatchView
from schemas.statement import Entry, Outcome


def entry(outcome: Outcome, reason: str = "", price: str = "20.00", cost: str = "15.00") -> Entry:
    return Entry(outcome=outcome, reason=reason, lines=1, price=Decimal(price), cost=Decimal(cost))


def view(*entries: Entry, **changes: Any) -> BatchView:
    told: dict[str, Any] = {
        "batch": "b",
        "bill_to": "client:1",
        "currency": "USD",
        "client": 1,
        "client_name": "Acme",
        "progress": "done",
        "code": None,
        "text": "",
        "plan": "plan_1",
        "operations": 1,
        "external_ids": ("1",),
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "warnings": (),
        "entries": entries,
        "holds": (),
    }
    return BatchView(**(told | changes))


@pytest.mark.parametrize(
    ("shown", "row"),
    [
        (view(entry("posted")), "20.00 USD ✓ read back"),
        # Its price is missing: nobody knows whether there is something to bill.
        (
            view(
                entry("held", "amount-missing", "0"),
                progress="held",
                code="amount-missing",
                external_ids=(),
            ),
            "0.00 USD 0.00 amount-missing",
        ),
        # Posted in part: the line without a price waits beside what stands.
        (
            view(entry("posted"), entry("held", "amount-missing", "0")),
            "20.00 USD 0.00 amount-missing",
        ),
        # `done` is what was; since then it was taken back.
        (view(entry("held", "undone")), "0.00 USD 20.00 undone"),
        (view(entry("pending"), progress="planned"), "0.00 USD 20.00 planned"),
        (view(entry("refused", "moved"), code="moved"), "0.00 USD 20.00 moved"),
        (view(entry("dropped", "drop-zero"), external_ids=()), "0.00 USD nothing to bill"),
        (view(external_ids=()), "0.00 USD nothing to bill"),
    ],
)
def test_a_row_says_what_its_entries_say(
    capsys: pytest.CaptureFixture[str], shown: BatchView, row: str
) -> None:
    show_clients([shown])
    said = capsys.readouterr().out.splitlines()[1]
    assert " ".join(said.split()).endswith(row)
