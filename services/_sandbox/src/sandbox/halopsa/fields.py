"""The fields HaloPSA is known to store, per kind: anything else in a write vanishes silently.

A name that is only guessed by a client is absent on purpose, so that a misspelt field is lost
here as it would be lost at the vendor.
"""

import re
from collections.abc import Mapping
from typing import Any

Row = dict[str, Any]

EMPTY_DATE = "1900-01-01T00:00:00"
TEXT_MAX = 4000
ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


INVOICE = _words("""
    id client_id client_name sitenumber uid invoicenumber thirdpartyinvoicenumber invoice_date
    duedate paymentterms due_date_int due_date_type reference order_number cust_order_number
    payment_ref notes_1 notes_2 notes_3 internal_note currency_code currency
    currency_conversion_rate contract_id invoicetype typeid posted dateposted datesent emailstatus
    approval_status reviewrequired paymentstatus amountpaid amountdue tax_total total voided
    creditlinkedtoinvoiceid recurring_invoice_id last_modified last_synced xeroid xero_tenant_id
    xero_status xero_line_tax xero_branding_theme_id period_start_date period_end_date
    creation_source lines add_lines customfields external_links dont_sync_to_3rd_party change_seq
    invoice_match_id import_details_id amount_remaining
""")

RECURRING = INVOICE | _words("""
    name accountsid period startdate enddate nextcreationdate lastcreated daysplus
    nextcreationperiod invoice_prorata_periods_ahead disabled schedule_id schedule
    is_recurring_invoice create_recurring_invoice
""")

LINE = _words("""
    id ihid _itemid item_code item_shortdescription item_longdescription qty_order unit_price
    unit_cost net_amount nominal_code tax_code item_tax_code tax_amount tax_rate override_tax_code
    tax_code_overriden no_tax_override discount_perc comment_1 comment_2 supplier productnumber
    contract_id site ticket_id asset_id startdate enddate group_id isgroupdesc sequenceid
    hide_on_pdf onetimecharge entity_type item_internal_reference item_external_reference
    xero_lineid xero_tax_code xero_category_1_lookup xero_category_2_lookup
    merge_lines_if_matched csp_invoice_id customfields decimalplacesforinvoices
    recurring_invoice_quantity_type quantity_licences quantity_subscriptions _is_calculated_line
""")

QUANTITY = _words("""
    id invoice_line_id kind licence_id site_id assigned_licences qty_free minimum_qty pro_rata
    use_linked_subscription_price use_linked_subscription_cost unique_only
""")

CLIENT = _words("""
    id name toplevel_id inactive main_site_id accountsid xeroid xero_tenant_id xerodetails_id
    sales_tax_code purchase_tax_code item_tax_code service_tax_code contract_tax_code
    prepay_tax_code default_currency_code paymentterms invoiceduedaysextraclient due_date_type
    client_to_invoice client_to_invoice_recurring dontinvoice excludefrominvoicesync
    dont_auto_send_invoices emailinvoice accountsemailaddress taxable ref customfields
    external_links pax8monthlyinvoice pax8annualinvoice
""")

SITE = _words("""
    id name client_id client_name inactive isinvoicesite accountsid site_item_tax_code
    site_sales_tax_code invoice_address ref
""")

SUPPLIER = _words("""
    id name accounts_id xero_id xero_tenant_id purchase_tax_code default_currency_code inactive
    ignore_from_accounting_sync
""")

ITEM = _words("""
    id name description purchase_description status assetgroup_id assetgroup_name baseprice
    costprice isrecurringitem recurringprice recurringcost taxcode taxcodeother taxable nominalcode
    purchasenominalcode accountsid supplier_id supplier_part_code internalreference
    externalreference third_party_id linked_item_id xero_tenant_id xerodetails_id
    xero_cogs_account_code xero_inventory_account_code dont_track_stock
    ignore_from_accounting_sync dontinvoice customfields item_suppliers item_accounts_links
""")

ASSET_GROUP = _words("""
    id name showasitem showasequip item_recurring_default item_donttrackstock_default nominalcode
    nominalcodepurchase tax_id tax_id_purchase itemcode_id accounts_mappings inactive
""")

CONTRACT = _words("id client_id ref start_date end_date active billingperiod next_invoice_date")

LICENCE = _words("""
    id type name count client_id site_id purchase_price price monthly_price monthly_cost start_date
    end_date billing_cycle term_duration status is_active autorenew vendor manufacturer distributor
    supplier_id notes product_sku vendor_product_sku snowid tenant_id tenant_name
    third_party_product third_party_productid third_party_productname thirdparty_client_id
    parent_id consumedcount licences_in_use deleted requested_quantity allow_licence_update item_id
    linked_item
""")

TAX = _words("id name code value is_composite linked_rates xero_tenant_id third_party_id")
CURRENCY = _words("id name symbol code conversion_rate last_updated")
LOOKUP = _words("""
    id lookupid name value2 value3 value4 value5 value6 value7 value8 value9 custom1 custom2
    inactive xero_tenant_name tax_rate_name linked_item
""")

READ_ONLY = _words("""
    client_name invoicenumber currency tax_total total amountdue amount_remaining amountpaid voided
    last_modified last_synced datesent recurring_invoice_id creation_source change_seq lastcreated
    add_lines is_recurring_invoice create_recurring_invoice
""")
"""Header columns only HaloPSA itself sets: a value sent for one of them is ignored."""

COMPUTED = _words("net_amount tax_amount tax_rate xero_lineid")
"""Line columns HaloPSA works out: a value sent for one of them is ignored."""

NUMBERS = _words("""
    id client_id sitenumber currency_code paymentterms contract_id qty_order unit_price unit_cost
    discount_perc item_tax_code _itemid baseprice costprice recurringprice recurringcost taxcode
    taxcodeother assetgroup_id supplier_id status count period daysplus licence_id qty_free
    minimum_qty recurring_invoice_quantity_type amountpaid ihid sequenceid
""")
"""A JSON string in one of these is refused, as a typed vendor model refuses it."""

DATES = _words("""
    invoice_date duedate dateposted datesent last_modified last_synced period_start_date
    period_end_date startdate enddate nextcreationdate lastcreated start_date end_date
    next_invoice_date last_updated
""")

TEXT_LIMITS: Mapping[str, int] = {"xero_status": 10, "third_party_id": 200, "tenant_id": 100}
UNBOUNDED = _words("notes_1 notes_2 notes_3 internal_note notes description purchase_description")

INVOICE_DEFAULTS: Row = {
    "thirdpartyinvoicenumber": "",
    "reference": "",
    "internal_note": "",
    "contract_id": 0,
    "posted": False,
    "dateposted": None,
    "datesent": EMPTY_DATE,
    "approval_status": 0,
    "reviewrequired": False,
    "paymentstatus": -1,
    "amountpaid": 0.0,
    "voided": False,
    "creditlinkedtoinvoiceid": 0,
    "recurring_invoice_id": 0,
    "last_synced": EMPTY_DATE,
    "xeroid": "",
    "xero_status": "",
    "period_start_date": None,
    "period_end_date": None,
    "customfields": [],
}

RECURRING_DEFAULTS: Row = {
    "name": "",
    "period": 2,
    "startdate": EMPTY_DATE,
    "enddate": EMPTY_DATE,
    "nextcreationdate": EMPTY_DATE,
    "lastcreated": EMPTY_DATE,
    "disabled": False,
}

LINE_DEFAULTS: Row = {
    "_itemid": 0,
    "item_code": "",
    "item_shortdescription": "",
    "item_longdescription": "",
    "qty_order": 0,
    "unit_price": 0,
    "unit_cost": 0,
    "nominal_code": "",
    "tax_code": "",
    "item_tax_code": 0,
    "discount_perc": 0,
    "comment_1": "",
    "comment_2": "",
    "startdate": None,
    "enddate": EMPTY_DATE,
    "xero_lineid": "",
    "recurring_invoice_quantity_type": 0,
    "quantity_licences": [],
    "_is_calculated_line": False,
}

SUMMARY_LACKS = _words("""
    lines internal_note notes_1 notes_2 notes_3 customfields external_links item_suppliers
    item_accounts_links quantity_subscriptions notes
""")
"""What a list row, and a read without `includedetails`, leaves out."""


def stored(sent: Mapping[str, Any], known: frozenset[str]) -> Row:
    """The part of a sent object that HaloPSA keeps, its dates without a zone."""
    return {name: as_stored(name, value) for name, value in sent.items() if name in known}


def as_stored(name: str, value: Any) -> Any:
    if name not in DATES or not isinstance(value, str) or not value:
        return value
    date, _, time = value.partition("T")
    return f"{date}T{ZONE.sub('', time) or '00:00:00'}"
