"""`python -m months.run`: a year in recurring mode, then an undo in each behaviour."""

from __future__ import annotations

import sys
import tempfile
from decimal import Decimal
from pathlib import Path

from matrix.table import ZERO
from months import undoing, year
from months.check import Books, Money, books, line_differences, owed
from months.year import Lived, Year
from schemas.ids import reference_prefix
from support.virtual_loop import in_virtual_time

SHOWN = 40


async def lived(folder: Path, *, clients: int, lines: int) -> tuple[Year, Books]:
    """The year, and HaloPSA's books at its end."""
    made, months = year.make(folder, clients=clients, lines=lines)
    await year.live(made, months)
    return made, books(made.final_state)


def differences(made: Year, found: Books) -> list[str]:
    """Line by line what was invoiced, and for every client and document invoiced = statement."""
    wrong = list(made.problems)
    replaced_by = {one.replaced_by for one in made.lived} - {None}
    for one in made.lived:
        about = f"{one.month.month} {one.document[:8]}"
        if one.document in replaced_by:
            wrong += [f"{about}: {text}" for text in _replacement(made, one, found)]
        else:
            texts = line_differences(one.document, one.lines, found)
            texts += _sums(owed(one.lines), _invoiced(one, found))
            wrong += [f"{about}: {text}" for text in texts]
        wrong += [f"{about}: {text}" for text in _sums(one.posted, _invoiced(one, found))]
        for currency, sides in one.statement.currencies.items():
            if sides.price.unexplained != 0 or sides.cost.unexplained != 0:
                wrong.append(f"{about}: {currency} has {sides.price.unexplained} unexplained")
    return wrong


def _invoiced(one: Lived, found: Books) -> dict[tuple[int, str], Money]:
    prefix = reference_prefix("msp", "pax8", one.document)
    return {key[:2]: money for key, money in found.sums.items() if key[2] == prefix}


def _replacement(made: Year, one: Lived, found: Books) -> list[str]:
    """R14: both documents together have invoiced what the newer one says."""
    older = next(o for o in made.lived if o.replaced_by == one.document)
    together = dict(_invoiced(older, found))
    for key, money in _invoiced(one, found).items():
        before = together.get(key, (ZERO, ZERO))
        together[key] = (before[0] + money[0], before[1] + money[1])
    return _sums(owed(one.lines), together)


def _sums(wanted: dict[tuple[int, str], Money], there: dict[tuple[int, str], Money]) -> list[str]:
    keys = {*wanted, *there}
    none = (ZERO, ZERO)
    return [
        f"client {key[0]} {key[1]}: invoiced {there.get(key, none)}, due {wanted.get(key, none)}"
        for key in sorted(keys)
        if there.get(key, none) != wanted.get(key, none)
    ]


def _table(made: Year, found: Books) -> None:
    head = f"{'month':<9}{'document':<10}{'received':>12}{'posted':>12}{'settled':>11}"
    print(f"{head}{'invoiced':>12}{'invoices':>9}  what happened")
    for one in made.lived:
        side = one.statement.currencies["USD"].price
        prices = [m[0] for k, m in _invoiced(one, found).items() if k[1] == "USD"]
        amounts = f"{side.received:>12.2f}{side.posted:>12.2f}{side.settled:>11.2f}"
        billed = f"{sum(prices, Decimal(0)):>12.2f}{one.invoices:>9}"
        print(f"{one.month.month:<9}{one.document[:8]:<10}{amounts}{billed}  {one.happened}")


def main() -> int:
    """Exit code 0 when the year and every undo come out as they must."""
    with tempfile.TemporaryDirectory() as folder:
        made, found = in_virtual_time(lived(Path(folder), clients=20, lines=200))
    _table(made, found)
    wrong = differences(made, found)
    undone = undoing.every()
    for behaviour, results in undone.items():
        print(f"undo {behaviour:<10} {', '.join(results)}")
    wrong += [text for texts in undone.values() for text in texts if text.startswith("WRONG")]
    for text in wrong[:SHOWN]:
        print(text)
    doubled = sum(times - 1 for times in found.times.values())
    months = len({one.month.month for one in made.lived})
    print(f"lines={sum(len(one.lines) for one in made.lived)} billed={len(found.times)}")
    print(f"months={months} differences={len(wrong)} doubled={doubled}")
    return 1 if wrong or doubled else 0


if __name__ == "__main__":
    sys.exit(main())
