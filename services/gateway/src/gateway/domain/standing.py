"""What an earlier pass has posted of a batch, told again by a pass that does not look.

R2: a statement is cumulative. A batch that is held before it comes to the poster, and a document
that is held whole, still have posted what the last read-back saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from schemas.messages import PostingDone, PostingPlanned, PostingRefused
from schemas.statement import Entry, less

_STANDS = ("posted", "settled", "rounding")


class LastWord(BaseModel):
    """The poster's last word on a batch: what of it stands. `content` says of which lines."""

    model_config = ConfigDict(frozen=True)

    revision: int
    plan: str
    content: str
    money: tuple[Entry, ...]

    @classmethod
    def of(cls, fact: PostingDone | PostingPlanned | PostingRefused) -> LastWord:
        """As the fact has it."""
        money = standing(fact.money) if has_posted(fact.money) else ()
        return cls(revision=fact.revision, plan=fact.plan, content=fact.content, money=money)


def has_posted(entries: Iterable[Entry]) -> bool:
    """True when something stands."""
    return any(e.outcome == "posted" and e.is_something for e in entries)


def standing(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """What stands, with what makes it the exact total of its lines."""
    return tuple(e for e in entries if e.outcome in _STANDS)


def told_again(
    last: LastWord, rest: Sequence[Entry], others: Sequence[Entry], code: str
) -> tuple[Entry, ...]:
    """The entries of a batch whose kept lines, `rest`, ended with `code` before anybody looked.

    What stands is posted, and waits for a person as the batch does; it is taken out of the kept
    lines, and where settings have changed since out of `others`.
    """
    stands = [
        e.model_copy(update={"reason": e.reason or code}) if e.outcome == "posted" else e
        for e in last.money
    ]
    ordered = [*rest, *sorted(others, key=lambda e: (-e.lines, e.outcome, e.reason))]
    return less((*stands, *ordered), _taken(stands, ordered, code))


def _taken(stands: Sequence[Entry], ordered: Sequence[Entry], code: str) -> list[Entry]:
    """Exactly what stands, entry by entry; what fits nowhere comes off the held ones."""
    lines = sum(e.lines for e in stands if e.outcome != "rounding")
    price, cost = sum(e.price for e in stands), sum(e.cost for e in stands)
    taken: list[Entry] = []
    for entry in ordered:
        if not lines:
            break
        whole = entry.lines <= lines
        part = (
            entry
            if whole
            else entry.model_copy(update={"lines": lines, "price": price, "cost": cost})
        )
        taken.append(part)
        lines, price, cost = lines - part.lines, price - part.price, cost - part.cost
    if lines or price or cost:
        left = Entry.model_validate(
            {"outcome": "held", "reason": code, "lines": lines, "price": price, "cost": cost}
        )
        taken.append(left)
    return taken
