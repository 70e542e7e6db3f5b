"""What the commands do, each an async function that answers with an exit code and a document."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from chargeline import shown
from chargeline.billing import Asked, Billed, Billing, report_of
from chargeline.desk import Desk
from chargeline.desks import acting, looking, only_here
from chargeline.plan_shown import effect, planned, show_diff, show_items, show_plan
from chargeline.report import DONE, NEEDS_A_PERSON, NOTHING_AUDITED, exit_code, run_document
from chargeline.session import TENANT, Where, reading, with_folder
from chargeline.shown import Hints
from chargeline.watching import Watching
from chassis.errors import PermanentError
from gateway.domain.run import Run, Stage
from gateway.queries import BatchView, Queries
from gateway.store import Store
from schemas.messages import DocumentEntry
from schemas.selection import Selection

type Answer = tuple[int, dict[str, Any] | None]


async def bill(
    where: Where,
    *,
    document: str | None,
    yes: bool,
    automatic: bool,
    canary: int,
    as_json: bool,
) -> Answer:
    """Every document, oldest first."""
    _needs_yes(yes=yes or automatic)
    started = time.monotonic()
    where = with_folder(where)
    async with acting(where) as desk:
        calls = desk.calls
        if not as_json:
            shown.err.print(f"[dim]{shown.safe(desk.place)}[/]")
        done: list[Billed] = []
        with Watching(calls, quiet=as_json) as watch:
            ask = _asker(desk, watch, yes=yes)
            billing = Billing(desk, ask=ask, watch=watch, source=where.source)
            await billing.check_connections()
            for entry in _chosen(await billing.documents(), document):
                how: dict[str, Any] = {"yes": yes, "automatic": automatic, "canary": canary}
                done.append(await billing.bill(entry.document, **how))
        waiting = await desk.waits.parked()
        return _ending(done, calls, waiting, started, as_json=as_json, hints=_hints(where))


async def ingest(
    where: Where, *, document: str | None, period: str | None, drafts: bool, as_json: bool
) -> Answer:
    """Read and plan, post nothing."""
    started = time.monotonic()
    where = with_folder(where)
    async with acting(where) as desk:
        calls = desk.calls
        with Watching(calls, quiet=as_json) as watch:
            billing = Billing(desk, ask=_never, watch=watch, source=where.source)
            await billing.check_connections()
            if drafts:
                read = await billing.drafts()
                if as_json:
                    return DONE, {"schema": "chargeline.drafts.v1", **read}
                shown.out.print(f"{read['rows_read']} draft items stored as {read['snapshot']}")
                return DONE, None
            done = [
                await billing.bill(entry.document, yes=False)
                for entry in _chosen(await billing.documents(), document)
                if entry.date.startswith(period or "")
            ]
        waiting = await desk.waits.parked()
        return _ending(done, calls, waiting, started, as_json=as_json, hints=_hints(where))


async def plan(
    where: Where, run: str, *, selection: Selection, diff: bool, yes: bool, as_json: bool
) -> Answer:
    """Form and plan again; shows what applying would do. Only new items are made, if allowed."""
    started = time.monotonic()
    async with acting(where) as desk:
        calls = desk.calls
        queries = desk.queries
        with Watching(calls, quiet=as_json) as watch:
            ask = _asker(desk, watch, yes=yes) if yes or sys.stdin.isatty() else _never
            billed = await Billing(desk, ask=ask, watch=watch).again(run, selection)
        if not as_json:
            if billed.run.stage is Stage.ITEMS:
                show_items(await queries.proposals(desk.tenant, run), shown.out)
                shown.out.print("they are not there yet: once more with --yes")
            plans = await queries.plans(desk.tenant, run)
            show_plan(run, billed.batches, plans, shown.out)
            if diff:
                show_diff(plans, shown.out)
        waiting = await desk.waits.parked()
        hints = _hints(where, run, selects=bool(selection.terms))
        return _ending([billed], calls, waiting, started, as_json=as_json, hints=hints)


async def apply(
    where: Where,
    run: str,
    *,
    only: Sequence[str],
    canary: int | None,
    yes: bool,
    as_json: bool,
) -> Answer:
    """Post exactly what was planned."""
    _needs_yes(yes=yes)
    started = time.monotonic()
    async with acting(where) as desk:
        calls = desk.calls
        with Watching(calls, quiet=as_json) as watch:
            billing = Billing(desk, ask=_asker(desk, watch, yes=yes), watch=watch)
            billed = await billing.apply(run, only, canary)
        waiting = await desk.waits.parked()
        return _ending([billed], calls, waiting, started, as_json=as_json, hints=_hints(where, run))


async def undo(where: Where, run: str, *, only: Sequence[str], yes: bool, as_json: bool) -> Answer:
    """Take back; 2 when something could not be taken back."""
    _needs_yes(yes=yes)
    async with acting(where) as desk:
        run, only = await _posted(desk, run, only)
        what = f"{len(only)} postings" if only else f"all that run {run} has posted"
        if not yes and not _confirmed(f"Take back {what}?"):
            return NEEDS_A_PERSON, None
        billing = Billing(desk, ask=_never, watch=lambda *_: None)
        asked, refused, billed = await billing.undo(run, only)
        document = {
            "schema": "chargeline.undo.v1",
            "run_id": billed.run.run,
            "asked": asked,
            "undone": asked - len(refused),
            "refused": [{"plan": r.plan, "code": r.code, "text": r.text} for r in refused],
        }
        if not as_json:
            shown.out.print(f"taken back: {asked - len(refused)} of {asked}")
            for r in refused:
                told = f"  [yellow]{r.code}[/]: {shown.safe(r.text)}"
                shown.out.print(told, soft_wrap=True)
        return (NEEDS_A_PERSON if refused else DONE), (document if as_json else None)


async def _posted(desk: Desk, asked: str, only: Sequence[str]) -> tuple[str, Sequence[str]]:
    """A run as it is; a posting (its plan, batch, or HaloPSA's invoice id) with its newest run."""
    queries, tenant = desk.queries, desk.tenant
    runs = await queries.runs(tenant)
    if any(run.run == asked for run in runs):
        return asked, only
    for run in reversed(runs):
        for view in await queries.batches(tenant, run.run):
            if asked in (view.plan, view.batch, *view.external_ids):
                return run.run, [view.batch]
    text = f"there is no run or posting {asked}: `chargeline runs` lists the runs"
    raise PermanentError("run-unknown", text)


async def statement(where: Where, run: str | None, *, as_json: bool) -> Answer:
    """The penny identity of one run, the newest if none is named; read only."""
    started = time.monotonic()
    async with looking(where) as desk:
        if run is None:
            every = await desk.queries.runs(desk.tenant)
            if not every:
                raise PermanentError("run-unknown", f"there is no run in {desk.place} yet")
            run = every[-1].run
        billed = await report_of(desk, run)
        waiting = await desk.waits.parked()
    return _ending([billed], {}, waiting, started, as_json=as_json, hints=_hints(where, run))


async def runs(where: Where, *, as_json: bool) -> Answer:
    """All runs, oldest first."""
    async with looking(where) as desk:
        found = await desk.queries.runs(desk.tenant)
    if as_json:
        listed = [r.model_dump(mode="json", exclude={"received"}) for r in found]
        return DONE, {"schema": "chargeline.runs.v1", "runs": listed}
    for r in found:
        shown.out.print(f"{r.run}  {r.document_date:10}  {r.stage.value:10}  {r.document}")
    return DONE, None


async def explain(where: Where, line: str | None, *, document: str | None, as_json: bool) -> Answer:
    """Recomputed, with the posting store out of reach."""
    from chargeline.explaining import Explaining
    from chargeline.line_shown import explained

    if line is not None:
        async with looking(where) as desk:
            one = await desk.explain(line, document)
        return (NEEDS_A_PERSON if one.problem else DONE), explained(one, as_json=as_json)
    only_here(where, "explain --all")
    async with reading(where) as store:
        kept = Store(store.records, store.outbox)
        every = await Queries(kept, store.bodies).runs(TENANT)
        runs = {r.document: r for r in every if document in (None, r.document)}
        explaining = Explaining(store.records)
        documents = [await explaining.document(TENANT, run) for run in runs.values()]
    lines = [one for d in documents for one in (*d.lines, *d.merged)]
    sound = all(d.sound for d in documents)
    code = NEEDS_A_PERSON if not sound else DONE if lines else NOTHING_AUDITED
    if as_json:
        shown_whole = [d.model_dump(mode="json") for d in documents]
        return code, {"schema": "chargeline.explain.v1", "documents": shown_whole}
    for one in lines:
        explained(one, as_json=False, whole=False)
    if lines:
        told = f"every rule that a line was asked: chargeline explain LINE{shown.safe(where.hint)}"
        shown.out.print(f"[dim]{told}[/]", soft_wrap=True)
    for problem in (p for d in documents for p in d.problems):
        shown.err.print(f"[red]{problem.code}[/] {shown.safe(problem.text)}")
    return code, None


def _chosen(listed: Sequence[DocumentEntry], document: str | None) -> Sequence[DocumentEntry]:
    """All of them, or the one that is named."""
    chosen = [entry for entry in listed if document in (None, entry.document)]
    if document is not None and not chosen:
        raise PermanentError("document-unknown", f"the source lists no document {document}")
    return chosen


def _ending(
    done: Sequence[Billed],
    calls: Mapping[str, int],
    waiting: int,
    started: float,
    *,
    as_json: bool,
    hints: Hints,
) -> Answer:
    code = exit_code(done, waiting)
    if as_json:
        elapsed_s = time.monotonic() - started
        return code, run_document(done, calls=calls, parked=waiting, elapsed_s=elapsed_s)
    for billed in done:
        shown.show_bill(billed, hints)
    shown.show_end(done, code, calls, waiting, hints)
    return code, None


def _hints(where: Where, run: str | None = None, *, selects: bool = False) -> Hints:
    """How to go on: the command as it was typed, or plan and apply where that was no run.

    What selects is typed again: the plain words would plan everything.
    """
    words = shlex.join(["chargeline", *sys.argv[1:]])
    if where.sandbox and "--data" not in words:
        words += where.hint
    if run is not None:
        sandbox = f" --sandbox-url {where.sandbox_url}" if where.sandbox_url else ""
        tail = f"{run}{where.hint}{sandbox}"
        plans = words if selects else f"chargeline plan {tail}"
        words = f"{plans} && chargeline apply {tail}"
    return Hints(where.hint, words)


async def _never(_: Run, __: Sequence[BatchView]) -> bool:
    return False


def _asker(desk: Desk, watch: Watching, *, yes: bool) -> Asked:
    """Shows what a yes means, then asks. A plan is a message here: results go to stdout."""
    queries, tenant = desk.queries, desk.tenant

    async def ask(run: Run, views: Sequence[BatchView]) -> bool:
        if yes:
            return True
        items = await queries.proposals(tenant, run.run) if run.stage is Stage.ITEMS else None
        plans = await queries.plans(tenant, run.run) if items is None else []
        with watch.paused():
            if items is not None:
                show_items(items, shown.err)
                return _confirmed(f"Create {len(items)} items in HaloPSA?")
            show_plan(run.run, views, plans, shown.err)
            return bool(planned(views)) and _confirmed(f"Post {effect(views)}?")

    return ask


def _confirmed(question: str) -> bool:
    import typer

    return typer.confirm(question, err=True)


def _needs_yes(*, yes: bool) -> None:
    if not yes and not sys.stdin.isatty():
        raise PermanentError(
            "needs-yes", "this posts invoices and nobody is here to ask: say --yes"
        )
