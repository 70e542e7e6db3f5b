"""The example consumer on the guide's rules: duplicates, revisions, void batches, refused undos."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from schemas.event_examples import EVENT_EXAMPLES
from support.billing_events import consumer


def event(kind: str, revision: int = 1, posted: str | None = None, **data: Any) -> bytes:
    """As the guide shows it, about Acme's one batch unless said otherwise."""
    shown = EVENT_EXAMPLES[f"chargeline.{kind}.v1"].model_dump(mode="json")
    changes: dict[str, Any] = {"revision": revision, "document": "doc", **data}
    if "batch" in shown["data"]:
        changes = {"batch": "b1", "client_name": "Acme", **changes}
    if posted is not None and "money" in shown["data"]:
        changes["money"] = [{"outcome": "posted", "price": posted, "cost": "1", "lines": 1}]
    subject = changes.get("batch", "doc")
    given = {"id": f"{kind} {subject} {revision}", "subject": subject}
    return json.dumps({**shown, **given, "data": shown["data"] | changes}).encode()


@pytest.fixture
def ledger() -> Iterator[Any]:
    ledger = consumer().Ledger()
    with closing(ledger.db):
        yield ledger


def test_a_plan_that_comes_again_after_its_posting_changes_nothing(ledger: Any) -> None:
    planned, done = event("posting.planned"), event("posting.done", posted="37.50")
    for value in (planned, done, planned):
        ledger.take(value)
    assert ledger.totals() == {("Acme", "USD"): consumer().Decimal("37.50")}


def test_the_newest_revision_counts_in_whatever_order_it_comes() -> None:
    said = [
        event("posting.done", 1, "37.50"),
        event("posting.undone", 2),
        event("posting.done", 3, "12.50"),
    ]
    for order in permutations(said):
        ledger = consumer().Ledger()
        with closing(ledger.db):
            for value in order:
                ledger.take(value)
            assert [str(total) for total in ledger.totals().values()] == ["12.50"]


def test_what_could_not_be_undone_still_stands(ledger: Any) -> None:
    ledger.take(event("posting.done", posted="37.50"))
    ledger.take(event("posting.refused", 2, command="undo", money=[]))
    assert [str(total) for total in ledger.totals().values()] == ["37.50"]


def test_a_batch_that_the_last_run_did_not_form_again_counts_no_more(ledger: Any) -> None:
    ledger.take(event("posting.done", posted="37.50"))
    ledger.take(event("posting.done", 2, "37.50", batch="b2", client_name="Bolt"))
    assert len(ledger.totals()) == 2, "the run is not over"
    ledger.take(event("run.ended", 2))
    assert list(ledger.totals()) == [("Bolt", "USD")]
    assert ledger.checked() == ["doc  USD  37.50 = statement 37.50"]


def test_totals_that_are_not_the_statements_are_called_so(ledger: Any) -> None:
    ledger.take(event("posting.done", 2, "37.49"))
    ledger.take(event("run.ended", 2))
    assert ledger.checked() == ["doc  USD  37.49 DIFFERS FROM statement 37.50"]


def test_a_run_that_was_overtaken_says_nothing_new(ledger: Any) -> None:
    ledger.take(event("posting.done", 2, "37.50"))
    ledger.take(event("run.ended", 2))
    empty = EVENT_EXAMPLES["chargeline.run.ended.v1"].model_dump(mode="json")["data"]["statement"]
    ledger.take(event("run.ended", 1, statement=empty | {"currencies": {}}))
    assert ledger.checked() == ["doc  USD  37.50 = statement 37.50"]


def test_the_ledger_goes_on_where_it_was(tmp_path: Path) -> None:
    for _ in range(2):
        ledger = consumer().Ledger(str(tmp_path / "ledger.db"))
        with closing(ledger.db):
            ledger.take(event("posting.done", posted="37.50"))
            assert [str(total) for total in ledger.totals().values()] == ["37.50"]
            assert ledger.db.execute("SELECT count(*) FROM seen").fetchone() == (1,)


def test_the_first_events_published_are_understood(ledger: Any) -> None:
    done = json.loads(event("posting.done", posted="37.50"))
    del done["data"]["client_name"]
    ledger.take(json.dumps(done).encode())
    assert list(ledger.totals()) == [("client:1001", "USD")]
