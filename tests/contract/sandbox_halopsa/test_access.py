"""Sign-in, scopes, rights and the rolling limit of the HaloPSA sandbox."""

import asyncio

import pytest

from .conftest import Halo


async def test_a_token_lasts_an_hour_and_echoes_its_scope(halo: Halo) -> None:
    answer = await halo.sign_in(scope="read:items edit:invoices")
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert body["scope"] == "read:items edit:invoices"


async def test_the_client_called_bad_is_refused(halo: Halo) -> None:
    assert (await halo.sign_in(client_id="bad")).status_code == 401


async def test_the_token_endpoint_takes_a_form_only(halo: Halo) -> None:
    wanted = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}
    assert (await halo.http.post("/halopsa/auth/token", json=wanted)).status_code == 400


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Basic YTpi"])
async def test_without_a_token_nothing_is_read(halo: Halo, header: str) -> None:
    halo.http.headers["Authorization"] = header
    assert (await halo.get("/Client")).status_code == 401


async def test_an_expired_token_is_refused(halo: Halo) -> None:
    await halo.load(settings={"token_seconds": 0})
    await halo.sign_in()
    assert (await halo.get("/Client")).status_code == 401


async def test_discovery_and_the_specification_need_no_token(halo: Halo) -> None:
    del halo.http.headers["Authorization"]
    found = (await halo.get("/authinfo")).json()
    assert found == {"auth_url": "https://sandbox/halopsa/auth", "tenant_id": "sandbox"}
    spec = (await halo.get("/swagger/v2/swagger.json")).json()
    assert "/RecurringInvoice/process" in spec["paths"]
    assert "_itemid" in spec["components"]["schemas"]["InvoiceDetail"]["properties"]


async def test_a_scope_that_is_missing_is_forbidden(halo: Halo) -> None:
    await halo.sign_in(scope="read:customers")
    assert (await halo.get("/Client")).status_code == 200
    assert (await halo.get("/Invoice")).status_code == 403


async def test_a_scope_the_application_lacks_is_not_granted(halo: Halo) -> None:
    await halo.load(control={"missing_scopes": ["edit:invoices"]})
    granted = await halo.sign_in(scope="read:invoices edit:invoices")
    assert granted.json()["scope"] == "read:invoices"
    assert (await halo.post("/Invoice", {"client_id": 42})).status_code == 403


async def test_without_the_right_a_list_works_and_a_record_is_unauthorized(halo: Halo) -> None:
    number = (await halo.invoice())["id"]
    await halo.load(control={"missing_rights": ["invoice"]})
    assert (await halo.get("/Invoice")).status_code == 200
    assert (await halo.get(f"/Invoice/{number}")).status_code == 401
    assert (await halo.post("/Invoice", {"client_id": 42})).status_code == 403


async def test_configuration_without_the_right_is_forbidden_by_name(halo: Halo) -> None:
    await halo.load(agents=[{"id": 1, "client_id": "weak", "missing_rights": ["tax"]}])
    assert (await halo.get("/Tax")).status_code == 200
    await halo.sign_in(client_id="weak")
    refused = await halo.get("/Tax")
    assert refused.status_code == 403
    assert "tax" in refused.text
    assert (await halo.get("/Currency")).status_code == 200


async def test_more_calls_than_the_window_allows_are_refused_until_it_rolls_on(halo: Halo) -> None:
    await halo.load(control={"rate_limit": {"calls": 2, "seconds": 0.05}})
    answers = [(await halo.get("/Tax")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "Retry-After" not in answers[2].headers
    state = await halo.state()
    assert (state["calls"]["GET /Tax"], state["refused"]) == (3, {"GET /Tax": 1})
    await asyncio.sleep(0.06)
    assert (await halo.get("/Tax")).status_code == 200


async def test_the_limit_may_say_how_long_to_wait(halo: Halo) -> None:
    await halo.load(settings={"rate_limit": {"calls": 0, "seconds": 300, "retry_after": 7}})
    assert (await halo.get("/Tax")).headers["Retry-After"] == "7"


async def test_knobs_of_the_sandbox_are_not_served_as_control(halo: Halo) -> None:
    await halo.load(control={"paging_ignored": False, "enableinvoiceapprovals": True})
    assert (await halo.get("/Control")).json() == {"id": 1, "enableinvoiceapprovals": True}
    assert (await halo.state())["entities"]["control"]["paging_ignored"] is False


async def test_a_missing_right_hides_control(halo: Halo) -> None:
    await halo.load(control={"missing_rights": ["control"]})
    assert (await halo.get("/Control")).status_code == 403
