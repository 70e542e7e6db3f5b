"""Large documents for benchmarks: plain lines, any page by arithmetic, nothing held in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.generate.halo import CURRENCIES, DEFAULT_ITEM, EXPENSE, GROUP, INCOME, TAX
from sandbox.generate.world import PARTNER

PRODUCTS = 20


@dataclass(frozen=True)
class Large:
    """`clients` x `lines_per_client` lines, the clients' lines mixed as Pax8 mixes them."""

    clients: int
    lines_per_client: int
    invoice_date: str = "2026-11-01"

    @property
    def count(self) -> int:
        return self.clients * self.lines_per_client

    @property
    def invoice_id(self) -> str:
        return f"1a46e000-0000-4000-8000-{self.count:012d}"

    def total(self) -> Decimal:
        return (
            sum((Decimal(_quantity(n) * _price_cents(n)) for n in range(self.count)), Decimal(0))
            / 100
        )

    def cost_total(self) -> Decimal:
        return (
            sum((Decimal(_quantity(n) * _cost_cents(n)) for n in range(self.count)), Decimal(0))
            / 100
        )

    def row(self, number: int) -> str:
        """One item as JSON text."""
        client, product = number % self.clients, number % PRODUCTS
        quantity, price, cost = _quantity(number), _price_cents(number), _cost_cents(number)
        name = f"Large Product {product}"
        company = f"Large Client {client}"
        charged, paid = _amount(quantity * price), _amount(quantity * cost)
        return (
            f'{{"id":"{_uuid(2, number)}","type":"subscription","purchaseOrderNumber":"N/A",'
            f'"companyId":"{_uuid(3, client)}","externalId":"LARGE-{client}",'
            f'"companyName":"{company}","startPeriod":"2026-11-01","endPeriod":"2026-12-01",'
            f'"quantity":{quantity},"unitOfMeasure":"User","term":"Monthly",'
            f'"sku":"LRG-{product}","description":"{name}","productName":"{name}",'
            f'"rateType":"single","chargeType":"per","price":{_amount(price)},"total":{charged},'
            f'"cost":{_amount(cost)},"costTotal":{paid},"subTotal":{paid},"amountDue":{charged},'
            f'"billingFee":0,"billingFeeRate":0,"salesTax":0,"offeredBy":"Pax8",'
            f'"billedByPax8":false,"productId":"{_uuid(4, product)}",'
            f'"subscriptionId":"{_uuid(5, number)}","vendorName":"Large","currencyCode":"USD"}}'
        )

    def page(self, number: int, size: int = 200) -> bytes:
        """The rows of one page as JSON, without the brackets around them."""
        rows = range(number * size, min((number + 1) * size, self.count))
        return ",".join(map(self.row, rows)).encode()

    def pages(self, size: int = 200) -> Iterator[bytes]:
        """Whole answers of the items endpoint, envelope included."""
        pages = -(-self.count // size)
        for number in range(pages):
            counters = (
                f'{{"size":{size},"totalElements":{self.count},'
                f'"totalPages":{pages},"number":{number}}}'
            )
            content = self.page(number, size)
            yield b'{"content":[' + content + b'],"page":' + counters.encode() + b"}"

    def invoice(self) -> dict[str, Any]:
        return {
            "id": self.invoice_id,
            "invoiceDate": self.invoice_date,
            "dueDate": f"{self.invoice_date[:8]}15",
            "balance": 0,
            "carriedBalance": 0,
            "total": 0,
            "currencyCode": "USD",
            "partnerName": PARTNER,
            "status": "Unpaid",
        }

    def pax8(self) -> dict[str, Any]:
        """A load without the items; the sandbox's load_large control serves those by arithmetic."""
        return {
            "companies": [
                {
                    "id": _uuid(3, client),
                    "name": f"Large Client {client}",
                    "externalId": f"LARGE-{client}",
                    "status": "Active",
                }
                for client in range(self.clients)
            ],
            "products": [
                {
                    "id": _uuid(4, product),
                    "name": f"Large Product {product}",
                    "vendorName": "Large",
                    "sku": f"LRG-{product}",
                }
                for product in range(PRODUCTS)
            ],
        }

    def halopsa(self) -> dict[str, Any]:
        return {
            "clients": [
                {
                    "id": 1001 + client,
                    "name": f"Large Client {client}",
                    "accountsid": f"LARGE-{client}",
                    "main_site_id": 0,
                    "inactive": False,
                    "default_currency_code": CURRENCIES["USD"],
                }
                for client in range(self.clients)
            ],
            "items": [
                {
                    "id": DEFAULT_ITEM + product,
                    "name": f"Large Product {product}",
                    "accountsid": f"LRG-{product}",
                    "status": 14,
                    "assetgroup_id": GROUP,
                    "nominalcode": INCOME,
                    "purchasenominalcode": EXPENSE,
                    "taxcode": TAX,
                }
                for product in range(PRODUCTS)
            ],
            "asset_groups": [{"id": GROUP, "name": "Existing Cloud Services", "showasitem": True}],
            "tax": [{"id": TAX, "name": "Standard", "code": "STD", "value": 20}],
            "currencies": [{"id": CURRENCIES["USD"], "name": "USD", "code": "USD", "symbol": "$"}],
        }

    def settings(self) -> dict[str, Any]:
        return {
            "tenant": {"name": PARTNER, "timezone": "America/Denver", "currency": "USD"},
            "halopsa": {"url": "http://127.0.0.1", "client_id": "halo", "client_secret": "s"},
            "pax8": {"client_id": "pax8", "client_secret": "s"},
            "defaults": {"income": INCOME, "expense": EXPENSE, "tax": TAX, "item": DEFAULT_ITEM},
            "policy": {"behaviour": "new", "lifecycle": "create"},
            "client": [],
            "product": [],
        }


def generate_large(clients: int, lines_per_client: int) -> Large:
    return Large(clients, lines_per_client)


def _uuid(kind: int, number: int) -> str:
    return f"{kind}a46e000-0000-4000-8000-{number:012d}"


def _amount(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _quantity(number: int) -> int:
    return number % 23 + 1


def _price_cents(number: int) -> int:
    return 250 + number % PRODUCTS * 175


def _cost_cents(number: int) -> int:
    return 200 + number % PRODUCTS * 140
