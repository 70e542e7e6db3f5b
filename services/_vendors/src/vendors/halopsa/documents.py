"""Invoices and their lines as views on the object that was read.

Reading 500 lines back is hot, and foreign lines must survive a round trip numeral by numeral, so
the parsed object is kept as it is (`raw`, numbers with a fraction as Decimal) and a field is typed
when somebody asks for it. Any field may be null or missing; an int may come as 1.0.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Self, overload

from pydantic import BaseModel, Field, TypeAdapter
from pydantic_core import from_json

from vendors.halopsa.models import halo_day

type Raw = dict[str, Any]


class _Field[T]:
    """A typed look at one key of `raw`, under the same name."""

    def __init__(self, typed: Callable[[Any], T]) -> None:
        self._typed = typed

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, row: None, owner: type) -> Self: ...
    @overload
    def __get__(self, row: _View, owner: type) -> T: ...
    def __get__(self, row: _View | None, owner: type) -> Self | T:
        return self if row is None else self._typed(row.raw.get(self._name))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _amount(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    return Decimal(0) if value is None or value == "" else Decimal(str(value))


def _rate(value: Any) -> Decimal | None:
    return None if value is None else _amount(value)


def _number(value: Any) -> int:
    return value if type(value) is int else int(_amount(value))


def _flag(value: Any) -> bool:
    return value is True or (value is not None and str(value).lower() in {"true", "1", "1.0"})


def _rows(value: Any) -> list[Raw]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


class _View:
    raw: Raw

    def __init__(self, raw: Raw) -> None:
        self.raw = raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.raw == other.raw

    __hash__ = None  # type: ignore[assignment] # a dict lies within

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.raw.get('id')!r})"

    id = _Field(_number)


class HaloLine(_View):
    """One line. `item_id` is the item; the line's `nominal_code` is a product code, no account."""

    ihid = _Field(_number)
    item_code = _Field(_text)
    item_shortdescription = _Field(_text)
    item_longdescription = _Field(_text)
    qty_order = _Field(_amount)
    unit_price = _Field(_amount)
    unit_cost = _Field(_amount)
    net_amount = _Field(_rate)
    tax_amount = _Field(_rate)
    tax_rate = _Field(_rate)
    tax_code = _Field(_text)
    item_tax_code = _Field(_number)
    discount_perc = _Field(_amount)
    nominal_code = _Field(_text)
    comment_1 = _Field(_text)
    comment_2 = _Field(_text)
    startdate = _Field(halo_day)
    enddate = _Field(halo_day)
    sequenceid = _Field(_number)
    onetimecharge = _Field(_flag)
    recurring_invoice_quantity_type = _Field(_number)
    is_calculated = property(lambda self: _flag(self.raw.get("_is_calculated_line")))

    @property
    def item_id(self) -> int:
        """`_itemid`, else `item_code`, which stores the item's id as text."""
        own = _number(self.raw.get("_itemid"))
        code = self.item_code
        return own or (int(code) if code.isdecimal() else 0)


class HaloInvoice(_View):
    """An invoice, or a recurring invoice: those have negative ids and a schedule."""

    client_id = _Field(_number)
    client_name = _Field(_text)
    name = _Field(_text)
    sitenumber = _Field(_number)
    invoicenumber = _Field(_text)
    thirdpartyinvoicenumber = _Field(_text)
    invoice_date = _Field(halo_day)
    duedate = _Field(halo_day)
    reference = _Field(_text)
    internal_note = _Field(_text)
    currency_code = _Field(_number)
    currency = _Field(_text)
    posted = _Field(_flag)
    dateposted = _Field(halo_day)
    datesent = _Field(halo_day)
    voided = _Field(_flag)
    approval_status = _Field(_number)
    reviewrequired = _Field(_flag)
    paymentstatus = _Field(_number)
    amountpaid = _Field(_amount)
    amountdue = _Field(_amount)
    tax_total = _Field(_amount)
    total = _Field(_amount)
    creditlinkedtoinvoiceid = _Field(_number)
    recurring_invoice_id = _Field(_number)
    last_modified = _Field(_text)
    last_synced = _Field(_text)
    xeroid = _Field(_text)
    xero_status = _Field(_text)
    change_seq = _Field(_number)
    period = _Field(_number)
    disabled = _Field(_flag)
    startdate = _Field(halo_day)
    enddate = _Field(halo_day)
    nextcreationdate = _Field(halo_day)
    lastcreated = _Field(halo_day)

    @cached_property
    def lines(self) -> list[HaloLine]:
        """The lines, in the order read; empty when the read did not ask for them."""
        return [HaloLine(row) for row in _rows(self.raw.get("lines"))]

    @property
    def has_lines(self) -> bool:
        """Whether lines were read with it: without them it is only a summary."""
        return isinstance(self.raw.get("lines"), list)

    @property
    def last_synced_day(self) -> date | None:
        """When the accounts package last had it, None for never."""
        return halo_day(self.raw.get("last_synced"))


def invoice_of(answer: Any) -> HaloInvoice:
    """From a write's or a detail's answer: one object, or a list of one."""
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, dict) or answer.get("id") is None:
        raise ValueError("no invoice in the answer")
    return HaloInvoice(answer)


class _Written(BaseModel):
    id: int = Field(ge=1)


_Answer = TypeAdapter(Annotated[list[_Written], Field(min_length=1, max_length=1)] | _Written)


_START_BYTES = 4096


def written_id(body: bytes) -> int:
    """The id in a write's answer, one object or a list of one; nothing else of it is kept."""
    number = _id_in_front(body)
    if number is not None:
        return number
    answer = _Answer.validate_json(body)
    return answer.id if isinstance(answer, _Written) else answer[0].id


def _id_in_front(body: bytes) -> int | None:
    """HaloPSA echoes all lines of a new invoice after its id: they are not read for it.

    None: the id is not there, or the answer is short, torn or a list. What is last in the part
    that is read may be cut off, so the id counts only before another member.
    """
    if len(body) <= _START_BYTES or body[:1] != b"{" or body.rstrip()[-1:] != b"}":
        return None
    start = from_json(body[:_START_BYTES], allow_partial=True)
    number = start.get("id")
    is_whole = next(reversed(start), "id") != "id"
    return number if is_whole and type(number) is int and number >= 1 else None
