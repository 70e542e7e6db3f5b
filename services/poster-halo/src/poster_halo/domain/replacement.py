"""R14: a replacement's lines pair by slot with what the replaced document has posted.

Equal pairs are settled. For the rest the difference is posted as a line that names both documents,
so that posted(old) + posted(new) = received(new) less what is dropped, held or excluded there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from poster_halo.domain.amounts import ONE, Amounts
from poster_halo.domain.desired import Before, Desired
from poster_halo.domain.observed import Observed, OurLine
from poster_halo.domain.sold import SHORT_MAX, Item, Sold, cut
from poster_halo.domain.strays import CREDIT
from schemas.ids import line_id
from schemas.money import ZERO


@dataclass(frozen=True, slots=True)
class Replaced:
    """The older documents, and which of their lines stand by our posting records."""

    tenant: str
    source: str
    document: str
    documents: tuple[str, ...]
    lines: frozenset[str]


def against(lines: Sequence[Desired], replaced: Replaced, observed: Observed) -> list[Desired]:
    """The lines as they are to stand beside what the older documents have posted."""
    old: dict[str, list[OurLine]] = defaultdict(list)  # of a chain several: a line, differences
    for one in _standing(replaced.lines, observed):
        old[one.slot].append(one)
    result: list[Desired] = []
    for line in lines:
        there = old.pop(line.slot, [])
        result.append(_difference(line, there, replaced) if there else line)
    result.extend(_taken_back(one, replaced) for _, there in sorted(old.items()) for one in there)
    return result


def _standing(lines: Iterable[str], observed: Observed) -> Iterable[OurLine]:
    for line in sorted(lines):
        hits = observed.live(line) or observed.copied(line)
        if hits:
            yield hits[0][1]


def _difference(line: Desired, there: Sequence[OurLine], replaced: Replaced) -> Desired:
    """What is left to post of a line; nothing is left of an equal one."""
    sold = line.sold
    posted = sum([one.amounts.money for one in there], ZERO)
    posted_cost = sum([one.amounts.cost_money for one in there], ZERO)
    money, cost = sold.amounts.money - posted, sold.amounts.cost_money - posted_cost
    difference = replace(
        sold,
        amounts=Amounts(ONE, money, cost, money, cost),
        total=sold.total - posted,
        cost_total=sold.cost_total - posted_cost,
        restated=True,
        text=cut(f"{sold.text} ({_names(replaced)})", SHORT_MAX),
    )
    before = Before(posted, posted_cost, is_settled=not money and not cost)
    return replace(line, sold=difference, before=before)


def _taken_back(there: OurLine, replaced: Replaced) -> Desired:
    """A line of the older document that the new one does not have: credited."""
    name = line_id(replaced.tenant, replaced.source, replaced.document, f"credit of {there.line}")
    posted = there.amounts
    money, cost = -posted.money, -posted.cost_money
    credit = Sold(
        kind="credit",
        item=Item(),
        text=cut(f"{there.text} ({_names(replaced)})", SHORT_MAX),
        details="",
        amounts=Amounts(ONE, money, cost, money, cost),
        total=money,
        cost_total=cost,
        restated=True,
    )
    nothing = not posted.money and not posted.cost_money
    before = Before(posted.money, posted.cost_money, is_settled=nothing, counts=0)
    return Desired(name, f"{there.slot}{CREDIT}", credit, before=before)


def _names(replaced: Replaced) -> str:
    return f"document {replaced.document} in place of {', '.join(replaced.documents)}"
