"""Explains lines with what a run says became of them: for the command line and for REST."""

from __future__ import annotations

from collections.abc import Sequence

from chargeline.explain import Explain
from chargeline.standing import standing_of, with_standing
from chassis.records import Records
from gateway.domain.run import Run
from schemas.explained import DocumentExplained, LineExplained


class Explaining:
    """The recomputed answer first; only then is what stands put beside it."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._explain = Explain(records)

    async def document(self, tenant: str, run: Run) -> DocumentExplained:
        """Every line of the run's document."""
        told = await self._explain.document(tenant, run.document, run.settings, run.source)
        return await with_standing(self._records, tenant, run, told)

    async def line(self, tenant: str, line: str, runs: Sequence[Run]) -> LineExplained:
        """One line, looked for in the documents of these runs."""
        by_document = {run.document: run for run in runs}
        versions = {name: run.settings for name, run in by_document.items()}
        sources = {name: run.source for name, run in by_document.items()}
        one = await self._explain.line(tenant, line, versions, sources)
        return await standing_of(self._records, tenant, by_document[one.document], one)
