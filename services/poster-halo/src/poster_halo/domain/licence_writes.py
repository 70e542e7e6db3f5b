"""Writes of licences while they are under way: which go together, and what a look makes of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from poster_halo.domain.licences import LICENCE, WHOLE_CLIENT, Decision
from schemas.counts import ClientCount

LICENCES_A_WRITE = 100
LOOKS_MAX = 3
LOOKS_BEFORE_REPEAT = {"created": 2, "updated": 1}  # the same count may be written twice
VENDORS = {"huntress": "Huntress"}  # by source, as the licence names it

WriteState = Literal["planned", "sending", "sent", "done", "refused"]


class Write(BaseModel):
    """One licence to be made or changed. `limit`: how many rows a request with it may have.

    `alone`: the request that failed had no other row, so its looks are about this one.
    """

    model_config = ConfigDict(frozen=True)

    decision: Decision
    name: str
    count: int
    state: WriteState = "planned"
    started_at: str = ""
    looks: int = 0
    limit: int = LICENCES_A_WRITE
    alone: bool = False
    licence: int | None = None  # as read back
    text: str = ""
    code: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "refused")


class Writes(BaseModel):
    """The writes of one job at one connection, by key. Another job reads them as history."""

    model_config = ConfigDict(frozen=True)

    job: str = ""
    revision: int = 0
    fence: int = 0
    rows: dict[str, Write] = {}

    def having(self, rows: Mapping[str, Write]) -> Writes:
        """With those rows put in or replaced."""
        return self.model_copy(update={"rows": {**self.rows, **rows}})

    @property
    def uncertain(self) -> list[Write]:
        return [row for row in self.rows.values() if row.state == "sending"]


def looked(row: Write, found: int | None, count: int | None) -> Write:
    """After a look: it stands; or not, and then it is repeated, looked at again, or refused.

    `found` is the licence that was met, `count` its count.
    """
    if found is not None and count == row.count:
        return row.model_copy(update={"state": "done", "licence": found})
    if row.state not in ("sending", "sent"):
        return row
    looks = row.looks + 1
    seen = row.model_copy(update={"looks": looks})
    if looks >= LOOKS_MAX:
        code = "licence-not-kept" if row.state == "sent" else "licence-not-saved"
        return seen.model_copy(update={"state": "refused", "code": code})
    if row.state == "sending" and looks >= LOOKS_BEFORE_REPEAT[row.decision.outcome]:
        return seen.model_copy(update={"state": "planned"})
    return seen


def batches(rows: Mapping[str, Write]) -> list[dict[str, Write]]:
    """Requests of at most as many rows as each of theirs allows; the doubtful ones last."""
    by_limit: dict[int, list[str]] = defaultdict(list)
    for key in sorted(rows):
        by_limit[rows[key].limit].append(key)
    return [
        {key: rows[key] for key in keys[at : at + limit]}
        for limit, keys in sorted(by_limit.items(), reverse=True)
        for at in range(0, len(keys), limit)
    ]


def body_of(row: Write, want: ClientCount, source: str) -> dict[str, Any]:
    """What is there keeps everything but its count: names and prices are the MSP's."""
    if row.decision.outcome == "updated":
        return {"id": row.decision.licence, "count": row.count}
    return {
        "type": LICENCE,
        "name": row.name,
        "count": row.count,
        "client_id": want.client,
        "site_id": WHOLE_CLIENT,
        "item_id": want.item,
        "vendor": VENDORS.get(source, source.title()),
        "is_active": True,
    }
