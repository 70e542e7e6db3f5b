"""Prints single invoice items in the shapes of the Pax8 sheet: seats, prorations, arrears."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from sandbox.generate.catalog import Product, new_id
from sandbox.generate.world import Company, Subscription, World, cents

type Item = dict[str, Any]

METERS = (
    "Premium SSD Managed Disks",
    "Virtual Machines Dv5 Series",
    "Bandwidth Inter-Region",
    "Azure Backup",
    "Log Analytics",
    "SQL Database vCore",
    "Storage Account - Hot LRS",
)


def month_start(month: str) -> date:
    return date.fromisoformat(f"{month}-01")


def plus_months(day: date, months: int) -> date:
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


@dataclass
class Press:
    """Prints lines of one invoice: seats for its month M, prorations and arrears of M-1."""

    world: World
    rng: Random
    invoiced: date  # the 1st of M

    @property
    def before(self) -> date:
        return plus_months(self.invoiced, -1)

    def line(
        self,
        company: Company | None,
        product: Product,
        amounts: tuple[Any, Any, Any],
        period: tuple[date, date],
        **extra: Any,
    ) -> Item:
        """`amounts` are quantity, price and cost; the period's end is exclusive."""
        quantity, price, cost = (Decimal(amount) for amount in amounts)
        total = cents(quantity * price)
        cost_total = cents(quantity * cost)
        # The samples disagree about the end: the next period's start, or the last day.
        end = period[1] - timedelta(days=int(self.rng.random() < 0.15))
        who: Item = {"companyId": company.id, "companyName": company.name} if company else {}
        if company and company.external_id:
            who["externalId"] = company.external_id
        item: Item = {
            "id": new_id(self.rng),
            "type": "subscription",
            "purchaseOrderNumber": "N/A",
            **who,
            "startPeriod": period[0].isoformat(),
            "endPeriod": end.isoformat(),
            "quantity": int(quantity) if quantity == int(quantity) else quantity,
            "unitOfMeasure": "User",
            "term": "Monthly",
            "sku": product.sku,
            "description": product.name,
            "productName": product.name,
            "rateType": "single",
            "chargeType": "per",
            "price": price,
            "total": total,
            "cost": cost,
            "costTotal": cost_total,
            "billingFee": 0,
            "billingFeeRate": 0,
            "offeredBy": "Pax8",
            "billedByPax8": False,
            "productId": product.id,
            "subscriptionId": None,
            "vendorName": product.vendor,
            "currencyCode": company.currency if company else "USD",
        } | extra
        # Contradictory in the samples, so never to be used.
        item["subTotal"], item["amountDue"] = item["costTotal"], item["total"]
        item["salesTax"] = cents(item["costTotal"] * Decimal("0.08"))
        return item

    def seats(self, subscription: Subscription, seats: int) -> Item:
        """Varieties 1 and 2: seats in advance, for a month, a year or three."""
        months = {"Monthly": 1, "Annual": 12, "3 Year": 36}[subscription.term]
        product = subscription.product
        price, cost = product.price * months, product.cost * months
        extra: Item = {"term": subscription.term, "subscriptionId": subscription.id}
        if product.tiers and seats > 10:
            # Ten at list, the rest a tenth cheaper: the unit price does not give the total.
            extra["rateType"] = "tiered"
            extra["total"] = cents(price * 10 + price * (seats - 10) * Decimal("0.9"))
            extra["costTotal"] = cents(cost * 10 + cost * (seats - 10) * Decimal("0.9"))
        period = (self.invoiced, plus_months(self.invoiced, months))
        return self.line(subscription.company, product, (seats, price, cost), period, **extra)

    def prorate(self, subscription: Subscription, seats: int, shape: str = "a") -> Item:
        """Varieties 3 and 4: a change in the month before, billed for the days that were left."""
        days = monthrange(self.before.year, self.before.month)[1]
        day = self.rng.randint(2, days)
        share = Decimal(days - day + 1) / days
        product = subscription.product
        price = (product.price * share).quantize(Decimal("0.0001"))
        cost = (product.cost * share).quantize(Decimal("0.0001"))
        extra: Item = {"type": "prorate", "subscriptionId": subscription.id}
        amounts: tuple[Any, Any, Any] = (seats, price, cost)
        if seats < 0 and shape == "b":
            amounts = (-seats, -price, -cost)
        if seats < 0 and shape == "c":
            amounts = (-seats, 0, 0)
            extra |= {"total": cents(price * seats), "costTotal": cents(cost * seats)}
        period = (self.before.replace(day=day), self.invoiced)
        return self.line(subscription.company, product, amounts, period, **extra)

    def arrears(self, company: Company | None, key: str, amounts: Any, text: str = "") -> Item:
        """Usage of the month before; the text pattern is what tells Azure from other vendors."""
        product = self.world.catalog.others[key]
        extra: Item = {"term": "Arrears", "unitOfMeasure": "Each", "rateType": "markup"}
        if company:
            extra["subscriptionId"] = company.azure_subscription
        if text:
            extra |= {"description": text, "details": text}
        return self.line(company, product, amounts, (self.before, self.invoiced), **extra)

    def azure(self, company: Company | None, amounts: Any = None) -> Item:
        """Varieties 6, 7 and 9, by their amounts."""
        name, guid = ("Unlinked", new_id(self.rng))
        if company:
            name, guid = f"{company.name.split()[0][:40]} Prod", company.azure_id
        meter = self.rng.choice(METERS)
        text = f"Microsoft Azure Plan - Arrears Charge - {name} - {guid} - {meter}"
        return self.arrears(company, "azure", amounts or self.metered(), text)

    def metered(self) -> tuple[Decimal, Decimal, Decimal]:
        """Four to six decimals on both sides, and never a total that rounds to nothing."""
        places = Decimal(1).scaleb(-self.rng.randint(4, 6))
        quantity = Decimal(self.rng.paretovariate(1.1) * 9).quantize(places)
        cost = Decimal(self.rng.uniform(0.01, 0.9)).quantize(Decimal("0.000001"))
        return min(quantity, Decimal("9000.1234")), (cost * Decimal("1.1")).quantize(places), cost
