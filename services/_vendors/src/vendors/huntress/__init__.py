"""Huntress's API: what the counts of a client's products are read from."""

from vendors.huntress.auth import HuntressCredentials
from vendors.huntress.client import HUNTRESS_URL, Huntress
from vendors.huntress.lists import Page
from vendors.huntress.models import (
    Account,
    AccountUsage,
    Actor,
    Invoice,
    OrganizationUsage,
    Subscription,
    billing_day,
)
from vendors.huntress.organizations import (
    PRODUCTS,
    Organization,
    OrganizationDetail,
    OrganizationRead,
    Usages,
)

__all__ = [
    "HUNTRESS_URL",
    "PRODUCTS",
    "Account",
    "AccountUsage",
    "Actor",
    "Huntress",
    "HuntressCredentials",
    "Invoice",
    "Organization",
    "OrganizationDetail",
    "OrganizationRead",
    "OrganizationUsage",
    "Page",
    "Subscription",
    "Usages",
    "billing_day",
]
