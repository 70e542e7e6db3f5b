"""One line of the benchmarks' table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table; without a limit it is information."""

    what: str
    figure: str
    floor: str = ""
    ratio: str = ""
    limit: str = ""
    met: bool | None = None

    def text(self) -> str:
        verdict = {None: "", True: "yes", False: "NO"}[self.met]
        return (
            f"{self.what:<48}{self.figure:>14}{self.floor:>12}{self.ratio:>9}"
            f"{self.limit:>10}  {verdict}"
        )
