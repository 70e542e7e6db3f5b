"""The system of this process, or its store alone, as commands ask it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from chargeline.audit import line_audit
from chargeline.desk import Desk, FailedJob, Reading, Went
from chargeline.explaining import Explaining
from chargeline.session import TENANT
from chargeline.system import System
from chassis.clock import SystemClock
from chassis.jobs import Jobs
from chassis.parked import Retried
from chassis.records import Records
from chassis.store import Store as Durable
from gateway.accounts import VENDORS, PickList
from gateway.count_queries import CountQueries
from gateway.queries import Queries
from gateway.schedules import Occurrence
from gateway.store import Store
from schemas.explained import LineExplained
from schemas.statement import Difference
from vendors.probe import Finding

# Between two looks of a command that waits: over servers each of them is a command of theirs.
_LOOK_S, _LOOK_SERVERS_S = 0.05, 0.25


def desk_of(system: System) -> Desk:
    """To act on it."""
    gateway = system.gateway

    async def occurrences() -> list[Occurrence]:
        return await gateway.schedules.occurrences(TENANT)

    return Desk(
        tenant=TENANT,
        place=f"data folder {system.folder}",
        queries=gateway.queries,
        count_queries=gateway.count_queries,
        waits=_Waits(system.store, system.jobs),
        parked=_Parked(system.store),
        explain=_Explain(system.store.records, gateway.queries),
        audit=_Audit(system.store.records),
        runs=gateway.runs,
        counts=gateway.counts,
        accounts=_Accounts(system),
        occurrences=occurrences,
        calls=system.connections.calls,
        clock=system.options.clock,
        look_s=_LOOK_S if system.options.servers is None else _LOOK_SERVERS_S,
    )


def reading_of(store: Durable, place: str) -> Reading:
    """To look into it; its owner may be at work."""
    kept = Store(store.records, store.outbox)
    queries = Queries(kept, store.bodies)
    return Reading(
        tenant=TENANT,
        place=place,
        queries=queries,
        count_queries=CountQueries(kept, store.bodies),
        waits=_Waits(store, Jobs(store.records, SystemClock())),
        parked=_Parked(store),
        explain=_Explain(store.records, queries),
        audit=_Audit(store.records),
    )


class _Explain:
    def __init__(self, records: Records, queries: Queries) -> None:
        self._explaining, self._queries = Explaining(records), queries

    async def __call__(self, line: str, document: str | None) -> LineExplained:
        every = await self._queries.runs(TENANT)
        runs = {run.document: run for run in every if document in (None, run.document)}
        return await self._explaining.line(TENANT, line, list(runs.values()))


class _Parked:
    def __init__(self, store: Durable) -> None:
        self._store = store

    async def list(self) -> Sequence[dict[str, Any]]:
        found = await self._store.parking.list(TENANT)
        return [message.model_dump(mode="json") for message in found]

    async def show(self, message: str) -> dict[str, Any]:
        found, value = await self._store.parking.show(TENANT, message)
        text = value.decode("utf-8", errors="replace")
        return {**found.model_dump(mode="json"), "value": text}

    async def retry(self, message: str) -> Went:
        return await self._went(await self._store.parking.retry(TENANT, message))

    async def discard(self, message: str, *, by: str, reason: str) -> Went:
        parking = self._store.parking
        return await self._went(await parking.discard(TENANT, message, by=by, reason=reason))

    async def _went(self, retried: Retried) -> Went:
        """The services are in this process: they go on until nothing is left."""
        await self._store.idle()
        cause = retried.cause
        return Went(retried.done, cause.code if cause else None, cause.text if cause else "")


class _Audit:
    def __init__(self, records: Records) -> None:
        self._records = records

    async def __call__(self, run: str) -> Sequence[Difference]:
        return await line_audit(self._records, TENANT, run)


class _Waits:
    def __init__(self, store: Durable, jobs: Jobs) -> None:
        self._store, self._jobs = store, jobs

    async def parked(self) -> int:
        return len(await self._store.parking.list(TENANT))

    async def failed(self) -> list[FailedJob]:
        return [
            FailedJob(job.id, job.head.kind, failure.code, failure.text)
            for job in await self._jobs.failed(TENANT)
            if (failure := job.head.failure) is not None
        ]

    async def retry(self, job: str) -> bool:
        return await self._jobs.retry(TENANT, job)


class _Accounts:
    """The same calls that the gateway makes when it is asked to test credentials."""

    def __init__(self, system: System) -> None:
        self._system = system

    async def sign_in(self, vendor: str) -> None:
        settings = await self._system.gateway.queries.settings(TENANT)
        await VENDORS[vendor].sign_in(self._system.connections, TENANT, settings)

    async def probe(self, vendor: str) -> Sequence[Finding]:
        settings = await self._system.gateway.queries.settings(TENANT)
        return await VENDORS[vendor].probe(self._system.connections, TENANT, settings)

    async def lists(self, vendor: str) -> Sequence[PickList]:
        settings = await self._system.gateway.queries.settings(TENANT)
        return await VENDORS[vendor].lists(self._system.connections, TENANT, settings)

    async def seal(self, vendor: str, client_id: str, secret: SecretStr) -> None:
        await self._system.seal(TENANT, vendor, client_id, secret.get_secret_value())

    async def sealed(self, vendor: str) -> bool:
        return await self._system.vault.get(TENANT, vendor) is not None

    async def sandbox(self) -> bool:
        return self._system.options.sandbox is not None
