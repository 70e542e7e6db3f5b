"""What the credentials may do, right by right: each is tried by reading a single page.

A right to write can not be tried without writing: it is "not proved" until the first write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from chassis.errors import Failure
from vendors.halopsa.client import Halo
from vendors.halopsa.documents import HaloInvoice
from vendors.huntress.client import Huntress
from vendors.pax8.client import Pax8

type Try = Callable[[], Awaitable[object]]

SIGN_IN = "sign-in"
ALL_SCOPES = {"all", "all:standard", "admin"}

HALO_READS = (
    ("read:customers", "Client", "allow the scope read:customers, and clients to the agent"),
    ("read:items", "Item", "allow the scope read:items, and products to the agent"),
    ("read:invoices", "Invoice", "allow the scope read:invoices, and billing to the agent"),
    ("recurring invoices", "RecurringInvoice", "allow billing to the agent"),
    ("item groups", "AssetGroup", "allow the agent to read item groups (configuration)"),
    ("tax", "Tax", "allow the agent to read tax codes (configuration)"),
    ("currencies", "Currency", "allow the agent to read currencies (configuration)"),
    ("control", "Control", "allow the agent to read Control, or answer the set-up questions"),
    ("lookups", "Lookup", "allow the agent to read lookups, or type the account codes in"),
    (
        "xero details",
        "XeroDetails",
        "allow the agent to read the Xero integration",
    ),
    ("integration errors", "IntegrationError", "allow the agent to read integration errors"),
)
HALO_WRITES = ("edit:items", "edit:invoices")
COUNT_READS = (
    ("read:items", "Item", "allow the scope read:items, and products to the agent"),
    (
        "read:softwarelicensing",
        "SoftwareLicence",
        "allow the scope read:softwarelicensing, and Software Licensing (read, modify) to the"
        " agent; the software licensing module has to be on",
    ),
)
COUNT_WRITES = ("edit:softwarelicensing",)


@dataclass(frozen=True, slots=True)
class Finding:
    """One right: held (True), missing (False) or not proved (None); then what to do about it."""

    right: str
    ok: bool | None
    to_do: str = ""


async def probe_pax8(pax8: Pax8) -> list[Finding]:
    """The rights that a charge import needs at Pax8."""
    signed_in = await _tried(SIGN_IN, pax8.scope, "")
    if not signed_in.ok:
        return [signed_in]
    partner = "a Pax8 Partner Admin has to allow it to these credentials"
    found = [signed_in, await _tried("invoices", lambda: pax8.sample("/invoices"), partner)]
    for right, path in (("companies", "/companies"), ("products", "/products")):
        found.append(await _tried(right, _pax8(pax8, path), partner))
    found.append(await _tried("subscriptions", _pax8(pax8, "/subscriptions"), partner))
    try:
        newest = await pax8.newest_invoice_id()
    except Failure:
        return found  # already said above
    if newest is None:
        return [*found, Finding("invoice items", None, "there is no invoice yet to try it on")]
    items = f"/invoices/{newest}/items"
    return [*found, await _tried("invoice items", _pax8(pax8, items), partner)]


async def probe_huntress(huntress: Huntress) -> list[Finding]:
    """The rights that counts need at Huntress: a read-only key is enough."""
    signed_in = await _tried(SIGN_IN, huntress.actor, "")
    if not signed_in.ok:
        return [signed_in]
    kind = (await huntress.actor()).kind
    if kind == "reseller":
        advice = "the key of a reseller reads its accounts: ask Huntress to allow it"
        return [signed_in, await _tried("accounts", huntress.accounts, advice)]
    advice = "generate the key in the account whose organisations are billed"
    return [
        signed_in,
        await _tried("account", huntress.account, advice),
        await _tried("organisations", huntress.organization_page, advice),
    ]


async def probe_halo(halo: Halo) -> list[Finding]:
    """The rights that billing needs at HaloPSA, from its scopes and its agent."""
    signed_in = await _tried(SIGN_IN, halo.scope, "")
    if not signed_in.ok:
        return [signed_in]
    found = [signed_in]
    for right, route, advice in HALO_READS:
        found.append(await _tried(right, _halo(halo, route), advice))
    found.append(await _details(halo))
    return [*found, *await _writes(halo, HALO_WRITES)]


async def probe_counts(halo: Halo) -> list[Finding]:
    """The rights that counts need at HaloPSA on top of their items."""
    signed_in = await _tried(SIGN_IN, halo.scope, "")
    if not signed_in.ok:
        return [signed_in]
    found = [signed_in]
    for right, route, advice in COUNT_READS:
        found.append(await _tried(right, _halo(halo, route), advice))
    return [*found, *await _writes(halo, COUNT_WRITES)]


async def _writes(halo: Halo, rights: Iterable[str]) -> list[Finding]:
    scopes = set((await halo.scope()).split())
    found = []
    for right in rights:
        granted = not scopes or bool(scopes & (ALL_SCOPES | {right}))
        unproved = Finding(right, None, "not proved until the first write")
        missing = Finding(right, ok=False, to_do=f"allow the scope {right} to the application")
        found.append(unproved if granted else missing)
    return found


async def _details(halo: Halo) -> Finding:
    """The list may work where the record itself is refused."""
    right = "invoice details"
    try:
        rows = await halo.sample("Invoice")
    except Failure:
        return Finding(right, None, "not tried: invoices can not be listed")
    if not rows:
        return Finding(right, None, "there is no invoice yet to try it on")
    number = HaloInvoice(rows[0]).id
    return await _tried(right, lambda: halo.invoice(number), "allow billing to the agent")


async def _tried(right: str, attempt: Try, advice: str) -> Finding:
    try:
        await attempt()
    except Failure as failure:
        to_do = f"{failure.text} ({advice})" if advice else failure.text
        return Finding(right, ok=False, to_do=to_do)
    return Finding(right, ok=True)


def _pax8(pax8: Pax8, path: str) -> Try:
    return lambda: pax8.sample(path)


def _halo(halo: Halo, route: str) -> Try:
    return lambda: halo.sample(route)
