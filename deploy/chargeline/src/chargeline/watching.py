"""Progress of a run for a person at a terminal; a pipe gets none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from chargeline.shown import err
from gateway.domain.run import Counts, Run, Stage

_BAR = 28
_DOES: Mapping[Stage, str] = {
    Stage.READING: "reading the invoice",
    Stage.MATCHING: "matching companies to clients",
    Stage.NORMALIZING: "applying the modifiers",
    Stage.RESOLVING: "finding clients and items",
    Stage.ITEMS: "waiting for approval of new items",
    Stage.CREATING: "creating items",
    Stage.PLANNING: "planning",
    Stage.PLANNED: "planned, waiting for approval",
    Stage.APPLYING: "posting and reading back",
    Stage.ENDED: "done",
}


class Watching:
    """One line of progress: the stage, clients through it, and vendor calls so far."""

    def __init__(self, calls: Mapping[str, int], *, quiet: bool) -> None:
        self._calls = calls
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=_BAR),
            MofNCompleteColumn(),
            TextColumn("[dim]{task.fields[calls]}"),
            console=err,
            disable=quiet or not err.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=None, calls="")

    def __call__(self, run: Run, counts: Counts) -> None:
        through = {
            Stage.RESOLVING: counts.resolved + counts.held + counts.planned,
            Stage.PLANNING: counts.held + counts.planned,
            Stage.APPLYING: counts.held + counts.done,
            Stage.ENDED: run.batches or 0,
        }.get(run.stage, 0)
        calls = " · ".join(f"{vendor} {n}" for vendor, n in sorted(self._calls.items()))
        self._progress.update(
            self._task,
            description=f"{run.period or 'document'}: {_DOES[run.stage]}",
            total=run.batches,
            completed=through,
            calls=f"calls: {calls}",
        )

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A question has the terminal to itself."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._progress.stop()
