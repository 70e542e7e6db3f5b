"""What a command shows to a person: progress, the bridge from received to posted, the holds."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chargeline.billing import Billed
from chargeline.report import client_named, commands_in, holds_of
from gateway.queries import BatchView
from schemas.money import ZERO, minor_unit, plain, round_half_up
from schemas.statement import Entry, Side

_WIDTH = None if sys.stdout.isatty() else 120  # a pipe has no width of its own
out = Console(highlight=False, width=_WIDTH)  # results
err = Console(stderr=True, highlight=False)  # messages

_BAR = 28
ROWS = 12
_STATE = 22
_MAYBE = 3
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
_POSTINGS = {"created": "created", "updated": "changed", "unchanged": "found as they must be"}
_WAITS = ("held", "refused", "pending")
_STEPS = ("dropped", "excluded", "held", "refused", "pending", "settled", "rounding")


@dataclass(frozen=True)
class Hints:
    """What makes a printed command work when it is pasted."""

    data: str = ""  # ` --data FOLDER` where it is not the default one
    again: str = "chargeline run"


def money(amount: Decimal | None, currency: str) -> str:
    """To the minor unit for the eye; the JSON has full precision."""
    if amount is None:
        return "not known yet"
    rounded = round_half_up(amount, currency)
    return f"{rounded if rounded else minor_unit(currency) * 0:,}"


def safe(text: object) -> str:
    """Text from outside, made harmless: no markup, no control characters, no hidden marks."""
    told = "".join(_visible(one) for one in str(text))
    return escape(told)


def _visible(one: str) -> str:
    if one in "\n\r\t":
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(one) in _HIDDEN else one


def show_bill(billed: Billed, hints: Hints) -> None:
    """Clients, bridge, holds, and the lines that nothing explains."""
    run = billed.run
    out.print(f"\n[bold]Document {safe(run.document)}[/]  {run.document_date}")
    if run.text:
        said = f"[yellow]{run.problem}[/]: " if run.problem else ""
        out.print(f"{said}{safe(run.text)}", soft_wrap=True)
    show_clients(billed.batches)
    show_bridge(billed)
    show_holds(holds_of(billed), hints)
    if billed.unexplained_lines:
        out.print("\n[bold red]Lines that nothing explains[/]")
        for d in billed.unexplained_lines[:ROWS]:
            told = f"{d.problem}: expected {plain(d.expected)}, found {plain(d.found)}"
            out.print(f"  {d.line}  {told}  {safe(d.text)}", soft_wrap=True)
        if len(billed.unexplained_lines) > ROWS:
            out.print(f"  [dim]… and {len(billed.unexplained_lines) - ROWS} more: --json[/]")


def show_clients(views: Sequence[BatchView]) -> None:
    """A row a client; the tick means read back."""
    if not views:
        return
    table = Table(box=None, pad_edge=False)
    widths = {"lines": 5, "posted": 16, "not posted": 10}
    left = out.width - sum(widths.values()) - _STATE - 2 * len(widths) - 2
    table.add_column("client", no_wrap=True, width=min(40, max(12, left)))
    for name, width in widths.items():
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    table.add_column("", no_wrap=True, min_width=_STATE)
    for view in views[:ROWS]:
        posted = sum((e.price for e in view.entries if e.outcome == "posted"), ZERO)
        waiting = [e for e in view.entries if e.outcome in _WAITS and e.is_something]
        waits = sum((e.price for e in waiting), ZERO)
        lines = sum(e.lines for e in view.entries if e.outcome != "rounding")
        table.add_row(
            safe(client_named(view)),
            str(lines),
            f"{money(posted, view.currency)} {view.currency}",
            money(waits, view.currency) if waiting else "",
            _state(view, waiting),
        )
    out.print(table)
    if len(views) > ROWS:
        out.print(f"[dim]… and {len(views) - ROWS} more[/]")


def show_bridge(billed: Billed) -> None:
    """From received to posted, each step a bar; it must end in 0.00 unexplained."""
    for currency, found in billed.statement.currencies.items():
        side = found.price
        out.print(f"\n[bold]{currency}[/]  what customers pay")
        _bar("received", side.received, side.received, currency, "blue")
        for name in _STEPS:
            amount: Decimal = getattr(side, name)
            if amount:
                colour = "yellow" if name in ("held", "refused", "pending") else "cyan"
                _bar(f"− {name}", amount, side.received, currency, colour)
                for reason, part in getattr(found, f"{name}_by", {}).items():
                    out.print(f"      [dim]{reason:24} {money(part, currency):>16}[/]")
        _bar("= posted", side.posted, side.received, currency, "green")
        for reason, part in found.posted_by.items():
            out.print(f"      [yellow]{reason:24} {money(part, currency):>16}[/]")
        _end(side, found.cost, currency)


def show_holds(holds: Sequence[Mapping[str, Any]], hints: Hints) -> None:
    """Most money first, each with the commands that resolve it, ready to be copied."""
    if not holds:
        return
    out.print(f"\n[bold yellow]Waiting for you: {len(holds)}[/]")
    for place, hold in enumerate(holds[:ROWS], start=1):
        currency, name = hold["currency"], hold["name"]
        waits = f"{money(Decimal(hold['waits']), currency)} {currency}".strip()
        out.print(f"  {place:>2}. [bold]{waits}[/]  {hold['code']}  {safe(name)}", soft_wrap=True)
        own = money(Decimal(hold["price"]), currency)
        lines = "1 line" if hold["lines"] == 1 else f"{hold['lines']} lines"
        if hold["price"] != hold["waits"]:
            rest = "the rest of the client's charges waits with it"
            out.print(f"      [dim]{lines}, {own} {currency}; {rest}[/]", soft_wrap=True)
        commands = commands_in(hold["text"], name)
        out.print(f"      [dim]{safe(_reason(hold['text'], commands))}[/]", soft_wrap=True)
        for maybe in hold["suggestions"][:_MAYBE]:
            told = f"{maybe['id']} {maybe['name']} ({maybe['evidence']})"
            out.print(f"      [dim]maybe {safe(told)}[/]", soft_wrap=True)
        for command in commands:
            out.print(f"      $ {safe(command + hints.data)}", soft_wrap=True)
    if len(holds) > ROWS:
        out.print(f"  [dim]… and {len(holds) - ROWS} more: --json shows all[/]")
    out.print("  then once more; what stands already is left alone:")
    out.print(f"      $ {safe(hints.again)}", soft_wrap=True)


def show_end(
    billed: Sequence[Billed], code: int, calls: Mapping[str, int], parked: int, hints: Hints
) -> None:
    """One line to remember, and where to look next."""
    if parked:
        out.print(
            f"\n[yellow]{parked} messages are parked[/]: chargeline parked list{safe(hints.data)}"
        )
    posted = [v for b in billed for v in b.batches if v.external_ids]
    made = {w: sum(getattr(v, w) for v in posted) for w in _POSTINGS}
    if any(made.values()):
        told = ", ".join(
            f"{n} {word}" for word, n in zip(_POSTINGS.values(), made.values(), strict=True)
        )
        out.print(f"\n[bold]Invoices in HaloPSA[/]: {told}")
    used = ", ".join(f"{vendor} {n}" for vendor, n in sorted(calls.items()))
    says = {
        0: "[green]Done and proven: nothing held, 0.00 unexplained.[/]",
        2: "[yellow]A person is needed: see above.[/]",
        3: "[yellow]Nothing was audited: the source has no lines.[/]",
        4: "[red]Refused before anything was done.[/]",
    }
    out.print(f"\n{says.get(code, '')}" + (f"  [dim]vendor calls: {used}[/]" if used else ""))
    if billed and code in (0, 2):
        run = billed[-1].run.run
        out.print(
            f"[dim]look again:     chargeline statement {run}{safe(hints.data)}[/]", soft_wrap=True
        )
        every = f"chargeline explain --all{safe(hints.data)}"
        out.print(f"[dim]line by line:   {every}[/]", soft_wrap=True)


def _reason(text: str, commands: Sequence[str]) -> str:
    """The sentence without the commands that end it: they stand below, ready to be copied."""
    said = text.partition(f"`{commands[0]}`")[0] if commands else text
    return said.rstrip(" :,;").removesuffix(", or")


def _state(view: BatchView, waiting: Sequence[Entry]) -> str:
    """What the entries say: `progress` is how far it came, also where that was taken back since."""
    if waiting:
        most = max(waiting, key=lambda e: (bool(e.reason), abs(e.price)))
        return f"[yellow]{most.reason or view.progress}[/]"
    if not any(e.outcome == "posted" and e.is_something for e in view.entries):
        return "[dim]nothing to bill[/]"
    if view.progress == "done":
        return "[green]✓ read back[/]"
    return f"[yellow]{view.progress}[/]"


def _bar(name: str, amount: Decimal, whole: Decimal, currency: str, colour: str) -> None:
    share = abs(amount / whole) if whole else ZERO
    width = min(_BAR, max(1 if amount else 0, round(share * _BAR)))
    out.print(f"  {name:12} {money(amount, currency):>16}  [{colour}]{'█' * width}[/]")


def _end(price: Side, cost: Side, currency: str) -> None:
    if price.unexplained is None or cost.unexplained is None:
        out.print("  [yellow]not finished: what is unexplained is not known yet[/]")
        return
    fine = price.unexplained == ZERO and cost.unexplained == ZERO
    colour = "green" if fine else "bold red"
    out.print(
        f"  [{colour}]{money(price.unexplained, currency)} unexplained[/]"
        f"  [dim](cost side: {money(cost.unexplained, currency)})[/]"
    )
