"""Queries of set-up and doctor: the account codes to choose from, and where they were found."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from chassis.errors import PermanentError
from lifecycle.domain.codes import AccountCodes, Code, Source, first_list, is_accounts_codes
from vendors.halopsa import Halo

LOOKUP_TYPES = 11  # the list of lookup types

Attempt = tuple[Source, Sequence[Code], str]


async def account_codes(halo: Halo) -> AccountCodes:
    """The chain: accounts codes by their lookup's name, else what items and groups use, else typed.

    Live accounts through HaloPSA are a source of their own, off until a tenant's own connection is
    held: the query of that route is not documented.
    """
    listed = await _asked("accounts codes", _lookup_codes(halo))
    off: Attempt = ("accounting integration", (), "off: not documented")
    income, expense = [listed, off], [listed, off]
    if not listed[1]:
        in_income, in_expense, why = await _codes_in_use(halo)
        income.append(("in use", in_income, why))
        expense.append(("in use", in_expense, why))
    return AccountCodes(income=first_list(income), expense=first_list(expense))


async def _asked(source: Source, codes: Awaitable[list[Code]]) -> Attempt:
    """A right that is missing is a reason, not an end."""
    try:
        return source, await codes, ""
    except PermanentError as refused:
        return source, (), refused.text


async def _lookup_codes(halo: Halo) -> list[Code]:
    types = [t for t in await halo.lookups(LOOKUP_TYPES) if is_accounts_codes(t.name)]
    if len(types) != 1:
        return []
    (accounts,) = types
    # A type's row is numbered by its own id; some tenants write the number into value2 instead.
    numbers = dict.fromkeys(
        [accounts.id, *([int(accounts.value2)] if accounts.value2.isdecimal() else [])]
    )
    for number in numbers:
        rows = [row for row in await halo.lookups(number) if not row.inactive]
        if rows and number != LOOKUP_TYPES:
            return [Code(code=row.name, name=row.value2) for row in rows]
    return []


async def _codes_in_use(halo: Halo) -> tuple[list[Code], list[Code], str]:
    try:
        items, groups = await halo.items(), await halo.asset_groups()
    except PermanentError as refused:
        return [], [], refused.text
    income = [Code(code=i.nominalcode) for i in items]
    income += [Code(code=g.nominalcode) for g in groups]
    expense = [Code(code=i.purchasenominalcode) for i in items]
    expense += [Code(code=g.nominalcodepurchase) for g in groups]
    return income, expense, ""
