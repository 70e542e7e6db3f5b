"""A gateway that is slow, away, or answers and is not heard: what is asked once is done once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from chargeline.remote import KEY, Remote
from chassis.clock import SystemClock
from chassis.errors import PermanentError, TransientError

Answer = Callable[[httpx.Request], httpx.Response]


class Waiting(SystemClock):
    """Notes how long it was to wait, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    body = {"code": code, "detail": f"because of {code}", "status": status}
    return httpx.Response(status, json=body, headers=headers)


def lost(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("the answer was lost")


class Gateway:
    """Answers one after the other; the last one again and again."""

    def __init__(self, *answers: Answer | httpx.Response) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.clock = Waiting()

    def remote(self) -> Remote:
        http = httpx.AsyncClient(
            base_url="https://gateway.test/v1", transport=httpx.MockTransport(self._answer)
        )
        return Remote(http, self.clock, "summit")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        now = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return now if isinstance(now, httpx.Response) else now(request)


async def test_a_write_whose_answer_was_lost_is_sent_again_under_its_key() -> None:
    gateway = Gateway(lost, httpx.Response(202, json={"run": "run_1"}))
    assert (await gateway.remote().write("/runs", {"document": "d"})).json() == {"run": "run_1"}
    first, second = gateway.asked
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.url.path == "/v1/tenants/summit/runs"


async def test_two_writes_have_two_keys() -> None:
    gateway = Gateway(httpx.Response(202, json={}))
    remote = gateway.remote()
    await remote.write("/runs", {})
    await remote.write("/runs", {})
    assert len({request.headers["Idempotency-Key"] for request in gateway.asked}) == 2


async def test_it_waits_as_long_as_it_is_asked_to() -> None:
    gateway = Gateway(
        problem(429, "too-many-requests", **{"Retry-After": "7"}),
        problem(409, "idempotency-at-work"),
        httpx.Response(200, json={}),
    )
    await gateway.remote().write("/runs", {})
    assert gateway.clock.waited[0] == 7
    assert len(gateway.asked) == 3


async def test_one_that_stays_away_is_given_up() -> None:
    gateway = Gateway(problem(503, "gateway-starting"))
    with pytest.raises(TransientError, match="gateway-starting"):
        await gateway.remote().read("/runs")
    assert 1 < len(gateway.asked) < 10


async def test_a_refusal_is_not_asked_again() -> None:
    gateway = Gateway(problem(409, "run-not-there"))
    with pytest.raises(PermanentError) as refused:
        await gateway.remote().write("/runs/run_1/apply", {})
    assert (refused.value.code, refused.value.text) == ("run-not-there", "because of run-not-there")
    assert len(gateway.asked) == 1


async def test_whoever_is_no_gateway_is_named_as_that() -> None:
    gateway = Gateway(httpx.Response(404, text="<html>no such page</html>"))
    with pytest.raises(PermanentError, match="gateway-address"):
        await gateway.remote().read("/runs")


async def test_lists_are_read_to_their_last_page() -> None:
    gateway = Gateway(
        httpx.Response(200, json={"items": [1, 2], "next": "after-2"}),
        httpx.Response(200, json={"items": [3], "next": None}),
    )
    assert await gateway.remote().page("/runs") == [1, 2, 3]
    assert gateway.asked[1].url.params["cursor"] == "after-2"


@pytest.mark.parametrize(
    "url",
    ["http://gateway.test", "ftp://gateway.test", "gateway.test", "http://127.0.0.1.evil.test"],
)
async def test_a_key_is_sent_over_tls_alone(url: str) -> None:
    with pytest.raises(PermanentError, match="gateway-address"):
        async with Remote.open(url, {KEY: "ck_1_2"}, SystemClock()):
            pytest.fail("it was asked")


async def test_a_key_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    missing = {f"{KEY}_FILE": str(tmp_path / "key")}
    with pytest.raises(PermanentError, match=f"{KEY}_FILE"):
        async with Remote.open("https://gateway.test", missing, SystemClock()):
            pytest.fail("it was asked")
