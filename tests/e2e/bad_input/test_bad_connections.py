"""Accounts, rights, hosts, and what is gone in HaloPSA: one sentence, and the money held."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from support import small
from support.bad_input import ITEMS, World, forbidden, items, story_of
from support.small import ACME, BOLT, DOCUMENT, item, of_bolt
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Vendors, Whole, posted_by_line, settings_of


def test_wrong_pax8_credentials(tmp_path: Path) -> None:
    story = story_of(tmp_path, World(wrong_credentials="pax8"))
    assert story.ran.run.problem == "pax8-login"
    story.says("signing in to Pax8", "Check the client id and secret")
    assert not story.ran.statement.complete  # nothing was read: that is not the same as nothing
    assert not story.posted


@pytest.mark.parametrize("mapped", [True, False])
def test_wrong_halopsa_credentials(tmp_path: Path, mapped: bool) -> None:
    settings = small.settings() if mapped else small.settings(client=[])
    story = story_of(tmp_path, World(wrong_credentials="halopsa", settings=settings))
    story.says("signing in to HaloPSA", "Check the application's client id and secret")
    story.holds("halopsa-login", "40")
    assert not story.posted


@pytest.mark.parametrize(
    ("path", "right"), [("/Client", "read:customers"), ("/Item", "read:items")]
)
def test_a_missing_right_of_halopsa_is_named(tmp_path: Path, path: str, right: str) -> None:
    story = story_of(tmp_path, World(faults=[forbidden("halopsa", path)]))
    story.says(f"missing right {right}", "scopes", "permissions")
    story.holds("halopsa-right-missing", "40")
    assert not story.posted


def test_a_missing_right_to_write_stops_the_run(tmp_path: Path) -> None:
    story = story_of(tmp_path, World(faults=[forbidden("halopsa", "/Invoice", "POST")]))
    story.says("missing right edit:invoices", "writing HaloPSA Invoice")
    story.says("an earlier batch", "chargeline statement", "chargeline plan")
    story.holds("run-stopped", "20")
    assert story.ran.statement.currencies["USD"].refused_by == {"halopsa-right-missing": 20}
    assert not story.posted


@pytest.mark.parametrize("path", ["/invoices", ITEMS])
def test_a_missing_right_of_pax8(tmp_path: Path, path: str) -> None:
    story = story_of(tmp_path, World(faults=[forbidden("pax8", path)]))
    assert story.ran.run.problem == "pax8-right-missing"
    story.says("Pax8 invoice", "a Partner Admin has to allow it")
    assert not story.ran.statement.complete


def test_a_right_that_is_lost_between_two_pages_leaves_nothing_proved(tmp_path: Path) -> None:
    world = items(*(item(n) for n in range(1, 451)))
    world.faults = [{**forbidden("pax8", ITEMS), "after": 1}]
    story = story_of(tmp_path, world)
    assert story.ran.run.problem == "pax8-right-missing"
    assert not story.ran.statement.complete  # 200 of 450 lines are no statement
    assert all(side.unexplained is None for side in story.sides.values())


@pytest.mark.parametrize(
    ("clients", "what"),
    [
        ([small.client(42, "Bolt")], "is not in HaloPSA any more"),
        ([small.client(41, "Acme", inactive=True), small.client(42, "Bolt")], "is inactive"),
    ],
)
def test_a_client_that_is_gone_after_it_was_mapped(
    tmp_path: Path, clients: list[dict[str, Any]], what: str
) -> None:
    story = story_of(tmp_path, World(halopsa=small.halopsa(clients=clients)))
    story.says("client 41", what, f"chargeline mappings client {ACME}")
    story.holds("client-gone", "20")
    assert story.outcomes == {"held": 1, "posted": 1}


def test_an_item_that_is_gone_after_it_was_mapped(tmp_path: Path) -> None:
    row = {"source": "pax8", "product": small.product(1), "halo": 999}
    story = story_of(tmp_path, World(settings=small.settings(product=[row])))
    story.says("item 999", "Product 1", "closed or deleted", "chargeline mappings product pax8:")
    story.holds("item-gone", "20")


@pytest.mark.parametrize(
    ("there", "code", "words"),
    [
        (None, "recurring-gone", ("-41", "not in HaloPSA any more", "name another one")),
        ({"disabled": True}, "recurring-disabled", ("-41", "disabled", "enable it in HaloPSA")),
        ({"client_id": 42}, "recurring-other-client", ("-41", "client 42", "name another one")),
        ({"period": 5}, "recurring-not-monthly", ("-41", "not monthly", "name another one")),
    ],
)
def test_a_recurring_invoice_that_can_not_be_used(
    tmp_path: Path, there: dict[str, Any] | None, code: str, words: tuple[str, ...]
) -> None:
    rows = [small.recurring(-42, 42)]
    if there is not None:
        rows.append(small.recurring(-41, 41) | there)
    mapped = [
        {"source": "pax8", "company": company, "halo": number, "recurring": -number}
        for company, number in ((ACME, 41), (BOLT, 42))
    ]
    world = World(
        halopsa=small.halopsa(recurring_invoices=rows),
        settings=small.settings(policy={"behaviour": "recurring"}, client=mapped),
    )
    story = story_of(tmp_path, world)
    story.says(*words)
    story.holds(code, "20")
    assert len(story.posted) == 1
    assert story.audit == []


def test_a_currency_that_the_client_is_not_billed_in(tmp_path: Path) -> None:
    story = story_of(tmp_path, items(item(1, currencyCode="EUR"), of_bolt()))
    story.says("the charges are in EUR", "client 41 (Acme) is billed in USD", "change the client's")
    story.holds("currency-mismatch", "20", "EUR")
    assert story.sides["USD"].posted == 20


def test_a_company_mapped_twice_is_refused_on_entry() -> None:
    twice = [{"source": "pax8", "company": ACME, "halo": number} for number in (41, 42)]
    with pytest.raises(ValidationError, match=f"company {ACME} of pax8 is mapped twice") as refused:
        settings_of(small.settings(client=twice))
    assert "a second client needs a row with its subscription" in str(refused.value)


def test_a_web_page_instead_of_an_answer_is_called_one(tmp_path: Path) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        await whole.vendors.load("pax8", small.pax8())
        await whole.vendors.fault("pax8", kind="html", status=200, times=-1)
        async with whole.running() as system:
            await whole.set_up(system, small.settings())
            pax8 = await system.connections.pax8(TENANT, settings_of(small.settings()))
            with pytest.raises(Exception, match="a web page came: check the address") as said:
                await pax8.invoices()
            assert "listing Pax8 invoices" in str(said.value)

    in_virtual_time(story())


class Unreachable(httpx.AsyncBaseTransport):
    """One vendor's host does not answer at all."""

    def __init__(self, vendors: Vendors, vendor: str) -> None:
        self._inner = httpx.ASGITransport(app=vendors.app)
        self._path = f"/{vendor}/"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith(self._path):
            raise httpx.ConnectError("no route to host", request=request)
        return await self._inner.handle_async_request(request)


def test_pax8_can_not_be_reached(tmp_path: Path) -> None:
    world = World(tries_max=3)
    world.transport = Unreachable(world.vendors, "pax8")
    story = story_of(tmp_path, world)
    assert story.ran.run.problem == "pax8-unreachable"
    story.says("sandbox can not be reached: signing in to Pax8", "Check the address")
    assert not story.ran.statement.complete


def test_halopsa_can_not_be_reached(tmp_path: Path) -> None:
    world = World(tries_max=3)
    world.transport = Unreachable(world.vendors, "halopsa")
    story = story_of(tmp_path, world)
    story.says("sandbox can not be reached: signing in to HaloPSA", "Check the address")
    story.holds("halopsa-unreachable", "40")


def test_holds_go_when_their_cause_is_gone(tmp_path: Path) -> None:
    """A client comes back, a line is mapped: the same run again posts the rest, once."""

    async def story() -> None:
        whole = Whole(tmp_path)
        await whole.vendors.load("pax8", small.pax8())
        await whole.vendors.load("halopsa", small.halopsa(clients=[small.client(42, "Bolt")]))
        async with whole.running() as system:
            await whole.set_up(system, small.settings())
            ran = await whole.bill(system, DOCUMENT)
            assert ran.statement.currencies["USD"].held_by == {"client-gone": 20}
            await whole.vendors.load("halopsa", small.halopsa())
            ran = await whole.again(system, ran.run.run)
        side = ran.statement.currencies["USD"].price
        assert [side.posted, side.held, side.unexplained] == [40, 0, 0]
        posted = posted_by_line(await whole.vendors.state("halopsa"))
        assert sorted(posted.values()) == [[20], [20]]

    in_virtual_time(story())
