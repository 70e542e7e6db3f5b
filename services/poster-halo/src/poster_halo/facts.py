"""The poster's facts: heads filled from a batch, and the plan as the plan view shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from poster_halo.domain.desired import come_to, counted
from poster_halo.domain.money import entries
from poster_halo.domain.observed import OurLine
from poster_halo.domain.postings import Posting
from poster_halo.domain.shape import Change, Operation, Plan
from poster_halo.domain.sold import Sold
from poster_halo.domain.strays import posted_by
from poster_halo.domain.words import TEXT_MAX
from schemas.messages import ChargesResolved, Head, PostingPlanned
from schemas.money import ZERO, plain
from schemas.settings import Settings
from schemas.statement import Entry, Outcome, merge
from vendors.json import Written, dumps, string

IDS_MAX = 40  # a head is at most 4 KiB
WARNINGS_MAX = 20


def about(command: Head, batch: ChargesResolved) -> dict[str, Any]:
    """What every fact of the poster says of its batch."""
    return {
        **command_part(command),
        "connection": batch.connection,
        "batch": batch.batch,
        "bill_to": batch.bill_to,
        "currency": batch.currency,
        "content": batch.content,
        "lines": batch.lines,
    }


def about_posting(command: Head, posting: Posting) -> dict[str, Any]:
    """The same, when the batch is known by its posting alone."""
    return {
        **command_part(command),
        "connection": posting.connection,
        "batch": posting.batch,
        "bill_to": posting.bill_to,
        "currency": posting.currency,
        "content": posting.content,
        "lines": posting.count,
        "plan": posting.plan,
    }


def command_part(command: Head) -> dict[str, Any]:
    """Run, revision and settings are those of the command that is answered."""
    return {
        "tenant": command.tenant,
        "run": command.run,
        "revision": command.revision,
        "settings": command.settings,
        "source": command.source,
        "document": command.document,
    }


def money_of(
    plan: Plan, found: Mapping[str, list[OurLine]], rest: tuple[Outcome, str]
) -> tuple[Entry, ...]:
    """All kept lines: read back or standing, held, settled, and the rest; and what else stands."""
    posted: dict[str, list[OurLine]] = {
        line: [there] for line, there in plan.standing.items() if line not in plan.held
    }
    posted.update(found)
    otherwise: dict[str, tuple[Outcome, str]] = {
        line: ("held", code) for line, code in plan.held.items()
    }
    return merge((*entries(plan.lines, posted, otherwise, rest), *posted_by(plan.staying)))


def kept_whole(batch: ChargesResolved, outcome: Outcome, code: str) -> tuple[Entry, ...]:
    """All kept lines of a batch ended the same way."""
    if not batch.kept_lines:
        return ()
    return (
        Entry(
            outcome=outcome,
            reason=code,
            lines=batch.kept_lines,
            price=batch.kept_price,
            cost=batch.kept_cost,
        ),
    )


def short(text: str) -> str:
    """Fits a head."""
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


def told(warnings: Iterable[str]) -> tuple[str, ...]:
    """Each once, in a head's room."""
    return tuple(dict.fromkeys(one[:80] for one in warnings))[:WARNINGS_MAX]


def planned(
    command: Head, batch: ChargesResolved, plan: Plan, warnings: Sequence[str]
) -> PostingPlanned:
    """The head of the plan's fact."""
    held = plan.held
    left = counted(line for line in plan.lines if line.id not in held)
    kinds = [operation.kind for operation in plan.operations]
    return PostingPlanned(
        **about(command, batch),
        plan=plan.batch.plan,
        hash=plan.hash,
        behaviour=plan.batch.policy.behaviour,
        client=plan.batch.client or None,
        client_name=batch.client_name[:200],
        operations=len(kinds),
        creates=kinds.count("create"),
        updates=len(kinds) - kinds.count("create"),
        code=plan.code,
        text=short(plan.text),
        warnings=told((*plan.warnings, *warnings, *batch.warnings)),
        money=money_of(plan, {}, ("pending", "")),
        taken=plan.taken,
        rounding_price=sum((sold.rounding[0] * times for sold, times in left), ZERO),
        rounding_cost=sum((sold.rounding[1] * times for sold, times in left), ZERO),
        external_ids=tuple(str(number) for number in sorted(plan.documents))[:IDS_MAX],
    )


def effects(settings: Settings, control: Mapping[str, Any]) -> dict[str, bool | None]:
    """R16: what HaloPSA does by itself with an invoice we create; None: nobody knows."""
    emails = settings.halopsa.sends_email
    if emails is None and "automaticallysendinvoiceemails" in control:
        emails = bool(control["automaticallysendinvoiceemails"])
    only_posted = control.get("only_send_posted_invoices")
    return {"emails": emails, "syncs": None if only_posted is None else not only_posted}


def view(plan: Plan, batch: ChargesResolved, invoice_date: str, does: Mapping[str, Any]) -> bytes:
    """The plan for the plan view: every line, before and after, and what HaloPSA will do."""
    shown = {
        "plan": plan.batch.plan,
        "hash": plan.hash,
        "batch": batch.batch,
        "behaviour": plan.batch.policy.behaviour,
        "level": plan.batch.policy.level_of("behaviour"),
        "client": plan.batch.client,
        "client_name": batch.client_name,
        "currency": batch.currency,
        "code": plan.code,
        "text": plan.text,
        "warnings": plan.warnings,
        "not_yet_billed": plan.billed is False,
        "halopsa": dict(does),
        "invoices": [_invoice(operation, invoice_date) for operation in plan.operations],
        "unchanged": [
            {"line": line, "at": there.ext, "amount": plain(there.amounts.money)}
            for line, there in plan.standing.items()
        ],
        "held": [
            {"line": line.id, "code": plan.held[line.id], "amount": plain(line.sold.total)}
            for line in plan.lines
            if line.id in plan.held
        ],
    }
    return dumps(shown)


def _invoice(operation: Operation, invoice_date: str) -> dict[str, Any]:
    price, cost = come_to(change.want for change in operation.changes if change.want)
    target = operation.target
    return {
        "operation": operation.kind,
        "target": target.id if target else None,
        "reference": operation.reference,
        "date": invoice_date if target is None else str(target.day or ""),
        "beside": operation.beside or None,
        "lines": Written(f"[{','.join(map(_change, operation.changes))}]"),
        "foreign_lines": len(target.foreign) if target else 0,
        "total": plain(price),
        "cost_total": plain(cost),
    }


def _change(change: Change) -> str:
    """As JSON. What is sold is written once for all lines that sell it."""
    want, there = change.want, change.there
    before = "" if there is None else f',"before":{_before(there)}'
    if want is None:
        return f'{{"change":"{change.kind}"{before}}}'
    return f'{{"change":"{change.kind}","line":{string(want.id)},{_told(want.sold)}{before}}}'


def _before(there: OurLine) -> str:
    sums = there.amounts.spelled()
    row = {
        "line": there.line,
        "at": there.ext,
        "text": there.text,
        "quantity": sums.quantity,
        "price": sums.price,
        "cost": sums.cost,
        "amount": sums.money,
    }
    return dumps(row).decode()


@lru_cache(maxsize=2048)
def _told(sold: Sold) -> str:
    """The members of a line; `restated` and `warnings` are there for the few that have them."""
    sums = sold.figures
    row: dict[str, Any] = {
        "text": sold.text,
        "item": sold.item.item,
        "quantity": sums.quantity,
        "price": sums.price,
        "cost": sums.cost,
        "amount": sums.money,
        "cost_amount": sums.cost_money,
    }
    if sold.restated:
        row["restated"] = True
    if sold.warnings:
        row["warnings"] = sold.warnings
    return dumps(row).decode()[1:-1]
