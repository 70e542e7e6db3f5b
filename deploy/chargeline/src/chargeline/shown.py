"""What a command shows to a person: progress, the bridge from received to posted, the holds."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from chargeline.billing import Billed
from chargeline.report import holds_of
from gateway.domain.run import Counts, Run, Stage
from gateway.queries import BatchView
from schemas.money import ZERO, minor_unit, round_half_up
from schemas.statement import Side

_WIDTH = None if sys.stdout.isatty() else 120  # a pipe has no width of its own
out = Console(highlight=False, width=_WIDTH)  # results
err = Console(stderr=True, highlight=False)  # messages

_BAR = 28
_ROWS = 12
_STEPS = ("dropped", "excluded", "held", "refused", "pending", "settled", "rounding")
_DOES: Mapping[Stage, str] = {
    Stage.READING: "reading the invoice",
    Stage.MATCHING: "matching companies to clients",
    Stage.NORMALIZING: "applying the modifiers",
    Stage.RESOLVING: "finding clients and items",
    Stage.ITEMS: "waiting for approval of new items",
    Stage.CREATING: "creating items",
    Stage.PLANNING: "planning",
    Stage.PLANNED: "planned, waiting for approval",
    Stage.APPLYING: "posting and reading back",
    Stage.ENDED: "done",
}


class Watching:
    """One line of progress: the stage, clients through it, and vendor calls so far."""

    def __init__(self, calls: Mapping[str, int], *, quiet: bool) -> None:
        self._calls = calls
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=_BAR),
            MofNCompleteColumn(),
            TextColumn("[dim]{task.fields[calls]}"),
            console=err,
            disable=quiet or not err.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=None, calls="")

    def __call__(self, run: Run, counts: Counts) -> None:
        through = {
            Stage.RESOLVING: counts.resolved + counts.held + counts.planned,
            Stage.PLANNING: counts.held + counts.planned,
            Stage.APPLYING: counts.held + counts.done,
            Stage.ENDED: run.batches or 0,
        }.get(run.stage, 0)
        calls = " · ".join(f"{vendor} {n}" for vendor, n in sorted(self._calls.items()))
        self._progress.update(
            self._task,
            description=f"{run.period or 'document'}: {_DOES[run.stage]}",
            total=run.batches,
            completed=through,
            calls=f"calls: {calls}",
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._progress.stop()


def money(amount: Decimal | None, currency: str) -> str:
    """To the minor unit for the eye; the JSON has full precision."""
    if amount is None:
        return "not known yet"
    rounded = round_half_up(amount, currency)
    return f"{rounded if rounded else minor_unit(currency) * 0:,}"


def show_bill(billed: Billed) -> None:
    """Clients, bridge, holds, and the lines that nothing explains."""
    run = billed.run
    out.print(f"\n[bold]Document {run.document}[/]  {run.document_date}  run {run.run}")
    if run.problem:
        out.print(f"[yellow]{run.problem}[/]: {escape(run.text)}")
    show_clients(billed.batches)
    show_bridge(billed)
    show_holds(holds_of(billed), run.run)
    if billed.unexplained_lines:
        out.print("\n[bold red]Lines that nothing explains[/]")
        for d in billed.unexplained_lines[:_ROWS]:
            out.print(f"  {d.line}  {d.problem}: expected {d.expected}, found {d.found}  {d.text}")


def show_clients(views: Sequence[BatchView]) -> None:
    """A row a client; the tick means read back."""
    if not views:
        return
    table = Table(box=None, pad_edge=False, title_justify="left")
    for name, justify in (("client", "left"), ("lines", "right"), ("posted", "right")):
        table.add_column(name, justify=justify, no_wrap=True, max_width=44)  # type: ignore[arg-type]
    table.add_column("held", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for view in views[:_ROWS]:
        amount = {o: _sum(view, o) for o in ("posted", "held", "pending", "refused")}
        waits = amount["held"] + amount["pending"] + amount["refused"]
        read_back = view.progress == "done" and not view.code
        state = "[green]✓ read back[/]" if read_back else f"[yellow]{view.code or view.progress}[/]"
        lines = sum(e.lines for e in view.entries if e.outcome != "rounding")
        table.add_row(
            escape(view.client_name or view.bill_to),
            str(lines),
            f"{money(amount['posted'], view.currency)} {view.currency}",
            money(waits, view.currency) if waits else "",
            state,
        )
    out.print(table)
    if len(views) > _ROWS:
        out.print(f"[dim]… and {len(views) - _ROWS} more[/]")


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
        _end(side, found.cost, currency)


def show_holds(holds: Sequence[Mapping[str, Any]], run: str) -> None:
    """Most money first, each with the command that resolves it."""
    if not holds:
        return
    out.print(f"\n[bold yellow]Waiting for you: {len(holds)}[/]")
    for hold in holds[:_ROWS]:
        head = f"  {hold['code']}  {escape(str(hold['name']))}"
        out.print(f"{head}  {hold['lines']} lines, {hold['price']}")
        out.print(f"     [dim]{escape(str(hold['text']))}[/]")
    if len(holds) > _ROWS:
        out.print(f"  [dim]… and {len(holds) - _ROWS} more: `chargeline statement {run} --json`[/]")
    out.print(f"  [dim]then: chargeline plan {run} && chargeline apply {run}[/]")


def show_end(billed: Sequence[Billed], code: int, calls: Mapping[str, int], parked: int) -> None:
    """One line to remember, and where to look next."""
    if parked:
        out.print(f"\n[yellow]{parked} messages are parked[/]: chargeline parked list")
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
        out.print(f"[dim]chargeline statement {run} · chargeline explain --all[/]")


def explained(line: Any, *, as_json: bool) -> dict[str, Any] | None:
    """One line of `explain`."""
    told: dict[str, Any] = line.model_dump(mode="json")
    if as_json:
        return {"schema": "chargeline.line.v1", **told}
    outcome = told.get("problem") or told.get("outcome")
    out.print(f"[bold]{told['line']}[/]  {outcome}  {escape(str(told.get('company_name') or ''))}")
    for name, value in told.items():
        if name not in ("line", "outcome") and value not in (None, "", [], {}):
            out.print(f"    [dim]{name:18}[/] {escape(str(value))}")
    return None


def show_diff(plans: Sequence[Mapping[str, Any]]) -> None:
    """Every line of every plan, and what changes."""
    for plan in plans:
        for invoice in plan.get("invoices", []):
            target = invoice.get("target") or "new invoice"
            out.print(f"\n[bold]{invoice.get('operation')}[/] {target}  {invoice.get('reference')}")
            for line in invoice.get("lines", []):
                mark = {"add": "+", "remove": "-", "change": "~"}.get(str(line.get("change")), " ")
                told = {k: v for k, v in line.items() if k not in ("change", "line", "before")}
                out.print(f"  {mark} {escape(str(told))}")
                if line.get("before"):
                    out.print(f"    [dim]was {escape(str(line['before']))}[/]")
        for held in plan.get("held", []):
            out.print(f"  [yellow]held[/] {escape(str(held))}")


def show_plan(run: Run, views: Sequence[BatchView]) -> None:
    """What approving would do."""
    planned = [v for v in views if v.progress == "planned"]
    creates = sum(v.operations for v in planned)
    amounts: dict[str, Decimal] = {}
    for view in planned:
        amounts[view.currency] = amounts.get(view.currency, ZERO) + _sum(view, "pending")
    total = ", ".join(f"{money(a, c)} {c}" for c, a in sorted(amounts.items()))
    out.print(f"\n[bold]Plan of run {run.run}[/]: {creates} operations for {len(planned)} clients")
    out.print(f"  to be posted: {total or '0.00'}")
    for warning in sorted({w for v in planned for w in v.warnings})[:_ROWS]:
        out.print(f"  [yellow]![/] {escape(warning)}")


def _sum(view: BatchView, outcome: str) -> Decimal:
    return sum((e.price for e in view.entries if e.outcome == outcome), ZERO)


def _bar(name: str, amount: Decimal, whole: Decimal, currency: str, colour: str) -> None:
    share = abs(amount / whole) if whole else ZERO
    width = min(_BAR, max(1 if amount else 0, round(share * _BAR)))
    out.print(f"  {name:12} {money(amount, currency):>16}  [{colour}]{'█' * width}[/]")


def _end(price: Side, cost: Side, currency: str) -> None:
    fine = price.unexplained == ZERO and cost.unexplained == ZERO
    colour = "green" if fine else "bold red"
    out.print(
        f"  [{colour}]{money(price.unexplained, currency)} unexplained[/]"
        f"  [dim](cost side: {money(cost.unexplained, currency)})[/]"
    )
