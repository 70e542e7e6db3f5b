"""The one line that a batch's Azure charges become (R6): the only merge there is."""

from __future__ import annotations

from datetime import date, timedelta

from normalizer.domain.rows import ChargeRow, amount
from schemas.charges import AZURE_COLLAPSED as KEY
from schemas.ids import derive_id, digest
from schemas.messages import ChargesReceived
from schemas.money import ZERO, plain


def collapsed_line(head: ChargesReceived, members: list[ChargeRow]) -> ChargeRow:
    """Quantity 1 at the sum of the members, from their earliest start to their latest end."""
    price = plain(sum((amount(row.get("total")) for row in members), ZERO))
    cost = plain(sum((amount(row.get("cost_total")) for row in members), ZERO))
    start = min((row.get("start") or "" for row in members if row.get("start")), default=None)
    end = max((row.get("end") or "" for row in members if row.get("end")), default=None)
    companies = {(row.get("company", ""), row.get("company_name", "")) for row in members}
    company, company_name = companies.pop() if len(companies) == 1 else ("", "")
    slot = digest("slot", head.tenant, head.source, head.bill_to, KEY, "usage", length=24)
    return ChargeRow(
        id=derive_id(
            "line", head.tenant, head.source, head.document, head.bill_to, head.currency, KEY
        ),
        kind="usage",
        slot=f"{slot}-0",
        product_key=KEY,
        name="Microsoft Azure",
        text=_text(start, end, head.period, len(members)),
        company=company,
        company_name=company_name,
        start=start,
        end=end,
        quantity="1",
        price=price,
        cost=cost,
        total=price,
        cost_total=cost,
        members=len(members),
    )


def _text(start: str | None, end: str | None, period: str, members: int) -> str:
    """The last day as people write it: the end itself is not part of the period."""
    if start and end:
        period = f"{start} to {date.fromisoformat(end) - timedelta(days=1)}"
    charges = "1 charge" if members == 1 else f"{members} charges"
    return ", ".join(part for part in ("Microsoft Azure", period, charges) if part)
