"""A Huntress sandbox in memory, and what a test does with it."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from sandbox import huntress
from sandbox.app import Sandbox, build_app

AUTH = ("hk_public", "hs_secret")


class Account:
    """Load, spoil, change, ask."""

    def __init__(self, app: Sandbox) -> None:
        self.app = app
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://sandbox", auth=AUTH
        )

    async def load(self, replace: bool = False, **payload: Any) -> Any:
        return await self.control(f"load{'?replace=true' if replace else ''}", payload)

    async def control(self, name: str, payload: Any) -> Any:
        answer = await self.http.post(f"/_sandbox/huntress/{name}", json=payload)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def spoil(self, **fault: Any) -> None:
        await self.control("faults", {"faults": [fault]})

    async def set(self, **settings: Any) -> None:
        await self.load(settings=settings)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(f"/huntress/v1{path}", params=query)

    async def read(self, path: str, **query: Any) -> Any:
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def walk(self, path: str, key: str, **query: Any) -> list[list[Any]]:
        """The ids of every page."""
        pages: list[list[Any]] = []
        token: str | None = None
        while True:
            answer = await self.read(path, **query, **({"page_token": token} if token else {}))
            pages.append([row["id"] for row in answer[key]])
            token = answer["pagination"].get("next_page_token")
            if token is None:
                return pages

    async def today(self, day: str) -> None:
        answer = await self.http.post("/_sandbox/clock", json={"today": day})
        assert answer.status_code == 200

    async def state(self) -> Any:
        return (await self.http.get("/_sandbox/huntress/state")).json()


@pytest.fixture
def only_huntress() -> Iterator[Callable[..., Sandbox]]:
    built: list[Sandbox] = []

    def build(folder: Any = None, **settings: Any) -> Sandbox:
        built.append(build_app(folder, vendors={"huntress": huntress.build}, **settings))
        return built[-1]

    yield build
    for app in built:
        app.close()


@pytest.fixture
async def account(only_huntress: Callable[..., Sandbox]) -> AsyncIterator[Account]:
    vendor = Account(only_huntress())
    yield vendor
    await vendor.http.aclose()
