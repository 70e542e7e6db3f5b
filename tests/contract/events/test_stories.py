"""What a downstream system hears of whole stories, and what the example consumer makes of it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chassis.records import Message
from sandbox.generate import generate_month
from schemas.export import FOLDER
from schemas.statement import Statement
from support import small
from support.billing_events import consumer, events_in
from support.json_schema import faults
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Whole
from support.world import World

# The events are read from the data folder itself; tests/kafka has them on a broker.
pytestmark = pytest.mark.folder

BOLTING = [small.client(41, "Acme"), small.client(42, "Bolting")]
ACME_ONLY = [{"source": "pax8", "company": small.ACME, "halo": 41}]
LedgerOf = Callable[[Sequence[Message]], Any]


def heard(folder: Path) -> list[dict[str, Any]]:
    """Valid events of one tenant; an id stands for one content."""
    messages = events_in(folder)
    contents: dict[str, bytes] = {}
    for message in messages:
        event = json.loads(message.value)
        schema = json.loads((FOLDER / f"json/events/{event['type']}.json").read_bytes())
        assert faults(event, schema, schema) == []
        assert message.key == TENANT
        assert contents.setdefault(event["id"], message.value) == message.value
    return [json.loads(message.value) for message in messages]


def kinds(events: Sequence[dict[str, Any]]) -> list[str]:
    return [e["type"].removeprefix("chargeline.").removesuffix(".v1") for e in events]


@pytest.fixture
def ledger_of() -> Iterator[LedgerOf]:
    """A ledger that has taken these messages."""
    with ExitStack() as stack:

        def taken(messages: Sequence[Message]) -> Any:
            ledger = consumer().Ledger()
            stack.enter_context(closing(ledger.db))
            for message in messages:
                ledger.take(message.value)
            return ledger

        yield taken


def by_currency(ledger: Any) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for (_, currency), total in ledger.totals().items():
        found[currency] = found.get(currency, Decimal(0)) + total
    return found


def posted(statement: Statement) -> dict[str, Decimal]:
    return {code: sides.price.posted for code, sides in statement.currencies.items()}


def test_a_batch_is_planned_posted_and_taken_back(tmp_path: Path, ledger_of: LedgerOf) -> None:
    async def story() -> None:
        async with World(tmp_path) as w:
            ran = await w.bill(approve_items=True)
            assert ran.run.stage == "planned"
            ran = await w.approve(ran)
            await w.undo(ran)

    in_virtual_time(story())
    events = heard(tmp_path)
    assert kinds(events) == [
        *["posting.planned"] * 2,
        "run.waiting",
        *["posting.done"] * 2,
        "run.ended",
        *["posting.undone"] * 2,
    ]
    assert {e["data"]["client_name"] for e in events if "batch" in e["data"]} == {"Acme", "Bolt"}
    ended = ledger_of(events_in(tmp_path)[:6])
    assert ended.totals() == {("Acme", "USD"): 20, ("Bolt", "USD"): 20}
    assert ended.checked() == [f"{small.DOCUMENT}  USD  40.00 = statement 40.00"]
    taken_back = ledger_of(events_in(tmp_path))
    assert set(taken_back.totals().values()) == {0}
    assert taken_back.checked() == [f"{small.DOCUMENT}  USD  0 since statement 40.00"]


def test_a_client_mapped_late_releases_what_its_company_held(
    tmp_path: Path, ledger_of: LedgerOf
) -> None:
    async def story() -> None:
        halopsa = small.halopsa(clients=BOLTING)
        async with World(tmp_path, small.pax8(), halopsa, small.settings(client=ACME_ONLY)) as w:
            ran = await w.bill()
            await w.change(small.settings())
            await w.again(ran)

    in_virtual_time(story())
    events = heard(tmp_path)
    [held] = [e for e in events if e["type"] == "chargeline.charges.held.v1"]
    [released] = [e for e in events if e["type"] == "chargeline.charges.released.v1"]
    assert held["data"]["code"] == "company-unmapped"
    assert held["data"]["held_price"] == "20"
    assert (released["subject"], released["data"]["reason"]) == (held["subject"], "void")
    assert released["data"]["revision"] > held["data"]["revision"]
    ledger = ledger_of(events_in(tmp_path))
    totals = {key: total for key, total in ledger.totals().items() if total}
    assert totals == {("Acme", "USD"): 20, ("Bolting", "USD"): 20}
    assert ledger.checked() == [f"{small.DOCUMENT}  USD  40.00 = statement 40.00"]


def test_a_document_that_lacks_a_row_is_held_and_its_run_ends(tmp_path: Path) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        async with whole.running() as system:
            await whole.vendors.load("pax8", small.pax8())
            await whole.vendors.load("halopsa", small.halopsa())
            await whole.set_up(system, small.settings())
            path = "/invoices/{id}/items"
            await whole.vendors.fault("pax8", kind="truncate_page", times=-1, path=path)
            await whole.bill(system, small.DOCUMENT)

    in_virtual_time(story())
    held, ended = heard(tmp_path)
    assert kinds([held, ended]) == ["document.held", "run.ended"]
    assert held["data"]["code"] == ended["data"]["problem"] == "document-incomplete"
    assert held["data"]["rows_read"] < held["data"]["rows_promised"]
    assert ended["data"]["statement"]["complete"] is False


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Statement]:
    """A generated month with its holds, then what was held answered, and the run made again."""
    folder = tmp_path_factory.mktemp("month")
    found: list[Statement] = []

    async def story() -> None:
        made = generate_month(11, clients=10, lines=76)
        async with World.of(folder, made, resolved=False) as w:
            ran = await w.bill()
            await w.change(made.resolved_settings())
            found.append((await w.again(ran)).statement)

    in_virtual_time(story())
    return folder, found[0]


def test_totals_of_a_month_equal_its_statement(
    month: tuple[Path, Statement], ledger_of: LedgerOf
) -> None:
    folder, statement = month
    assert {"charges.held", "charges.released", "run.ended"} <= set(kinds(heard(folder)))
    ledger = ledger_of(events_in(folder))
    assert by_currency(ledger) == posted(statement)
    assert len(posted(statement)) > 1
    assert all(" = statement " in line for line in ledger.checked())


def test_events_that_come_again_in_any_place_change_nothing(
    month: tuple[Path, Statement], ledger_of: LedgerOf
) -> None:
    folder, statement = month
    drawn = random.Random(3)
    messages = events_in(folder)
    again: list[Message] = []
    for n, message in enumerate(messages):
        again += [message, *drawn.sample(messages[: n + 1], k=min(n, 3))]
    assert by_currency(ledger_of(again)) == posted(statement)


def test_no_secret_and_no_access_leaves_with_an_event(month: tuple[Path, Statement]) -> None:
    everything = b"".join(message.value for message in events_in(month[0]))
    for word in (b"secret", b"token", b"Bearer", b"client_id", b"http://", b"https://"):
        assert word not in everything
