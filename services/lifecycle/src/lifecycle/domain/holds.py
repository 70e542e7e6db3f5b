"""What a person reads about a hold: what is wrong, where, and the command that resolves it."""

from __future__ import annotations

from shlex import quote

from lifecycle.domain.clients import Refusal
from lifecycle.domain.items import ItemHold
from schemas.charges import BILLED_BY_UNCLEAR
from schemas.messages import ChargesNormalized, Hold, Suggestion
from schemas.money import ZERO
from schemas.uses import CompanyUse, HeldUse, ProductUse

UNMAPPED = "company-unmapped"
UNMATCHED = "product-unmatched"
INCOMPLETE = "manual-incomplete"
DEFAULT_MISSING = "default-item-missing"
CODE_MISSING = "default-code-missing"
NO_PRODUCT_CODE = "product-missing"
BATCH_MISSING = "batch-missing"
WITHOUT_ITEM = frozenset({UNMATCHED, "product-ambiguous", "item-gone"})
TEXT_MAX = 600

# Codes that the ingest and normalizer give, in words; `chargeline explain` shows the lines.
_WORDS = {
    "company-missing": (
        "these lines name no company, so nobody can be billed:"
        ' `chargeline mappings client "" --subscription ID --halo CLIENT`'
    ),
    "currency-missing": "these lines name no currency: have Pax8 correct the invoice",
    "batch-too-large": "one bill-to has more than 10,000 lines in one document",
    NO_PRODUCT_CODE: "these lines name neither product nor SKU: have Pax8 correct the invoice",
    "replacement": (
        "this document was credited, or another one of its date may be meant to replace it:"
        " `chargeline mappings chain {document} --replacement`, or `--separate`"
    ),
    "amount-missing": (
        "the source does not say what these lines cost the customer: have Pax8 correct the invoice"
    ),
    "type-unknown": (
        "nobody knows what their type means, and it decides whether and how they are billed: ask"
        ' Pax8, then say in the settings what it counts as, e.g. `[pax8.types]` `new = "one-time"`'
    ),
    "term-unknown": (
        "nobody knows their term, and it decides the item and what is usage: ask Pax8; an ordinary"
        ' one goes into the settings, e.g. `[pax8]` `terms = ["5 Year"]`'
    ),
    BILLED_BY_UNCLEAR: (
        "`billedByPax8` says neither true nor false, so perhaps Pax8 bills the customer itself:"
        " have Pax8 correct the invoice"
    ),
    "date-missing": (
        "the invoice has no readable date, so nobody knows its month: have Pax8 correct it"
    ),
    "status-unknown": (
        "nobody knows the invoice's status, which may mean that it is void: ask Pax8; an ordinary"
        ' one goes into the settings, e.g. `[pax8]` `statuses = ["Overdue"]`'
    ),
    **dict.fromkeys(
        ("count-zero", "count-jump", "count-unknown", "organization-vanished"),
        "a count behind them waits for a person (`chargeline counts show`, then `chargeline counts"
        " accept ORGANIZATION PRODUCT COUNT`, sync, and plan again)",
    ),
    "count-detail-missing": (
        "the organization was not mapped when it was counted, so its billable count is not known:"
        " sync again and choose a `cut_off_day` since then"
    ),
}


def unmapped(use: CompanyUse, suggestions: tuple[Suggestion, ...], source: str = "pax8") -> Hold:
    """No client for a company."""
    who, company = use.name or use.company, quote(use.company) + _option(source)
    number = str(suggestions[0].id) if suggestions else "ID"
    return Hold(
        code=UNMAPPED,
        text=(
            f"no HaloPSA client for {who}: `chargeline mappings client {company} --halo"
            f" {number}`, or `chargeline mappings exclude {company}`"
        ),
        company=use.company,
        name=who,
        lines=use.lines,
        price=use.price,
        cost=use.cost,
        suggestions=suggestions,
    )


def client_refused(head: ChargesNormalized, uses: tuple[CompanyUse, ...], why: Refusal) -> Hold:
    """The client is there no more, or can not be billed for this."""
    company = uses[0].company if uses else ""
    named = (quote(company) if company else "COMPANY") + _option(head.source)
    ways = {
        "client-gone": f"`chargeline mappings client {named} --halo ID`",
        "currency-mismatch": (
            "change the client's currency in HaloPSA, or"
            f" `chargeline mappings client {named} --halo ID`"
        ),
    }
    way = ways.get(why.code, f"change that, or `chargeline mappings exclude {named}`")
    return Hold(
        code=why.code,
        text=f"{why.text}: {way}",
        company=company or None,
        name=uses[0].name if uses else "",
        lines=head.kept_lines,
        price=head.kept_price,
        cost=head.kept_cost,
    )


def product_held(use: ProductUse, why: ItemHold) -> Hold:
    """A product without an item, and the lines that wait for it."""
    return Hold(
        code=why.code,
        text=why.text,
        product_key=use.key or None,
        name=use.name,
        lines=use.lines,
        price=use.price,
        cost=use.cost,
        suggestions=why.suggestions,
    )


def map_product(why: ItemHold, key: str) -> ItemHold:
    """With the command that decides it."""
    number = str(why.suggestions[0].id) if why.suggestions else "ITEM"
    named = quote(key) + _option(key.partition(":")[0])
    text = f"{why.text}: `chargeline mappings product {named} --halo {number}`"
    return ItemHold(why.code, text, why.suggestions)


def line_held(use: HeldUse, document: str) -> Hold:
    """Lines that the normalizer held."""
    who = use.company_name or use.company or "no company"
    what = _words(use.code, document) or f"held by rule {use.code}"
    counted = "1 line" if use.lines == 1 else f"{use.lines} lines"
    return Hold(
        code=use.code,
        text=f"{counted} of {who}: {what}; `chargeline explain --all` lists them",
        company=use.company or None,
        name=use.company_name,
        lines=use.lines,
        price=use.price,
        cost=use.cost,
    )


def source_held(head: ChargesNormalized, code: str) -> Hold:
    """A batch that came with a code and without its lines; their money is in the head."""
    entries = [e for e in head.money if e.outcome == "held" and e.reason == code]
    return batch_held(head, code).model_copy(
        update={
            "lines": sum(e.lines for e in entries),
            "price": sum((e.price for e in entries), ZERO),
            "cost": sum((e.cost for e in entries), ZERO),
        }
    )


def batch_held(head: ChargesNormalized, code: str, text: str = "") -> Hold:
    """A code that holds all kept lines of a batch."""
    return Hold(
        code=code,
        text=text or _words(code, head.document) or f"the batch is held: {code}",
        lines=head.kept_lines,
        price=head.kept_price,
        cost=head.kept_cost,
    )


def _option(source: str) -> str:
    """Commands are about Pax8 unless they name another source."""
    return "" if source == "pax8" else f" --source {quote(source)}"


def _words(code: str, document: str) -> str | None:
    words = _WORDS.get(code)
    return words.replace("{document}", quote(document)) if words else None
