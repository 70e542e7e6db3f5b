"""Every status of Huntress becomes the failure that says what to do; its words are kept."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from chassis.errors import Failure, PermanentError, TransientError
from support.vendors import Scripted, TestLine
from vendors.huntress import Huntress, HuntressCredentials

PAGE: dict[str, object] = {"organizations": [], "pagination": {}}
STATUSES = [
    (302, PermanentError, "huntress-answer", 1),
    (400, PermanentError, "huntress-request", 1),
    (401, PermanentError, "huntress-login", 1),
    (403, PermanentError, "huntress-right-missing", 1),
    (404, PermanentError, "huntress-missing", 1),
    (405, PermanentError, "huntress-answer", 1),
    (408, TransientError, "huntress-slow", 3),
    (409, PermanentError, "huntress-request", 1),
    (413, PermanentError, "huntress-request", 1),
    (422, PermanentError, "huntress-request", 1),
    (500, TransientError, "huntress-down", 3),
    (502, TransientError, "huntress-down", 3),
    (503, TransientError, "huntress-down", 3),
]
BODIES = [
    (b'{"error":"Bad value"}', "Bad value"),
    (b'{"errors":["Bad value","Worse"]}', "Bad value; Worse"),
    (b'{"errors":{"limit":["Bad value"]}}', "limit: Bad value"),
    (b'{"message":"Bad value"}', "Bad value"),
    (b"Bad value", "Bad value"),
    (b"<html><body>Bad value</body></html>", "a web page"),
    (b"", "huntress"),
]


def over(*answers: httpx.Response | Exception) -> tuple[Huntress, Scripted, TestLine]:
    script = Scripted(*answers)
    line = TestLine(script.transport)
    credentials = HuntressCredentials("hk_1", SecretStr("hs_1"))
    return Huntress("https://api.huntress.io", credentials, line.line), script, line


async def failure(*answers: httpx.Response | Exception) -> tuple[Failure, Scripted, TestLine]:
    huntress, script, line = over(*answers)
    with pytest.raises(Failure) as raised:
        await huntress.organizations()
    return raised.value, script, line


@pytest.mark.parametrize(("status", "kind", "code", "calls"), STATUSES)
async def test_a_status(status: int, kind: type[Failure], code: str, calls: int) -> None:
    failed, script, _ = await failure(httpx.Response(status))
    assert (type(failed), failed.code, len(script.requests)) == (kind, code, calls)


@pytest.mark.parametrize(("body", "words"), BODIES)
async def test_an_error_body_of_any_form_is_told(body: bytes, words: str) -> None:
    failed, _, _ = await failure(httpx.Response(400, content=body))
    assert words in failed.text.replace("Huntress", "huntress")


@pytest.mark.parametrize(
    ("headers", "asked"), [({}, 60.0), ({"Retry-After": "0"}, 0.0), ({"Retry-After": "7"}, 7.0)]
)
async def test_the_limit_without_a_time_is_its_whole_window(
    headers: dict[str, str], asked: float
) -> None:
    failed, script, line = await failure(httpx.Response(429, headers=headers))
    assert isinstance(failed, TransientError)
    assert (failed.code, failed.retry_after_s) == ("huntress-limit", asked)
    waits_here = asked <= 20  # this line waits no longer; `Connections` opens a more patient one
    assert len(script.requests) == (3 if waits_here else 1)
    assert line.blocked[0] == (asked or 20.0), "all others wait as well"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"data":[]}',
        b'{"organizations":{}}',
        b'{"organizations":[{"id":',
        b"<",
    ],
)
async def test_what_is_no_list_is_read_again_and_never_empty(body: bytes) -> None:
    torn = httpx.Response(200, content=body)
    failed, script, _ = await failure(torn, torn, torn)
    assert (failed.code, len(script.requests)) == ("huntress-answer", 3)


async def test_a_negative_or_broken_counter_is_no_list_either() -> None:
    for odd in (-1, "many", 2.5):
        row = {"id": 1, "agents_count": odd}
        failed, _, _ = await failure(httpx.Response(200, json={"organizations": [row]}))
        assert failed.code == "huntress-answer"


async def test_no_answer_is_asked_for_again() -> None:
    huntress, script, line = over(httpx.ReadTimeout("slow"), httpx.Response(200, json=PAGE))
    assert await huntress.organizations() == []
    assert (len(script.requests), line.clock.slept) == (2, [1.0])


async def test_what_is_asked() -> None:
    huntress, script, _ = over(httpx.Response(200, json=PAGE))
    await huntress.organizations()
    await huntress.organizations([5501])
    first, second = script.requests
    assert str(first.url) == (
        "https://api.huntress.io/v1/organizations?limit=500&sort_field=id&sort_direction=asc"
    )
    assert second.url.path == "/v1/accounts/5501/organizations"
    assert first.headers["Authorization"] == "Basic aGtfMTpoc18x"


@pytest.mark.parametrize(
    "base", ["https://x.io", "https://x.io/", "https://x.io/v1", "https://x.io/v1/"]
)
async def test_the_version_may_be_in_the_address_already(base: str) -> None:
    script = Scripted(httpx.Response(200, json=PAGE))
    credentials = HuntressCredentials("hk_1", SecretStr("hs_1"))
    await Huntress(base, credentials, TestLine(script.transport).line).organizations()
    assert script.requests[0].url.path == "/v1/organizations"


def page(*numbers: int, **pagination: Any) -> httpx.Response:
    rows = [{"id": number} for number in numbers]
    return httpx.Response(200, json={"organizations": rows, "pagination": pagination})


async def test_the_walk_ends_at_an_empty_a_null_or_no_pagination() -> None:
    for last in ({}, {"next_page_token": None}, {"next_page_token": None, "current_page": 2}):
        huntress, script, _ = over(page(1, next_page_token="t"), page(2, **last))
        assert [one.id for one in await huntress.organizations()] == [1, 2]
        assert script.requests[1].url.params["page_token"] == "t"
    huntress, _, _ = over(httpx.Response(200, json={"organizations": [{"id": 1}]}))
    assert len(await huntress.organizations()) == 1


async def test_a_next_address_elsewhere_is_not_followed() -> None:
    away = "https://evil.example/v1/organizations?page_token=t"
    huntress, script, _ = over(page(1, next_page_token="t", next_page_url=away), page(2))
    await huntress.organizations()
    assert {request.url.host for request in script.requests} == {"api.huntress.io"}


async def test_a_next_page_without_its_token_is_not_the_end() -> None:
    failed, _, _ = await failure(page(1, next_page_url="https://api.huntress.io/v1/organizations"))
    assert failed.code == "huntress-answer"


async def test_a_list_that_repeats_itself_is_read_once_more_then_it_is_none() -> None:
    twice = (page(1, next_page_token="t"), page(1))
    huntress, script, _ = over(*twice, page(1, next_page_token="t"), page(2))
    assert [one.id for one in await huntress.organizations()] == [1, 2]
    assert len(script.requests) == 4
    failed, _, _ = await failure(*twice, *twice)
    assert failed.code == "list-incomplete"


async def test_pages_that_go_round_in_a_circle_end() -> None:
    pages = [page(number, next_page_token="t") for number in (1, 2, 1, 2)]
    failed, script, _ = await failure(*pages)
    assert (failed.code, len(script.requests)) == ("list-incomplete", 4)


async def test_another_organization_than_asked_for_is_no_answer() -> None:
    huntress, _, _ = over(httpx.Response(200, json={"organization": {"id": 2}}))
    with pytest.raises(TransientError, match="organization 2 came instead of 1"):
        await huntress.organization(1)
