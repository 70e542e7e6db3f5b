"""What stands of a document although today's decisions would not post it.

R2: `posted` counts what stands, whichever run put it there. So a line that was posted and is
excluded or dropped now is told as posted, and taken out of what it would be told as otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, cast

from poster_halo.domain.desired import Decided
from poster_halo.domain.observed import Observed, OurLine
from poster_halo.domain.postings import PostedLines
from schemas.money import ZERO, exact, round_half_up
from schemas.statement import Entry, Outcome, merge

EXCLUDED = "excluded-after-posting"
DIFFERENTLY = "posted-differently"
SUPERSEDED = "superseded"
CREDIT = "-credit"  # ends the slot of a line that takes back one of an older document

# Member to the line that it was merged into when that was posted, and how many members that has.
Merged = Mapping[str, tuple[str, int]]


class Told(NamedTuple):
    """What one thing is sold for: customer side, cost side."""

    price: Decimal
    cost: Decimal

    def less(self, other: Told) -> Told:
        return Told(self.price - other.price, self.cost - other.cost)


class Stray(NamedTuple):
    """One line of ours that stands, for `lines` of the source that `takes` says the end of.

    `exact` is what these come to, `read` what the destination shows, `settled` what an older
    document had posted of it before (R14). Without a code it stands rightly.
    """

    there: OurLine
    code: str
    takes: tuple[Outcome, str]
    lines: int
    exact: Told
    read: Told
    rounding: Told
    settled: Told


def unkept(rows: Iterable[Decided], ours: Collection[str], merged: Merged) -> list[Decided]:
    """Of a batch's decided lines those that stand otherwise than they are to be posted, if at all.

    By themselves, or in a line that they were merged into and are not any more.
    """
    return [
        row
        for row in rows
        if (row.id in ours and not row.said.is_kept)
        or (row.id in merged and merged[row.id][0] != row.said.row.get("into"))
    ]


def strays_of(
    rows: Sequence[Decided],
    merged: Merged,
    observed: Observed,
    posted: PostedLines,
    currency: str,
) -> list[Stray]:
    """The `unkept` rows as they stand; `posted` is what our records say of this document."""
    groups: dict[tuple[str, str, str], list[Decided]] = defaultdict(list)
    for row in rows:
        name = merged[row.id][0] if row.id in merged else row.id
        groups[name, row.said.row["outcome"], row.said.row.get("rule") or ""].append(row)
    found: list[Stray] = []
    into: set[str] = set()
    for (name, outcome, _), group in sorted(groups.items()):
        hits = observed.live(name) or observed.copied(name)
        if not hits:
            continue
        there, lines = hits[0][1], len(group)
        if outcome == "collapsed":  # they are one line now, which is held
            target = str(group[0].said.row.get("into"))
            lines = 0 if target in into else 1
            into.add(target)
        found.append(_stray(group, merged, there, posted, currency)._replace(lines=lines))
    return found


def _stray(
    group: Sequence[Decided], merged: Merged, there: OurLine, posted: PostedLines, currency: str
) -> Stray:
    """Members of a line that are not all of it have their own share of what it shows."""
    said = group[0].said.row
    money = _exact(group)
    cents = Told(round_half_up(money.price, currency), round_half_up(money.cost, currency))
    whole = all(merged[row.id][1] == len(group) for row in group if row.id in merged)
    read = Told(there.amounts.money, there.amounts.cost_money) if whole else cents
    return Stray(
        there=there,
        code=_code(said["outcome"], said.get("rule") or ""),
        takes=_takes(said["outcome"], said.get("rule") or ""),
        lines=len(group),
        exact=money,
        read=read,
        rounding=money.less(cents),
        settled=cents.less(read) if _as_posted(there, posted) else _NOTHING,
    )


def credits_of(lines: Iterable[str], observed: Observed) -> list[Stray]:
    """R14: what a superseded document took back of the one before it still stands."""
    found: list[Stray] = []
    for line in sorted(lines):
        for _, there in observed.live(line)[:1]:
            if not there.slot.endswith(CREDIT):
                continue  # another batch has it now
            read = Told(there.amounts.money, there.amounts.cost_money)
            takes: tuple[Outcome, str] = ("settled", "")
            found.append(Stray(there, "", takes, 0, read, read, _NOTHING, _NOTHING))
    return found


def posted_by(strays: Sequence[Stray]) -> tuple[Entry, ...]:
    """What stands, as entries beside those of the kept lines."""
    found: list[Entry] = []
    for stray in strays:
        found.append(
            Entry(
                outcome="posted",
                reason=stray.code,
                lines=stray.lines,
                price=stray.read.price,
                cost=stray.read.cost,
            )
        )
        beside: tuple[tuple[Outcome, Told], ...] = (
            ("rounding", stray.rounding),
            ("settled", stray.settled),
        )
        found += [
            Entry(outcome=outcome, price=told.price, cost=told.cost)
            for outcome, told in beside
            if any(told)
        ]
    return merge(found)


def taken_by(strays: Sequence[Stray], code: str | None) -> tuple[Entry, ...]:
    """What they would be told as if they did not stand; `code` holds the batch."""
    return merge(
        Entry(
            outcome=stray.takes[0],
            reason=(code or "") if stray.takes == _WAITING else stray.takes[1],
            lines=stray.lines,
            price=stray.exact.price,
            cost=stray.exact.cost,
        )
        for stray in strays
    )


def sentence(strays: Sequence[Stray], currency: str) -> str:
    """What stands where, and the way out; "" when all of it stands rightly."""
    waiting = [stray for stray in strays if stray.code]
    if not waiting:
        return ""
    money = sum((stray.read.price for stray in waiting), ZERO)
    what = f"{money} {currency} stand at HaloPSA that today's settings would not post"
    return f"{what}: undo the posting there, or decide as before (map it back), and run again"


_NOTHING = Told(ZERO, ZERO)
_WAITING: tuple[Outcome, str] = ("held", "")  # with the code of its batch


def _code(outcome: str, rule: str) -> str:
    if outcome == "excluded":
        return "" if rule == SUPERSEDED else EXCLUDED
    return DIFFERENTLY


def _takes(outcome: str, rule: str) -> tuple[Outcome, str]:
    """What is to be posted otherwise waits, as itself or in the line that it is merged into."""
    return _WAITING if outcome in ("kept", "collapsed") else (cast("Outcome", outcome), rule)


def _exact(rows: Iterable[Decided]) -> Told:
    price, cost = ZERO, ZERO
    for row in rows:
        price += exact(row.said.row.get("total") or "0")
        cost += exact(row.said.row.get("cost_total") or "0")
    return Told(price, cost)


def _as_posted(there: OurLine, posted: PostedLines) -> bool:
    """It is what was read back last: nobody has changed it since."""
    known = posted.get(there.line)
    return known is not None and there.amounts[:3] == tuple(map(Decimal, known[1:]))
