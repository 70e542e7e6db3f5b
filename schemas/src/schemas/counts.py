"""Counts: how many units of a product an organisation has on a day, on their way to a licence.

A count is a whole number of units (endpoints, identities, learners, log sources). Days are the
tenant's own, as ISO dates.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from schemas.entries import CompanyMatch
from schemas.heads import Head

# How a row of a sync ended. `charged`: it is billed as a charge; `nothing`: nothing to write.
CountOutcome = Literal[
    "created", "updated", "unchanged", "held", "excluded", "refused", "charged", "nothing"
]

# What the source calls its products, as a licence or a charge is named, and what is counted.
PRODUCT_NAMES = {
    "edr": "Huntress Managed EDR",
    "itdr": "Huntress Managed ITDR",
    "ispm": "Huntress Managed ISPM",
    "sat": "Huntress Security Awareness Training",
    "siem": "Huntress Managed SIEM",
}
UNITS = {
    "edr": "endpoints",
    "itdr": "identities",
    "ispm": "identities",
    "sat": "learners",
    "siem": "log sources",
}
# Warnings of a Count that decide what becomes of it.
DETAIL_NOT_READ = "detail-not-read"  # by the list's counters, which may count more than is billed
NAME_DOUBLED = "organization-name-doubled"  # never matched by its name
PRODUCT_UNKNOWN = "product-unknown"
# Holds that a person's word about the very value ends; the others end with their cause.
ACCEPTABLE = ("count-zero", "count-jump", "count-unknown", "organization-vanished")


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class AcceptedCount(_Row):
    """A person has looked at a held count and lets this very value through (R21)."""

    organization: str
    product: str
    count: int
    at: str = ""  # when it was said, ISO 8601: an older word does not hold for a later fall


class Count(_Row):
    """One product of one organisation in a snapshot.

    `before` is the last value that was let through, None when there was none. `code` says why the
    row waits for a person (`count-zero`, `count-jump`, `organization-vanished` …); `seen` are the
    numbers beside the billable one that the source gives (`agents`, `unresponsive` …).
    """

    organization: str
    organization_name: str = ""
    product: str
    count: int
    before: int | None = None
    read_from: Literal["detail", "list", "absent"] = "detail"
    code: str | None = None
    text: str = ""
    warnings: tuple[str, ...] = ()
    seen: dict[str, int] = {}


class CountPart(_Row):
    """What one organisation adds to a client's sum; `code` and `text` as in its Count."""

    organization: str
    organization_name: str = ""
    count: int
    code: str | None = None
    text: str = ""
    warnings: tuple[str, ...] = ()


class ClientCount(_Row):
    """The units of one product that one client of the destination has: one licence there.

    `code` holds the whole sum: a part of it waits for a person.
    """

    client: int
    client_name: str = ""
    product: str
    item: int | None = None
    licence: str = ""  # the licence's name at the destination
    count: int
    parts: tuple[CountPart, ...] = ()
    code: str | None = None
    text: str = ""


class CountRow(_Row):
    """One organisation and product as the results show it.

    `before` and `after` are the licence's count at the destination before and after the sync, read
    there; None where nothing was looked at. `reason` is a stable code, empty when all went well.
    `at` is the time of the look, ISO 8601 with zone.
    """

    organization: str
    organization_name: str = ""
    product: str
    client: int | None = None
    client_name: str = ""
    item: int | None = None
    licence: int | None = None
    count: int
    before: int | None = None
    after: int | None = None
    outcome: CountOutcome
    reason: str = ""
    text: str = ""
    at: str = ""
    warnings: tuple[str, ...] = ()


class ResolvedCounts(_Row):
    """What lifecycle made of a snapshot: sums to be written, and rows that end here.

    `matches` are clients that were found by rule: mappings to keep, each with its evidence.
    """

    clients: tuple[ClientCount, ...] = ()
    ended: tuple[CountRow, ...] = ()
    matches: tuple[CompanyMatch, ...] = ()


class CountLink(_Row):
    """A recurring invoice line that takes its quantity from a licence, as it is and as it would be.

    `hash` names exactly this change: applying does it or refuses because the line has moved.
    """

    client: int
    client_name: str = ""
    product: str
    item: int
    licence: int
    recurring: int | None = None  # None: a recurring invoice would be created
    line: int | None = None  # None: the line would be added
    operation: Literal["none", "link", "add-line", "create", "held"]
    free: int = 0
    minimum: int = 0
    pro_rata: int = 0
    bills_now: int | None = None  # the quantity that the next invoice would have
    bills_then: int | None = None
    foreign_lines: int = 0  # left exactly as they are
    hash: str = ""
    code: str | None = None
    text: str = ""


class Shortfall(_Row):
    """Units of one product that the source bills a reseller's account although nobody used them.

    `billed` exceeds `used` because of a `minimum`. Nobody's count has them: who bears them is the
    MSP's business. The period is `[start, end)`, as ISO dates.
    """

    account: str
    account_name: str = ""
    product: str
    billed: int
    used: int
    minimum: int | None = None
    start: str = ""
    end: str = ""

    @property
    def units(self) -> int:
        return self.billed - self.used


class SyncCounts(Head):
    """Read the counts of one day and write what changed. Body: list[AcceptedCount].

    `day` is the tenant's, the snapshot is stored under it. Answer: CountsReceived, then
    CountsResolved, then CountsPosted.
    """

    topic = "runs.commanded.v1"
    kind: Literal["SyncCounts"] = "SyncCounts"
    source: str = "huntress"
    connection: str  # of the destination
    day: str
    mode: Literal["detailed", "quick"] = "detailed"


class LinkCounts(Head):
    """Plan the links of recurring invoice lines to licences, or apply those whose hash is named.

    Body: list[str] of hashes; empty plans only. Answer: CountLinksPlanned.
    """

    topic = "runs.commanded.v1"
    kind: Literal["LinkCounts"] = "LinkCounts"
    source: str = "huntress"
    connection: str
    applies: bool = False


class CountsReceived(Head):
    """One whole snapshot. Body: list[Count], by organisation and product.

    With `problem` nothing of it is used: the counts of the day are not known. `shortfalls` are a
    reseller's by its newest invoice, the largest first, at most ten of `shortfalls_found`;
    `shortfalls_unknown` says why they could not be read.
    """

    topic = "counts.received.v1"
    kind: Literal["CountsReceived"] = "CountsReceived"
    source: str = "huntress"
    connection: str
    day: str
    mode: Literal["detailed", "quick"] = "detailed"
    organizations: int = 0  # seen now
    organizations_before: int | None = None  # in the snapshot before
    rows: int = 0
    held: int = 0
    shortfalls: tuple[Shortfall, ...] = ()
    shortfalls_found: int = 0
    shortfalls_unknown: str = ""
    problem: str | None = None
    text: str = ""


class CountsResolved(Head):
    """Sums per client of the destination. Body: ResolvedCounts."""

    topic = "counts.resolved.v1"
    kind: Literal["CountsResolved"] = "CountsResolved"
    source: str = "huntress"
    connection: str
    day: str
    organizations: int = 0
    clients: int = 0
    problem: str | None = None
    text: str = ""


class CountsPosted(Head):
    """Written, and read back. Body: list[CountRow], one for every row of the snapshot."""

    topic = "counts.posted.v1"
    kind: Literal["CountsPosted"] = "CountsPosted"
    source: str = "huntress"
    connection: str
    day: str
    organizations: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    held: int = 0
    refused: int = 0
    warnings: tuple[str, ...] = ()
    problem: str | None = None
    text: str = ""


class CountLinksPlanned(Head):
    """What linking would do, or has done. Body: list[CountLink]."""

    topic = "counts.posted.v1"
    kind: Literal["CountLinksPlanned"] = "CountLinksPlanned"
    source: str = "huntress"
    connection: str
    applied: bool = False
    problem: str | None = None
    text: str = ""


AcceptedCounts = TypeAdapter(list[AcceptedCount])
Counts = TypeAdapter(list[Count])
CountRows = TypeAdapter(list[CountRow])
CountLinks = TypeAdapter(list[CountLink])
