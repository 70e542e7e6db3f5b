"""`python -m matrix.run`: every cell and its differences; exit code 0 when there is none."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from matrix import cells, levels
from matrix.cells import Outcome

SHOWN = 40


def main() -> int:
    """Cells on all cores; the first differences in full."""
    started = time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        every = list(cells.every_cell())
        whole = _report("cells", pool.map(cells.run, every, chunksize=4))
        one = partial(levels.run, batches=levels.received())
        leveled = _report("levels", pool.map(one, levels.every_level_cell(), chunksize=27))
    outcomes = [*whole, *leveled]
    different = [text for outcome in outcomes for text in outcome.differences]
    for text in different[:SHOWN]:
        print(text)
    lines = sum(outcome.lines for outcome in outcomes)
    print(
        f"matrix: cells={len(whole)} levels={len(leveled)} lines={lines}"
        f" differences={len(different)} in {time.monotonic() - started:.0f} s"
    )
    return 1 if different else 0


def _report(name: str, found: Iterable[Outcome]) -> list[Outcome]:
    """One row a group: behaviour and mode, or modifier."""
    outcomes = list(found)
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        head = outcome.cell.split(" ")[0] if name == "levels" else _mode(outcome.cell)
        groups.setdefault(head, []).append(outcome)
    print(f"{name:<24}{'cells':>7}{'lines':>9}{'differences':>13}")
    for head, some in groups.items():
        different = sum(len(one.differences) for one in some)
        print(f"{head:<24}{len(some):>7}{sum(o.lines for o in some):>9}{different:>13}")
    return outcomes


def _mode(cell: str) -> str:
    return "/".join(cell.split("/")[:2])


if __name__ == "__main__":
    sys.exit(main())
