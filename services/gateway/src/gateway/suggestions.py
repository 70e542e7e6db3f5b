"""What nobody has decided yet about companies and products, each with candidates, best first.

From what was read already: the last set-up, and the holds of each document's newest run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from gateway.domain.run import Progress, Run
from gateway.setups import Setups
from gateway.store import Store
from schemas.charges import normal_term
from schemas.messages import Hold, Suggestion
from schemas.money import ZERO, Amount
from schemas.settings import Settings

type Kind = Literal["client", "product"]

_UNMAPPED = "company-unmapped"
_SAFE_SCORE = 90
_SAFE_AHEAD = 20


class Undecided(BaseModel):
    """A company or a product, what waits for it, and what it may be.

    `about` is the company's id or the product key. `price` by currency: what is held for it now.
    `safe`: the first candidate is nearly certain, and far ahead of the next one.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    source: str
    about: str
    name: str = ""
    lines: int = 0
    price: dict[str, Amount] = {}
    candidates: tuple[Suggestion, ...] = ()
    safe: bool = False
    seen_in: tuple[str, ...] = ()  # runs, or the set-up


class Suggestions:
    """Reads only."""

    def __init__(self, store: Store, setups: Setups) -> None:
        self._store = store
        self._setups = setups

    async def of(self, tenant: str) -> list[Undecided]:
        """Everything undecided, most money first, then by name."""
        settings = await self._store.settings(tenant)
        found: dict[tuple[Kind, str], Undecided] = {}
        for one in [*await self._of_setup(tenant), *await self._of_runs(tenant)]:
            key = (one.kind, f"{one.source}:{one.about}")
            found[key] = _merged(found[key], one) if key in found else one
        left = [one for one in found.values() if not _decided(one, settings)]
        return sorted(left, key=lambda u: (-_money(u), u.name, u.kind, u.about))

    async def _of_setup(self, tenant: str) -> list[Undecided]:
        setup = await self._setups.newest(tenant)
        if setup is None:
            return []
        companies = [
            _undecided("client", setup.source, m.company, m.name, m.suggestions, setup.setup)
            for m in await self._setups.undecided(setup)
        ]
        products = [
            _undecided("product", setup.source, m.product_key, m.name, m.suggestions, setup.setup)
            for m in await self._setups.unmatched(setup)
        ]
        return companies + products

    async def _of_runs(self, tenant: str) -> list[Undecided]:
        found: list[Undecided] = []
        for run in await self._store.newest_runs(tenant):
            at = f"{run.run}:{run.revision}:{Progress.HELD.value}"
            async for stored in self._store.projections.every(tenant, "progress", at):
                head = stored.value.normalized
                currency = head.currency if head else ""
                found += _of_holds(run, currency, stored.value.holds)
        return found


def _of_holds(run: Run, currency: str, holds: Iterable[Hold]) -> list[Undecided]:
    found: list[Undecided] = []
    for hold in holds:
        kind: Kind
        if hold.code == _UNMAPPED and hold.company is not None:
            kind, about = "client", hold.company
        elif hold.product_key is not None:
            kind, about = "product", hold.product_key
        else:
            continue
        one = _undecided(kind, run.source, about, hold.name, hold.suggestions, run.run)
        sums = {"lines": hold.lines, "price": {currency: hold.price}}
        found.append(one.model_copy(update=sums))
    return found


def _undecided(
    kind: Kind, source: str, about: str, name: str, found: tuple[Suggestion, ...], seen_in: str
) -> Undecided:
    return Undecided(
        kind=kind,
        source=source,
        about=about,
        name=name,
        candidates=found,
        safe=_is_safe(found),
        seen_in=(seen_in,),
    )


def _is_safe(found: tuple[Suggestion, ...]) -> bool:
    if not found or found[0].score < _SAFE_SCORE:
        return False
    return len(found) == 1 or found[0].score - found[1].score >= _SAFE_AHEAD


def _merged(one: Undecided, other: Undecided) -> Undecided:
    """A run looked later than the set-up, so its candidates stand; what waits adds up."""
    candidates = other.candidates or one.candidates
    currencies = sorted(one.price.keys() | other.price.keys())
    return one.model_copy(
        update={
            "name": one.name or other.name,
            "lines": one.lines + other.lines,
            "price": {c: one.price.get(c, ZERO) + other.price.get(c, ZERO) for c in currencies},
            "candidates": candidates,
            "safe": _is_safe(candidates),
            "seen_in": tuple(dict.fromkeys((*one.seen_in, *other.seen_in))),
        }
    )


def _decided(one: Undecided, settings: Settings) -> bool:
    """Somebody has decided it since."""
    if one.kind == "client":
        rows = [m for m in settings.client if (m.source, m.company) == (one.source, one.about)]
        return any(m.subscription is None for m in rows)
    return any(
        one.about in (row.product, f"{one.source}:{row.product}:{normal_term(row.term or '')}")
        or (row.term is None and one.about.startswith(f"{one.source}:{row.product}:"))
        for row in settings.product
        if row.source == one.source
    )


def _money(one: Undecided) -> Amount:
    """For the order of a list only: amounts of several currencies are no sum."""
    return sum((abs(amount) for amount in one.price.values()), ZERO)
