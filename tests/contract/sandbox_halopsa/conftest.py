"""A HaloPSA sandbox in memory with one small tenant, and a client that is signed in."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from sandbox import halopsa
from sandbox.app import Sandbox, build_app

from .rows import tenant


class Halo:
    """What a test does with the sandbox: load, spoil, ask, and act as a person."""

    def __init__(self, app: Sandbox) -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://sandbox"
        )

    async def sign_in(self, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": "anyone",
            "client_secret": "anything",
            "scope": "all",
        }
        answer = await self.http.post("/halopsa/auth/token", data=form | changes)
        if answer.status_code == 200:
            self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer

    async def control(self, name: str, payload: Any) -> Any:
        answer = await self.http.post(f"/_sandbox/halopsa/{name}", json=payload)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def load(self, **payload: Any) -> Any:
        return await self.control("load", payload)

    async def spoil(self, *faults: dict[str, Any]) -> Any:
        return await self.control("faults", {"faults": list(faults)})

    async def edit(self, entity: str, number: int, **changes: Any) -> Any:
        return await self.control("edit", {"entity": entity, "id": number, **changes})

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(f"/halopsa/api{path}", params=query)

    async def post(self, path: str, *rows: Any) -> httpx.Response:
        return await self.http.post(f"/halopsa/api{path}", json=list(rows))

    async def read(self, path: str, number: int) -> Any:
        answer = await self.get(f"{path}/{number}", includedetails="true")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def invoice(self, **changes: Any) -> Any:
        answer = await self.post("/Invoice", {"client_id": 42, **changes})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def state(self) -> Any:
        return (await self.http.get("/_sandbox/halopsa/state")).json()


@pytest.fixture
def only_halo() -> Iterator[Callable[..., Sandbox]]:
    built: list[Sandbox] = []

    def build(folder: Any = None, **settings: Any) -> Sandbox:
        built.append(build_app(folder, vendors={"halopsa": halopsa.build}, **settings))
        return built[-1]

    yield build
    for app in built:
        app.close()


@pytest.fixture
async def halo(only_halo: Callable[..., Sandbox]) -> AsyncIterator[Halo]:
    vendor = Halo(only_halo())
    await vendor.load(**tenant())
    await vendor.sign_in()
    yield vendor
    await vendor.http.aclose()
