"""One answer a line: what was decided about it and about its batch, put into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chargeline.explain.billed import billed_as
from chargeline.explain.deciding import Formed
from chargeline.explain.reading import SourceLine
from chargeline.explain.resolving import Decisions
from chargeline.explain.rules import Asked
from chargeline.explain.stops import Stop, stops
from lifecycle.domain.resolve import Answer, Held, Resolved
from normalizer.domain.rows import ChargeRow, amount
from schemas.explained import (
    RAW_ALTERED,
    AsReceived,
    BilledAs,
    LineExplained,
    MappedTo,
    Outcome,
    SoldAs,
)
from schemas.money import plain
from schemas.settings import ClientMapping, Settings
from vendors.pax8 import day_of

_SAID = {
    "dropped": "dropped by {rule}, set at level {level}",
    "excluded": "excluded: {rule}",
    "held": "held: {rule}",
    "collapsed": "merged into line {into}",
}


@dataclass(frozen=True)
class Ended:
    """How a line ended: the outcome, the rule with its level, and one sentence."""

    outcome: Outcome
    rule: str | None
    level: str | None
    text: str


class BatchAnswers:
    """The answers of one batch."""

    def __init__(
        self, settings: Settings, group: Formed, answer: Answer, decisions: Decisions
    ) -> None:
        self._settings = settings
        self._group = group
        self._answer = answer
        self._decisions = decisions
        self._asked = Asked.of(group.received, settings)
        self._mappings = _mappings(settings, group.received.source)
        self._stops: Mapping[str, Stop] = (
            stops(group, answer, decisions.known) if isinstance(answer, Resolved) else {}
        )

    def line(self, line: SourceLine) -> LineExplained:
        """The answer for a source line that is as it was read."""
        assert line.item is not None, "a line without bytes has another answer"
        row = self._group.rows[line.id]
        item = line.item
        explained = self.row(row, line.item.company_id or "", item.subscription_id)
        return explained.model_copy(
            update={
                "vendor_id": line.vendor_id,
                "page": line.page,
                "row": line.row,
                "company_name": item.company_name or "",
                "received": AsReceived(
                    type=item.type or "",
                    term=item.term or "",
                    name=item.product_name or "",
                    text=item.description or "",
                    order=item.purchase_order_number,
                    start=day_of(item.start_period),
                    end=day_of(item.end_period),
                    quantity=item.quantity,
                    price=item.price,
                    total=item.total,
                    cost=item.cost,
                    cost_total=item.cost_total,
                ),
            }
        )

    def merged(self) -> LineExplained | None:
        """The answer for the line that Azure charges were merged into, if there is one."""
        row = self._group.merged
        if row is None:
            return None
        rows = self._group.rows.values()
        members = tuple(r["id"] for r in rows if r.get("into") == row["id"])
        altered = any(line.altered and line.id in members for line in self._group.lines)
        explained = self.row(row, row.get("company", ""), None)
        problem = RAW_ALTERED if altered else None
        return explained.model_copy(update={"members": members, "rules": (), "problem": problem})

    def row(self, row: ChargeRow, company: str, subscription: str | None) -> LineExplained:
        """What was decided about a row; what the source said of it is for the caller to add."""
        head = self._group.received
        ended = self._ended(row)
        billable = ended.outcome in ("posted", "held") and row.get("outcome") == "kept"
        return LineExplained(
            line=row["id"],
            document=head.document,
            company=company,
            company_name=row.get("company_name", ""),
            subscription=subscription,
            currency=head.currency,
            batch=head.batch,
            bill_to=head.bill_to,
            outcome=ended.outcome,
            rule=ended.rule,
            level=ended.level,
            text=ended.text,
            rules=self._asked.rules(row),
            warnings=tuple(row.get("warnings", ())),
            mapping=self._mapping(company, subscription),
            behaviour=head.policy.behaviour,
            product=self._sold_as(row),
            billed=self._billed(row) if billable else None,
            into=row.get("into"),
        )

    def _ended(self, row: ChargeRow) -> Ended:
        outcome, rule, level = row["outcome"], row.get("rule"), row.get("level")
        if outcome != "kept":
            text = _SAID[outcome].format(rule=rule, level=level, into=row.get("into"))
            return Ended(outcome, rule, level, text)
        if isinstance(self._answer, Held):
            hold = self._answer.holds[0]
            mine = [h for h in self._answer.holds if h.product_key == row.get("product_key")]
            return Ended("held", hold.code, None, (mine or [hold])[0].text)
        if stop := self._stops.get(row["id"]):
            return Ended("held", stop[0], None, stop[1])
        billed = self._billed(row)
        client = self._group.bill_to.client
        text = (
            f"billed to client {client} as {plain(billed.quantity)} x {plain(billed.price)}"
            f" = {plain(billed.total)} {self._group.currency}"
        )
        return Ended("posted", rule, level, text)

    def _billed(self, row: ChargeRow) -> BilledAs:
        given = {
            name: None if (text := row.get(name)) is None else amount(str(text))
            for name in ("quantity", "price", "cost")
        }
        return billed_as(
            given["quantity"],
            given["price"],
            given["cost"],
            (amount(row.get("total")), amount(row.get("cost_total"))),
            self._group.currency,
            self._settings.halopsa,
        )

    def _mapping(self, company: str, subscription: str | None) -> MappedTo | None:
        bill_to = self._group.bill_to
        if bill_to.client is None:
            return None
        by_subscription = self._mappings.get((company, subscription)) if subscription else None
        row = by_subscription or self._mappings.get((company, None))
        clients = self._decisions.clients
        client = clients.get(bill_to.client) if clients is not None else None
        answer = self._answer
        billable = answer.billable if isinstance(answer, Resolved) else None
        return MappedTo(
            client=bill_to.client,
            client_name=client.name if client is not None else "",
            billed_through=billable.bill_client if billable is not None else None,
            recurring=bill_to.recurring,
            by="subscription" if by_subscription else "company",
            evidence=row.evidence if row is not None else "",
        )

    def _sold_as(self, row: ChargeRow) -> SoldAs | None:
        key = row.get("product_key")
        if key is None or row["outcome"] != "kept":
            return None
        choice = self._answer.choices.get(key) if isinstance(self._answer, Resolved) else None
        if choice is None:
            return SoldAs(product_key=key)
        made = self._decisions.known.get(key)
        if choice.proposed and made is not None and made.item is not None:
            return SoldAs(product_key=key, item=made.item, name=made.name, evidence=made.evidence)
        return SoldAs(
            product_key=key,
            item=choice.item,
            name=choice.name,
            evidence=choice.evidence,
            to_be_created=choice.proposed,
        )


def _mappings(settings: Settings, source: str) -> dict[tuple[str, str | None], ClientMapping]:
    return {(row.company, row.subscription): row for row in settings.client if row.source == source}
