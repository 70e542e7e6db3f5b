"""What a command says to a machine: one JSON document, decimals as strings, and an exit code."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from chargeline.billing import Billed, refused_at_the_door, unexplained
from chassis.errors import PermanentError
from gateway.queries import BatchView, waits_for_a_person
from schemas.messages import Hold
from schemas.money import ZERO, plain
from schemas.statement import CurrencyStatement, Side, Statement

SCHEMA = "chargeline.run.v1"
DONE, FAILED, NEEDS_A_PERSON, NOTHING_AUDITED, REFUSED = range(5)

_SEE = "`chargeline explain --all` lists the lines"
_WORDS = {"undone": "taken back: once more posts it again"}
_COMMAND = re.compile(r"`(chargeline [^`]+)`")

_BY_REASON = ("posted_by", "dropped_by", "held_by", "excluded_by", "refused_by")

type _HoldKey = tuple[str, str, str]


def run_document(
    billed: Sequence[Billed], *, calls: Mapping[str, int], parked: int, elapsed_s: float
) -> dict[str, Any]:
    """All runs of one command; the statement on top is the sum over their documents."""
    total = summed([b.statement for b in billed])
    return {
        "schema": SCHEMA,
        "run_id": billed[-1].run.run if billed else None,
        "statement": statement_json(total),
        "postings": _postings([view for b in billed for view in b.batches]),
        "lines": total.lines,
        "holds": [hold for b in billed for hold in holds_of(b)],
        "unexplained_lines": [_difference(d) for b in billed for d in b.unexplained_lines],
        "calls": dict(sorted(calls.items())),
        "parked": parked,
        "elapsed_s": round(elapsed_s, 3),
        "exit_code": exit_code(billed, parked),
        "runs": [
            {
                "run_id": b.run.run,
                "stage": b.run.stage.value,
                "problem": b.run.problem,
                "text": b.run.text,
                "statement": statement_json(b.statement),
                "postings": _postings(b.batches),
                "lines": b.statement.lines,
            }
            for b in billed
        ],
    }


def statement_json(statement: Statement) -> dict[str, Any]:
    """Both sides of every currency, and the customer side by reason."""
    return {
        "document": statement.document,
        "source": statement.source,
        "period": statement.period,
        "complete": statement.complete,
        "currencies": {
            currency: {
                "price": _side(found.price),
                "cost": _side(found.cost),
                **{
                    name: {reason: plain(amount) for reason, amount in getattr(found, name).items()}
                    for name in _BY_REASON
                },
            }
            for currency, found in statement.currencies.items()
        },
    }


def exit_code(billed: Sequence[Billed], parked: int) -> int:
    """0 only when everything was read back and nothing is held, refused, pending, unexplained."""
    if billed and all(_refused_at_the_door(b) for b in billed):
        return REFUSED
    if parked or any(_open(b) for b in billed):
        return NEEDS_A_PERSON
    audited = sum(b.statement.lines.get("received", 0) for b in billed)
    return DONE if audited else NOTHING_AUDITED


def holds_of(billed: Billed) -> list[dict[str, Any]]:
    """What waits for a person, most money first, with the command that resolves it.

    `waits` is all that its clients do not get billed because of it, or that stands there although
    nobody would post it today; `price` is its own lines alone.
    """
    found = _problem_holds(billed)
    grouped: dict[_HoldKey, list[tuple[Hold, BatchView]]] = defaultdict(list)
    for view in billed.batches:
        for hold in view.holds or _held_whole(view):
            grouped[hold.code, _about(hold, view), view.currency].append((hold, view))
    for (code, _, currency), holds in grouped.items():
        first, views = holds[0][0], [view for _, view in holds]
        found.append(
            {
                "code": code,
                "text": first.text,
                "company": first.company,
                "product": first.product_key,
                "bill_to": views[0].bill_to if len(views) == 1 else None,
                "name": first.name or _names(views),
                "lines": sum(h.lines for h, _ in holds),
                "currency": currency,
                "price": plain(sum((h.price for h, _ in holds), ZERO)),
                "waits": plain(sum((_waits(view) for view in views), ZERO)),
                "command": next(iter(commands_in(first.text, first.name)), None),
                "suggestions": [s.model_dump(mode="json") for s in first.suggestions],
            }
        )
    return sorted(found, key=lambda h: (-abs(Decimal(h["waits"])), h["code"], h["name"]))


def client_named(view: BatchView) -> str:
    """Who is billed; a company that nobody has mapped is known by its own name."""
    named = (hold.name for hold in view.holds if hold.company is not None)
    return view.client_name or next(named, "") or view.bill_to.replace("company:none", "no company")


def commands_in(text: str, name: str) -> list[str]:
    """The commands that a sentence offers. A name comes from outside and may look like one."""
    return _COMMAND.findall(text.replace(name, "") if name else text)


def summed(statements: Sequence[Statement]) -> Statement:
    """Several documents as one statement; unknown stays unknown."""
    if len(statements) == 1:
        return statements[0]
    currencies: dict[str, list[CurrencyStatement]] = defaultdict(list)
    lines: Counter[str] = Counter()
    for statement in statements:
        lines.update(statement.lines)
        for currency, found in statement.currencies.items():
            currencies[currency].append(found)
    return Statement(
        document=",".join(s.document for s in statements),
        source=statements[0].source if statements else "pax8",
        currencies={c: _sum_currency(found) for c, found in sorted(currencies.items())},
        lines=dict(sorted(lines.items())),
        complete=all(s.complete for s in statements),
    )


def _sum_currency(found: Sequence[CurrencyStatement]) -> CurrencyStatement:
    def by(name: str) -> dict[str, Decimal]:
        sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for one in found:
            for reason, amount in getattr(one, name).items():
                sums[reason] += amount
        return dict(sorted(sums.items()))

    return CurrencyStatement(
        price=_sum_side([one.price for one in found]),
        cost=_sum_side([one.cost for one in found]),
        posted_by=by("posted_by"),
        dropped_by=by("dropped_by"),
        held_by=by("held_by"),
        excluded_by=by("excluded_by"),
        refused_by=by("refused_by"),
    )


def _sum_side(sides: Iterable[Side]) -> Side:
    total: dict[str, Decimal | None] = {}
    for side in sides:
        for name in Side.model_fields:
            value: Decimal | None = getattr(side, name)
            before = total.get(name, ZERO)
            total[name] = None if value is None or before is None else before + value
    return Side.model_validate(total)


def _side(side: Side) -> dict[str, str | None]:
    return {
        name: None if (value := getattr(side, name)) is None else plain(value)
        for name in Side.model_fields
    }


def _postings(views: Iterable[BatchView]) -> dict[str, Any]:
    views = list(views)
    ids = [external for view in views for external in view.external_ids]
    return {
        "created": sum(v.created for v in views),
        "updated": sum(v.updated for v in views),
        "unchanged": sum(v.unchanged for v in views if v.external_ids),  # else none was due
        "ids": sorted(set(ids)),
    }


def _difference(difference: Any) -> dict[str, Any]:
    told: dict[str, Any] = difference.model_dump(mode="json")
    return told


def _open(billed: Billed) -> bool:
    """True while a person is needed."""
    if billed.run.problem not in (None, "document-empty"):
        return True
    sides = [s for c in billed.statement.currencies.values() for s in (c.price, c.cost)]
    waiting = any(billed.statement.lines.get(k) for k in ("held", "refused", "pending"))
    money = any(s.held or s.refused or s.pending for s in sides)
    money = money or any(c.posted_by for c in billed.statement.currencies.values())
    return waiting or money or any(unexplained(billed.statement))


def _refused_at_the_door(billed: Billed) -> bool:
    problem = billed.run.problem
    return problem is not None and refused_at_the_door(PermanentError(problem, ""))


def _about(hold: Hold, view: BatchView) -> str:
    """What one decision is about: a company, a product, a client, or the whole run."""
    if hold.company or hold.product_key:
        return f"{hold.company} {hold.product_key}"
    return view.bill_to if hold.name else hold.text


def _names(views: Sequence[BatchView]) -> str:
    return client_named(views[0]) if len(views) == 1 else f"{len(views)} clients"


def _waits(view: BatchView) -> Decimal:
    return sum((e.price for e in view.entries if waits_for_a_person(e)), ZERO)


def _held_whole(view: BatchView) -> list[Hold]:
    """Lines that wait without a list: the poster holds or refuses them, or they were taken back."""
    entries = [e for e in view.entries if waits_for_a_person(e) and e.is_something]
    if not entries:
        return []
    code = view.code or max(entries, key=lambda e: abs(e.price)).reason
    return [
        Hold(
            code=code,
            text=view.text or _WORDS.get(code, f"held: {code}; {_SEE}"),
            name=client_named(view),
            lines=sum(e.lines for e in entries),
            price=sum((e.price for e in entries), ZERO),
        )
    ]


def _problem_holds(billed: Billed) -> list[dict[str, Any]]:
    """A document that is held whole, once a currency; or once, where nothing of it was read."""
    code, statement = billed.run.problem, billed.statement
    if code in (None, "document-empty"):
        return []
    amounts = {c: s.price.held for c, s in statement.currencies.items()} or {"": ZERO}
    return [
        {
            "code": code,
            "text": billed.run.text,
            "company": None,
            "product": None,
            "bill_to": None,
            "name": statement.document,
            "lines": statement.lines.get("held", 0),
            "currency": currency,
            "price": plain(price),
            "waits": plain(price),
            "command": next(iter(commands_in(billed.run.text, "")), None),
            "suggestions": [],
        }
        for currency, price in amounts.items()
    ]
