"""plan(desired lines, last posting, observed destination) -> Plan: pure, and empty when equal.

First what stands (found by our stamps, wherever it is), then what forbids writing, then what is
left goes out by the client's behaviour: new (R9), latest (R10) or recurring (R11).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from poster_halo.domain import recurring
from poster_halo.domain.desired import Desired, come_to
from poster_halo.domain.latest import latest_invoice, why_not_open
from poster_halo.domain.observed import Document, Observed
from poster_halo.domain.postings import Posting
from poster_halo.domain.references import numbered, own_documents, part_names
from poster_halo.domain.shape import NOWHERE, Batch, Change, Elsewhere, Operation, Plan
from poster_halo.domain.standing import Standing
from poster_halo.domain.words import without_item
from schemas.ids import reference

_OPEN_IT = 'open one in HaloPSA, or set `when_not_open = "new"` under [policy]'


def plan(
    batch: Batch,
    lines: Sequence[Desired],
    posting: Posting | None,
    observed: Observed,
    elsewhere: Elsewhere = NOWHERE,
) -> Plan:
    """What applying would do to make exactly these lines stand, once each."""
    made = Plan(batch, list(lines))
    made.generation = posting.generation if posting else 0
    currency = observed.currencies.get(batch.currency, 0)
    if observed.currencies and not currency and lines:
        text = f"HaloPSA has no currency {batch.currency}: add it there"
        made.hold("currency-mismatch", text, made.lines)
        return made
    made.strays = elsewhere.strays
    standing = Standing(made, posting, observed, elsewhere)
    left = standing.split()
    own = own_documents(made, posting, observed)
    standing.integrity(own, left)
    if made.code is not None:
        return made
    ready = _releasable(made, left)
    if ready is None:
        return made
    left = ready
    behaviour = batch.policy.behaviour
    if behaviour == "recurring" and not batch.beside:
        left = recurring.plan_recurring(made, left, observed, elsewhere)
    if left and made.code is None:
        _out(made, left, own, observed)
    if not made.operations and made.code is None:
        _nothing(made)
    return made


def _releasable(made: Plan, left: list[Desired]) -> list[Desired] | None:
    """R12: one held line holds its batch, unless it may post in part; R13: what is not selected."""
    held = [line for line in left if line.hold is not None]
    if not held:
        return left
    blocked = [line for line in held if line.hold != "not-selected"]
    for line in held:
        if line.hold == "not-selected":
            made.held[line.id] = line.hold
    go = [line for line in left if line.hold is None]
    if blocked:
        code = blocked[0].hold or ""
        for line in blocked:
            made.held[line.id] = line.hold or ""
        if not made.batch.policy.post_partial:
            made.hold(code, _without_item(blocked), go)
            return None
        made.text = _without_item(blocked)
    return go


def _without_item(blocked: Sequence[Desired]) -> str:
    refused = [one for line in blocked if (one := line.sold.item.refused)]
    return without_item(len(blocked), list(dict.fromkeys(refused)))


def _out(made: Plan, left: list[Desired], own: Sequence[Document], observed: Observed) -> None:
    """As new invoices, onto our own open one, or onto the client's latest."""
    batch = made.batch
    if batch.policy.behaviour == "latest":
        _onto_latest(made, left, own, observed)
        return
    groups: dict[str, list[Desired]] = {}
    if batch.policy_per_order:
        for line in left:
            groups.setdefault(line.sold.order, []).append(line)
    else:
        groups[""] = left
    for part in sorted(groups):
        _group(made, part, groups[part], own, observed)


def _group(
    made: Plan, part: str, lines: list[Desired], own: Sequence[Document], observed: Observed
) -> None:
    batch = made.batch
    names = part_names(made, part, observed)
    mine = [d for d in own if d.id > 0 and (not batch.policy_per_order or d.reference in names)]
    if mine and not batch.selected:
        target = max(mine, key=lambda d: d.id)
        if _why_closed(made, target, observed) is None:
            _append(made, target, lines)
            return
    used = sum(1 for name in names if observed.by_reference.get(name))
    _create(made, numbered(part, used), lines, observed, beside=mine[0].id if mine else 0)


def _onto_latest(
    made: Plan, left: list[Desired], own: Sequence[Document], observed: Observed
) -> None:
    batch = made.batch
    mine = [d for d in own if d.id > 0]
    if _sum(left) < 0 and batch.policy.net_credit != "append":
        _net_credit(made, left)
        return
    target = max(mine, key=lambda d: d.id) if mine else None
    target = target or latest_invoice(observed, batch.client, batch.latest_days)
    why = "there is none in the window" if target is None else _why_closed(made, target, observed)
    if target is not None and why is None:
        _append(made, target, left)
    elif mine or batch.policy.when_not_open == "new":
        used = sum(1 for name in part_names(made, "", observed) if observed.by_reference.get(name))
        _create(made, numbered("", used), left, observed, beside=mine[0].id if mine else 0)
    else:
        where = f"invoice {target.id}: " if target else ""
        made.hold("latest-not-open", f"{where}{why}: {_OPEN_IT}", left)


def _append(made: Plan, target: Document, lines: list[Desired]) -> None:
    changes = [Change("add", line) for line in lines]
    made.documents[target.id] = target
    made.operations.append(Operation("append", target, target.reference, "", changes))


def _create(
    made: Plan, part: str, lines: list[Desired], observed: Observed, *, beside: int
) -> None:
    batch = made.batch
    credit = False
    if _sum(lines) < 0:
        choice = batch.policy.net_credit
        if choice == "append":
            target = latest_invoice(observed, batch.client, batch.latest_days)
            if target is not None and _why_closed(made, target, observed) is None:
                _append(made, target, lines)
                return
        if choice != "credit_note":
            _net_credit(made, lines)
            return
        credit = True
    name = reference(batch.origin.prefix, batch.tenant, batch.plan, made.generation, part)
    changes = [Change("add", line) for line in lines]
    made.operations.append(
        Operation("create", None, name, part, changes, beside=beside, credit=credit)
    )


def _net_credit(made: Plan, lines: list[Desired]) -> None:
    """R15: a credit to the customer waits for a person, or for the next document."""
    if made.batch.policy.net_credit == "carry":
        made.hold("carried", "a net credit, carried to the next document", lines)
        return
    text = f"a net credit of {_sum(lines)} {made.batch.currency}: set `net_credit` under [policy]"
    made.hold("net-credit", text, lines)


def _nothing(made: Plan) -> None:
    if made.held:
        made.code = next(iter(made.held.values()))
    elif not made.lines:
        made.text = "nothing-to-post"


def _why_closed(made: Plan, target: Document, observed: Observed) -> str | None:
    currency = observed.currencies.get(made.batch.currency, 0)
    return why_not_open(target, made.batch.client, currency, observed.control)


def _sum(lines: Sequence[Desired]) -> Decimal:
    return come_to(lines)[0]
