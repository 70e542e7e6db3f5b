"""What comes in is wrong: one clear sentence says so; the money is held and on the statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from chargeline.audit import line_audit
from chargeline.explain import Explain
from chassis.job_settings import RunnerSettings
from schemas.statement import OUTCOMES, Side
from support import small
from support.small import ACME, BOLT, DOCUMENT, item, of_bolt
from support.virtual_loop import in_virtual_time
from support.whole import TENANT, Ran, Vendors, Whole, posted_by_line, settings_of

ZERO = Decimal(0)
ITEMS = "/invoices/{id}/items"
SENTENCE_MAX = 400


@dataclass
class World:
    """What the vendors have, what the MSP has set, and what goes wrong on the way."""

    pax8: dict[str, Any] = field(default_factory=small.pax8)
    halopsa: dict[str, Any] = field(default_factory=small.halopsa)
    settings: dict[str, Any] = field(default_factory=small.settings)
    faults: Sequence[dict[str, Any]] = ()
    wrong_credentials: str = ""
    transport: httpx.AsyncBaseTransport | None = None
    vendors: Vendors = field(default_factory=Vendors)
    tries_max: int = 100


@dataclass
class Story:
    """How the run over the document ended, and what a person reads about it."""

    ran: Ran
    sentences: list[str]
    posted: dict[str, list[Decimal]]
    outcomes: dict[str, int]
    audit: list[str]

    @property
    def sides(self) -> dict[str, Side]:
        return {c: found.price for c, found in self.ran.statement.currencies.items()}

    def says(self, *words: str) -> None:
        """Every sentence is short, and one of them holds all these words."""
        assert all(0 < len(one) <= SENTENCE_MAX for one in self.sentences), self.sentences
        assert any(all(word in one for word in words) for one in self.sentences), self.sentences

    def holds(self, code: str, amount: str, currency: str = "USD") -> None:
        """That much is held for that reason, and every cent of the document is accounted for."""
        assert self.ran.statement.currencies[currency].held_by[code] == Decimal(amount)
        self.balances()

    def balances(self) -> None:
        assert self.ran.statement.complete
        for side in self.sides.values():
            assert side.unexplained == 0
            assert side.received == sum((getattr(side, name) for name in OUTCOMES), ZERO)


async def billed(folder: Path, world: World) -> Story:
    runner = RunnerSettings(take_over=True, tries_max=world.tries_max)
    whole = Whole(folder, world.vendors, world.transport, runner)
    await whole.vendors.load("pax8", world.pax8)
    await whole.vendors.load("halopsa", world.halopsa)
    for fault in world.faults:
        await whole.vendors.fault(**fault)
    async with whole.running() as system:
        await whole.set_up(system, world.settings)
        if world.wrong_credentials:
            await system.seal(TENANT, world.wrong_credentials, "bad", "secret")
        ran = await whole.bill(system, DOCUMENT)
        sentences = [ran.run.text] if ran.run.problem else await whole.holds(system, ran)
        records = system.store.records
        audit = [d.problem for d in await line_audit(records, TENANT, ran.run.run)]
        outcomes: dict[str, int] = {}
        if await records.get(TENANT, "documents", DOCUMENT):
            explained = await Explain(records).document(TENANT, DOCUMENT, ran.run.settings)
            outcomes = explained.outcomes
    posted = posted_by_line(await whole.vendors.state("halopsa"))
    return Story(ran, sentences, posted, outcomes, audit)


def story_of(folder: Path, world: World) -> Story:
    return in_virtual_time(billed(folder, world))


def items(*rows: dict[str, Any]) -> World:
    return World(pax8=small.pax8(rows))


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def forbidden(vendor: str, path: str, method: str = "") -> dict[str, Any]:
    return {"vendor": vendor, "kind": "forbidden", "times": -1, "path": path, "method": method}


def test_the_small_msp_is_billed_when_nothing_is_wrong(tmp_path: Path) -> None:
    story = story_of(tmp_path, World())
    assert story.outcomes == {"posted": 2}
    assert story.sides["USD"].posted == 40
    assert story.sentences == []
    story.balances()


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


def test_unknown_values_are_billed_like_any_other_line(tmp_path: Path) -> None:
    world = items(item(1, type="mystery", term="Fortnightly", chargeType="?"), of_bolt())
    world.pax8["invoices"][0]["invoice"]["status"] = "Weird"
    story = story_of(tmp_path, world)
    assert story.outcomes == {"posted": 2}
    story.balances()


@pytest.mark.parametrize(
    ("row", "code", "held", "currency", "words"),
    [
        (without(item(1), "companyId"), "company-missing", "20", "USD", "no company"),
        (without(item(1), "total", "price"), "amount-missing", "0", "USD", "cost the customer"),
        (without(item(1), "productId", "sku"), "product-missing", "20", "USD", "neither product"),
        (without(item(1), "currencyCode"), "currency-missing", "20", "", "no currency"),
    ],
)
def test_a_missing_field_holds_its_batch(
    tmp_path: Path, row: dict[str, Any], code: str, held: str, currency: str, words: str
) -> None:
    story = story_of(tmp_path, items(row, of_bolt()))
    way = "chargeline mappings client" if code == "company-missing" else "have Pax8 correct"
    story.says("1 line of", words, way)
    story.holds(code, held, currency)
    assert story.outcomes == {"held": 1, "posted": 1}
    assert len(story.posted) == 1


def test_fields_that_nothing_depends_on_may_be_missing(tmp_path: Path) -> None:
    bare = without(
        item(1), "id", "quantity", "description", "startPeriod", "endPeriod", "term", "type"
    )
    story = story_of(tmp_path, items(bare, of_bolt()))
    assert story.outcomes == {"posted": 2}
    assert list(story.posted.values()) == [[20], [20]]
    story.balances()


def test_floats_with_noise_are_rounded_once_and_the_noise_is_shown(tmp_path: Path) -> None:
    noisy = item(1, price=3.3333333333333335, total=6.670000000000001, costTotal=5.999999999999999)
    story = story_of(tmp_path, items(noisy, of_bolt(total=20.000000000000004)))
    side = story.sides["USD"]
    assert side.received == Decimal("26.670000000000005")
    assert side.posted == Decimal("26.67")
    assert side.rounding == Decimal("0.000000000000005")
    story.balances()


def test_an_amount_that_is_no_number_holds_the_document(tmp_path: Path) -> None:
    story = story_of(tmp_path, items(item(1, total="abc"), of_bolt()))
    assert story.ran.run.problem == "document-unreadable"
    story.says("page 1", "'abc' is not an amount", "have Pax8 correct it")
    assert not story.ran.statement.complete
    assert story.outcomes == {"held": 2}
    assert not story.posted


def test_lines_of_the_same_id_are_lines_of_their_own(tmp_path: Path) -> None:
    story = story_of(tmp_path, items(item(1), item(1), of_bolt()))
    assert story.outcomes == {"posted": 3}
    assert len(story.posted) == 3
    story.balances()


def test_an_empty_invoice(tmp_path: Path) -> None:
    story = story_of(tmp_path, items())
    assert story.ran.run.problem == "document-empty"
    story.says("no lines", "read it again")
    assert story.ran.statement.complete


class Moving(httpx.AsyncBaseTransport):
    """Pax8 as it is when somebody changes the invoice after each page that was read."""

    def __init__(self, vendors: Vendors) -> None:
        self._inner = httpx.ASGITransport(app=vendors.app)
        self._vendors = vendors
        self._read = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        if request.url.path.endswith("/items"):
            self._read += 1
            rows = [item(n) for n in range(1, 301 + self._read)]
            await self._vendors.load("pax8", small.pax8(rows), replace=True)
        return answer


def test_an_invoice_that_changes_between_its_pages(tmp_path: Path) -> None:
    world = items(*(item(n) for n in range(1, 301)))
    world.transport = Moving(world.vendors)
    story = story_of(tmp_path, world)
    assert story.ran.run.problem == "document-incomplete"
    story.says("rows were read", "promised", "Read it again later")
    assert not story.ran.statement.complete
    assert set(story.outcomes) == {"held"}
    assert not story.posted


def test_an_invoice_that_is_another_when_it_is_read_again(tmp_path: Path) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        await whole.vendors.load("pax8", small.pax8())
        await whole.vendors.load("halopsa", small.halopsa())
        async with whole.running() as system:
            await whole.set_up(system, small.settings(client=[]))
            await whole.bill(system, DOCUMENT)
            await whole.vendors.load("pax8", small.pax8([item(1), of_bolt(total=21)]))
            ran = await whole.bill(system, DOCUMENT)
        assert ran.run.problem == "document-changed"
        assert "40 at cost" in ran.run.text
        assert "41 at cost" in ran.run.text
        assert "ask Pax8" in ran.run.text
        assert ran.statement.currencies["USD"].held_by == {"document-changed": 40}
        assert ran.unexplained() == 0

    in_virtual_time(story())


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


def test_stored_bytes_that_somebody_edited_are_not_billed_from(tmp_path: Path) -> None:
    async def story() -> None:
        whole = Whole(tmp_path)
        await whole.vendors.load("pax8", small.pax8())
        await whole.vendors.load("halopsa", small.halopsa(clients=[small.client(42, "Bolt")]))
        async with whole.running() as system:
            await whole.set_up(system, small.settings())
            ran = await whole.bill(system, DOCUMENT)
            assert ran.statement.currencies["USD"].held_by == {"client-gone": 20}
            [page] = await system.store.records.find(TENANT, "pages", "document", DOCUMENT)
            at = page.body.index(b'"total":') + len(b'"total":')
            body = page.body[:at] + b"7" + page.body[at + 1 :]
            assert await system.store.records.replace(replace(page, body=body))
            await whole.vendors.load("halopsa", small.halopsa())
            ran = await whole.again(system, ran.run.run)
            [named] = await line_audit(system.store.records, TENANT, ran.run.run)
        assert ran.run.problem == "raw-altered"
        assert "page 1 is not what Pax8 sent any more (row 1)" in ran.run.text
        assert "restore the data folder from a backup" in ran.run.text
        assert not ran.statement.complete
        assert named.problem == "raw-altered"
        assert len(posted_by_line(await whole.vendors.state("halopsa"))) == 1

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
