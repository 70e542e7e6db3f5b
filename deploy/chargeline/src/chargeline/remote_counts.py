"""Counts of a gateway's tenant as commands ask for them: each call is one route's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from chargeline.remote import Remote
from gateway.count_queries import CountsView
from gateway.counts import Mode
from gateway.domain.syncs import Accepted, Links, Sync
from schemas.counts import CountLink, CountRow


class RemoteCountQueries:
    """What is looked at of counts."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def view(self, _tenant: str, _source: str) -> CountsView:
        return CountsView.model_validate_json((await self._remote.read("/counts")).content)

    async def sync(self, _tenant: str, run: str) -> Sync:
        told = (await self._remote.read(f"/counts/syncs/{quote(run, safe='')}")).json()
        return Sync.model_validate(told["sync"])

    async def rows(self, _tenant: str, sync: Sync) -> tuple[CountRow, ...]:
        told = (await self._remote.read(f"/counts/syncs/{quote(sync.run, safe='')}")).json()
        return tuple(CountRow.model_validate(row) for row in told["items"])

    async def links(self, _tenant: str, _source: str) -> tuple[Links | None, list[CountLink]]:
        told = (await self._remote.read("/counts/links")).json()
        answer = Links.model_validate(told["answer"]) if told["answer"] else None
        return answer, [CountLink.model_validate(row) for row in told["items"]]

    async def history(
        self, _tenant: str, _source: str, last: int
    ) -> Mapping[tuple[str, str], Mapping[str, int]]:
        told: dict[str, dict[str, dict[str, int]]] = (
            await self._remote.read("/counts/history", days=last)
        ).json()
        found: dict[tuple[str, str], dict[str, int]] = {}
        for organization, products in told.items():
            for product, by_day in products.items():
                found[organization, product] = by_day
        return found


class RemoteCounts:
    """What is asked for of counts."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def sync_counts(
        self, _tenant: str, mode: Mode | None = None, day: str | None = None
    ) -> Sync:
        answer = await self._remote.write("/counts/sync", {"mode": mode, "day": day})
        return Sync.model_validate_json(answer.content)

    async def accept_count(
        self, _tenant: str, organization: str, product: str, count: int
    ) -> Accepted:
        body = {"organization": organization, "product": product, "count": count}
        return Accepted.model_validate_json(
            (await self._remote.write("/counts/accepted", body)).content
        )

    async def link_counts(self, _tenant: str, hashes: Sequence[str] = ()) -> int:
        answer = await self._remote.write("/counts/links", {"hashes": list(hashes)})
        return int(answer.json()["revision"])
