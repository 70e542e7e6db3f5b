"""One function a line variety of the Pax8 sheet (section 12), each giving one item or a few."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.generate.catalog import new_id
from sandbox.generate.lines import Item, Press, plus_months
from sandbox.generate.world import Company, Subscription

type Variety = Callable[[Press, Company, Subscription], list[Item]]


def _simple(key: str, quantity: int, **extra: Any) -> Variety:
    def lines(press: Press, company: Company, _: Subscription) -> list[Item]:
        product = press.world.catalog.others[key]
        period = (press.before, press.invoiced)
        return [
            press.line(company, product, (quantity, product.price, product.cost), period, **extra)
        ]

    return lines


def _cancel(shape: str) -> Variety:
    def lines(press: Press, _: Company, subscription: Subscription) -> list[Item]:
        return [press.prorate(subscription, -max(1, subscription.seats // 4), shape)]

    return lines


def _long_term(press: Press, company: Company, subscription: Subscription) -> list[Item]:
    months = press.rng.choice((12, 36))
    product = subscription.product
    period = (press.invoiced, plus_months(press.invoiced, months))
    extra = {"term": "Annual" if months == 12 else "3 Year", "subscriptionId": new_id(press.rng)}
    amounts = (3, product.price * months, product.cost * months)
    return [press.line(company, product, amounts, period, **extra)]


def _tiny(press: Press, _: Company, subscription: Subscription) -> list[Item]:
    item = press.prorate(subscription, 1)
    exact = press.rng.choice((Decimal(0), Decimal("0.003"), Decimal("-0.004")))
    return [
        item | {"price": exact, "total": exact, "cost": exact, "costTotal": exact, "salesTax": 0}
    ]


def _zero_seat(press: Press, company: Company, subscription: Subscription) -> list[Item]:
    period = (press.invoiced, plus_months(press.invoiced, 1))
    extra = {"term": "Trial", "rateType": "flat", "subscriptionId": new_id(press.rng)}
    return [press.line(company, subscription.product, (5, 0, 0), period, **extra)]


def _given_away(press: Press, company: Company, subscription: Subscription) -> list[Item]:
    period = (press.invoiced, plus_months(press.invoiced, 1))
    product = subscription.product
    extra = {"subscriptionId": new_id(press.rng), "description": f"{product.name} (promotion)"}
    # Values of enums that nobody has documented, where nothing depends on them.
    extra |= {"rateType": "promotional", "chargeType": "bundle", "unitOfMeasure": "Pack"}
    return [press.line(company, product, (2, 0, product.cost), period, **extra)]


def _service(press: Press, company: Company, subscription: Subscription) -> list[Item]:
    kind = press.rng.choice(("service-charge", "service_charge", "service-credit"))
    quantity = -1 if kind == "service-credit" else 1
    return _simple("fee", quantity, type=kind, term="One-time")(press, company, subscription)


def _settlement(press: Press, company: Company, _: Subscription) -> list[Item]:
    """Settles the partner's own account; such lines come with a company or without."""
    made = []
    for kind in ("rebate", "payment-credit", "invoice-credit"):
        owner = company if kind == "rebate" else None
        amounts = (-1, Decimal("12.50"), Decimal("12.50"))
        period = (press.before, press.invoiced)
        fee = press.world.catalog.others["fee"]
        made.append(press.line(owner, fee, amounts, period, type=kind, term="Rebate"))
    return made


def _homeless(press: Press, _: Company, subscription: Subscription) -> list[Item]:
    """A resource group linked to nobody, and a company that is not in the list."""
    unlinked = press.azure(None) | {"subscriptionId": UNLINKED}
    foreign = press.seats(subscription, 2) | {
        "companyId": FOREIGN,
        "companyName": "Vanished Ventures",
        "subscriptionId": new_id(press.rng),
    }
    return [unlinked, {name: value for name, value in foreign.items() if name != "externalId"}]


def _twins(press: Press, company: Company, subscription: Subscription) -> list[Item]:
    one = _simple("hardware", 1, type="one-time", term="One-Time", unitOfMeasure="Each")
    first = one(press, company, subscription)[0]
    return [first, first | {"id": new_id(press.rng)}]


def _hostile(press: Press, company: Company, _: Subscription) -> list[Item]:
    hostile = [product for product in press.world.catalog.seats if product.fate == "new"][-3:]
    period = (press.invoiced, plus_months(press.invoiced, 1))
    product = press.rng.choice(hostile)
    text = f'{product.name}\r\n"; \u202e <b>&amp; $CLIENT {{0}} %s \\'
    amounts = (4, product.price, product.cost)
    extra = {"description": text, "subscriptionId": new_id(press.rng)}
    return [press.line(company, product, amounts, period, **extra)]


def _second_currency(press: Press, _: Company, subscription: Subscription) -> list[Item]:
    """The pounds client's charges, one in pounds and one in dollars."""
    pounds = press.world.pounds
    made = _given_one(press, pounds, subscription) + _given_one(press, pounds, subscription)
    return [made[0], made[1] | {"currencyCode": "USD", "subscriptionId": DOLLARS}]


def _given_one(press: Press, company: Company, subscription: Subscription) -> list[Item]:
    period = (press.invoiced, plus_months(press.invoiced, 1))
    product = subscription.product
    amounts = (1, product.price, product.cost)
    return [press.line(company, product, amounts, period, subscriptionId=new_id(press.rng))]


DOLLARS = "5b0d0000-0000-4000-8000-000000000d01"
UNLINKED = "5b0d0000-0000-4000-8000-00000000a2e0"
FOREIGN = "f0e10000-0000-4000-8000-00000000c0de"
GIVEN = {"type": "one-time", "term": "One-time", "unitOfMeasure": "Each"}

VARIETIES: dict[str, Variety] = {
    "2": _long_term,
    "3": lambda press, _, own: [press.prorate(own, press.rng.randint(1, 6))],
    "4a": _cancel("a"),
    "4b": _cancel("b"),
    "4c": _cancel("c"),
    "5": _tiny,
    "6": lambda press, company, _: [press.azure(company)],
    "7": lambda press, company, _: [press.azure(company, (1, 0, 0))],
    "8": _simple("reservation", 1, term="Arrears", unitOfMeasure="Each"),
    "9": lambda press, company, _: [press.azure(company, (1, "-0.418300", "-0.380273"))],
    "10": lambda press, company, _: [press.arrears(company, "aws", press.metered())],
    "11": _simple("migration", 2, type="one-time", term="One-Time", unitOfMeasure="Mailbox"),
    "12": _zero_seat,
    "13": _given_away,
    "14": _service,
    "15": _settlement,
    "16": _simple("hosted", 1, billedByPax8=True, billingFee=Decimal("1.80"), billingFeeRate=3),
    "17": _homeless,
    "18": _twins,
    "19": _hostile,
    "20": _second_currency,
}
