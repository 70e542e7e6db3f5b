"""`chargeline explain` for a person: one line from the distributor's figures to the customer's."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from rich.table import Table

from chargeline.shown import out, safe
from schemas.explained import BilledAs, LineExplained, Rule
from schemas.money import plain

_LABEL = 9  # columns


def explained(line: LineExplained, *, as_json: bool, whole: bool = True) -> dict[str, Any] | None:
    """One line; `whole` with every rule that was asked, not only the one that decided."""
    if as_json:
        return {"schema": "chargeline.line.v1", **line.model_dump(mode="json")}
    outcome = line.problem or line.outcome or "unknown"
    who = safe(line.company_name or line.company or "no company")
    out.print(f"[bold]{line.line}[/]  [{_colour(line)}]{outcome}[/]  {who}")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=_LABEL, style="dim")
    table.add_column(overflow="fold")
    for name, told in _rows(line):
        table.add_row(f"    {name}", safe(told))
    out.print(table)
    rules = [rule for rule in line.rules if whole or rule.fired]
    if rules and whole:
        out.print("    [dim]rules, in their order[/]")
    if rules:
        out.print(_asked(rules))
    out.print()
    return None


def _rows(line: LineExplained) -> Iterator[tuple[str, str]]:
    """What there is to say, in the order of the charge's way."""
    if line.text:
        yield "why", line.text
    place = f", page {line.page}, row {line.row}" if line.page is not None else ""
    known = f", {line.vendor_id}" if line.vendor_id else ""
    yield "document", f"{line.document}{place}{known}"
    yield "company", _and(line.company, line.subscription and f"subscription {line.subscription}")
    yield from _received(line)
    if line.counted is not None:
        c = line.counted
        before = "" if c.before is None else f", before {c.before}"
        yield "counted", f"{c.count} on {c.day} by {c.rule} ({c.mode}, read {c.read_at}){before}"
    if line.mapping is not None:
        m = line.mapping
        through = m.billed_through and f"billed through {m.billed_through}"
        recurring = m.recurring and f"recurring invoice {m.recurring}"
        decided = f"decided by {m.evidence} for its {m.by}"
        client = f"{m.client_name} ({m.client})" if m.client_name else f"client {m.client}"
        yield "client", _and(client, decided, through, recurring)
    else:
        yield "bill to", line.bill_to
    if line.product is not None:
        p = line.product
        item = "an item that is to be made" if p.to_be_created else p.item and f"item {p.item}"
        yield "sold as", _and(item, p.name, p.evidence, p.product_key)
    if line.billed is not None:
        yield "billed", _billed(line.billed, line.currency)
    if line.behaviour:
        yield "invoice", f"behaviour {line.behaviour}"
    if line.members:
        yield "merged", f"{len(line.members)} lines: {', '.join(line.members)}"
    if line.warnings:
        yield "warnings", ", ".join(line.warnings)
    if line.stands:
        yield "stands", line.stands
    if line.batch:
        yield "batch", line.batch


def _received(line: LineExplained) -> Iterator[tuple[str, str]]:
    r = line.received
    if r is None:
        return
    price = f"{_figure(r.quantity)} x {_figure(r.price)} = {_figure(r.total)} {line.currency}"
    cost = f"cost {_figure(r.cost)}, {_figure(r.cost_total)} in all"
    period = f"{r.start} to {r.end}" if r.start or r.end else ""
    order = r.order and f"order {r.order}"
    yield "received", f"{price}; {cost}"
    yield "", _and(r.type, r.term, period, order)
    yield "", _and(r.name, r.text if r.text != r.name else "")


def _billed(billed: BilledAs, currency: str) -> str:
    price = f"{_figure(billed.quantity)} x {_figure(billed.price)} = {_figure(billed.total)}"
    cost = f"cost {_figure(billed.cost)}, {_figure(billed.cost_total)} in all"
    restated = f"; restated: {billed.text}" if billed.restated else ""
    return f"{price} {currency}; {cost}{restated}"


def _asked(rules: list[Rule]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for rule in rules:
        name = f"[bold]✓ {safe(rule.rule)}[/]" if rule.fired else f"[dim]· {safe(rule.rule)}[/]"
        why = "it decided" if rule.fired else rule.why
        table.add_row(f"    {name}", safe(rule.level or ""), safe(why))
    return table


def _colour(line: LineExplained) -> str:
    if line.problem:
        return "bold red"
    return {"posted": "green", "held": "yellow"}.get(line.outcome or "", "cyan")


def _figure(amount: Decimal | None) -> str:
    return "not given" if amount is None else plain(amount)


def _and(*parts: object) -> str:
    return ", ".join(str(part) for part in parts if part)
