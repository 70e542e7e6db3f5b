"""The Huntress sandbox: whose key, how many calls, which error body, what changes on which day."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.app import Sandbox
from support.huntress import ACCOUNT, organization, organizations

from .conftest import AUTH, Account

SECOND = 5502
RESELLER = {"public": "hk_public", "secret": "hs_secret", "kind": "reseller"}


@pytest.mark.parametrize(
    "auth", [None, ("bad", "x"), ("", "x"), ("x", ""), ("installs", "x"), ("x", "installs")]
)
async def test_who_is_not_let_in(account: Account, auth: Any) -> None:
    await account.load(accounts=[{"id": ACCOUNT, "installation_key": "installs"}])
    answer = await account.http.get("/huntress/v1/actor", auth=auth or httpx.Auth())
    assert answer.status_code == 401


async def test_a_bearer_token_is_nothing_here(account: Account) -> None:
    headers = {"Authorization": "Bearer x"}
    answer = await account.http.get("/huntress/v1/actor", headers=headers, auth=httpx.Auth())
    assert answer.status_code == 401


async def test_known_keys_need_their_secret(account: Account) -> None:
    await account.load(keys=[{"public": "hk_public", "secret": "hs_other"}])
    assert (await account.get("/actor")).status_code == 401
    await account.load(keys=[{"public": AUTH[0], "secret": AUTH[1], "kind": "user"}])
    actor = await account.read("/actor")
    assert (actor["reseller"], actor["account"]["id"]) == (None, ACCOUNT)
    assert actor["user"]["email"] == "billing@example.com"


async def test_an_account_reads_its_own_and_a_reseller_by_account(account: Account) -> None:
    seats = {"edr": 10, "ispm": 0, "itdr": 0, "sat": 0, "siem": 0}
    first = {"id": ACCOUNT, "name": "Northgate", "subdomain": "northgate"}
    second = {"id": SECOND, "name": "Southgate", "status": "disabled", "installation_key": "k"}
    rows = [organization(1), organization(2, account_id=SECOND)]
    await account.load(accounts=[first | {"neighborhood_watch": seats}, second], organizations=rows)
    own = (await account.read("/account"))["account"]
    assert (own["name"], own["neighborhood_watch"], own["status"]) == (
        "Northgate",
        seats,
        "enabled",
    )
    assert await account.walk("/organizations", "organizations") == [[1]]
    assert (await account.get("/organizations/2")).status_code == 404
    for path in ("/accounts", f"/accounts/{SECOND}/organizations", "/reseller/subscriptions"):
        assert (await account.get(path)).status_code == 403
    await account.load(keys=[RESELLER])
    accounts = (await account.read("/accounts", status="disabled"))["accounts"]
    assert [(row["id"], "installation_key" in row) for row in accounts] == [(SECOND, False)]
    path = f"/accounts/{SECOND}/organizations"
    assert await account.walk(path, "organizations") == [[2]]
    assert (await account.read(f"{path}/2"))["organization"]["actual_usages"]
    assert (await account.get(f"{path}/1")).status_code == 404
    assert (await account.get("/accounts/1/organizations")).status_code == 404
    assert (await account.get("/account")).status_code == 403
    assert (await account.get("/organizations")).status_code == 403


async def test_the_usages_are_in_the_detail_only(account: Account) -> None:
    await account.load(organizations=[organization(1, report_recipients=["a@x.io"])])
    (row,) = (await account.read("/organizations"))["organizations"]
    assert "actual_usages" not in row
    detail = (await account.read("/organizations/1"))["organization"]
    assert detail["actual_usages"]["sat"] == {"learners_count": 17}
    assert set(row) == {
        *("id", "account_id", "name", "key", "agents_count", "billable_identity_count"),
        *("sat_learner_count", "logs_sources_count", "incident_reports_count"),
        *("identity_provider_tenant_id", "report_recipients", "created_at", "updated_at"),
        *("microsoft_365_users_count", "microsoft_365_tenant_id", "notify_emails"),
    }
    await account.set(legacy_fields=False)
    (row,) = (await account.read("/organizations"))["organizations"]
    assert "notify_emails" not in row


@pytest.mark.parametrize("form", ['{"sat":{"learners_count":4}}', None, {"new": {"units": 1}}])
async def test_usages_come_as_they_were_loaded(account: Account, form: Any) -> None:
    await account.load(organizations=[organization(1, actual_usages=form)])
    assert (await account.read("/organizations/1"))["organization"]["actual_usages"] == form


@pytest.mark.parametrize("retry_after", [None, 60])
async def test_call_61_within_a_minute_is_one_too_many(
    account: Account, retry_after: int | None
) -> None:
    limit = {"calls": 60, "seconds": 60}
    await account.load(
        organizations=organizations(1),
        settings={"rate_limit": limit | ({"retry_after": retry_after} if retry_after else {})},
    )
    answers = [await account.get("/organizations") for _ in range(62)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429] * 2
    assert answers[60].headers.get("Retry-After") == (str(retry_after) if retry_after else None)
    await account.set(rate_limit=None)
    assert (await account.get("/organizations")).status_code == 200


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("error", '{"error":'),
        ("errors", '{"errors":["'),
        ("errors_map", '{"errors":{"base":["'),
        ("message", '{"message":'),
        ("text", "The requested"),
        ("html", "<html>"),
    ],
)
async def test_an_error_has_one_of_several_bodies(account: Account, form: str, body: str) -> None:
    await account.set(error_form=form)
    answer = await account.get("/organizations/1")
    assert answer.status_code == 404
    assert answer.text.startswith(body)


async def test_counts_change_at_once_and_on_a_day(account: Account) -> None:
    tenants = [
        {"type": "microsoft", "billable_identities_count": 15, "total_identities_count": 31},
        {"type": "google", "billable_identities_count": 3, "total_identities_count": 4},
    ]
    await account.load(
        organizations=[organization(1, actual_usages={"itdr": tenants, "sat": {}})],
        days=[{"organization": 1, "day": "2026-11-07", "itdr": 21, "siem": 2, "sat": None}],
    )
    await account.control("counts", [{"organization": 1, "edr": 12}])
    row = (await account.read("/organizations/1"))["organization"]
    assert row["actual_usages"]["edr"]["billable_agents_count"] == row["agents_count"] == 12
    assert sum(t["billable_identities_count"] for t in row["actual_usages"]["itdr"]) == 18
    await account.today("2026-11-07")
    row = (await account.read("/organizations/1"))["organization"]
    assert [t["billable_identities_count"] for t in row["actual_usages"]["itdr"]] == [18, 3]
    assert set(row["actual_usages"]) == {"itdr", "edr", "siem"}
    assert (row["billable_identity_count"], row["sat_learner_count"]) == (21, 0)
    await account.today("2026-11-06")
    assert "siem" not in (await account.read("/organizations/1"))["organization"]["actual_usages"]


async def test_text_stays_text_when_its_counts_change(account: Account) -> None:
    await account.load(organizations=[organization(1, actual_usages='{"sat":{}}')])
    await account.control("counts", {"organization": 1, "sat": 5})
    row = (await account.read("/organizations/1"))["organization"]
    assert row["actual_usages"] == '{"sat":{"learners_count":5}}'


async def test_organizations_are_renamed_and_deleted(account: Account) -> None:
    await account.load(organizations=organizations(2))
    renamed = {"name": "New", "key": "new"}
    await account.control("counts", {"organization": 700_000, "set": renamed})
    gone = {"organization": 700_001, "day": "2026-11-06", "delete": True}
    await account.control("counts", gone)
    assert (await account.read("/organizations/700000"))["organization"]["name"] == "New"
    assert len((await account.read("/organizations"))["organizations"]) == 2
    await account.today("2026-11-06")
    assert len((await account.read("/organizations"))["organizations"]) == 1
    assert (await account.get("/organizations/700001")).status_code == 404


@pytest.mark.parametrize("asked", [{"organization": 9, "edr": 1}, {"organization": 1, "mdr": 1}])
async def test_a_change_of_nothing_known_is_refused(account: Account, asked: Any) -> None:
    await account.load(organizations=[organization(1)])
    answer = await account.http.post("/_sandbox/huntress/counts", json=asked)
    assert answer.status_code == 422


async def test_unknown_keys_of_a_load_are_refused(account: Account) -> None:
    wrong: tuple[dict[str, Any], ...] = ({"clients": []}, {"settings": {"colour": 1}})
    for payload in wrong:
        answer = await account.http.post("/_sandbox/huntress/load", json=payload)
        assert answer.status_code == 422


async def test_billing_is_read_by_whom_it_concerns(account: Account) -> None:
    items = [
        {"id": 1, "invoice": 9, "product": "edr", "usage": {"billable": 400, "actual": 300}},
        {"id": 2, "invoice": 8, "product": "edr"},
    ]
    await account.load(
        invoices=[{"id": 3, "status": "paid", "has_usage": True}, {"id": 4, "status": "draft"}],
        reseller_invoices=[{"id": 9, "status": "open"}],
        account_usage_line_items=items,
        subscriptions=[{"id": 5, "product": "edr", "status": "active"}],
        agents=[{"id": 6, "organization_id": 1, "platform": "windows"}],
        identities=[{"id": 7, "organization_id": 1, "billable": True}],
        reports=[{"id": 8, "type": "monthly_summary"}],
    )
    assert await account.walk("/invoices", "invoices", has_usage="true") == [[3]]
    assert (await account.read("/invoices/4"))["invoice"]["status"] == "draft"
    assert await account.walk("/agents", "agents", platform="windows") == [[6]]
    assert await account.walk("/identities", "identities", billable="true") == [[7]]
    assert (await account.read("/reports/8"))["report"]["type"] == "monthly_summary"
    await account.load(keys=[RESELLER])
    lines = "account_usage_line_items"
    answer = await account.read(f"/reseller/invoices/9/{lines}")
    assert answer[lines] == [{"id": 1, "product": "edr", "usage": items[0]["usage"]}]
    assert (await account.get(f"/reseller/invoices/1/{lines}")).status_code == 404
    assert await account.walk("/reseller/subscriptions", "subscriptions", product="edr") == [[5]]
    assert await account.walk("/reseller/invoices", "invoices") == [[9]]
    assert (await account.get("/invoices")).status_code == 403


async def test_what_was_loaded_outlives_the_process_and_loads_elsewhere(
    only_huntress: Callable[..., Sandbox], tmp_path: Path
) -> None:
    first = Account(only_huntress(tmp_path))
    await first.load(
        organizations=organizations(2),
        days=[{"organization": 700_000, "day": "2026-11-05", "edr": 3}],
        settings={"error_form": "text"},
    )
    first.app.close()
    again = Account(only_huntress(tmp_path))
    entities = (await again.state())["entities"]
    other = Account(only_huntress())
    await other.load(**entities)
    for account in (again, other):
        assert (await account.read("/organizations/700000"))["organization"]["agents_count"] == 3
        assert (await account.get("/organizations/1")).text.startswith("The requested")
    await other.load(replace=True, organizations=[])
    assert not any((await other.state())["entities"].values())


async def test_calls_are_counted_by_what_is_asked(account: Account) -> None:
    await account.load(organizations=organizations(1))
    await account.read("/organizations/700000")
    await account.read("/organizations")
    assert (await account.state())["calls"] == {
        "GET /organizations/{id}": 1,
        "GET /organizations": 1,
    }


@pytest.mark.parametrize("kind", ["empty_500", "html", "truncated", "forbidden", "unauthorized"])
async def test_the_usual_faults(account: Account, kind: str) -> None:
    await account.load(organizations=organizations(1))
    whole = await account.get("/organizations")
    await account.spoil(kind=kind)
    spoilt = await account.get("/organizations")
    assert (spoilt.status_code, spoilt.content) != (whole.status_code, whole.content)
    assert (await account.get("/organizations")).content == whole.content
