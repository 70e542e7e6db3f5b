"""Counts as a person reads them: a row an organisation and product, with its last days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote

from rich.table import Table

from chargeline.shown import out, safe
from gateway.domain.syncs import Sync
from schemas.counts import ACCEPTABLE, CountLink, CountRow, CountsReceived

type History = Mapping[tuple[str, str], Mapping[str, int]]

_BARS = "▁▂▃▄▅▆▇█"
_ROWS = 40
_COLOURS = {"created": "green", "updated": "green", "unchanged": "dim", "charged": "green"}
_WAITS = ("held", "refused")
_MAPPED = ("organization-unmapped",)


def sparkline(counts: Sequence[int]) -> str:
    """One bar a day, from zero to the greatest; a zero is the lowest bar."""
    top = max(counts, default=0)
    return "".join(_BARS[round(n / top * (len(_BARS) - 1)) if top else 0] for n in counts)


def results(sync: Sync, rows: Sequence[CountRow], history: History, hint: str) -> None:
    """What waits for a person first, then what was written, then the rest."""
    out.print(f"\n[bold]Counts of {sync.day}[/]  {sync.source}, {sync.mode}")
    if not rows:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("organization", no_wrap=True, max_width=26)
    table.add_column("product", no_wrap=True, min_width=7)
    table.add_column("client", no_wrap=True, max_width=22)
    for name, width in (("count", 5), ("licence", 9)):
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    table.add_column("", no_wrap=True, min_width=12)
    table.add_column("at", no_wrap=True, min_width=11)
    if history:
        table.add_column("days", no_wrap=True)
    every = sorted(rows, key=_first)
    for row in every[:_ROWS]:
        past = history.get((row.organization, row.product), {})
        table.add_row(
            safe(row.organization_name or row.organization),
            safe(row.product),
            safe(row.client_name or (row.client if row.client is not None else "")),
            str(row.count),
            _change(row),
            _outcome(row),
            safe(row.at[5:16].replace("T", " ")),
            *([sparkline([past[day] for day in sorted(past)])] if history else ()),
        )
    out.print(table)
    if len(rows) > _ROWS:
        out.print(f"[dim]… and {len(rows) - _ROWS} more: --json shows all[/]")
    _waiting(sync, [row for row in every if row.outcome in _WAITS], hint)


def received(snapshot: CountsReceived | None) -> None:
    """What the snapshot says beside the counts: organisations that went, a reseller's minimum."""
    if snapshot is None:
        return
    fewer = (snapshot.organizations_before or 0) - snapshot.organizations
    if fewer > 0:
        out.print(f"\n[yellow]{fewer} organizations fewer than before[/]: {snapshot.organizations}")
    if snapshot.shortfalls:
        out.print("\n[bold]Billed to you although nobody used it[/], and on no client's count")
    for one in snapshot.shortfalls:
        least = f", minimum {one.minimum}" if one.minimum is not None else ""
        out.print(
            f"  {safe(one.account_name or one.account)}  {safe(one.product)}  [bold]{one.units}[/]"
            f"  [dim]{one.billed} billed, {one.used} used{least}; {one.start} to {one.end}[/]",
            soft_wrap=True,
        )
    if snapshot.shortfalls_found > len(snapshot.shortfalls):
        out.print(f"  [dim]… and {snapshot.shortfalls_found - len(snapshot.shortfalls)} more[/]")
    if snapshot.shortfalls_unknown:
        out.print(f"\n[yellow]Minimum not known[/]: {safe(snapshot.shortfalls_unknown)}")


def problem(sync: Sync) -> None:
    """Why the newest sync has no results."""
    out.print(f"\n[yellow]{sync.problem}[/] on {sync.day}: {safe(sync.text)}", soft_wrap=True)


def end(sync: Sync, rows: Sequence[CountRow], code: int, calls: Mapping[str, int]) -> None:
    """One line to remember."""
    if sync.problem is not None:
        problem(sync)
    written = _written(rows)
    says = {
        0: "[green]Done and read back: nothing held.[/]",
        2: "[yellow]A person is needed: see above.[/]",
        3: "[yellow]Nothing was counted: the source has no organizations.[/]",
        4: "[red]Refused before anything was done.[/]",
    }
    used = ", ".join(f"{vendor} {n}" for vendor, n in sorted(calls.items()))
    out.print(f"\n{says.get(code, '')}  [dim]{written} of {len(rows)} changed a licence[/]")
    out.print(f"[dim]vendor calls: {used or 'none'}[/]")


def again(rows: Sequence[CountRow], calls: Mapping[str, int]) -> None:
    """What the same sync did once more."""
    used = ", ".join(f"{vendor} {n}" for vendor, n in sorted(calls.items()))
    out.print(f"[dim]once more: {_written(rows)} of {len(rows)} changed a licence; {used}[/]")


def links(rows: Sequence[CountLink]) -> None:
    """A line a recurring invoice line, as it is and as it would be."""
    if not rows:
        out.print("no product is billed from its licence: set `recurring` in a rule of \\[counts]")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("client", "product", "recurring invoice", "does", "bills now", "then", ""):
        table.add_column(name, no_wrap=True)
    for row in rows:
        there = "a new one" if row.recurring is None else f"{row.recurring}"
        table.add_row(
            safe(row.client_name or row.client),
            safe(row.product),
            there,
            row.operation,
            _or_dash(row.bills_now),
            _or_dash(row.bills_then),
            safe(f"{row.code}: {row.text}" if row.code else ""),
        )
    out.print(table)


def _waiting(sync: Sync, rows: Sequence[CountRow], hint: str) -> None:
    if not rows:
        return
    out.print(f"\n[bold yellow]Waiting for you: {len(rows)}[/]")
    for place, row in enumerate(rows[:_ROWS], start=1):
        name = safe(row.organization_name or row.organization)
        out.print(f"  {place:>2}. {name}  {safe(row.product)}  [bold]{row.count}[/]  {row.reason}")
        if row.text:
            out.print(f"      [dim]{safe(row.text)}[/]", soft_wrap=True)
        if row.outcome == "held" and row.reason in _MAPPED:
            words = f"{quote(row.organization)} --source {sync.source}"
            out.print(f"      $ chargeline mappings client {safe(words)} --halo ID{hint}")
            out.print(f"      $ chargeline mappings exclude {safe(words)}{hint}")
        elif row.outcome == "held" and row.reason in ACCEPTABLE:
            words = f"{quote(row.organization)} {quote(row.product)} {row.count}"
            out.print(f"      $ chargeline counts accept {safe(words)}{hint}", soft_wrap=True)


def _first(row: CountRow) -> tuple[int, str, str]:
    order = 0 if row.outcome in _WAITS else 1 if row.outcome in ("created", "updated") else 2
    return order, row.organization_name or row.organization, row.product


def _change(row: CountRow) -> str:
    if row.after is None:
        return ""
    before = "new" if row.before is None else str(row.before)
    return f"{row.after}" if row.before == row.after else f"{before} → {row.after}"


def _outcome(row: CountRow) -> str:
    colour = _COLOURS.get(row.outcome, "yellow" if row.outcome in _WAITS else "dim")
    told = f"{row.outcome}: {row.reason}" if row.reason else row.outcome
    return f"[{colour}]{safe(told)}[/]"


def _written(rows: Sequence[CountRow]) -> int:
    return sum(row.outcome in ("created", "updated") for row in rows)


def _or_dash(count: int | None) -> str:
    return "–" if count is None else str(count)
