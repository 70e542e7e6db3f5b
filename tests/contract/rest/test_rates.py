"""How much one caller and one address may ask, and that every answer says what is left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from chassis.errors import PermanentError
from gateway.rest.app import build
from gateway.rest.rates import ADDRESS, CALLER, Buckets, RateLimits, Rates
from support.rest import ORIGIN, Door, bearer


class Stepped:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def today(self, timezone: str = "UTC") -> date:
        return self.at.astimezone(ZoneInfo(timezone)).date()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@asynccontextmanager
async def limited(
    door: Door, limits: RateLimits, address: str = "192.0.2.1"
) -> AsyncIterator[httpx.AsyncClient]:
    """The same door under other limits, asked from that address."""
    api = door.api.__class__(**{**vars(door.api), "rates": Rates(limits, door.api.clock)})
    transport = httpx.ASGITransport(app=build(api), client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        yield http


async def test_a_key_that_asks_too_much_waits_and_another_does_not(door: Door) -> None:
    one, two = await door.tenant("first"), await door.asking("first")
    async with limited(door, RateLimits(caller=3, address=100)) as http:
        answers = [await http.get("/v1/tenants/first", headers=bearer(one.key)) for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert [a.headers["RateLimit-Remaining"] for a in answers] == ["2", "1", "0", "0"]
        assert {a.headers["RateLimit-Limit"] for a in answers} == {"3"}
        refused = answers[-1]
        assert refused.json()["code"] == "too-many-requests"
        assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"] == "20"
        other = await http.get("/v1/tenants/first", headers=bearer(two.key))
        assert other.status_code == 200


async def test_an_address_that_asks_too_much_waits_whatever_it_asks(door: Door) -> None:
    async with limited(door, RateLimits(caller=100, address=3)) as http:
        paths = ["/v1/nowhere", "/v1/auth/oidc", "/v1/openapi.json", "/v1/auth/oidc"]
        answers = [await http.get(path) for path in paths]
        assert [a.status_code for a in answers] == [404, 200, 200, 429]
        assert answers[-1].json()["code"] == "too-many-requests"
        assert answers[-1].headers["X-Request-Id"] == answers[-1].json()["request"]
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert answers[-1].headers["Strict-Transport-Security"]


async def test_a_write_under_an_idempotency_key_takes_one(door: Door) -> None:
    owner = await door.tenant("first")
    async with limited(door, RateLimits(caller=10, address=100)) as http:
        headers = {**bearer(owner.key), "Idempotency-Key": "one"}
        path = "/v1/tenants/first/documents/list"
        answer = await http.post(path, json={}, headers=headers)
        assert (answer.status_code, answer.headers["RateLimit-Remaining"]) == (202, "9")


def test_a_bucket_fills_up_again_evenly_and_never_over() -> None:
    clock = Stepped()
    buckets = Buckets(60, clock)
    taken = [buckets.take("one") for _ in range(61)]
    assert [t.allowed for t in taken] == [True] * 60 + [False]
    assert taken[-1].wait_s == 1
    clock.at += timedelta(seconds=2)
    assert [buckets.take("one").allowed for _ in range(3)] == [True, True, False]
    clock.at += timedelta(days=1)
    assert buckets.take("one").left == 59
    clock.at -= timedelta(hours=1)
    assert buckets.take("one").left == 58, "a clock that was set back takes nothing away"


def test_the_buckets_of_many_take_no_more_room() -> None:
    buckets = Buckets(2, Stepped(), buckets_max=10)
    for number in range(1000):
        buckets.take(f"address-{number}")
    assert len(buckets._found) == 10


async def test_a_network_of_one_customer_is_one_address(door: Door) -> None:
    limits = RateLimits(caller=100, address=1)
    rates = Rates(limits, door.api.clock)
    api = door.api.__class__(**{**vars(door.api), "rates": rates})
    app = build(api)
    answers = []
    for address in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"):
        transport = httpx.ASGITransport(app=app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
            answers.append((await http.get("/v1/auth/oidc")).status_code)
    assert answers == [200, 429, 200]


def test_limits_are_set_by_the_environment() -> None:
    assert RateLimits.of({}) == RateLimits()
    assert RateLimits.of({CALLER: "7", ADDRESS: "9"}) == RateLimits(7, 9)
    for wrong in ("many", "0", "-1"):
        with pytest.raises(PermanentError, match="environment"):
            RateLimits.of({CALLER: wrong})
