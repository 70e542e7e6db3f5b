"""Where a webhook may lead: the public internet, checked at every attempt, and nowhere else."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import Response

from chassis.clock import SystemClock
from chassis.errors import PermanentError
from gateway.domain.webhooks import Attempt
from gateway.sending import Sender
from support.telling import Received, receiver, says

SECRET = SecretStr("whsec_" + "a" * 44)


async def sent(sender: Sender, url: str) -> Attempt:
    try:
        return await sender.send(url, "event_1", "{}", [SECRET])
    finally:
        await sender.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "https://hooks.example:8443/",
        "https://ann:secret@hooks.example/",
        "https://hooks.example/#part",
        "ftp://hooks.example/",
        "https:///path",
        "https://[/",
        "https://a b/",
        "https://a..b/",
        "https://xn--/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.7/",
        "https://[::ffff:10.0.0.7]/",
        "https://[64:ff9b::a9fe:a9fe]/",
    ],
)
async def test_an_address_that_can_not_be_is_refused_when_it_is_entered(url: str) -> None:
    sender = Sender(SystemClock(), loopback=False)
    with pytest.raises(PermanentError, match="webhook-address"):
        sender.check(url)
    assert (await sent(sender, url)).problem == "webhook-address", "and again when it is sent to"


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["20.50.2.1", "10.0.0.7"], ["::1"], ["169.254.169.254"]]
)
async def test_a_name_that_leads_inside_is_refused(addresses: list[str]) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return addresses

    sender = Sender(SystemClock(), loopback=False, resolve=resolve)
    sender.check("https://hooks.example/")
    attempt = await sent(sender, "https://hooks.example/")
    assert (attempt.problem, attempt.status) == ("webhook-address", None)


async def test_a_name_that_leads_elsewhere_a_moment_later_gains_nothing() -> None:
    """It is looked up once an attempt, and what was checked is what is connected to."""
    looks: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        looks.append(host)
        return ["127.0.0.1"] if len(looks) == 1 else ["10.0.0.7"]

    async with receiver() as theirs:
        url = f"http://rebound.example:{httpx.URL(theirs.url).port}/"
        sender = Sender(SystemClock(), loopback=True, resolve=rebinding)
        attempt = await sender.send(url, "event_1", "{}", [SECRET])
        assert (attempt.status, looks) == (204, ["rebound.example"])
        assert theirs.got[0].headers["host"].startswith("rebound.example")
        assert (await sent(sender, url)).problem == "webhook-address", "looked up anew each time"
        assert len(theirs.got) == 1


async def test_in_a_sandbox_this_machine_passes_and_no_other_inner_address() -> None:
    async with receiver() as theirs:
        assert (await sent(Sender(SystemClock(), loopback=True), theirs.url)).status == 204
    inner = await sent(Sender(SystemClock(), loopback=True), "http://10.0.0.7/")
    assert inner.problem == "webhook-address"


async def test_a_redirect_is_not_followed() -> None:
    async with receiver() as inside, receiver(says(307, Location="/elsewhere")) as theirs:
        theirs.answer = says(307, Location=inside.url)
        attempt = await sent(Sender(SystemClock(), loopback=True), theirs.url)
        assert (attempt.problem, attempt.status) == ("webhook-redirects", 307)
        assert inside.got == []


async def test_an_answer_that_takes_too_long_ends_the_attempt() -> None:
    async def slow(_: Received) -> Response:
        await asyncio.sleep(0.3)
        return Response()

    async with receiver(slow) as theirs:
        sender = Sender(SystemClock(), loopback=True, attempt_s=0.05)
        attempt = await sent(sender, theirs.url)
    assert (attempt.problem, attempt.status) == ("webhook-slow", None)


async def test_of_a_long_answer_the_beginning_is_kept_and_no_secret() -> None:
    text = "refused\x00\n token=verysecretvalue " + "x" * 100_000
    async with receiver(says(500, text)) as theirs:
        attempt = await sent(Sender(SystemClock(), loopback=True), theirs.url)
    assert attempt.answer.startswith("refused")
    assert "verysecretvalue" not in attempt.answer
    assert attempt.answer.isprintable()
    assert len(attempt.answer) <= 256


async def test_where_nobody_listens_is_unreachable() -> None:
    async with receiver() as theirs:
        url = theirs.url
    attempt = await sent(Sender(SystemClock(), loopback=True), url)
    assert attempt.problem == "webhook-unreachable"
