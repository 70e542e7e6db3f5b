"""Pax8's partner API: what a charge import reads of it."""

from vendors.calls import Line
from vendors.pax8.auth import Pax8Credentials
from vendors.pax8.client import PAX8_URL, Pax8, RawPage
from vendors.pax8.models import (
    Company,
    InvoiceHeader,
    InvoiceItem,
    PageCounters,
    Product,
    SaidFlag,
    Subscription,
    count_page,
    day_of,
    has_long_numeral,
    is_empty_day,
    parse_items,
)

__all__ = [
    "PAX8_URL",
    "Company",
    "InvoiceHeader",
    "InvoiceItem",
    "Line",
    "PageCounters",
    "Pax8",
    "Pax8Credentials",
    "Product",
    "RawPage",
    "SaidFlag",
    "Subscription",
    "count_page",
    "day_of",
    "has_long_numeral",
    "is_empty_day",
    "parse_items",
]
