"""What a recurring line bills for its licences, case by case, as the sheet's section 4.3 has it.

A unit costs 31.00 a month. The last invoice was created on October 10th, the next one is due on
November 10th: 31 days, so that a day of a unit is 1.00.
"""

from __future__ import annotations

from dataclasses import dataclass

NEXT, SHARE, LATER, AT_ONCE, READY = range(5)
D20, D04 = "2026-10-20", "2026-11-04"  # 21 and 6 days before the next invoice

type Part = tuple[int, str]  # units, unit price


@dataclass(frozen=True)
class Licence:
    """A licence and its link; `changes`: on that day, to that count."""

    count: int
    free: int = 0
    minimum: int = 0
    pro_rata: int = NEXT
    changes: tuple[tuple[str, int], ...] = ()
    deleted: bool = False


@dataclass(frozen=True)
class Case:
    """`quantity` of the line on the next invoice, `later` on the one after it."""

    name: str
    licences: tuple[Licence, ...]
    quantity: int
    parts: tuple[Part, ...] = ()  # further lines of that invoice
    at_once: tuple[Part, ...] = ()  # lines of invoices created when the count changed
    ready: tuple[Part, ...] = ()  # lines of an invoice created with the next one, beside it
    later: int | None = None


def moved(count: int, to: int, pro_rata: int, free: int = 0, minimum: int = 0) -> Licence:
    return Licence(count, free, minimum, pro_rata, changes=((D20, to),))


CASES = (
    Case("the count", (Licence(51),), 51, later=51),
    Case("one unit", (Licence(1),), 1),
    Case("no unit", (Licence(0),), 0),
    Case("less the free ones", (Licence(51, free=5),), 46),
    Case("all free", (Licence(5, free=5),), 0),
    Case("more free than there are", (Licence(3, free=5),), 0),
    Case("above the minimum", (Licence(20, minimum=10),), 20),
    Case("at the minimum", (Licence(10, minimum=10),), 10),
    Case("below the minimum", (Licence(3, minimum=9),), 9),
    Case("nothing, with a minimum", (Licence(0, minimum=9),), 9),
    Case("free and minimum, above it", (Licence(12, free=5, minimum=5),), 7),
    Case("free and minimum, below it", (Licence(12, free=5, minimum=9),), 9),
    Case("more free than there are, with a minimum", (Licence(3, free=5, minimum=2),), 2),
    Case("very many", (Licence(25_000, free=100),), 24_900),
    Case("two licences", (Licence(12), Licence(7)), 19),
    Case("two licences, each with free ones", (Licence(12, free=2), Licence(7, free=3)), 14),
    Case("free ones of one are none of another", (Licence(2, free=5), Licence(7)), 7),
    Case("minimums of each", (Licence(1, minimum=5), Licence(7, minimum=2)), 12),
    Case("three licences, one empty", (Licence(4), Licence(0), Licence(6)), 10),
    Case("a deleted licence counts nothing", (Licence(4), Licence(9, deleted=True)), 4),
    Case("next: more", (moved(10, 14, NEXT),), 14, later=14),
    Case("next: less", (moved(10, 6, NEXT),), 6, later=6),
    Case("next: down to zero", (moved(10, 0, NEXT),), 0, later=0),
    Case("share: more", (moved(10, 14, SHARE),), 14, parts=((4, "21.00"),), later=14),
    Case("share: less", (moved(10, 6, SHARE),), 6, parts=((-4, "21.00"),), later=6),
    Case(
        "share: up and down again",
        (Licence(10, pro_rata=SHARE, changes=((D20, 14), (D04, 12))),),
        12,
        parts=((4, "21.00"), (-2, "6.00")),
        later=12,
    ),
    Case("share: within the free ones", (moved(3, 5, SHARE, free=5),), 0),
    Case("share: past the free ones", (moved(4, 8, SHARE, free=5),), 3, parts=((3, "21.00"),)),
    Case("share: below the minimum", (moved(3, 6, SHARE, minimum=9),), 9),
    Case("share: past the minimum", (moved(6, 11, SHARE, minimum=9),), 11, parts=((2, "21.00"),)),
    Case("later: more", (moved(10, 14, LATER),), 10, later=14),
    Case("later: down to zero", (moved(10, 0, LATER),), 10, later=0),
    Case("later: with free ones", (moved(10, 14, LATER, free=4),), 6, later=10),
    Case("at once: more", (moved(10, 14, AT_ONCE),), 14, at_once=((4, "21.00"),), later=14),
    Case("at once: within the free ones", (moved(2, 4, AT_ONCE, free=5),), 0),
    Case("ready: more", (moved(10, 14, READY),), 14, ready=((4, "21.00"),), later=14),
    Case(
        "each licence by its own choice",
        (moved(10, 14, SHARE), moved(5, 8, LATER), moved(1, 3, AT_ONCE)),
        22,
        parts=((4, "21.00"),),
        at_once=((2, "21.00"),),
        later=25,
    ),
)
