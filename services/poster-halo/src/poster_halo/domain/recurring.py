"""R11: our lines of one source on a client's recurring invoice are exactly one document's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from poster_halo.domain.desired import Desired, come_to
from poster_halo.domain.observed import Document, Observed, OurLine
from poster_halo.domain.shape import Change, Elsewhere, Operation, Plan
from poster_halo.domain.words import name_recurring

MONTHLY = 2
_NO_CREDIT = "a net credit can not stand on a recurring invoice: bill this client as `new`"
NEAR = timedelta(days=5)


def plan_recurring(
    made: Plan, left: list[Desired], observed: Observed, elsewhere: Elsewhere
) -> list[Desired]:
    """Adds the operation, or holds; returns the lines that go out as a new invoice instead."""
    batch = made.batch
    target = observed.documents.get(batch.recurring) if batch.recurring else None
    refused = _refusal(made, target, observed)
    if refused is not None:
        if left:
            made.hold(*refused, left)
        elif batch.recurring is not None:
            made.warn(refused[0])
        return []
    assert target is not None, "what is refused has returned"
    ours = [one for one in target.ours if one.source in ("", batch.origin.source)]
    newer = [one for one in ours if _is_newer(one, made)]
    before = [one for one in ours if one.prefix != batch.origin.prefix]
    copies = [c for c in observed.copies.get(target.id, ()) if not c.voided]
    billed = any(_carries(copy, batch.origin.prefix) for copy in copies)
    made.billed = billed if made.standing or left else None
    _warn_if_stale(made, target, observed, billed=billed)
    if newer or (billed and not before):
        return _too_late(made, left, observed)
    mine = [one for one in ours if one.prefix == batch.origin.prefix]
    if left and come_to(made.lines)[0] < 0:
        made.hold("net-credit", _NO_CREDIT, left)
        return []
    if before and not _guarded(made, before, copies, left):
        return []
    changes = _changes(made, mine, before, left)
    changes = _without_remapped(made, changes, elsewhere)
    if changes:
        made.documents[target.id] = target
        made.operations.append(Operation("replace", target, target.reference, "", changes))
    return []


def _refusal(made: Plan, target: Document | None, observed: Observed) -> tuple[str, str] | None:
    """Code and sentence. What fits is looked for in all documents, so for a refusal alone."""
    batch = made.batch

    def refused(code: str, text: str, asks: str = "name another one") -> tuple[str, str]:
        return code, f"{text}: {name_recurring(batch.row, _fitting(made, observed), asks)}"

    if batch.recurring is None:
        text = "no recurring invoice is mapped for this client"
        return refused("recurring-missing", text, "name one")
    it = f"recurring invoice {batch.recurring}"
    if target is None:
        return refused("recurring-gone", f"{it} is not in HaloPSA any more")
    if target.disabled:
        return "recurring-disabled", f"{it} is disabled: enable it in HaloPSA"
    currency = observed.currencies.get(batch.currency, 0)
    other = bool(currency and target.currency and target.currency != currency)
    theirs = f"belongs to client {target.client}"
    reasons = (
        (target.client != batch.client, "recurring-other-client", theirs),
        (other, "currency-mismatch", f"is not in {batch.currency}"),
        (target.period != MONTHLY, "recurring-not-monthly", "is not monthly"),
    )
    return next((refused(code, f"{it} {why}") for is_so, code, why in reasons if is_so), None)


def _fitting(made: Plan, observed: Observed) -> list[int]:
    """The client's recurring invoices that the lines could go on."""
    batch = made.batch
    currency = observed.currencies.get(batch.currency, 0)
    return [
        one.id
        for one in observed.documents.values()
        if one.id < 0
        and one.client == batch.client
        and one.period == MONTHLY
        and not one.disabled
        and (not currency or one.currency in (0, currency))
    ]


def _is_newer(line: OurLine, made: Plan) -> bool:
    origin = made.batch.origin
    return line.prefix != origin.prefix and line.day > origin.day


def _carries(copy: Document, prefix: str) -> bool:
    return any(one.prefix == prefix for one in copy.ours)


def _guarded(
    made: Plan, before: Sequence[OurLine], copies: Sequence[Document], left: list[Desired]
) -> bool:
    """Before P's lines are replaced, exactly one invoice must carry them."""
    for prefix in sorted({one.prefix for one in before} - made.batch.replaced):
        carrying = [copy.id for copy in copies if _carries(copy, prefix)]
        if len(carrying) == 1:
            continue
        code = "recurring-billed-twice" if carrying else "recurring-not-billed"
        if made.batch.policy.recurring_guard == "warn":
            made.warn(code)
            continue
        text = (
            f"the lines of {prefix} were billed {len(carrying)} times"
            f" ({', '.join(map(str, carrying)) or 'no invoice carries them'}): see to that first"
        )
        made.hold(code, text, left)
        return False
    return True


def _changes(
    made: Plan, mine: Sequence[OurLine], before: Sequence[OurLine], left: list[Desired]
) -> list[Change]:
    """Same slot: in place. New slot: added. A slot of an older document without one in D: gone."""
    by_slot = {one.slot: one for one in (*before, *mine)}
    taken: set[int] = set()
    wanted = {line.id for line in made.lines}
    changes: list[Change] = []
    for line in left:
        there = by_slot.get(line.slot)
        if there is None or there.ext in taken:
            changes.append(Change("add", line))
            continue
        taken.add(there.ext)
        changes.append(Change("change", line, there))
    kept = {one.ext for one in made.standing.values()}
    changes.extend(
        Change("remove", None, one)
        for one in (*mine, *before)
        if one.ext not in taken and one.ext not in kept and one.line not in wanted
    )
    return changes


def _too_late(made: Plan, left: list[Desired], observed: Observed) -> list[Desired]:
    """D is billed, or a newer document stands there: what is new goes out by itself."""
    changed = [line for line in left if observed.live(line.id)]
    if changed:
        text = f"{len(changed)} lines were billed with other amounts: correct them on an invoice"
        made.hold("posted-differently", text, left)
        return []
    return left


def _without_remapped(made: Plan, changes: list[Change], elsewhere: Elsewhere) -> list[Change]:
    """A line of this document that now belongs to another client stays where it was posted."""
    prefix = made.batch.origin.prefix
    known = elsewhere.wanted or ()
    kept: list[Change] = []
    for change in changes:
        there = change.there
        if change.kind == "remove" and there is not None:
            if there.prefix == prefix:
                made.extras.append(there.line)
            if there.line in known:
                continue
        kept.append(change)
    return kept


def _warn_if_stale(made: Plan, target: Document, observed: Observed, *, billed: bool) -> None:
    """The next invoice would bill lines of a document that was billed already."""
    near = target.next_creation is not None and target.next_creation <= observed.today + NEAR
    if billed and near and made.standing:
        made.warn("recurring-stale")
