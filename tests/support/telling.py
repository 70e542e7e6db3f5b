"""Billing events to tell, a receiver on loopback to tell them to, and a clock that is moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.clock import SystemClock
from chassis.records import Message
from chassis.servers.health_http import serving
from schemas.events import CONTENT_TYPE, TOPIC

WAITING = "chargeline.run.waiting.v1"
CHANGED = "chargeline.document.changed.v1"


class MovedClock(SystemClock):
    """The machine's clock, moved by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = timedelta()

    def now(self) -> datetime:
        return super().now() + self.moved

    def move(self, **by: float) -> None:
        self.moved += timedelta(**by)


def event(number: int, tenant: str = "first", kind: str = WAITING) -> Message:
    """One event as the gateway publishes it, small."""
    value = (
        f'{{"specversion":"1.0","id":"event_{number:04d}","source":"chargeline/{tenant}",'
        f'"type":"{kind}","subject":"inv-{number}","datacontenttype":"application/json",'
        f'"data":{{"tenant":"{tenant}","run":"run-{number}","revision":{number},'
        f'"source":"pax8","document":"inv-{number}","text":"Größe {number}"}}}}'
    )
    return Message(TOPIC, tenant, value.encode(), {"content-type": CONTENT_TYPE})


@dataclass
class Received:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


type Answer = Callable[[Received], Awaitable[Response]]


async def well(_: Received) -> Response:
    """What a receiver ought to say."""
    return Response(status_code=204)


def says(status: int, text: str = "", **headers: str) -> Answer:
    """Always the same."""

    async def answer(_: Received) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Response(text, status, named)

    return answer


@dataclass
class Receiver:
    """Somebody's server: keeps what came, and answers as it is told to."""

    url: str = ""
    answer: Answer = well
    got: list[Received] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.got]

    async def take(self, request: Request) -> Response:
        one = Received(dict(request.headers), await request.body())
        self.got.append(one)
        return await self.answer(one)


@asynccontextmanager
async def receiver(answer: Answer = well) -> AsyncIterator[Receiver]:
    """On loopback, on a port that the system hands out."""
    one = Receiver(answer=answer)
    app = Starlette(routes=[Route("/{rest:path}", one.take, methods=["GET", "POST"])])
    async with serving(app, "127.0.0.1", 0) as port:
        one.url = f"http://127.0.0.1:{port}/hook"
        yield one


async def until(reached: Callable[[], Awaitable[bool]], within_s: float = 10.0) -> None:
    """Look again and again; it is a failure when it takes too long."""
    async with asyncio.timeout(within_s):
        while not await reached():  # noqa: ASYNC110 - what is waited for is in a store
            await asyncio.sleep(0.005)
