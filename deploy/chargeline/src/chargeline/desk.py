"""What the commands ask of a system: one in this process, or one behind a gateway's address.

`chargeline.desk_here` and `chargeline.desk_remote` are the two; a test runs one scenario over both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import SecretStr

from chassis.clock import Clock
from gateway.accounts import PickList
from gateway.count_queries import CountsView
from gateway.counts import Mode
from gateway.domain.run import Counts, Run
from gateway.domain.syncs import Accepted, Links, Sync
from gateway.queries import BatchView
from gateway.schedules import Occurrence
from gateway.store import Listing
from schemas.counts import CountLink, CountRow
from schemas.explained import LineExplained
from schemas.messages import PostingRefused
from schemas.selection import Selection
from schemas.settings import Settings
from schemas.statement import Difference, Statement
from vendors.probe import Finding


class RunLooks(Protocol):
    """As `gateway.queries.Queries`."""

    async def settings(self, tenant: str) -> Settings: ...
    async def listing(self, tenant: str, source: str) -> Listing: ...
    async def drafts(self, tenant: str) -> tuple[int, str, int]: ...
    async def runs(self, tenant: str) -> list[Run]: ...
    async def run(self, tenant: str, run: str) -> Run: ...
    async def batches(self, tenant: str, run: str) -> list[BatchView]: ...
    async def plans(self, tenant: str, run: str) -> list[dict[str, Any]]: ...
    async def proposals(self, tenant: str, run: str) -> dict[str, str]: ...
    async def statement(self, tenant: str, run: str) -> Statement: ...
    async def counts(self, run: Run) -> Counts: ...
    async def undo_answered(self, tenant: str, run: str, revision: int) -> list[str]: ...
    async def undo_refused(self, tenant: str, run: str, revision: int) -> list[PostingRefused]: ...


class RunCalls(Protocol):
    """As `gateway.runs.Runs`."""

    async def change_settings(
        self, tenant: str, change: Callable[[Settings], Settings]
    ) -> Settings: ...
    async def list_documents(self, tenant: str, source: str, since: str | None = None) -> int: ...
    async def read_drafts(self, tenant: str, source: str, month_offset: int) -> int: ...
    async def start(
        self,
        tenant: str,
        source: str,
        document: str,
        /,
        *,
        approve_items: bool,
        approve_plans: bool,
        automatic: bool,
        canary: int,
    ) -> str: ...
    async def again(
        self,
        tenant: str,
        run: str,
        /,
        *,
        selection: Selection,
        approve_items: bool,
        approve_plans: bool,
    ) -> None: ...
    async def approve_items(self, tenant: str, run: str) -> None: ...
    async def approve(
        self, tenant: str, run: str, only: Sequence[str] = (), canary: int | None = None
    ) -> int: ...
    async def undo(
        self, tenant: str, run: str, only: Sequence[str] = ()
    ) -> tuple[int, list[str]]: ...


class CountLooks(Protocol):
    """As `gateway.count_queries.CountQueries`."""

    async def view(self, tenant: str, source: str) -> CountsView: ...
    async def sync(self, tenant: str, run: str) -> Sync: ...
    async def rows(self, tenant: str, sync: Sync) -> tuple[CountRow, ...]: ...
    async def links(self, tenant: str, source: str) -> tuple[Links | None, list[CountLink]]: ...
    async def history(
        self, tenant: str, source: str, last: int
    ) -> Mapping[tuple[str, str], Mapping[str, int]]: ...


class CountCalls(Protocol):
    """As `gateway.counts.Counts`."""

    async def sync_counts(
        self, tenant: str, mode: Mode | None = None, day: str | None = None
    ) -> Sync: ...
    async def accept_count(
        self, tenant: str, organization: str, product: str, count: int
    ) -> Accepted: ...
    async def link_counts(self, tenant: str, hashes: Sequence[str] = ()) -> int: ...


@dataclass(frozen=True)
class FailedJob:
    """A job that can not go on, and why."""

    id: str
    kind: str
    code: str
    text: str


class Waits(Protocol):
    """What waits for a person outside of runs."""

    async def parked(self) -> int: ...
    async def failed(self) -> list[FailedJob]: ...
    async def retry(self, job: str) -> bool: ...


@dataclass(frozen=True)
class Went:
    """How far a retry of what is parked came, and what stopped it."""

    done: int
    code: str | None
    text: str


class Parked(Protocol):
    """Messages that could not be handled; what is told of one is what the system tells."""

    async def list(self) -> Sequence[dict[str, Any]]: ...
    async def show(self, message: str) -> dict[str, Any]: ...
    async def retry(self, message: str) -> Went: ...
    async def discard(self, message: str, *, by: str, reason: str) -> Went: ...


class Accounts(Protocol):
    """The tenant's accounts at the vendors."""

    async def sign_in(self, vendor: str) -> None: ...
    async def probe(self, vendor: str) -> Sequence[Finding]: ...
    async def lists(self, vendor: str) -> Sequence[PickList]: ...
    async def seal(self, vendor: str, client_id: str, secret: SecretStr) -> None: ...
    async def sealed(self, vendor: str) -> bool: ...
    async def sandbox(self) -> bool: ...


@dataclass(frozen=True)
class Reading:
    """To look only. `place` is what people call the system; `audit` names lines, where it can.

    `explain`: a line, of the document that is named or of any.
    """

    tenant: str
    place: str
    queries: RunLooks
    count_queries: CountLooks
    waits: Waits
    parked: Parked
    explain: Callable[[str, str | None], Awaitable[LineExplained]]
    audit: Callable[[str], Awaitable[Sequence[Difference]]] | None


@dataclass(frozen=True)
class Desk(Reading):
    """To act. `calls` to vendors are counted here where this process makes them."""

    runs: RunCalls
    counts: CountCalls
    accounts: Accounts
    occurrences: Callable[[], Awaitable[list[Occurrence]]]
    calls: Mapping[str, int]
    clock: Clock
    look_s: float  # between two looks while a command waits
