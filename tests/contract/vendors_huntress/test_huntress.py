"""The Huntress client against the sandbox: lists whole or not at all, no unknown count a zero."""

from typing import Any

import pytest

from chassis.errors import PermanentError
from support.huntress import ACCOUNT, HuntressSystem, organization, organizations


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (500, 1), (501, 2), (1001, 3)])
async def test_organizations_come_five_hundred_a_page(
    system: HuntressSystem, count: int, pages: int
) -> None:
    await system.load(organizations=organizations(count))
    found = await system.huntress.organizations()
    assert [one.id for one in found] == [700_000 + place for place in range(count)]
    assert await system.calls() == {"GET /organizations": pages}


async def test_one_organization_with_its_usages(system: HuntressSystem) -> None:
    await system.load(organizations=[organization(700101)])
    read = await system.huntress.organization(700101)
    assert read is not None
    assert read.organization.actual_usages is not None
    assert read.organization.actual_usages.counts() == {"edr": 19, "sat": 17}
    assert b'"billable_agents_count":19' in read.raw
    assert await system.huntress.organization(700102) is None


async def test_a_reseller_reads_by_account(system: HuntressSystem) -> None:
    await system.load(
        accounts=[{"id": ACCOUNT, "name": "Northgate"}, {"id": 5502, "name": "Southgate"}],
        keys=[{"public": "hk_public", "secret": "hs_secret", "kind": "reseller"}],
        organizations=[organization(1), organization(2, account_id=5502)],
    )
    assert (await system.huntress.actor()).kind == "reseller"
    accounts = [one.id for one in await system.huntress.accounts()]
    assert accounts == [ACCOUNT, 5502]
    found = await system.huntress.organizations(accounts)
    assert [(one.id, one.account_id) for one in found] == [(1, ACCOUNT), (2, 5502)]
    assert await system.huntress.organization(2, account=ACCOUNT) is None
    assert await system.huntress.organization(2, account=5502) is not None
    with pytest.raises(PermanentError) as raised:
        await system.huntress.organizations()
    assert raised.value.code == "huntress-right-missing"


@pytest.mark.parametrize(("retry_after", "waited"), [(None, 60.0), (7, 7.0)])
async def test_the_limit_is_waited_out_and_nothing_comes_twice(
    system: HuntressSystem, retry_after: int | None, waited: float
) -> None:
    limit: dict[str, Any] = {} if retry_after is None else {"retry_after": retry_after}
    await system.load(organizations=organizations(1001))
    await system.spoil(kind="rate_limit", after=1, **limit)
    assert len(await system.huntress.organizations()) == 1001
    assert (system.line.clock.slept, system.line.blocked) == ([waited], [waited])
    assert await system.calls() == {"GET /organizations": 4}
