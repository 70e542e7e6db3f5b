"""The client against a generated account: every variety of the sheet, as it is to be read."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chassis.errors import Failure
from sandbox.core import dumps
from sandbox.generate import HuntressAccount, generate_huntress
from support.huntress import HuntressSystem
from vendors.huntress import billing_day
from vendors.probe import probe_huntress

ACCOUNT = generate_huntress(7, clients=24)


class Generated(HuntressSystem):
    async def fill(self, account: HuntressAccount) -> None:
        url = "http://sandbox/_sandbox/huntress/load"
        answer = await self.line.http.post(url, content=dumps(account.huntress))
        assert answer.status_code == 200, answer.text

    async def counts(self, variety: str) -> list[Any]:
        """Units by product of the organisations that show it; None: it is gone."""
        reads = [await self.huntress.organization(n) for n in ACCOUNT.varieties[variety]]
        found: list[Any] = []
        for read in reads:
            usages = read and read.organization.actual_usages
            found.append(usages.counts() if usages else None)
        return found

    async def next_day(self) -> None:
        day = {"today": ACCOUNT.notes["next_day"]}
        await self.line.http.post("http://sandbox/_sandbox/clock", json=day)


@pytest.fixture
async def system() -> AsyncIterator[Generated]:
    built = Generated()
    await built.fill(ACCOUNT)
    yield built
    await built.close()


@pytest.mark.parametrize(
    ("variety", "counts"),
    [
        ("1", [{"edr": 12}]),
        ("2", [{"edr": 19, "itdr": 18, "ispm": 15, "sat": 17, "siem": 4}]),
        ("3", [{"itdr": 9, "ispm": 9}]),
        ("4", [{"edr": 8}]),
        ("5", [{}]),
        ("6", [{"edr": 19}]),
        ("8", [{"edr": 23}, {}]),
        ("13", [{}]),
        ("14", [{"edr": 11}, {}, {"edr": 11}]),
        ("21", [{"edr": 120}]),
        ("22", [{"edr": 105}]),
    ],
)
async def test_detailed_counts(system: Generated, variety: str, counts: list[Any]) -> None:
    assert await system.counts(variety) == counts


async def test_quick_counts_and_their_traps(system: Generated) -> None:
    rows = {one.id: one for one in await system.huntress.organizations()}
    four, legacy, six = (rows[ACCOUNT.varieties[name][0]] for name in ("4", "13", "6"))
    assert four.list_counts()["sat"] == 6, "although the product is not active"
    assert (legacy.only_legacy, four.only_legacy) == (True, False)
    assert six.list_counts()["edr"] == 24, "all agents, not only the billable ones"


async def test_the_unknown_product_is_kept_and_names_survive(system: Generated) -> None:
    read = await system.huntress.organization(ACCOUNT.varieties["14"][2])
    assert read is not None
    assert read.organization.actual_usages is not None
    assert read.organization.actual_usages.unknown == {"mdr_plus": {"units": 3}}
    loaded = {row["id"]: row["name"] for row in ACCOUNT.huntress["organizations"]}
    assert {one.id: one.name for one in await system.huntress.organizations()} == loaded


async def test_the_next_day(system: Generated) -> None:
    before = {one.id: one for one in await system.huntress.organizations()}
    await system.next_day()
    after = {one.id: one for one in await system.huntress.organizations()}
    (renamed,), (deleted,) = ACCOUNT.varieties["10"], ACCOUNT.varieties["11"]
    assert after[renamed].name == f"{before[renamed].name} Group"
    assert after[renamed].key != before[renamed].key
    assert before.keys() - after.keys() == {deleted}
    assert await system.counts("11") == [None]
    assert await system.counts("21") == [{"edr": 0}]
    assert await system.counts("22") == [{"edr": 106}]


async def test_what_huntress_bills_the_partner(system: Generated) -> None:
    invoices = await system.huntress.invoices()
    assert {one.status for one in invoices if not one.stands} == {"voided", "full_refund", "draft"}
    assert billing_day(invoices) == 14
    assert (await system.huntress.account()).neighborhood_watch["edr"] == 10


async def test_what_huntress_bills_the_reseller() -> None:
    system = Generated()
    await system.fill(generate_huntress(7, clients=24, reseller=True))
    huntress = system.huntress
    assert (await huntress.actor()).name == "Reseller Co"
    (invoice,) = await huntress.reseller_invoices()
    items = await huntress.account_usage(invoice.id)
    assert {one.product: one.shortfall for one in items} == {"edr": 100, "sat": 0}
    (used,) = await huntress.organization_usage(invoice.id)
    assert used.actual_usage == {"edr": 300, "itdr": 18, "sat": 70, "siem": 4}
    assert items[0].period_start == used.period_start, "two spellings of one moment"
    (terms,) = await huntress.subscriptions()
    assert (terms.minimum_usage, terms.billing_interval) == (400, "monthly")
    assert all(one.ok for one in await probe_huntress(huntress))
    await system.close()


async def test_the_rights_are_found_by_name(system: Generated) -> None:
    assert all(one.ok for one in await probe_huntress(system.huntress))
    await system.spoil(kind="forbidden", path="/organizations", times=-1)
    missing = [one.right for one in await probe_huntress(system.huntress) if not one.ok]
    assert missing == ["organisations"]


SPOILT_ONCE = [
    {"kind": "empty_500"},
    {"kind": "html", "status": 502},
    {"kind": "html", "status": 200},
    {"kind": "truncated"},
    {"kind": "lost_answer"},
    {"kind": "reset"},
    {"kind": "slow", "seconds": 0.01},
    {"kind": "rate_limit"},
    {"kind": "rate_limit", "retry_after": 7},
    {"kind": "repeated_row"},
    {"kind": "url_without_token"},
    {"kind": "foreign_next_url", "times": -1},
]


@pytest.mark.parametrize("fault", SPOILT_ONCE, ids=str)
async def test_what_is_spoilt_once_still_comes_whole(fault: dict[str, Any]) -> None:
    system = Generated()
    await system.fill(generate_huntress(7, plants=["1"], organizations=501))
    await system.spoil(**fault)
    found = await system.huntress.organizations()
    assert len({one.id for one in found}) == len(found) == 501
    await system.spoil(**fault)
    assert await system.huntress.organization(700_001) is not None
    await system.close()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "unauthorized"}, "huntress-login"),
        ({"kind": "forbidden"}, "huntress-right-missing"),
        ({"kind": "html", "status": 502, "times": -1}, "huntress-down"),
        ({"kind": "empty_500", "times": -1}, "huntress-down"),
        ({"kind": "truncated", "times": -1}, "huntress-answer"),
        ({"kind": "rate_limit", "times": -1}, "huntress-limit"),
        ({"kind": "reset", "times": -1}, "huntress-no-answer"),
        ({"kind": "repeated_row", "times": -1}, "list-incomplete"),
        ({"kind": "token_repeats", "times": -1}, "list-incomplete"),
        ({"kind": "url_without_token", "times": -1}, "huntress-answer"),
    ],
    ids=str,
)
async def test_what_stays_spoilt_is_a_failure_and_no_shorter_list(
    fault: dict[str, Any], code: str
) -> None:
    system = Generated()
    await system.fill(generate_huntress(7, plants=["1"], organizations=1001))
    await system.spoil(**fault)
    with pytest.raises(Failure) as raised:
        await system.huntress.organizations()
    assert raised.value.code == code
    await system.close()
