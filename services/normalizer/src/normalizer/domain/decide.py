"""Decides every line of a batch (R5, R6): kept, dropped, excluded, held, or collapsed into another.

Order: exclusions, drop Azure, drop prorata, collapse, drop zero. Money is never altered here, and
every source line has exactly one outcome.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from normalizer.domain.azure import Azure
from normalizer.domain.collapse import collapsed_line
from normalizer.domain.prorata import is_favourable, opposite_signs, warn_of_half_changes
from normalizer.domain.rows import NOTHING, ChargeRow, amount
from normalizer.domain.slots import give_slots, kind_of
from normalizer.domain.unclear import Unclear
from schemas.charges import PERIOD_UNREADABLE, product_key
from schemas.messages import ChargesReceived
from schemas.money import ZERO, round_half_up, summed
from schemas.settings import EffectivePolicy, Settings
from schemas.statement import Entry, Outcome
from schemas.uses import Uses, uses_of

BILLED_BY_SOURCE = "billedByPax8"
AMOUNT_MISSING = "amount-missing"
PRODUCT_MISSING = "product-missing"
NOT_READ = Uses()


@dataclass(slots=True)
class Decided:
    """A batch decided: its rows, the entries of what is not kept, and what the rows come to."""

    rows: list[ChargeRow]
    money: tuple[Entry, ...]
    uses: Uses = NOT_READ
    kept_lines: int = 0
    kept_price: Decimal = ZERO
    kept_cost: Decimal = ZERO
    collapsed: int = 0
    merged: int = 0


def decide(head: ChargesReceived, rows: list[ChargeRow], settings: Settings) -> Decided:
    """Decide the rows in place."""
    if not rows and head.lines:
        return Decided(rows, (_whole(head),))
    known = Unclear(settings.pax8)
    known.read_types(rows)
    open_rows = _exclude(head, rows, settings)
    azure = Azure(
        settings.pax8.azure_products, settings.pax8.azure_sku_prefixes, head.policy.azure_scope
    )
    open_rows, azure_rows = _drop(head, open_rows, azure, known)
    if head.policy.collapse_azure and azure_rows:
        merged = _collapse(head, azure_rows)
        if merged is not None:
            rows.append(merged)
            open_rows.append(merged)
    else:
        open_rows += azure_rows
    kept = _keep(head, open_rows)
    give_slots([row for row in kept if not row.get("members")], head.tenant, head.source)
    return _summed(rows)


def _whole(head: ChargesReceived) -> Entry:
    """A batch that is too large to carry its lines ends whole."""
    reason = head.exclude or head.hold
    assert reason is not None, "only a batch that ends whole comes without its lines"
    return Entry(
        outcome="excluded" if head.exclude else "held",
        reason=reason,
        lines=head.lines,
        price=head.price,
        cost=head.cost,
    )


def _exclude(head: ChargesReceived, rows: list[ChargeRow], settings: Settings) -> list[ChargeRow]:
    """R5, before every modifier; what is left."""
    switches = settings.exclusions
    excluded = {
        kind
        for kind, on in (
            ("rebate", switches.rebate),
            ("payment-credit", switches.payment_credit),
            ("invoice-credit", switches.invoice_credit),
        )
        if on
    }
    left = []
    for row in rows:
        kind = row.get("type", "")
        if head.exclude:
            _end(row, "excluded", head.exclude)
        elif row.get("billed_by_source"):
            _end(row, "excluded", BILLED_BY_SOURCE)
        elif kind in excluded:
            _end(row, "excluded", kind)
        else:
            left.append(row)
    return left


def _drop(
    head: ChargesReceived, rows: list[ChargeRow], azure: Azure, known: Unclear
) -> tuple[list[ChargeRow], list[ChargeRow]]:
    """Hold what nobody knows, drop Azure, then drop prorata; what is left, Azure apart."""
    policy = head.policy
    left: list[ChargeRow] = []
    azure_left: list[ChargeRow] = []
    dropped: list[ChargeRow] = []
    for row in rows:
        is_azure = azure.covers(row)
        row["kind"] = kind_of(row, azure=is_azure)
        if (unclear := known.code(row, row["kind"])) is not None:
            _end(row, "held", unclear)
            continue
        if PERIOD_UNREADABLE in row.get("unclear", ()):
            row["warnings"] = [PERIOD_UNREADABLE]
        if is_azure and policy.drop_azure:
            _end(row, "dropped", "drop-azure", policy.level_of("drop_azure"))
            continue
        if row["kind"] == "prorate":
            if opposite_signs(row):
                row.setdefault("warnings", []).append("prorate-signs")
            elif policy.drop_prorata and is_favourable(row):
                _end(row, "dropped", "drop-prorata", policy.level_of("drop_prorata"))
                dropped.append(row)
                continue
        if row.get("total") is None:
            # Nobody knows what the customer owes: a missing total is not a total of zero.
            _end(row, "held", AMOUNT_MISSING)
        elif is_azure:
            azure_left.append(row)
        else:
            left.append(row)
    if dropped:
        warn_of_half_changes(dropped, left, head.currency)
    return left, azure_left


def _collapse(head: ChargesReceived, members: list[ChargeRow]) -> ChargeRow | None:
    """One line for all; None when it comes to nothing, or is held, and the members end so."""
    merged = collapsed_line(head, members)
    level = head.policy.level_of("collapse_azure")
    zero = head.policy.drop_zero and _is_zero(merged, head.policy, head.currency)
    for row in members:
        if zero:
            _end(row, "dropped", "drop-zero", head.policy.level_of("drop_zero"))
        elif head.hold:
            _end(row, "held", head.hold)
        else:
            _end(row, "collapsed", "collapse-azure", level)
            row["into"] = merged["id"]
    if zero or head.hold:
        return None
    merged["rule"], merged["level"] = "collapse-azure", level
    return merged


def _keep(head: ChargesReceived, rows: list[ChargeRow]) -> list[ChargeRow]:
    """Drop zero, then hold what can not be billed; what goes on."""
    policy = head.policy
    kept = []
    for row in rows:
        key = row.get("product_key") or product_key(
            head.source, row.get("product"), row.get("sku"), row.get("term", "")
        )
        row["product_key"] = key
        charge_zero = _rounds_to_zero(row.get("total"), head.currency)
        if charge_zero and policy.drop_zero and _is_zero(row, policy, head.currency):
            _end(row, "dropped", "drop-zero", policy.level_of("drop_zero"))
            continue
        if charge_zero and round_half_up(amount(row.get("cost_total")), head.currency) > 0:
            row.setdefault("warnings", []).append("given-away")
        if head.hold:
            _end(row, "held", head.hold)
        elif key is None:
            _end(row, "held", PRODUCT_MISSING)
        else:
            row["outcome"] = "kept"
            kept.append(row)
    return kept


def _is_zero(row: ChargeRow, policy: EffectivePolicy, currency: str) -> bool:
    if not _rounds_to_zero(row.get("total"), currency):
        return False
    return policy.zero_test == "charge" or _rounds_to_zero(row.get("cost_total"), currency)


@lru_cache(maxsize=16_384)
def _rounds_to_zero(text: str | None, currency: str) -> bool:
    return round_half_up(amount(text), currency).is_zero()


def _end(row: ChargeRow, outcome: Outcome | str, rule: str, level: str | None = None) -> None:
    row["outcome"] = outcome  # type: ignore[typeddict-item] # one of the outcomes of a line
    row["rule"] = rule
    if level is not None:
        row["level"] = level


def _summed(rows: list[ChargeRow]) -> Decided:
    """Entries by outcome and reason; a member's money is in the line it was merged into."""
    others: dict[tuple[str, str], list[ChargeRow]] = defaultdict(list)
    collapsed = merged = 0
    for row in rows:
        row["total"] = row.get("total") or NOTHING
        row["cost_total"] = row.get("cost_total") or NOTHING
        outcome = row["outcome"]
        if outcome == "kept":
            merged += "members" in row
        elif outcome == "collapsed":
            collapsed += 1
        else:
            others[outcome, row["rule"]].append(row)
    uses = uses_of(rows)
    return Decided(
        rows,
        tuple(_entry(*name, others[name]) for name in sorted(others)),
        uses,
        kept_lines=sum(one.lines for one in uses.products),
        kept_price=sum((one.price for one in uses.products), ZERO),
        kept_cost=sum((one.cost for one in uses.products), ZERO),
        collapsed=collapsed,
        merged=merged,
    )


def _entry(outcome: str, reason: str, rows: list[ChargeRow]) -> Entry:
    price = summed([row["total"] for row in rows])
    cost = summed([row["cost_total"] for row in rows])
    return Entry.model_validate(
        {"outcome": outcome, "reason": reason, "lines": len(rows), "price": price, "cost": cost}
    )
