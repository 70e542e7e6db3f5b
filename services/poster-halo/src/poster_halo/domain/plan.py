"""plan(desired lines, last posting, observed destination) -> Plan: pure, and empty when equal.

First what stands (found by our stamps, wherever it is), then what forbids writing, then what is
left goes out by the client's behaviour: new (R9), latest (R10) or recurring (R11).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from poster_halo.domain import recurring
from poster_halo.domain.desired import Desired
from poster_halo.domain.latest import latest_invoice, why_not_open
from poster_halo.domain.observed import Document, Observed
from poster_halo.domain.postings import Part, Posting
from poster_halo.domain.shape import NOWHERE, Batch, Change, Elsewhere, Operation, Plan
from schemas.ids import reference
from schemas.money import ZERO

GENERATIONS_MAX = 200
PARTS_MAX = 50
FURTHER = "#"


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
    standing = _Standing(made, posting, observed, elsewhere)
    left = standing.split()
    own = _own_documents(made, posting, observed)
    standing.integrity(own, left)
    if made.code is not None:
        return made
    left = _releasable(made, left)
    behaviour = batch.policy.behaviour
    if behaviour == "recurring":
        left = recurring.plan_recurring(made, left, observed, elsewhere)
    if left and made.code is None:
        _out(made, left, own, observed)
    if not made.operations and made.code is None:
        _nothing(made)
    return made


class _Standing:
    """What of the batch stands already, and what says that nobody may write now."""

    def __init__(
        self, made: Plan, posting: Posting | None, observed: Observed, elsewhere: Elsewhere
    ) -> None:
        self.made, self.posting = made, posting
        self.observed, self.elsewhere = observed, elsewhere
        self.doubled: list[Desired] = []
        self.differing: list[Desired] = []

    def split(self) -> list[Desired]:
        """Fills `standing`; returns the lines that stand nowhere."""
        made, observed = self.made, self.observed
        updates = made.batch.policy.behaviour == "recurring"
        left: list[Desired] = []
        away: list[Desired] = []
        for want in made.lines:
            hits = observed.live(want.id)
            copies = [] if hits else observed.copied(want.id)
            if len(hits) > 1:
                self.doubled.append(want)
            elif hits or copies:
                document, there = (hits or copies)[0]
                made.documents[document.id] = document
                if document.client != made.batch.client:
                    made.warn("posted-elsewhere")
                if there.money == want.money and there.cost_money == want.cost_money:
                    made.standing[want.id] = there
                elif updates and document.id == made.batch.recurring:
                    left.append(want)
                else:
                    self.differing.append(want)
            elif want.id in self.elsewhere.connections:
                away.append(want)
            else:
                left.append(want)
        if away:
            text = f"{len(away)} lines stand at another HaloPSA account: undo them there first"
            made.hold("posted-elsewhere", text, away)
        return left

    def integrity(self, own: Sequence[Document], left: list[Desired]) -> None:
        """Holds the whole rest of the batch when the destination is not as we left it."""
        made = self.made
        waiting = [*self.doubled, *self.differing, *left]
        twins = self._twins()
        if self.doubled or twins:
            text = f"our lines stand twice ({twins or self.doubled[0].id}): remove one of them"
            made.hold("doubled-at-destination", text, waiting)
        elif gone := self._gone():
            text = f"invoice {gone} is voided or gone: undo the posting here to post it again"
            made.hold("gone-at-destination", text, waiting)
        elif self.differing or (edited := self._edited(own)):
            names = self.differing[0].id if self.differing else edited
            text = f"somebody changed our lines there ({names}): put them back, or undo here"
            made.hold("edited-at-destination", text, waiting)
        elif self._unwanted():
            text = (
                f"{len(made.extras)} lines stand there that today's settings would not post:"
                " undo the posting, then plan again"
            )
            made.hold("posted-differently", text, waiting)
        elif made.code is not None:
            made.hold(made.code, made.text, left)

    def _twins(self) -> str:
        for name in _references(self.made, self.posting, self.made.generation):
            there = [d for d in self.observed.by_reference.get(name, ()) if not d.voided]
            if len(there) > 1:
                return f"reference {name} on invoices {', '.join(str(d.id) for d in there)}"
        return ""

    def _gone(self) -> int:
        for part in self._posted():
            document = self.observed.documents.get(part.ext)
            if document is None or document.voided:
                copied = part.lines and all(self.observed.copied(line) for line in part.lines)
                if not copied:
                    return part.ext
        return 0

    def _edited(self, own: Sequence[Document]) -> str:
        """Lines that are not as they were read back, or our invoice without a line of ours."""
        for part in self._posted():
            if part.kind == "replace" and part.ext != self.made.batch.recurring:
                continue
            for line, (_, quantity, price, cost) in part.lines.items():
                hits = self.observed.live(line)
                if not hits:
                    if not self.observed.copied(line):
                        return f"{line} is missing on {part.ext}"
                    continue
                there = hits[0][1]
                seen = (there.quantity, there.price, there.cost)
                if seen != (Decimal(quantity), Decimal(price), Decimal(cost)):
                    return f"{line} on {hits[0][0].id}"
        for document in own:
            if document.id > 0 and not document.ours:
                return f"invoice {document.id} has none of our lines"
        return ""

    def _unwanted(self) -> bool:
        """Lines of this document on our invoices that nobody wants any more."""
        made, batch = self.made, self.made.batch
        if not self.posting and not made.documents:
            return False
        wanted = {line.id for line in made.lines}
        documents = dict(made.documents)
        for part in self._posted():
            if part.ext in self.observed.documents:
                documents[part.ext] = self.observed.documents[part.ext]
        made.extras = [
            ours.line
            for document in documents.values()
            if document.client == batch.client
            and not (document.id < 0 and batch.policy.behaviour == "recurring")
            for ours in document.ours
            if ours.prefix == batch.origin.prefix and ours.line not in wanted
        ]
        known = self.elsewhere.wanted
        if known is None:
            return False
        made.extras = [line for line in made.extras if line not in known]
        return bool(made.extras)

    def _posted(self) -> tuple[Part, ...]:
        return self.posting.standing if self.posting else ()


def _releasable(made: Plan, left: list[Desired]) -> list[Desired]:
    """R12: one held line holds its batch, unless it may post in part; R13: what is not selected."""
    not_selected = [line for line in left if line.hold == "not-selected"]
    blocked = [line for line in left if line.hold not in (None, "not-selected")]
    for line in not_selected:
        made.held[line.id] = "not-selected"
    go = [line for line in left if line.hold is None]
    if blocked:
        code = blocked[0].hold or ""
        for line in blocked:
            made.held[line.id] = line.hold or ""
        if not made.batch.policy.post_partial:
            made.hold(code, f"{len(blocked)} lines have no item yet", go)
            return []
        made.text = f"{len(blocked)} lines wait: {code}"
    return go


def _out(made: Plan, left: list[Desired], own: Sequence[Document], observed: Observed) -> None:
    """As new invoices, onto our own open one, or onto the client's latest."""
    batch = made.batch
    if batch.policy.behaviour == "latest":
        _onto_latest(made, left, own, observed)
        return
    groups: dict[str, list[Desired]] = {}
    per_order = batch.policy.one_invoice_per == "order"
    for line in left:
        groups.setdefault(line.order if per_order else "", []).append(line)
    for part in sorted(groups):
        _group(made, part, groups[part], own, observed)


def _group(
    made: Plan, part: str, lines: list[Desired], own: Sequence[Document], observed: Observed
) -> None:
    batch = made.batch
    names = _part_names(made, part)
    mine = [d for d in own if d.id > 0 and (not batch.policy_per_order or d.reference in names)]
    if mine and not batch.selected:
        target = max(mine, key=lambda d: d.id)
        if _why_closed(made, target, observed) is None:
            _append(made, target, lines)
            return
    used = sum(1 for name in names if observed.by_reference.get(name))
    _create(made, _numbered(part, used), lines, observed, beside=mine[0].id if mine else 0)


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
        used = sum(1 for name in _part_names(made, "") if observed.by_reference.get(name))
        _create(made, _numbered("", used), left, observed, beside=mine[0].id if mine else 0)
    else:
        where = f"invoice {target.id}: " if target else ""
        made.hold("latest-not-open", f"{where}{why}", left)


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
    text = f"a net credit of {_sum(lines)} {made.batch.currency}: say how it is to be given"
    made.hold("net-credit", text, lines)


def _nothing(made: Plan) -> None:
    if made.held:
        made.code = next(iter(made.held.values()))
    elif not made.lines:
        made.text = "nothing-to-post"


def _why_closed(made: Plan, target: Document, observed: Observed) -> str | None:
    currency = observed.currencies.get(made.batch.currency, 0)
    return why_not_open(target, made.batch.client, currency, observed.control)


def _own_documents(made: Plan, posting: Posting | None, observed: Observed) -> list[Document]:
    """Invoices of this batch: under our reference, or with lines of ours. Burns voided numbers."""
    while made.generation < GENERATIONS_MAX:
        names = _references(made, posting, made.generation)
        there = [d for name in names for d in observed.by_reference.get(name, ())]
        if not there or any(not d.voided for d in there):
            break
        if posting is not None and posting.standing:
            break  # voided by a person: that is for `gone-at-destination` to say
        made.generation += 1
    names = _references(made, posting, made.generation)
    found = {d.id: d for name in names for d in observed.by_reference.get(name, ()) if not d.voided}
    for document in made.documents.values():
        if not document.from_recurring and document.client == made.batch.client:
            found[document.id] = document
    made.documents.update(found)
    return [found[number] for number in sorted(found)]


def _references(made: Plan, posting: Posting | None, generation: int) -> list[str]:
    """Every reference that an invoice of this generation may bear."""
    batch = made.batch
    parts = {""} | {line.order for line in made.lines if batch.policy_per_order}
    parts |= {p.part.partition(FURTHER)[0] for p in posting.parts} if posting else set()
    return [
        reference(batch.origin.prefix, batch.tenant, batch.plan, generation, _numbered(part, n))
        for part in sorted(parts)
        for n in range(4)
    ]


def _part_names(made: Plan, part: str) -> list[str]:
    batch = made.batch
    return [
        reference(
            batch.origin.prefix, batch.tenant, batch.plan, made.generation, _numbered(part, n)
        )
        for n in range(PARTS_MAX)
    ]


def _numbered(part: str, used: int) -> str:
    return f"{part}{FURTHER}{used + 1}" if used else part


def _sum(lines: Sequence[Desired]) -> Decimal:
    return sum((line.money for line in lines), ZERO)
