"""What a plan would do, for a person who has to say yes: amounts, effects, lines that move."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console

from chargeline.shown import ROWS, money, safe
from gateway.queries import BatchView
from schemas.money import ZERO

_TEXT = 44
_MARKS = {"add": "+", "remove": "-", "change": "~"}
_EFFECTS = {
    ("emails", True): "[yellow]![/] HaloPSA e-mails an invoice to the client when it is created",
    ("emails", False): "HaloPSA does not e-mail invoices by itself",
    ("emails", None): (
        "[yellow]![/] nobody knows whether HaloPSA e-mails new invoices: set `sends_email` under"
        " \\[halopsa]"
    ),
    ("syncs", True): "[yellow]![/] HaloPSA syncs new invoices to the accounting system by itself",
    ("syncs", False): "HaloPSA syncs invoices to the accounting system once they are posted",
    ("syncs", None): (
        "[yellow]![/] nobody knows whether HaloPSA syncs new invoices to the accounting system"
    ),
}


def planned(views: Sequence[BatchView]) -> list[BatchView]:
    """What approving would apply."""
    return [view for view in views if view.progress == "planned"]


def effect(views: Sequence[BatchView]) -> str:
    """`41 invoices, 12,480.55 USD`: what a yes means."""
    amounts: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for view in planned(views):
        pending = (e.price for e in view.entries if e.outcome == "pending")
        amounts[view.currency] += sum(pending, ZERO)
    count = sum(view.operations for view in planned(views))
    told = [f"{money(a, currency)} {currency}" for currency, a in sorted(amounts.items())]
    return ", ".join([f"{count} invoice" if count == 1 else f"{count} invoices", *told])


def show_plan(
    run: str, views: Sequence[BatchView], plans: Sequence[Mapping[str, Any]], to: Console
) -> None:
    """In sum, with what HaloPSA does by itself with new invoices (R16)."""
    to.print(f"\n[bold]The plan[/] of run {run}: {effect(views)}")
    does = plans[0].get("halopsa", {}) if plans else {}
    for name, value in does.items():
        to.print(f"  {_EFFECTS.get((name, value), safe(name))}", soft_wrap=True)
    warnings = Counter(w for view in planned(views) for w in view.warnings)
    warnings.pop("email-unknown", None)  # said above, in words
    for warning, times in warnings.most_common(ROWS):
        often = f" ({times} clients)" if times > 1 else ""
        to.print(f"  [yellow]![/] {safe(warning)}{often}", soft_wrap=True)


def show_items(proposals: Mapping[str, str], to: Console) -> None:
    """Items that HaloPSA would get."""
    to.print(f"\n[bold]New items in HaloPSA: {len(proposals)}[/]")
    for key, name in sorted(proposals.items(), key=lambda one: one[1]):
        to.print(f"  + {safe(name)}  [dim]{safe(key)}[/]", soft_wrap=True)


def show_diff(plans: Sequence[Mapping[str, Any]], to: Console) -> None:
    """Every line of every plan, before and after."""
    for plan in plans:
        to.print(f"\n[bold]{safe(plan['client_name'])}[/]  {plan['currency']}  {plan['behaviour']}")
        for invoice in plan["invoices"]:
            target = f"invoice {invoice['target']}" if invoice["target"] else "a new invoice"
            told = f"{invoice['operation']} {target}  {invoice['reference']}  {invoice['date']}"
            to.print(f"  {told}  [bold]{invoice['total']}[/]")
            for line in invoice["lines"]:
                _line(line, to)
            if invoice["foreign_lines"]:
                to.print(f"    [dim]{invoice['foreign_lines']} lines of others stay as they are[/]")
        if plan["unchanged"]:
            to.print(f"    [dim]{len(plan['unchanged'])} lines stand already[/]")
        for held in plan["held"]:
            to.print(f"    [yellow]held[/] {held['line']}  {held['code']}  {held['amount']}")


def _line(line: Mapping[str, Any], to: Console) -> None:
    before = line.get("before")
    if "text" in line:
        to.print(f"    {_MARKS.get(line['change'], ' ')} {_figures(line)}", soft_wrap=True)
    if before:
        mark = "was" if "text" in line else "-"
        to.print(f"    [dim]{mark} {_figures(before)}[/]", soft_wrap=True)


def _figures(line: Mapping[str, Any]) -> str:
    sums = f"{_short(line['quantity'])} x {_short(line['price'], 2)} = {line['amount']}"
    text = str(line["text"])
    shown = text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"
    return f"{sums:>28}  {safe(shown):{_TEXT}}  [dim]{line['line']}[/]"


def _short(number: str, places: int = 0) -> str:
    """Without zeros that say nothing."""
    amount = Decimal(number).normalize()
    exponent = int(amount.as_tuple().exponent)
    return f"{amount:.{max(places, -exponent)}f}"
