"""A Pax8 sandbox in memory, a client that is signed in, and valid rows to load."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from sandbox import pax8
from sandbox.app import Sandbox, build_app

from .rows import CREDENTIALS


class Pax8:
    """What a test does with the sandbox: load, spoil, ask."""

    def __init__(self, app: Sandbox) -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://sandbox"
        )

    async def sign_in(self, **changes: Any) -> httpx.Response:
        answer = await self.http.post("/pax8/v1/token", json=CREDENTIALS | changes)
        if answer.status_code == 200:
            self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer

    async def load(self, replace: bool = False, **payload: Any) -> None:
        query = "?replace=true" if replace else ""
        answer = await self.http.post(f"/_sandbox/pax8/load{query}", json=payload)
        assert answer.status_code == 200, answer.text

    async def spoil(self, *faults: dict[str, Any]) -> httpx.Response:
        return await self.http.post("/_sandbox/pax8/faults", json={"faults": list(faults)})

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(f"/pax8/v1{path}", params=query)

    async def state(self) -> dict[str, Any]:
        answer = await self.http.get("/_sandbox/pax8/state")
        return dict(answer.json())


@pytest.fixture
def only_pax8() -> Iterator[Callable[..., Sandbox]]:
    built: list[Sandbox] = []

    def build(folder: Any = None, **settings: Any) -> Sandbox:
        built.append(build_app(folder, vendors={"pax8": pax8.build}, **settings))
        return built[-1]

    yield build
    for app in built:
        app.close()


@pytest.fixture
async def vendor(only_pax8: Callable[..., Sandbox]) -> AsyncIterator[Pax8]:
    pax8_sandbox = Pax8(only_pax8())
    await pax8_sandbox.sign_in()
    yield pax8_sandbox
    await pax8_sandbox.http.aclose()
