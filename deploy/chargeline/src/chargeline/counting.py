"""The commands about counts, each an async function with an exit code and a document (R21)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chargeline import counts_shown, shown
from chargeline.desk import Desk
from chargeline.desks import acting, looking
from chargeline.report import (
    DONE,
    FAILED,
    NEEDS_A_PERSON,
    NOTHING_AUDITED,
    REFUSED,
)
from chargeline.session import Where, with_folder
from chargeline.waiting import until
from chassis.errors import PermanentError
from gateway.count_queries import CountsView
from gateway.counts import HUNTRESS, Mode
from gateway.domain.syncs import Links, Sync, SyncStage
from schemas.counts import CountLink, CountRow

type Answer = tuple[int, dict[str, Any] | None]

SCHEMA = "chargeline.counts.v1"
DAYS = 30  # of history, in a sparkline
_FIRST = ("organization", "product", "client", "item", "before", "after", "outcome", "reason", "at")
_WAITS = ("held", "refused")


async def sync(where: Where, *, mode: Mode | None, day: str | None, as_json: bool) -> Answer:
    """Read the counts, write what changed, and say what came of every one.

    In a sandbox's folder that nobody named nobody could sync again: it is done at once.
    """
    named, where = where.data, with_folder(where)
    again: _Synced | None = None
    async with acting(where) as desk:
        if not as_json:
            shown.err.print(f"[dim]{shown.safe(desk.place)}[/]")
        done = await _synced(desk, mode, day)
        parked = await desk.waits.parked()
        if named is None and where.data is not None and done.sync.problem is None:
            again = await _synced(desk, mode, day)
    code = exit_code(done.sync, done.rows, parked)
    if as_json:
        document = _document(done.sync, done.rows)
        if again is not None:
            once_more = _document(again.sync, again.rows)
            document["again"] = {
                **{name: once_more[name] for name in ("run_id", "problem", "written", "held")},
                "calls": again.calls,
            }
        return code, {**document, "calls": done.calls, "parked": parked, "exit_code": code}
    counts_shown.results(done.sync, done.rows, {}, where.hint)
    counts_shown.received(done.sync.received)
    counts_shown.end(done.sync, done.rows, code, done.calls)
    if again is not None:
        counts_shown.again(again.rows, again.calls)
    return code, None


@dataclass(frozen=True)
class _Synced:
    """A sync at its end, its results, and the calls that it took by vendor."""

    sync: Sync
    rows: Sequence[CountRow]
    calls: Mapping[str, int]


async def _synced(desk: Desk, mode: Mode | None, day: str | None) -> _Synced:
    queries, tenant = desk.count_queries, desk.tenant
    before = dict(desk.calls)
    begun = await desk.counts.sync_counts(tenant, mode, day)

    async def look() -> object:
        return (await queries.sync(tenant, begun.run)).stage

    async def ended() -> bool:
        return await look() is SyncStage.ENDED

    await until(desk, ended, look)
    done = await queries.sync(tenant, begun.run)
    calls = {vendor: made - before.get(vendor, 0) for vendor, made in sorted(desk.calls.items())}
    return _Synced(done, await queries.rows(tenant, done), calls)


async def show(where: Where, *, as_json: bool) -> Answer:
    """What stands, with the last days of each count; read only."""
    async with looking(where) as desk:
        view = await desk.count_queries.view(desk.tenant, HUNTRESS)
        history = await desk.count_queries.history(desk.tenant, HUNTRESS, DAYS)
        place = desk.place
    if view.newest is None:
        raise PermanentError(
            "sync-unknown", f"no counts in {place} yet: `chargeline counts sync` reads them"
        )
    code = exit_code(view.newest, view.rows, 0)
    if as_json:
        return code, {**_standing(view, history), "exit_code": code}
    if view.results is not None:
        counts_shown.results(view.results, view.rows, history, where.hint)
        counts_shown.received(view.results.received)
    if view.newest.problem is not None:
        counts_shown.problem(view.newest)
    return code, None


async def accept(where: Where, organization: str, product: str, count: int) -> Answer:
    """Let a held count through, by its very value."""
    async with acting(where, running=False) as desk:
        await desk.counts.accept_count(desk.tenant, organization, product, count)
    says = f"{organization} {product}: {count} is accepted; the next sync writes it"
    shown.err.print(says, markup=False)
    return DONE, None


async def link(where: Where, *, apply: bool, yes: bool, as_json: bool) -> Answer:
    """Show which recurring invoice lines would take their quantity from a licence; then do it."""
    if apply and not yes and not sys.stdin.isatty():
        raise PermanentError(
            "needs-yes", "this changes recurring invoices and nobody is here to ask: say --yes"
        )
    async with acting(where) as desk:
        links, rows = await _answered(desk, ())
        changes = [row.hash for row in rows if row.operation not in ("none", "held")]
        if not as_json:
            counts_shown.links(rows)
        if apply and changes and not links.problem and (yes or _confirmed(len(changes))):
            links, rows = await _answered(desk, changes)
            if not as_json:
                counts_shown.links(rows)
    code = FAILED if links.problem else DONE
    if any(row.operation == "held" or row.code for row in rows):
        code = NEEDS_A_PERSON
    if as_json:
        return code, {
            "schema": "chargeline.count-links.v1",
            "applied": links.applied,
            "problem": links.problem,
            "text": links.text,
            "links": [row.model_dump(mode="json") for row in rows],
            "exit_code": code,
        }
    if links.problem:
        shown.out.print(f"[yellow]{links.problem}[/]: {shown.safe(links.text)}")
    elif changes and not links.applied:
        shown.out.print("nothing is changed yet: once more with --apply")
    return code, None


def exit_code(sync: Sync, rows: Sequence[CountRow], parked: int) -> int:
    """0 all written and read back; 2 something waits; 3 no count at all; 1 or 4 with a problem."""
    if sync.problem is not None:
        door = sync.problem.endswith(
            ("-login", "-unreachable", "-credentials-missing", "-address", "-token-refused")
        )
        return REFUSED if door else FAILED
    if parked or any(row.outcome in _WAITS for row in rows):
        return NEEDS_A_PERSON
    return DONE if rows else NOTHING_AUDITED


async def _answered(desk: Desk, hashes: Sequence[str]) -> tuple[Links, list[CountLink]]:
    queries, tenant = desk.count_queries, desk.tenant
    revision = await desk.counts.link_counts(tenant, hashes)

    async def answered() -> bool:
        links, _ = await queries.links(tenant, HUNTRESS)
        return links is not None and links.revision >= revision

    await until(desk, answered)
    links, rows = await queries.links(tenant, HUNTRESS)
    assert links is not None, "it was answered"
    return links, rows


def _confirmed(changes: int) -> bool:
    import typer

    return typer.confirm(f"Change {changes} lines of recurring invoices in HaloPSA?", err=True)


def _document(sync: Sync, rows: Sequence[CountRow]) -> dict[str, Any]:
    posted, received = sync.posted, sync.received
    written = posted.created + posted.updated if posted is not None else 0
    return {
        "schema": SCHEMA,
        "run_id": sync.run,
        "day": sync.day,
        "mode": sync.mode,
        "asked": sync.asked,
        "problem": sync.problem,
        "text": sync.text,
        "organizations": posted.organizations if posted is not None else 0,
        "organizations_before": received.organizations_before if received is not None else None,
        "written": written,
        "held": sum(row.outcome == "held" for row in rows),
        "warnings": posted.warnings if posted is not None else (),
        "shortfalls": [
            one.model_dump(mode="json") | {"units": one.units}
            for one in (received.shortfalls if received is not None else ())
        ],
        "shortfalls_unknown": received.shortfalls_unknown if received is not None else "",
        "results": [_row(row) for row in rows],
    }


def _row(row: CountRow) -> dict[str, Any]:
    told = row.model_dump(mode="json")
    return {name: told.pop(name) for name in _FIRST} | told


def _standing(
    view: CountsView, history: Mapping[tuple[str, str], Mapping[str, int]]
) -> dict[str, Any]:
    assert view.newest is not None, "something was synced"
    whose = view.results or view.newest
    document = _document(whose, view.rows)
    for row in document["results"]:
        row["history"] = history.get((row["organization"], row["product"]), {})
    newest = view.newest
    return {
        **document,
        "newest": {
            "run_id": newest.run,
            "day": newest.day,
            "stage": newest.stage.value,
            "problem": newest.problem,
            "text": newest.text,
        },
        "accepted": [a.model_dump(mode="json") for a in view.accepted],
    }
