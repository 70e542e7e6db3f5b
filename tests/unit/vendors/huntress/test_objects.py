"""Huntress's objects: every field of the sheet, and nothing unknown taken for zero."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from vendors.huntress import (
    Account,
    AccountUsage,
    Invoice,
    Organization,
    OrganizationDetail,
    OrganizationUsage,
    Subscription,
    billing_day,
)

CYCLE = {
    "online_gb": Decimal("6.25"),
    "service_period_start": "2026-03-14T00:00:00Z",
    "service_period_end": "2026-04-14T00:00:00Z",
}
USAGES: dict[str, Any] = {
    "edr": {
        "billable_agents_count": 19,
        "unresponsive_agents_count": 2,
        "outdated_agents_count": 1,
        "isolated_agents_count": 0,
    },
    "itdr": [
        {
            "type": "microsoft",
            "identity_provider_tenant_id": "0f7a",
            "billable_identities_count": 15,
            "total_identities_count": 31,
        },
        {
            "type": "google",
            "identity_provider_tenant_id": "gw-88",
            "billable_identities_count": 3,
            "total_identities_count": 4,
        },
    ],
    "ispm": [{"type": "microsoft", "billable_identities_count": 15, "total_identities_count": 31}],
    "sat": {"learners_count": 17},
    "siem": {
        "billable_log_sources_count": 4,
        "retention": "90/7",
        "current_billing_cycle": CYCLE,
        "previous_billing_cycle": CYCLE | {"online_gb": Decimal("9.81")},
    },
}
ROW: dict[str, Any] = {
    "id": 700101,
    "account_id": 5501,
    "name": "Larkfield Dental",
    "key": "larkfield-dental",
    "agents_count": 21,
    "billable_identity_count": 18,
    "sat_learner_count": 17,
    "logs_sources_count": 4,
    "incident_reports_count": 2,
    "identity_provider_tenant_id": "0f7a",
    "report_recipients": ["a@x.io"],
    "created_at": "2024-05-02T09:00:00Z",
    "updated_at": "2026-03-09T04:11:00Z",
    "microsoft_365_users_count": 0,
    "microsoft_365_tenant_id": None,
    "notify_emails": [],
}


def detail(**changes: Any) -> OrganizationDetail:
    return OrganizationDetail.model_validate(ROW | changes)


def test_every_field_of_a_row() -> None:
    row = Organization.model_validate(ROW | {"something_new": 1})
    assert row.list_counts() == {"edr": 21, "itdr": 18, "sat": 17, "siem": 4}
    assert (row.id, row.account_id, row.name, row.key) == (
        700101,
        5501,
        "Larkfield Dental",
        "larkfield-dental",
    )
    assert (row.incident_reports_count, row.identity_provider_tenant_id) == (2, "0f7a")
    assert row.report_recipients == ("a@x.io",)
    assert row.updated_at == datetime(2026, 3, 9, 4, 11, tzinfo=UTC)


def test_every_field_of_the_usages() -> None:
    usages = detail(actual_usages=USAGES).actual_usages
    assert usages is not None
    assert usages.counts() == {"edr": 19, "itdr": 18, "ispm": 15, "sat": 17, "siem": 4}
    assert usages.edr is not None
    assert (usages.edr.unresponsive_agents_count, usages.edr.outdated_agents_count) == (2, 1)
    assert usages.itdr is not None
    assert [(one.type, one.total_identities_count) for one in usages.itdr] == [
        ("microsoft", 31),
        ("google", 4),
    ]
    assert usages.siem is not None
    assert usages.siem.previous_billing_cycle is not None
    assert usages.siem.previous_billing_cycle.online_gb == Decimal("9.81")
    assert usages.siem.retention == "90/7"
    assert usages.unknown == {}


@pytest.mark.parametrize("given", [None, "", "{}", {}, [], "null"])
def test_no_usages_mean_no_active_product(given: Any) -> None:
    usages = detail(actual_usages=given).actual_usages
    assert usages is not None
    assert usages.counts() == {}


def test_usages_as_text_are_the_same_usages() -> None:
    text = json.dumps(USAGES, default=float)
    assert detail(actual_usages=text) == detail(actual_usages=USAGES)


def test_usages_that_were_not_given_are_not_known() -> None:
    assert detail().actual_usages is None


@pytest.mark.parametrize("torn", ['{"edr":', "none", "[1]", 7, {"edr": "many"}, {"sat": []}])
def test_usages_that_can_not_be_read_are_no_zero(torn: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        detail(actual_usages=torn)


def test_an_unknown_product_is_kept() -> None:
    usages = detail(actual_usages={"mdr_plus": {"units": 3}, "sat": {"learners_count": 1}})
    assert usages.actual_usages is not None
    assert usages.actual_usages.unknown == {"mdr_plus": {"units": 3}}
    assert usages.actual_usages.counts() == {"sat": 1}


def test_an_active_product_without_its_number_is_unknown_not_zero() -> None:
    half = [{"billable_identities_count": 3}, {"type": "google"}]
    usages = detail(actual_usages={"edr": {}, "itdr": half, "sat": None}).actual_usages
    assert usages is not None
    assert usages.counts() == {"edr": None, "itdr": None}


def test_one_tenant_may_come_without_its_list() -> None:
    usages = detail(actual_usages={"itdr": {"billable_identities_count": 3}}).actual_usages
    assert usages is not None
    assert usages.counts() == {"itdr": 3}


def test_a_missing_or_null_counter_is_not_zero() -> None:
    row = Organization.model_validate({"id": 1, "agents_count": None})
    assert row.list_counts() == {"edr": None, "itdr": None, "sat": None, "siem": None}


def test_numbers_may_come_as_text_or_with_a_point_but_not_in_parts() -> None:
    row = Organization.model_validate({"id": "1", "agents_count": Decimal("21.0")})
    assert (row.id, row.agents_count) == (1, 21)
    for odd in (Decimal("2.5"), -1):
        with pytest.raises(ValidationError):
            Organization.model_validate({"id": 1, "agents_count": odd})


def test_only_the_legacy_counter_is_filled() -> None:
    empty = dict.fromkeys(("agents_count", "billable_identity_count"), 0)
    empty |= dict.fromkeys(("sat_learner_count", "logs_sources_count"), 0)
    assert detail(**empty, microsoft_365_users_count=14).only_legacy
    assert not detail(microsoft_365_users_count=14).only_legacy
    assert not detail(**empty).only_legacy


@pytest.mark.parametrize("name", ["株式会社 東京", "N" * 256, "🦷 Clinic", "a\nb"])
def test_names_survive(name: str) -> None:
    assert detail(name=name).name == name


def invoice(number: int, day: str, **changes: Any) -> Invoice:
    row = {"id": number, "amount": 303, "currency_type": "usd", "status": "paid"}
    moment = f"{day}T08:00:00Z"
    return Invoice.model_validate(
        row | {"has_usage": True, "created_at": moment, "receipt": "https://pay"} | changes
    )


def test_an_invoice_is_in_minor_units_and_its_payment_link_is_not_kept() -> None:
    one = invoice(1, "2026-10-14", plan="Partner 100", quantity=101)
    assert (one.amount, one.currency_type, one.plan, one.quantity) == (
        303,
        "usd",
        "Partner 100",
        101,
    )
    assert "pay" not in repr(one).replace("Partner", "")


@pytest.mark.parametrize(
    ("status", "stands"),
    [
        ("open", True),
        ("paid", True),
        ("failed", True),
        ("partial_refund", True),
        ("processing", True),
        ("draft", False),
        ("voided", False),
        ("full_refund", False),
    ],
)
def test_which_invoices_a_check_may_use(status: str, stands: bool) -> None:
    assert invoice(1, "2026-10-14", status=status).stands is stands


def test_the_billing_day_is_that_of_the_newest_invoice_with_usage() -> None:
    rows = [
        invoice(1, "2026-09-13"),
        invoice(2, "2026-10-14"),
        invoice(3, "2026-11-20", status="voided"),
        invoice(4, "2026-11-03", has_usage=False),
    ]
    assert billing_day(rows) == 14
    assert billing_day(rows[2:]) is None


def test_a_minimum_above_the_use_is_a_shortfall() -> None:
    row = {
        "id": 1,
        "period_start": "2026-01-10 01:07:08 UTC",
        "period_end": "2026-02-09T01:07:08Z",
        "account": {"id": 123, "name": "Willy", "subdomain": "willy"},
        "product": "edr",
        "subscription": {"start_date": "2025-11-10 22:35:14 UTC", "end_date": None, "minimum": 400},
        "usage": {"billable": 400, "non_billable": 0, "actual": 300},
    }
    item = AccountUsage.model_validate(row)
    assert (item.shortfall, item.account.subdomain, item.subscription.minimum) == (
        100,
        "willy",
        400,
    )
    assert item.period_start == datetime(2026, 1, 10, 1, 7, 8, tzinfo=UTC)
    assert item.period_end == datetime(2026, 2, 9, 1, 7, 8, tzinfo=UTC)
    more = AccountUsage.model_validate(row | {"usage": {"billable": 70, "actual": 70}})
    assert more.shortfall == 0


def test_units_per_organization_may_hold_products_nobody_knows() -> None:
    item = OrganizationUsage.model_validate(
        {
            "id": 91,
            "organization": {"id": 700101, "name": "Larkfield"},
            "actual_usage": {"edr": 19, "mdr_plus": 3},
        }
    )
    assert (item.organization.id, item.actual_usage) == (700101, {"edr": 19, "mdr_plus": 3})


def test_a_commitment_with_its_schedules() -> None:
    step = {"id": 1, "minimum": 100, "maximum": 500, "status": "active", "target_price": 200}
    step |= {"months": 12, "promo_units": 0, "starts_at": "2024-01-01T00:00:00Z", "ends_at": None}
    found = Subscription.model_validate(
        {
            "id": 1,
            "account": {"id": 1, "name": "Bobby"},
            "product": "edr",
            "status": "active",
            "minimum_usage": 50,
            "terminal_minimum_usage": 100,
            "billing_interval": "monthly",
            "effective_date": "2024-01-01T00:00:00Z",
            "renewal_date": "2025-01-01T00:00:00Z",
            "auto_renew": True,
            "schedules": [step],
        }
    )
    assert (found.minimum_usage, found.terminal_minimum_usage, found.auto_renew) == (50, 100, True)
    assert (found.schedules[0].target_price, found.schedules[0].ends_at) == (200, None)


def test_an_account_has_free_seats_by_product() -> None:
    seats = {"edr": 10, "ispm": 10, "itdr": 10, "sat": 10, "siem": 10}
    row = {"id": 1, "name": "N", "subdomain": "n", "status": "enabled", "support_type": None}
    found = Account.model_validate(row | {"neighborhood_watch": seats, "billing_address": None})
    assert (found.neighborhood_watch, found.support_type) == (seats, "")
