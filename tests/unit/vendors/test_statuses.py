"""Every status, on reads and on writes, becomes the failure that says what to do."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from chassis.errors import Failure, PermanentError, TransientError, UnknownOutcome
from support.vendors import Scripted, TestLine
from vendors.halopsa import Halo, HaloCredentials
from vendors.outcomes import said
from vendors.pax8 import Pax8, Pax8Credentials

SECRET = SecretStr("secret")


def over(*answers: httpx.Response | Exception, **limits: Any) -> tuple[Halo, Scripted, TestLine]:
    script = Scripted(*answers)
    line = TestLine(script.transport, **limits)
    return Halo("https://acme.halopsa.com", HaloCredentials("id", SECRET), line.line), script, line


async def failure_of(call: Awaitable[object]) -> Failure:
    with pytest.raises(Failure) as raised:
        await call
    return raised.value


READS = [
    (400, PermanentError, "halopsa-request", 1),
    (401, PermanentError, "halopsa-token-refused", 2),
    (403, PermanentError, "halopsa-right-missing", 1),
    (404, PermanentError, "halopsa-missing", 1),
    (405, PermanentError, "halopsa-address", 1),
    (408, TransientError, "halopsa-slow", 3),
    (302, PermanentError, "halopsa-answer", 1),
    (418, PermanentError, "halopsa-answer", 1),
    (429, TransientError, "halopsa-limit", 3),
    (500, TransientError, "halopsa-down", 3),
    (502, TransientError, "halopsa-down", 3),
    (503, TransientError, "halopsa-down", 3),
]
WRITES = [
    (302, UnknownOutcome, "halopsa-outcome-unknown", 1),
    (400, PermanentError, "halopsa-refused", 1),
    (401, PermanentError, "halopsa-token-refused", 2),
    (403, PermanentError, "halopsa-right-missing", 1),
    (404, PermanentError, "halopsa-missing", 1),
    (405, PermanentError, "halopsa-address", 1),
    (408, UnknownOutcome, "halopsa-outcome-unknown", 1),
    (409, UnknownOutcome, "halopsa-outcome-unknown", 1),
    (413, PermanentError, "halopsa-too-large", 1),
    (422, PermanentError, "halopsa-refused", 1),
    (418, UnknownOutcome, "halopsa-outcome-unknown", 1),
    (429, TransientError, "halopsa-limit", 1),
    (500, UnknownOutcome, "halopsa-outcome-unknown", 1),
    (502, UnknownOutcome, "halopsa-outcome-unknown", 1),
    (504, UnknownOutcome, "halopsa-outcome-unknown", 1),
]


@pytest.mark.parametrize(("status", "kind", "code", "calls"), READS)
async def test_a_read(status: int, kind: type[Failure], code: str, calls: int) -> None:
    halo, script, _ = over(httpx.Response(status))
    failure = await failure_of(halo.taxes())
    assert (type(failure), failure.code, len(script.requests)) == (kind, code, calls)


@pytest.mark.parametrize(("status", "kind", "code", "calls"), WRITES)
async def test_a_write_is_sent_once(
    status: int, kind: type[Failure], code: str, calls: int
) -> None:
    halo, script, line = over(httpx.Response(status))
    failure = await failure_of(halo.create_invoice({"client_id": 1, "lines": []}))
    assert (type(failure), failure.code, len(script.requests)) == (kind, code, calls)
    assert line.clock.slept == [], "a write waits for nothing"


@pytest.mark.parametrize(
    ("error", "on_read", "on_write"),
    [
        (httpx.ConnectError("no"), TransientError, TransientError),
        (httpx.ConnectTimeout("no"), TransientError, TransientError),
        (httpx.PoolTimeout("no"), TransientError, TransientError),
        (httpx.ReadTimeout("no"), TransientError, UnknownOutcome),
        (httpx.WriteTimeout("no"), TransientError, UnknownOutcome),
        (httpx.ReadError("no"), TransientError, UnknownOutcome),
        (httpx.WriteError("no"), TransientError, UnknownOutcome),
        (httpx.RemoteProtocolError("no"), TransientError, UnknownOutcome),
    ],
)
async def test_a_broken_connection(
    error: Exception, on_read: type[Failure], on_write: type[Failure]
) -> None:
    halo, script, _ = over(error)
    assert type(await failure_of(halo.taxes())) is on_read
    assert len(script.requests) == 3
    assert type(await failure_of(halo.create_item({"name": "x"}))) is on_write
    assert len(script.requests) == 4


@pytest.mark.parametrize("body", ["<html>busy</html>", "", '{"id":', "[]", '{"no": "id"}', '"ok"'])
async def test_a_write_whose_answer_is_unreadable_may_have_happened(body: str) -> None:
    halo, script, _ = over(httpx.Response(201, text=body))
    assert type(await failure_of(halo.create_invoice({"client_id": 1}))) is UnknownOutcome
    assert len(script.requests) == 1


async def test_a_write_whose_answer_is_too_large_may_have_happened() -> None:
    halo, _, _ = over(httpx.Response(201, content=b"[" * 2000), answer_max_bytes=1000)
    assert type(await failure_of(halo.create_invoice({"client_id": 1}))) is UnknownOutcome


@pytest.mark.parametrize("body", [{"id": 7}, [{"id": 7}], [{"id": 7.0}]])
async def test_any_2xx_with_one_object_or_a_list_of_one_is_a_success(body: Any) -> None:
    for status in (200, 201, 202):
        halo, _, _ = over(httpx.Response(status, json=body))
        assert await halo.create_invoice({"client_id": 1}) == 7
        assert await halo.create_item({"name": "x"}) == 7


async def test_a_torn_read_is_read_again() -> None:
    halo, script, _ = over(
        httpx.Response(200, text='[{"id":1'), httpx.Response(200, json=[{"id": 1, "name": "VAT"}])
    )
    assert [tax.name for tax in await halo.taxes()] == ["VAT"]
    assert len(script.requests) == 2


async def test_a_refused_token_is_renewed_once_also_for_a_write() -> None:
    halo, script, line = over(httpx.Response(401), httpx.Response(201, json={"id": 9}))
    assert await halo.create_invoice({"client_id": 1}) == 9
    assert [request.headers["Authorization"] for request in script.requests] == [
        "Bearer t1",
        "Bearer t2",
    ]
    assert line.taken == 4, "the budget is asked for token calls too"


async def test_a_token_is_renewed_before_it_ends() -> None:
    halo, script, line = over(httpx.Response(200, json=[]))
    await halo.taxes()
    line.clock.pass_time(3600 - 91)
    await halo.taxes()
    assert script.tokens == 1
    line.clock.pass_time(2)
    await halo.taxes()
    assert script.tokens == 2


async def test_401_on_one_record_is_a_missing_right_by_name() -> None:
    halo, _, _ = over(httpx.Response(401))
    failure = await failure_of(halo.invoice(5))
    assert failure.code == "halopsa-right-missing"
    assert "read:invoices" in failure.text


async def test_403_names_the_right() -> None:
    halo, _, _ = over(httpx.Response(403))
    assert "edit:items" in (await failure_of(halo.create_item({"name": "x"}))).text


async def test_429_tells_the_budget_and_waits_as_asked() -> None:
    halo, _, line = over(
        httpx.Response(429, headers={"Retry-After": "7"}),
        httpx.Response(429),
        httpx.Response(200, json=[]),
    )
    assert await halo.taxes() == []
    assert (line.blocked, line.clock.slept) == ([7.0, 20.0], [7.0, 2.0])


async def test_429_on_a_write_did_not_happen() -> None:
    halo, _, line = over(httpx.Response(429, headers={"Retry-After": "300"}))
    failure = await failure_of(halo.create_item({"name": "x"}))
    assert isinstance(failure, TransientError)
    assert failure.retry_after_s == 300
    assert line.blocked == [300.0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ""),
        (b'"Please select a customer."', "Please select a customer."),
        (b'{"[0].client_id": ["The customer does not exist."]}',
         "[0].client_id: The customer does not exist."),
        (b'{"resultCode": 3, "errorMessage": "no"}', "no"),
        (b'{"ClassName": "X", "Message": "An error occurred."}', "An error occurred."),
        (b'{"error": "access_denied", "error_description": "Unauthorized"}', "Unauthorized"),
        (b'{"message": "bad", "details": [{"message": "size"}]}', "bad; size"),
        (b"<html><body>Bad gateway</body></html>", "a web page instead of an answer"),
        (b"two\nlines", "two lines"),
        (b"x" * 999, "x" * 299 + "…"),
    ],
)  # fmt: skip
def test_the_vendors_words_are_found_in_any_shape(body: bytes, words: str) -> None:
    assert said(body) == words


PAX8_READS: list[tuple[int, type[Failure], str]] = [
    (400, PermanentError, "pax8-request"),
    (401, PermanentError, "pax8-token-refused"),
    (403, PermanentError, "pax8-right-missing"),
    (404, PermanentError, "pax8-missing"),
    (408, TransientError, "pax8-slow"),
    (422, PermanentError, "pax8-request"),
    (429, TransientError, "pax8-limit"),
    (500, TransientError, "pax8-down"),
    (302, PermanentError, "pax8-answer"),
]


@pytest.mark.parametrize(("status", "kind", "code"), PAX8_READS)
async def test_a_read_of_pax8(status: int, kind: type[Failure], code: str) -> None:
    pax8 = Pax8(
        "https://api.pax8.com",
        Pax8Credentials("id", SECRET),
        TestLine(Scripted(httpx.Response(status)).transport).line,
    )
    failure = await failure_of(pax8.item_page("x", 0))
    assert (type(failure), failure.code) == (kind, code)


SIGN_INS: list[tuple[str, Callable[[TestLine], Awaitable[object]]]] = [
    ("pax8-login", lambda to: Pax8("https://p", Pax8Credentials("x", SECRET), to.line).products()),
    ("halopsa-login", lambda to: Halo("https://h", HaloCredentials("no", SECRET), to.line).taxes()),
]  # fmt: skip


@pytest.mark.parametrize(("code", "call"), SIGN_INS)
async def test_wrong_credentials_are_said_so_without_the_secret(
    code: str, call: Callable[[TestLine], Awaitable[object]]
) -> None:
    odd = {"error": "access_denied", "error_description": "Unauthorized"}
    line = TestLine(httpx.MockTransport(lambda _: httpx.Response(401, json=odd)))
    failure = await failure_of(call(line))
    assert failure.code == code
    assert "secret" not in failure.text.replace("id and secret", "")
    assert line.taken == 1
