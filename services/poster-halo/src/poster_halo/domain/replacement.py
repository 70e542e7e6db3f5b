"""R14: a replacement's lines pair by slot with what the replaced document has posted.

Equal pairs are settled. For the rest the difference is posted as a line that names both documents,
so that posted(old) + posted(new) = received(new) less what is dropped, held or excluded there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from poster_halo.domain.amounts import ONE
from poster_halo.domain.desired import SHORT_MAX, Desired, cut
from poster_halo.domain.observed import Observed, OurLine
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
    old = {one.slot: one for one in _standing(replaced.lines, observed)}
    result: list[Desired] = []
    for line in lines:
        there = old.pop(line.slot, None)
        result.append(line if there is None else _difference(line, there, replaced))
    result.extend(_taken_back(there, replaced) for _, there in sorted(old.items()))
    return result


def _standing(lines: Iterable[str], observed: Observed) -> Iterable[OurLine]:
    for line in sorted(lines):
        hits = observed.live(line) or observed.copied(line)
        if hits:
            yield hits[0][1]


def _difference(line: Desired, there: OurLine, replaced: Replaced) -> Desired:
    """What is left to post of a line; nothing is left of an equal one."""
    money, cost = line.money - there.money, line.cost_money - there.cost_money
    return replace(
        line,
        quantity=ONE,
        price=money,
        cost=cost,
        money=money,
        cost_money=cost,
        total=line.total - there.money,
        cost_total=line.cost_total - there.cost_money,
        settled=there.money,
        settled_cost=there.cost_money,
        is_settled=not money and not cost,
        restated=True,
        text=cut(f"{line.text} ({_names(replaced)})", SHORT_MAX),
    )


def _taken_back(there: OurLine, replaced: Replaced) -> Desired:
    """A line of the older document that the new one does not have: credited."""
    name = line_id(replaced.tenant, replaced.source, replaced.document, f"credit of {there.line}")
    return Desired(
        id=name,
        slot=f"{there.slot}-credit",
        kind="credit",
        item=None,
        code=None,
        tax=None,
        text=cut(f"{there.text} ({_names(replaced)})", SHORT_MAX),
        details="",
        quantity=ONE,
        price=-there.money,
        cost=-there.cost_money,
        money=-there.money,
        cost_money=-there.cost_money,
        total=-there.money,
        cost_total=-there.cost_money,
        start=None,
        end=None,
        order="",
        restated=True,
        settled=there.money,
        settled_cost=there.cost_money,
        counts=0,
        is_settled=there.money == ZERO == there.cost_money,
    )


def _names(replaced: Replaced) -> str:
    return f"document {replaced.document} in place of {', '.join(replaced.documents)}"
