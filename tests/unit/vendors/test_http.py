"""Where a client may connect to, how it repeats reads, and how much it swallows."""

import ipaddress

import httpx
import pytest

from chassis.errors import PermanentError, TransientError, UnknownOutcome
from chassis.http import AnswerTooLarge, Retries, is_public, open_http, read_capped, read_repeatedly
from support.vendors import StillClock

NOT_PUBLIC = """
    127.0.0.1 127.255.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0
    224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.7
    203.0.113.1 192.88.99.1 ::1 :: fe80::1 fc00::1 fd12::1 ff02::1 fec0::1 ::ffff:127.0.0.1
    ::ffff:10.0.0.1 ::ffff:169.254.169.254 2002:a9fe:a9fe::1 2002:7f00:1:: 64:ff9b::a9fe:a9fe
    64:ff9b:1::1 2001::1 2001:db8::1 100::1 ::127.0.0.1 3fff::1
""".split()
PUBLIC = ["1.1.1.1", "20.50.2.1", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_inner_address_is_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_fine(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


class Internet:
    """Resolves every name to the given addresses, and answers or refuses connections."""

    def __init__(self, *addresses: str, dead: tuple[str, ...] = ()) -> None:
        self.addresses, self.dead = addresses, dead
        self.requests: list[httpx.Request] = []

    async def resolve(self, host: str, port: int) -> list[str]:
        assert host
        assert port
        return list(self.addresses)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.host in self.dead:
            raise httpx.ConnectError("refused")
        self.requests.append(request)
        return httpx.Response(302, headers={"Location": "https://127.0.0.1/"})

    def client(self, *, sandbox: bool = False) -> httpx.AsyncClient:
        transport = httpx.MockTransport(self.answer)
        return open_http(transport=transport, resolve=self.resolve, sandbox=sandbox)


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    net = Internet("20.50.2.1")
    answer = await net.client().get("https://acme.halopsa.com/api/authinfo")
    (request,) = net.requests
    assert request.url.host == "20.50.2.1"
    assert request.headers["Host"] == "acme.halopsa.com"
    assert request.extensions["sni_hostname"] == "acme.halopsa.com"
    assert answer.status_code == 302, "redirects are not followed"


async def test_one_inner_address_among_several_is_enough_to_refuse() -> None:
    net = Internet("20.50.2.1", "169.254.169.254")
    with pytest.raises(PermanentError, match="not a public address") as refused:
        await net.client().get("https://acme.example/")
    assert refused.value.code == "vendor-address"
    assert "169.254" not in refused.value.text, "nobody learns what our names lead to"
    assert net.requests == []


@pytest.mark.parametrize("port", [22, 25, 53, 80, 465, 993])
async def test_a_port_of_another_service_is_refused(port: int) -> None:
    net = Internet("20.50.2.1")
    with pytest.raises(PermanentError, match="another service"):
        await net.client().get(f"https://acme.halopsa.com:{port}/")
    assert net.requests == []
    await net.client().get("https://acme.halopsa.com:8443/")
    assert len(net.requests) == 1


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://[::1]/", "https://[64:ff9b::a00:1]/"]
)
async def test_an_inner_address_as_host_is_refused(url: str) -> None:
    with pytest.raises(PermanentError, match="not a public address"):
        await Internet().client().get(url)


async def test_plain_http_is_refused() -> None:
    with pytest.raises(PermanentError, match="https"):
        await Internet("20.50.2.1").client().get("http://acme.halopsa.com/")


async def test_a_sandbox_may_be_local_and_plain() -> None:
    net = Internet("127.0.0.1")
    assert (await net.client(sandbox=True).get("http://127.0.0.1:8000/x")).status_code == 302


async def test_what_a_host_sets_for_one_tenant_goes_with_no_call_of_another() -> None:
    sent: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("Cookie"))
        return httpx.Response(200, headers={"Set-Cookie": "session=first-tenant; Path=/"})

    async with open_http(sandbox=True, transport=httpx.MockTransport(answer)) as http:
        await http.get("http://127.0.0.1/a")
        await http.get("http://127.0.0.1/b")
    assert sent == [None, None]


async def test_an_address_that_does_not_answer_gives_way_to_the_next() -> None:
    net = Internet("20.50.2.2", "20.50.2.1", dead=("20.50.2.1",))
    await net.client().get("https://acme.halopsa.com/")
    assert [request.url.host for request in net.requests] == ["20.50.2.2"]
    with pytest.raises(httpx.ConnectError):
        await Internet("20.50.2.1", dead=("20.50.2.1",)).client().get("https://acme.halopsa.com/")


async def failing(clock: StillClock, *failures: Exception) -> tuple[int, list[float]]:
    """How often a read was tried, and the waits, when it fails so and then succeeds."""
    left, tries = list(failures), 0

    async def read() -> str:
        nonlocal tries
        tries += 1
        if left:
            raise left.pop(0)
        return "read"

    retries = Retries(attempts=4, first_wait_s=1, wait_max_s=20, jitter=lambda: 1.0)
    assert await read_repeatedly(read, retries, clock) == "read"
    return tries, clock.slept


async def test_a_read_is_repeated_with_growing_waits() -> None:
    again = [TransientError("x", "y") for _ in range(3)]
    assert await failing(StillClock(), *again) == (4, [1.0, 2.0, 4.0])


async def test_the_wait_that_is_asked_for_is_the_wait() -> None:
    assert await failing(StillClock(), TransientError("x", "y", retry_after_s=7)) == (2, [7])


async def test_a_long_wait_is_not_waited_here() -> None:
    clock = StillClock()
    with pytest.raises(TransientError) as raised:
        await failing(clock, TransientError("x", "y", retry_after_s=300))
    assert raised.value.retry_after_s == 300
    assert clock.slept == []


async def test_reads_end_after_the_last_attempt() -> None:
    with pytest.raises(TransientError):
        await failing(StillClock(), *[TransientError("x", "y") for _ in range(4)])


@pytest.mark.parametrize("other", [PermanentError("x", "y"), UnknownOutcome("x", "y"), KeyError()])
async def test_nothing_else_is_repeated(other: Exception) -> None:
    clock = StillClock()
    with pytest.raises(type(other)):
        await failing(clock, other)
    assert clock.slept == []


async def test_an_answer_longer_than_the_cap_is_dropped() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b"x" * 1001))
    async with httpx.AsyncClient(transport=transport) as http:
        async with http.stream("GET", "https://x/") as answer:
            with pytest.raises(AnswerTooLarge):
                await read_capped(answer, 1000)
        async with http.stream("GET", "https://x/") as answer:
            assert len(await read_capped(answer, 1001)) == 1001
