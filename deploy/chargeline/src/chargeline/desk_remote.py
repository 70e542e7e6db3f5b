"""A gateway's REST API as commands ask it: each call is one route's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from chargeline.desk import Desk, FailedJob, Went
from chargeline.remote import Remote
from chargeline.remote_counts import RemoteCountQueries, RemoteCounts
from chassis.clock import SystemClock
from chassis.errors import PermanentError
from gateway.accounts import PickList
from gateway.domain.run import Counts, Run
from gateway.queries import BatchView
from gateway.schedules import Occurrence
from gateway.store import Listing
from schemas.explained import LineExplained
from schemas.messages import PostingRefused
from schemas.selection import Selection
from schemas.setting_values import STORED
from schemas.settings import Settings
from schemas.statement import Statement
from vendors.probe import Finding

_LOOK_S = 0.25
_CHANGES = 5  # times that somebody else may change the settings in between
_PAGE = 200


@asynccontextmanager
async def desk_at(url: str, environ: Mapping[str, str]) -> AsyncIterator[Desk]:
    """To act on the tenant whose key the environment holds."""
    clock = SystemClock()
    async with Remote.open(url, environ, clock) as remote:

        async def occurrences() -> list[Occurrence]:
            told = (await remote.read("/schedules")).json()
            return [Occurrence.model_validate(one) for one in told["last"]]

        async def explain(line: str, document: str | None) -> LineExplained:
            told = await remote.read(f"/lines/{quote(line, safe='')}", document=document)
            return LineExplained.model_validate_json(told.content)

        yield Desk(
            tenant=remote.tenant,
            place=f"gateway {url}",
            queries=_Queries(remote),
            count_queries=RemoteCountQueries(remote),
            waits=_Waits(remote),
            parked=_Parked(remote),
            explain=explain,
            audit=None,
            runs=_Runs(remote),
            counts=RemoteCounts(remote),
            accounts=_Accounts(remote),
            occurrences=occurrences,
            calls={},
            clock=clock,
            look_s=_LOOK_S,
        )


class _Queries:
    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def settings(self, _tenant: str) -> Settings:
        return Settings.model_validate_json(
            (await self._remote.read("/settings")).content, context=STORED
        )

    async def listing(self, _tenant: str, source: str) -> Listing:
        told = (await self._remote.read("/documents", source=source)).json()
        return Listing(
            documents=told["items"],
            listed=told["revision"],
            problem=told["problem"],
            text=told["text"],
        )

    async def drafts(self, _tenant: str) -> tuple[int, str, int]:
        told = (await self._remote.read("/drafts")).json()
        return told["revision"], told["snapshot"], told["rows_read"]

    async def runs(self, _tenant: str) -> list[Run]:
        rows = await self._remote.page("/runs", limit=_PAGE)
        found = [Run.model_validate(row) for row in rows]
        return sorted(found, key=lambda r: (r.started_at, r.run))

    async def run(self, _tenant: str, run: str) -> Run:
        return Run.model_validate_json((await self._remote.read(_of(run))).content)

    async def batches(self, _tenant: str, run: str) -> list[BatchView]:
        rows = await self._remote.page(f"{_of(run)}/batches")
        return [BatchView.model_validate(row) for row in rows]

    async def plans(self, _tenant: str, run: str) -> list[dict[str, Any]]:
        return await self._remote.page(f"{_of(run)}/plans")

    async def proposals(self, _tenant: str, run: str) -> dict[str, str]:
        told: dict[str, str] = (await self._remote.read(f"{_of(run)}/items")).json()
        return told

    async def statement(self, _tenant: str, run: str) -> Statement:
        told = await self._remote.read(f"{_of(run)}/statement")
        return Statement.model_validate_json(told.content)

    async def counts(self, run: Run) -> Counts:
        told = await self._remote.read(f"{_of(run.run)}/progress")
        return Counts.model_validate_json(told.content)

    async def undo_answered(self, _tenant: str, run: str, revision: int) -> list[str]:
        told = (await self._remote.read(f"{_of(run)}/undone", revision=revision)).json()
        answered: list[str] = told["answered"]
        return answered

    async def undo_refused(self, _tenant: str, run: str, revision: int) -> list[PostingRefused]:
        told = (await self._remote.read(f"{_of(run)}/undone", revision=revision)).json()
        return [PostingRefused.model_validate(one) for one in told["refused"]]


class _Runs:
    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def change_settings(
        self, _tenant: str, change: Callable[[Settings], Settings]
    ) -> Settings:
        """Read, change, write what was read and nothing newer; again if somebody was quicker."""
        for tries in range(_CHANGES):
            answer = await self._remote.read("/settings")
            now = Settings.model_validate_json(answer.content, context=STORED)
            new = change(now)
            if new == now:
                return now
            given = {"If-Match": answer.headers["ETag"]}
            body = new.model_dump(mode="json")
            try:
                made = await self._remote.write("/settings", body, method="PUT", headers=given)
            except PermanentError as refused:
                if refused.code != "settings-changed" or tries == _CHANGES - 1:
                    raise
            else:
                return Settings.model_validate_json(made.content)
        raise AssertionError("the last try returns or raises")

    async def list_documents(self, _tenant: str, source: str, since: str | None = None) -> int:
        body = {"source": source, "since": since}
        return int((await self._remote.write("/documents/list", body)).json()["revision"])

    async def read_drafts(self, _tenant: str, source: str, month_offset: int) -> int:
        assert source == "pax8", "nobody else has draft items"
        params = {"month_offset": month_offset}
        answer = await self._remote.write("/drafts/read", params=params)
        return int(answer.json()["revision"])

    async def start(
        self,
        _tenant: str,
        source: str,
        document: str,
        /,
        *,
        approve_items: bool,  # noqa: ARG002 - approvals are given when the run asks for them:
        approve_plans: bool,  # noqa: ARG002 - they need a right of their own
        automatic: bool,
        canary: int,
    ) -> str:
        body = {"source": source, "document": document, "automatic": automatic, "canary": canary}
        return str((await self._remote.write("/runs", body)).json()["run"])

    async def again(
        self,
        _tenant: str,
        run: str,
        /,
        *,
        selection: Selection,
        approve_items: bool,  # noqa: ARG002 - never taken as given there
        approve_plans: bool,  # noqa: ARG002
    ) -> None:
        await self._remote.write(f"{_of(run)}/again", selection.model_dump(mode="json"))

    async def approve_items(self, _tenant: str, run: str) -> None:
        await self._remote.write(f"{_of(run)}/approve-items")

    async def approve(
        self, _tenant: str, run: str, only: Sequence[str] = (), canary: int | None = None
    ) -> int:
        body = {"only": list(only), "canary": canary}
        return int((await self._remote.write(f"{_of(run)}/apply", body)).json()["count"])

    async def undo(self, _tenant: str, run: str, only: Sequence[str] = ()) -> tuple[int, list[str]]:
        told = (await self._remote.write(f"{_of(run)}/undo", {"only": list(only)})).json()
        return told["revision"], told["plans"]


class _Waits:
    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def parked(self) -> int:
        return int((await self._remote.read("/waiting")).json()["parked"])

    async def failed(self) -> list[FailedJob]:
        return [FailedJob(**row) for row in (await self._remote.read("/waiting")).json()["failed"]]

    async def retry(self, job: str) -> bool:
        await self._remote.write(f"/jobs/{quote(job, safe='')}/retry")
        return True


class _Parked:
    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def list(self) -> Sequence[dict[str, Any]]:
        rows = await self._remote.page("/parked", limit=_PAGE)
        return [{**row, "group": row["service"]} for row in rows]

    async def show(self, message: str) -> dict[str, Any]:
        told: dict[str, Any] = (await self._remote.read(_parked(message))).json()
        return told

    async def retry(self, message: str) -> Went:
        return _went(await self._remote.write(f"{_parked(message)}/retry"))

    async def discard(self, message: str, *, by: str, reason: str) -> Went:  # noqa: ARG002 - the key
        body = {"reason": reason}
        return _went(await self._remote.write(f"{_parked(message)}/discard", body))


def _parked(message: str) -> str:
    return f"/parked/{quote(message, safe='')}"


def _went(answer: httpx.Response) -> Went:
    told = answer.json()
    return Went(told["handled"], told["code"], told["text"])


class _Accounts:
    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def sign_in(self, vendor: str) -> None:
        await self._remote.write(f"/connections/{vendor}/sign-in")

    async def probe(self, vendor: str) -> Sequence[Finding]:
        told = (await self._remote.write(f"/connections/{vendor}/test")).json()
        return [Finding(**row) for row in told["items"]]

    async def lists(self, vendor: str) -> Sequence[PickList]:
        rows = await self._remote.page(f"/connections/{vendor}/lists")
        return [PickList.model_validate(row) for row in rows]

    async def seal(self, vendor: str, client_id: str, secret: SecretStr) -> None:
        body = {"client_id": client_id, "client_secret": secret.get_secret_value()}
        await self._remote.write(f"/connections/{vendor}/credentials", body, method="PUT")

    async def sealed(self, vendor: str) -> bool:
        return bool((await self._remote.read(f"/connections/{vendor}")).json()["sealed"])

    async def sandbox(self) -> bool:
        return any(row["sandbox"] for row in await self._remote.page("/connections"))


def _of(run: str) -> str:
    return f"/runs/{quote(run, safe='')}"
