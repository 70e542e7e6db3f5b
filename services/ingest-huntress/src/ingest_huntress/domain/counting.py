"""From what Huntress says of an organisation to a count of each product (huntress.md 7).

A product that is missing is no count. It becomes an explicit zero only where a quantity was let
through before, so that somebody ends it; a count that is not known is never taken for zero.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemas.counts import DETAIL_NOT_READ, NAME_DOUBLED, PRODUCT_NAMES, PRODUCT_UNKNOWN, Count

UNKNOWN = "count-unknown"
VANISHED = "organization-vanished"
FROM_LIST = "count-from-list"
LEGACY = "legacy-fields-only"

# read: its usages are known · silent: the answer had no usages · gone: listed, but not to be read ·
# not-read: nobody decided whom it is billed to, or that nobody is · quick: nothing is read singly
type Detail = Literal["read", "silent", "gone", "not-read", "quick"]
type ReadFrom = Literal["detail", "list", "absent"]

_ORDER = {product: place for place, product in enumerate(PRODUCT_NAMES)}


@dataclass(frozen=True, slots=True)
class Organization:
    """One organisation as listed, and what its own read says.

    `listed` and `active` are units by product; None: it does not say how many. The list has no
    counter for every product, and a counter of it may count what is not sold.
    """

    id: str
    name: str
    detail: Detail
    listed: Mapping[str, int | None]
    active: Mapping[str, int | None] = field(default_factory=dict)
    seen: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)  # products, as they were answered
    legacy: int = 0  # what a counter that is no longer kept says, where it is the only one


@dataclass(frozen=True, slots=True)
class _Units:
    count: int | None
    read_from: ReadFrom
    warnings: tuple[str, ...] = ()


def counts_of(organization: Organization, before: Mapping[str, int]) -> list[Count]:
    """Rows in the order of the products. `before`: what was let through last, by product."""
    if organization.detail == "gone":
        return _gone(organization, before)
    units = _units(organization)
    rows = []
    for product in sorted({*units, *before}, key=_place):
        said = units.get(product) or _absent(organization, before.get(product, 0))
        if said is None or (product not in before and _is_nothing(said, organization)):
            continue
        rows.append(_row(organization, product, said, before.get(product)))
    return rows + _noted(organization)


def vanished(organization: str, name: str, before: Mapping[str, int]) -> list[Count]:
    """An organisation that was counted before and is not listed: its quantities end."""
    missing = Organization(organization, name, "gone", {})
    return _gone(missing, before)


def with_doubled_names(rows: Iterable[Count], organizations: Iterable[Organization]) -> list[Count]:
    """Rows of organisations that share a name say so: nobody is matched by such a name."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for one in organizations:
        by_name[_normal(one.name)].append(one.id)
    twins = {
        number: [other for other in numbers if other != number]
        for name, numbers in by_name.items()
        if name and len(numbers) > 1
        for number in numbers
    }
    return [
        _said(row, NAME_DOUBLED, f"has the same name as {', '.join(twins[row.organization][:5])}")
        if row.organization in twins
        else row
        for row in rows
    ]


def _units(organization: Organization) -> dict[str, _Units]:
    """What is known of each product, zeros included."""
    if organization.detail == "read":
        return {
            product: _Units(count, "detail")
            if count is not None
            else _Units(organization.listed.get(product), "list", (FROM_LIST,))
            for product, count in organization.active.items()
        }
    warning = DETAIL_NOT_READ if organization.detail == "not-read" else FROM_LIST
    return {
        product: _Units(count, "list" if count else "absent", (warning,) if count else ())
        for product, count in organization.listed.items()
    }


def _is_nothing(said: _Units, organization: Organization) -> bool:
    """Nothing to count, and nothing to end. A counter that the list lacks is no product."""
    return said.count == 0 or (said.count is None and organization.detail != "read")


def _absent(organization: Organization, before: int) -> _Units | None:
    """A product that was counted before: not active any more, if that can be told at all.

    The list has no counter for every product: what it does not count is not known.
    """
    if organization.detail == "read":
        return _Units(0, "absent")
    return _Units(None, "absent") if before else None


def _row(organization: Organization, product: str, said: _Units, before: int | None) -> Count:
    code, text = None, ""
    if said.count is None:
        code = UNKNOWN
        text = f"Huntress does not say how many {PRODUCT_NAMES.get(product, product)} has"
    return Count(
        organization=organization.id,
        organization_name=organization.name,
        product=product,
        count=(before or 0) if said.count is None else said.count,
        before=before,
        read_from=said.read_from,
        code=code,
        text=text,
        warnings=said.warnings,
        seen=dict(organization.seen.get(product, {})),
    )


def _gone(organization: Organization, before: Mapping[str, int]) -> list[Count]:
    """What it had ends; what the list still says of it is shown, and held as well."""
    text = "Huntress does not have this organization any more: its last quantity was {}"
    ended = [
        Count(
            organization=organization.id,
            organization_name=organization.name,
            product=product,
            count=0,
            before=count,
            read_from="absent",
            code=VANISHED if count else None,
            text=text.format(count) if count else "",
        )
        for product, count in before.items()
    ]
    shown = [
        Count(
            organization=organization.id,
            organization_name=organization.name,
            product=product,
            count=count,
            read_from="list",
            code=VANISHED,
            text="Huntress lists this organization and does not show it: is it deleted?",
        )
        for product, count in organization.listed.items()
        if count and product not in before
    ]
    return sorted(ended + shown, key=lambda row: _place(row.product))


def _noted(organization: Organization) -> list[Count]:
    """What is not billed and yet worth a look: products we do not know, a counter of old."""
    rows = [
        Count(
            organization=organization.id,
            organization_name=organization.name,
            product=product,
            count=0,
            warnings=(PRODUCT_UNKNOWN,),
            text=f"a product that is not known here, as answered: {said}",
        )
        for product, said in sorted(organization.unknown.items())
    ]
    if organization.legacy:
        text = f"only a counter that Huntress no longer keeps is filled ({organization.legacy})"
        rows.append(
            Count(
                organization=organization.id,
                organization_name=organization.name,
                product="itdr",
                count=0,
                read_from="absent",
                warnings=(LEGACY,),
                text=f"{text}: it is not billed",
            )
        )
    return rows


def _said(row: Count, warning: str, text: str) -> Count:
    said = f"{row.text}; {text}" if row.text else text
    return row.model_copy(update={"warnings": (*row.warnings, warning), "text": said})


def _place(product: str) -> tuple[int, str]:
    return _ORDER.get(product, len(_ORDER)), product


def _normal(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
