"""Guards (R21): a count that falls to zero or jumps, and an organisation that vanishes, wait.

What a count is compared with is the last value that was let through: a held one changes nothing,
so it is held again tomorrow, and a person's word about it holds for that very value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from schemas.count_settings import CountSettings
from schemas.counts import DETAIL_NOT_READ, AcceptedCount, Count

ZERO_COUNT = "count-zero"
JUMP = "count-jump"

type Key = tuple[str, str]  # organisation and product


class Through(BaseModel):
    """The last value of a count that was let through, and the values that a person let through."""

    count: int
    accepted: tuple[int, ...] = ()
    accepted_at: str = ""  # when the newest of them was said


class Baseline(BaseModel):
    """What counts are compared with. `job` is the one that made it, `seen` how many it listed.

    `revision` is that of its sync; `days` are those whose counts are in the store, in their order.
    """

    job: str = ""
    revision: int = 0
    days: tuple[str, ...] = ()
    seen: int | None = None
    names: dict[str, str] = {}
    through: dict[str, dict[str, Through]] = {}

    def before(self, organization: str) -> dict[str, int]:
        """Units by product."""
        return {p: t.count for p, t in self.through.get(organization, {}).items()}


def judged(
    rows: Sequence[Count],
    limits: CountSettings,
    baseline: Baseline,
    words: Sequence[AcceptedCount],
) -> list[Count]:
    """Rows with what holds them, unless a person has let this very value through."""
    said = {(word.organization, word.product): word for word in words}
    return [_judged(row, limits, baseline, said) for row in rows]


def moved(
    baseline: Baseline,
    rows: Sequence[Count],
    words: Sequence[AcceptedCount],
    billed: frozenset[str],
) -> dict[str, dict[str, Through]]:
    """What counts are compared with from now on: values of `billed` organisations let through."""
    said = {(word.organization, word.product): word for word in words}
    through = {number: dict(products) for number, products in baseline.through.items()}
    for row in rows:
        never = row.before is None and not row.count
        if row.code is not None or row.organization not in billed or never:
            continue
        if DETAIL_NOT_READ in row.warnings:
            continue
        products = through.setdefault(row.organization, {})
        products[row.product] = _let_through(row, products.get(row.product), said)
    return through


def _let_through(row: Count, before: Through | None, said: Mapping[Key, AcceptedCount]) -> Through:
    word = said.get((row.organization, row.product))
    accepted, at = (before.accepted, before.accepted_at) if before else ((), "")
    if word is not None and word.count == row.count and _is_new(word, before):
        accepted, at = tuple(dict.fromkeys((*accepted, word.count))), word.at or at
    return Through(count=row.count, accepted=accepted, accepted_at=at)


def _judged(
    row: Count, limits: CountSettings, baseline: Baseline, said: Mapping[Key, AcceptedCount]
) -> Count:
    code, text = (row.code, row.text) if row.code else _guard(row, limits)
    if code is None:
        return row
    before = baseline.through.get(row.organization, {}).get(row.product)
    word = said.get((row.organization, row.product))
    if word is not None and word.count == row.count and _is_new(word, before):
        return row.model_copy(update={"code": None, "text": ""})
    return row.model_copy(update={"code": code, "text": text})


def _guard(row: Count, limits: CountSettings) -> tuple[str | None, str]:
    before, now = row.before, row.count
    if before is None or before == now:
        return None, ""
    if now == 0:
        return ZERO_COUNT, f"it was {before} and is 0 now: nothing is written until it is accepted"
    change = abs(now - before)
    if change > limits.jump_units and change > limits.jump_share * before:
        return JUMP, f"it was {before} and is {now} now: nothing is written until it is accepted"
    return None, ""


def _is_new(word: AcceptedCount, before: Through | None) -> bool:
    """A word counts once: a value that comes back after others is a new event."""
    return not word.at or before is None or word.at > before.accepted_at
