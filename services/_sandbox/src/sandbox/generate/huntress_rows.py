"""Rows of a generated Huntress account: a product's counters and usages, and what is billed."""

from decimal import Decimal
from typing import Any

type Row = dict[str, Any]

ACCOUNT = 5501
RESELLER = {"id": 12345, "name": "Reseller Co"}
INVOICE = 9001
ANNIVERSARY = 14  # the day of the month on which the account is billed
MICROSOFT, GOOGLE = "0f7a3c52-1111-4222-8333-9444{:08}", "gw-{}"

type Part = tuple[Row, Row]  # counters of the list row, and the part of actual_usages


def edr(units: int, unresponsive: int = 0) -> Part:
    block = {
        "billable_agents_count": units,
        "unresponsive_agents_count": unresponsive,
        "outdated_agents_count": 0,
        "isolated_agents_count": 0,
    }
    return {"agents_count": units + unresponsive}, {"edr": block}


def _tenant(kind: str, units: int, place: int) -> Row:
    return {
        "type": kind,
        "identity_provider_tenant_id": (MICROSOFT if kind == "microsoft" else GOOGLE).format(place),
        "billable_identities_count": units,
        "total_identities_count": units * 2,
    }


def itdr(units: int, google: int = 0) -> Part:
    tenants = [_tenant("microsoft", units, units)]
    if google:
        tenants.append(_tenant("google", google, google))
    return {"billable_identity_count": units + google}, {"itdr": tenants}


def ispm(units: int) -> Part:
    """The list has no counter of its own for it."""
    return {}, {"ispm": [_tenant("microsoft", units, units)]}


def sat(units: int) -> Part:
    return {"sat_learner_count": units}, {"sat": {"learners_count": units}}


def siem(units: int) -> Part:
    cycles = {
        name: {
            "online_gb": volume,
            "service_period_start": f"2026-{first:02}-14T00:00:00Z",
            "service_period_end": f"2026-{first + 1:02}-14T00:00:00Z",
        }
        for name, volume, first in (
            ("current_billing_cycle", Decimal("6.25"), 10),
            ("previous_billing_cycle", Decimal("9.81"), 9),
        )
    }
    block = {"billable_log_sources_count": units, "retention": "90/7", **cycles}
    return {"logs_sources_count": units}, {"siem": block}


def reseller_tables() -> dict[str, list[Row]]:
    """The reseller bills a minimum of 400 where 300 are used."""
    account = {"id": ACCOUNT, "name": "Northlight", "subdomain": "northlight"}
    spaced = {"period_start": "2026-10-14 00:00:00 UTC", "period_end": "2026-11-14 00:00:00 UTC"}
    iso = {"period_start": "2026-10-14T00:00:00Z", "period_end": "2026-11-14T00:00:00Z"}
    terms = {"start_date": "2025-11-14 00:00:00 UTC", "end_date": "2026-11-14 00:00:00 UTC"}
    return {
        "reseller_invoices": [_invoice(INVOICE, "open", 11)],
        "account_usage_line_items": [
            {
                "id": 81 + place,
                "invoice": INVOICE,
                "account": account,
                "product": product,
                "subscription": terms | {"minimum": least},
                "usage": {"billable": max(least, used), "non_billable": 0, "actual": used},
                **spaced,
            }
            for place, (product, least, used) in enumerate((("edr", 400, 300), ("sat", 50, 70)))
        ],
        "organization_usage_line_items": [
            {
                "id": 91,
                "invoice": INVOICE,
                "account": account,
                "organization": {"id": 700_001, "name": "The first"},
                "actual_usage": {"edr": 300, "itdr": 18, "sat": 70, "siem": 4},
                **iso,
            }
        ],
        "subscriptions": [
            {
                "id": 71,
                "account": account,
                "product": "edr",
                "status": "active",
                "minimum_usage": 400,
                "terminal_minimum_usage": 400,
                "billing_interval": "monthly",
                "effective_date": "2025-11-14T00:00:00Z",
                "renewal_date": "2026-11-14T00:00:00Z",
                "auto_renew": True,
                "schedules": [],
            }
        ],
    }


def invoices() -> list[Row]:
    """Those that stand came on the 14th; the others, and the manual one, on any day."""
    rows = [_invoice(100 + month, "paid", month) for month in range(8, 11)]
    rows += [
        _invoice(200 + place, status, 11) | {"created_at": f"2026-11-{20 + place}T08:00:00Z"}
        for place, status in enumerate(("voided", "full_refund", "draft"))
    ]
    manual = {"has_usage": False, "created_at": "2026-11-03T08:00:00Z"}
    return [*rows, _invoice(300, "paid", 11) | manual]


def _invoice(number: int, status: str, month: int) -> Row:
    moment = f"2026-{month:02}-{ANNIVERSARY}T08:00:00Z"
    return {
        "id": number,
        "amount": 303,
        "currency_type": "usd",
        "plan": "Huntress Partner 100 Agents",
        "quantity": 101,
        "receipt": f"https://pay.example/{number}",
        "status": status,
        "has_usage": True,
        "created_at": moment,
        "updated_at": moment,
    }
