"""What stops a resolved batch before it is posted, as far as that follows from its lines alone.

What depends on the destination (an invoice that is not open, an edit there) is the poster's word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal

from chargeline.explain.deciding import Formed
from lifecycle.domain.items import ItemRecord
from lifecycle.domain.resolve import Resolved
from normalizer.domain.rows import ChargeRow, amount
from schemas.money import ZERO, plain, round_half_up
from schemas.settings import Behaviour

# By behaviour: the choices under which a credit is given, if the destination lets it.
_GIVEN: Mapping[Behaviour, tuple[str, ...]] = {
    "new": ("credit_note", "append"),
    "latest": ("append",),
    "recurring": (),
}

type Stop = tuple[str, str]  # code and sentence


def stops(group: Formed, answer: Resolved, known: Mapping[str, ItemRecord]) -> dict[str, Stop]:
    """By line id; empty when all goes out."""
    policy = group.received.policy
    stopped = {row["id"]: stop for row in group.kept if (stop := _no_item(row, answer, known))}
    if stopped and not policy.post_partial:
        code, text = next(iter(stopped.values()))
        whole = (code, f"another line of this invoice: {text}")
        return {row["id"]: stopped.get(row["id"], whole) for row in group.kept}
    return stopped | _net_credits(group, [r for r in group.kept if r["id"] not in stopped])


def _no_item(row: ChargeRow, answer: Resolved, known: Mapping[str, ItemRecord]) -> Stop | None:
    key = row.get("product_key") or ""
    choice = answer.choices.get(key)
    made = known.get(key)
    if choice is None or not choice.proposed or made is None or made.item is not None:
        return None
    if made.state != "refused":
        return None
    return "item-refused", f"HaloPSA refused the item {made.name}: {made.text}"


def _net_credits(group: Formed, rows: list[ChargeRow]) -> dict[str, Stop]:
    """R15, per invoice that the lines would make."""
    head = group.received
    policy = head.policy
    if policy.net_credit in _GIVEN[policy.behaviour]:
        return {}
    invoices: dict[str, list[ChargeRow]] = defaultdict(list)
    by_order = policy.behaviour == "new" and policy.one_invoice_per == "order"
    for row in rows:
        invoices[(row.get("order") or "") if by_order else ""].append(row)
    stopped: dict[str, Stop] = {}
    for lines in invoices.values():
        total: Decimal = sum(
            (round_half_up(amount(row.get("total")), head.currency) for row in lines), ZERO
        )
        if total < 0:
            carried = policy.net_credit == "carry" and policy.behaviour != "recurring"
            code = "carried" if carried else "net-credit"
            text = f"the invoice would be a credit of {plain(-total)} {head.currency}"
            stopped |= {row["id"]: (code, text) for row in lines}
    return stopped
