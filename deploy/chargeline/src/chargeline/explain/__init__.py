"""Explain: what should have become of every source line, recomputed from raw lines and settings.

The posting store is denied to it (see `reading.OnlyDecisions`), so it can not agree with a mistake
there. `chargeline.audit` is where the two are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from chargeline.explain import counted
from chargeline.explain.answers import BatchAnswers
from chargeline.explain.deciding import Question, formed
from chargeline.explain.reading import OnlyDecisions, SourceLine, read_lines
from chargeline.explain.resolving import read_decisions, resolve
from chassis.errors import PermanentError
from chassis.records import Records
from chassis.versions import SettingsVersions
from ingest_pax8.domain.chains import place_in
from ingest_pax8.domain.document import Document
from ingest_pax8.translate import SOURCE
from schemas.explained import RAW_ALTERED, DocumentExplained, LineExplained
from schemas.settings import Settings

__all__ = ["DocumentExplained", "Explain", "LineExplained"]


class Explain:
    """Answers for a line or a whole document, under the settings version that a run names."""

    def __init__(self, records: Records) -> None:
        self._records = OnlyDecisions(records)
        self._settings = SettingsVersions(self._records)

    async def document(
        self, tenant: str, document: str, version: str, source: str = SOURCE
    ) -> DocumentExplained:
        """Every line of the document, and the merged ones; of Huntress a document is a month."""
        if source == counted.SOURCE:
            settings = await self._settings.read(tenant, version)
            return await counted.month(self._records, tenant, document, settings)
        stored = await self._records.get(tenant, "documents", document)
        if stored is None:
            raise PermanentError(
                "document-unknown", f"document {document} was never read: `chargeline ingest`"
            )
        settings = await self._settings.read(tenant, version)
        kept = Document.model_validate_json(stored.body)
        lines, problems = await read_lines(self._records, tenant, kept)
        merged: list[LineExplained] = []
        if kept.problem is not None or kept.basis is None:
            told = {line.id: _held_whole(kept, line, lines) for line in lines}
        else:
            question = await self._question(tenant, kept, settings)
            told, merged = await self._answers(question, lines)
        explained = [_altered(line, kept) if line.altered else told[line.id] for line in lines]
        outcomes = Counter(line.problem or line.outcome or "" for line in explained)
        return DocumentExplained(
            source=SOURCE,
            document=document,
            settings=version,
            date=kept.date,
            outcomes=dict(sorted(outcomes.items())),
            lines=tuple(explained),
            merged=tuple(merged),
            problems=tuple(problems),
        )

    async def line(
        self, tenant: str, line: str, versions: Mapping[str, str], sources: Mapping[str, str]
    ) -> LineExplained:
        """One line, looked for in these documents (each with the settings version to go by)."""
        for document, version in versions.items():
            found = await self.document(tenant, document, version, sources[document])
            for one in (*found.lines, *found.merged):
                if one.line == line:
                    return one
        raise PermanentError(
            "line-unknown",
            f"no document read so far has the line {line}: `chargeline explain --all` lists them",
        )

    async def _question(self, tenant: str, document: Document, settings: Settings) -> Question:
        chain = document.chain(tenant, SOURCE)
        members: list[Document] = []
        after = ""
        while some := await self._records.find(tenant, "documents", "chain", chain, after=after):
            members += [Document.model_validate_json(record.body) for record in some]
            after = some[-1].key
        return Question(
            tenant, document, settings, place_in(document, chain, members, settings.chains)
        )

    async def _answers(
        self, question: Question, lines: list[SourceLine]
    ) -> tuple[dict[str, LineExplained], list[LineExplained]]:
        groups = formed(question, lines)
        batches = [group.normalized for group in groups]
        settings = question.settings
        decisions = await read_decisions(self._records, question.tenant, settings, batches)
        answers = resolve(batches, decisions, settings)
        told: dict[str, LineExplained] = {}
        merged: list[LineExplained] = []
        for group in groups:
            batch = BatchAnswers(settings, group, answers[group.normalized.id], decisions)
            told |= {line.id: batch.line(line) for line in group.lines if not line.altered}
            one = batch.merged()
            if one is not None:
                merged.append(one)
        return told, merged


def _altered(line: SourceLine, document: Document) -> LineExplained:
    text = (
        f"row {line.row} of page {line.page} is not what Pax8 sent: restore the data folder from"
        " a backup, or read the document into a new one"
    )
    return LineExplained(
        line=line.id,
        document=document.document,
        vendor_id=line.vendor_id,
        page=line.page,
        row=line.row,
        problem=RAW_ALTERED,
        text=text,
    )


def _held_whole(document: Document, line: SourceLine, lines: Sequence[SourceLine]) -> LineExplained:
    item = line.item
    unread = "document-not-read" if all(one.item for one in lines) else "document-unreadable"
    return LineExplained(
        line=line.id,
        document=document.document,
        vendor_id=line.vendor_id,
        page=line.page,
        row=line.row,
        company=(item.company_id or "") if item else "",
        company_name=(item.company_name or "") if item else "",
        currency=(item.currency_code or "") if item else "",
        outcome="held",
        rule=document.problem or unread,
        text=document.text or "the document could not be read whole: read it again",
    )
