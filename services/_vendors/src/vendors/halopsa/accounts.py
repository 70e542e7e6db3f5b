"""Income and expense codes to choose from: no route lists them for sure, so several are tried.

In the order of what is most of use: the list that HaloPSA keeps, Xero's accounts as HaloPSA passes
them on, what its items and item groups use. Any code may be typed, whatever is listed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from chassis.errors import Failure
from vendors.halopsa.client import Halo

_LISTS = 11  # the lookup that lists all lookups
_NAMES = ("accounts codes", "accounts code")  # what tenants call that of the codes; numbers differ


class Code(NamedTuple):
    """One account; the name is empty where the source has none."""

    code: str
    name: str = ""


class CodeList(NamedTuple):
    """The codes for one purpose. No source: none had any, `tried` says of each why not."""

    source: str
    codes: tuple[Code, ...]
    tried: tuple[str, ...]


class AccountCodes(NamedTuple):
    """What a person picks the two defaults from."""

    income: CodeList
    expense: CodeList


class _Found(NamedTuple):
    income: Iterable[Code]
    expense: Iterable[Code]
    why: str = "no codes in the answer"


type _Source = tuple[str, Callable[[Halo], Awaitable[_Found]]]


async def account_codes(halo: Halo) -> AccountCodes:
    """For each purpose the first sources that have codes, and what was tried before them.

    A source that may not be read, or does not answer, is a reason and not an end.
    """
    income = expense = CodeList("", (), ())
    for sources in _CHAIN:
        found = [(name, await _asked(read(halo))) for name, read in sources]
        if not income.codes:
            income = _next(income, [(name, one.income, one.why) for name, one in found])
        if not expense.codes:
            expense = _next(expense, [(name, one.expense, one.why) for name, one in found])
        if income.codes and expense.codes:
            break
    return AccountCodes(income, expense)


async def _asked(source: Awaitable[_Found]) -> _Found:
    try:
        return await source
    except Failure as failure:
        return _Found((), (), failure.text)


def _next(before: CodeList, found: Iterable[tuple[str, Iterable[Code], str]]) -> CodeList:
    """The list after some more sources were asked."""
    names: list[str] = []
    codes: list[Code] = []
    tried = list(before.tried)
    for name, rows, why in found:
        some = _distinct(rows)
        codes += some
        if some:
            names.append(name)
        else:
            tried.append(f"{name}: {why}")
    return CodeList(" and ".join(names), _distinct(codes), tuple(tried))


def _distinct(codes: Iterable[Code]) -> tuple[Code, ...]:
    """One row a code, by code; the first name that is not empty stays."""
    found: dict[str, str] = {}
    for code, name in codes:
        text = code.strip()
        if text:
            found[text] = found.get(text) or name.strip()
    return tuple(Code(code, found[code]) for code in sorted(found))


async def _listed(halo: Halo) -> _Found:
    """HaloPSA's own list does not tell income from expense."""
    lists = [row for row in await halo.lookups(_LISTS) if _plain(row.name) in _NAMES]
    if len(lists) != 1:
        return _Found((), (), f"HaloPSA has {len(lists) or 'no'} lists of that name")
    rows = [row for row in await halo.lookups(lists[0].id) if not row.inactive]
    codes = [Code(row.name, row.value2) for row in rows]
    return _Found(codes, codes, "the list is empty")


async def _in_xero(halo: Halo) -> _Found:
    """An account that does not say what it is for is offered for both."""
    accounts = await halo.xero_accounts()
    income = [Code(a.code, a.name) for a in accounts if a.kind in ("REVENUE", "")]
    expense = [Code(a.code, a.name) for a in accounts if a.kind in ("EXPENSE", "")]
    return _Found(income, expense)


async def _on_items(halo: Halo) -> _Found:
    items = await halo.items()
    income = [Code(item.nominalcode) for item in items]
    return _Found(income, [Code(item.purchasenominalcode) for item in items], "none has a code")


async def _on_groups(halo: Halo) -> _Found:
    groups = await halo.asset_groups()
    income = [Code(group.nominalcode) for group in groups]
    return _Found(income, [Code(group.nominalcodepurchase) for group in groups], "none has a code")


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


# Sources of one step have what the other may not: their codes are shown together.
_CHAIN: tuple[tuple[_Source, ...], ...] = (
    (("accounts codes", _listed),),
    (("Xero through HaloPSA", _in_xero),),
    (("items", _on_items), ("item groups", _on_groups)),
)
