"""What each line of a generated month must become: the Pax8 sheet's table of line varieties.

Works from the load, the settings and the varieties that the generator planted; imports no service.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Row = Mapping[str, Any]
ZERO = Decimal(0)
MODIFIERS = ("drop_azure", "collapse_azure", "drop_prorata", "drop_zero")
LEVELS = ("global", "integration", "client", "client within integration")

# `keep`, or when the modifier takes the line: always (`drop`, `merge`), if the scope is all arrears
# (`arrears`), if the total is below zero (`negative`), if nothing but the charge is tested
# (`charge`). Columns: drop Azure, collapse, drop favourable prorata, drop zero.
SHEET = {
    "1": ("keep", "keep", "keep", "keep"),  # seats by the month
    "2": ("keep", "keep", "keep", "keep"),  # by the year, or three
    "3": ("keep", "keep", "keep", "keep"),  # more seats
    "4a": ("keep", "keep", "drop", "keep"),  # fewer seats: negative quantity
    "4b": ("keep", "keep", "drop", "keep"),  # negative units
    "4c": ("keep", "keep", "drop", "keep"),  # negative totals only
    "5": ("keep", "keep", "negative", "drop"),  # a change that rounds to nothing
    "6": ("drop", "merge", "keep", "keep"),  # Azure usage
    "7": ("drop", "merge", "keep", "drop"),  # an empty Azure container
    "8": ("drop", "merge", "keep", "keep"),  # an Azure reservation
    "9": ("drop", "merge", "keep", "keep"),  # an Azure credit
    "10": ("arrears", "arrears", "keep", "keep"),  # another vendor's usage
    "11": ("keep", "keep", "keep", "keep"),  # one-time
    "12": ("keep", "keep", "keep", "drop"),  # a trial
    "13": ("keep", "keep", "keep", "charge"),  # given away: no price, but a cost
    "14": ("keep", "keep", "keep", "keep"),  # a service charge or credit
    "18": ("keep", "keep", "keep", "keep"),  # twins: both survive
    "19": ("keep", "keep", "keep", "keep"),  # hostile names
    "20": ("keep", "keep", "keep", "keep"),  # a second currency
}
SETTLED = "15"  # rebate, payment credit, invoice credit
BILLED_BY_PAX8 = "16"
HOMELESS = "17"  # an unlinked resource group, or a seat of a vanished company
RULES = ("drop-azure", "collapse-azure", "drop-prorata", "drop-zero")


@dataclass
class Line:
    """One line of the load, or the one that several became, with what must become of it."""

    item: str
    client: int | None
    currency: str
    price: Decimal
    cost: Decimal
    product: str
    outcome: str = "kept"
    rule: str = ""
    level: str = ""
    recurring: int | None = None
    members: list[str] = field(default_factory=list)

    @property
    def money(self) -> tuple[Decimal, Decimal]:
        return cents(self.price), cents(self.cost)


@dataclass(frozen=True)
class Answer:
    """One policy value in force and the level that set it last."""

    value: Any
    level: str


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def expected(
    items: Sequence[Row], varieties: Mapping[str, str], settings: Row, currencies: Mapping[int, str]
) -> list[Line]:
    """Every line of the document, then the merged ones. `currencies`: a client is billed in."""
    rows = settings["client"]
    lines: list[Line] = []
    merging: dict[tuple[int | None, str], list[Line]] = defaultdict(list)
    for item in items:
        row = _payer(item, rows)
        line = Line(
            item=str(item["id"]),
            client=row.get("halo"),
            currency=str(item["currencyCode"]),
            price=Decimal(str(item["total"])),
            cost=Decimal(str(item["costTotal"])),
            product=str(item["productId"]),
            recurring=row.get("recurring"),
        )
        lines.append(line)
        variety = _row_of(varieties[line.item], item)
        if row.get("exclude"):
            line.outcome, line.rule = "excluded", "excluded-client"
        elif variety == BILLED_BY_PAX8:
            line.outcome, line.rule = "excluded", "billedByPax8"
        elif variety == SETTLED:
            line.outcome, line.rule = "excluded", str(item["type"])
        else:
            _modify(line, SHEET[variety], policy_of(row, settings))
            if line.outcome == "collapsed":
                merging[line.client, line.currency].append(line)
    lines += [_merged(members) for members in merging.values()]
    for line in lines:
        if line.outcome == "kept" and currencies.get(line.client or 0) != line.currency:
            line.outcome, line.rule = "held", "currency-mismatch"
    return lines


def policy_of(row: Row, settings: Row) -> dict[str, Answer]:
    """The last level that says something wins; several companies of one client agree here."""
    integration = settings.get("integration", {}).get("pax8", {})
    said = (
        settings.get("policy", {}),
        integration.get("policy", {}),
        row.get("policy", {}),
        row.get("integration_policy", {}),
    )
    answers = {name: Answer(False, "default") for name in MODIFIERS}
    answers |= {
        "zero_test": Answer("both", "default"),
        "azure_scope": Answer("azure_only", "default"),
    }
    for level, values in zip(LEVELS, said, strict=True):
        for name, value in values.items():
            if value is not None:
                answers[name] = Answer(value, level)
    return answers


def _payer(item: Row, rows: Sequence[Row]) -> Row:
    company = item.get("companyId") or ""
    for subscription in (item.get("subscriptionId"), None):
        for row in rows:
            if row["company"] == company and row.get("subscription") == subscription:
                found: Row = row
                return found
    if not company:
        return {"halo": None}  # a settlement of the partner's own account
    raise AssertionError(f"nobody decided about company {company}")


def _row_of(variety: str, item: Row) -> str:
    """A homeless line is an ordinary one once somebody pays for it."""
    if variety != HOMELESS:
        return variety
    return "1" if item.get("companyId") else "6"


def _modify(line: Line, cells: Sequence[str], policy: Mapping[str, Answer]) -> None:
    """Drop Azure, drop prorata, collapse, drop zero: the first that takes the line ends it."""
    for place in (0, 2, 1, 3):
        answer = policy[MODIFIERS[place]]
        if answer.value and _takes(cells[place], line, policy):
            line.outcome = "collapsed" if place == 1 else "dropped"
            line.rule, line.level = RULES[place], answer.level
            return


def _takes(cell: str, line: Line, policy: Mapping[str, Answer]) -> bool:
    match cell:
        case "keep":
            return False
        case "arrears":
            return bool(policy["azure_scope"].value == "all_arrears")
        case "negative":
            return line.price < 0
        case "charge":
            return bool(policy["zero_test"].value == "charge")
        case _:
            return True


def _merged(members: Sequence[Line]) -> Line:
    first = members[0]
    return Line(
        item="",
        client=first.client,
        currency=first.currency,
        price=sum((m.price for m in members), ZERO),
        cost=sum((m.cost for m in members), ZERO),
        product="azure-collapsed",
        rule="collapse-azure",
        recurring=first.recurring,
        members=[m.item for m in members],
    )
