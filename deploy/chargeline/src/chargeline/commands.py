"""What the commands do, each an async function that answers with an exit code and a document."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chargeline import shown
from chargeline.billing import Billed, Billing
from chargeline.report import DONE, NEEDS_A_PERSON, NOTHING_AUDITED, exit_code, run_document
from chargeline.session import TENANT, Where, opened
from chargeline.system import System
from chassis.embedded.store import EmbeddedStore
from chassis.errors import PermanentError
from gateway.domain.run import Run
from gateway.queries import BatchView, Queries
from gateway.store import Store
from schemas.settings import ClientMapping, ProductMapping, Settings

Answer = tuple[int, dict[str, Any] | None]


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
    async with opened(where) as system:
        calls = system.connections.calls
        if not as_json:
            shown.err.print(f"[dim]data folder {system.folder}[/]")
        done: list[Billed] = []
        with shown.Watching(calls, quiet=as_json) as watch:
            billing = Billing(system, ask=_asker(yes=yes), watch=watch)
            await billing.check_connections()
            for entry in await billing.documents():
                if document is None or entry.document == document:
                    one = await billing.bill(
                        entry.document, yes=yes, automatic=automatic, canary=canary
                    )
                    done.append(one)
        waiting = await _parked(system)
        return _ending(done, calls, waiting, time.monotonic() - started, as_json=as_json)


async def ingest(
    where: Where, *, document: str | None, period: str | None, drafts: bool, as_json: bool
) -> Answer:
    """Read and plan, post nothing."""
    started = time.monotonic()
    async with opened(where) as system:
        calls = system.connections.calls
        with shown.Watching(calls, quiet=as_json) as watch:
            billing = Billing(system, ask=_never, watch=watch)
            await billing.check_connections()
            if drafts:
                return DONE, {"schema": "chargeline.drafts.v1", **await billing.drafts()}
            done = [
                await billing.bill(entry.document, yes=False)
                for entry in await billing.documents()
                if document in (None, entry.document) and entry.date.startswith(period or "")
            ]
        waiting = await _parked(system)
        return _ending(done, calls, waiting, time.monotonic() - started, as_json=as_json)


async def plan(where: Where, run: str, *, diff: bool, as_json: bool) -> Answer:
    """Form and plan again; shows what applying would do."""
    started = time.monotonic()
    async with opened(where) as system:
        calls = system.connections.calls
        with shown.Watching(calls, quiet=as_json) as watch:
            billed = await Billing(system, ask=_never, watch=watch).again(run, yes=True)
        if not as_json:
            shown.show_plan(billed.run, billed.batches)
            if diff:
                shown.show_diff(await system.gateway.queries.plans(TENANT, run))
        waiting = await _parked(system)
        return _ending([billed], calls, waiting, time.monotonic() - started, as_json=as_json)


async def apply(where: Where, run: str, *, only: Sequence[str], yes: bool, as_json: bool) -> Answer:
    """Post exactly what was planned."""
    _needs_yes(yes=yes)
    started = time.monotonic()
    async with opened(where) as system:
        calls = system.connections.calls
        with shown.Watching(calls, quiet=as_json) as watch:
            billing = Billing(system, ask=_asker(yes=yes), watch=watch)
            billed = await billing.apply(run, only)
        waiting = await _parked(system)
        return _ending([billed], calls, waiting, time.monotonic() - started, as_json=as_json)


async def undo(where: Where, run: str, *, only: Sequence[str], yes: bool, as_json: bool) -> Answer:
    """Take back; 2 when something could not be taken back."""
    _needs_yes(yes=yes)
    async with opened(where) as system:
        if not yes and not _confirmed(f"Take back what run {run} has posted?"):
            return NEEDS_A_PERSON, None
        billing = Billing(system, ask=_never, watch=lambda *_: None)
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
                shown.out.print(f"  [yellow]{r.code}[/]: {r.text}")
        return (NEEDS_A_PERSON if refused else DONE), (document if as_json else None)


async def statement(where: Where, run: str, *, as_json: bool) -> Answer:
    """The penny identity of one run, read only."""
    async with opened(where, running=False) as system:
        billed = await Billing(system, ask=_never, watch=lambda *_: None).report(run)
        return _ending([billed], {}, await _parked(system), 0.0, as_json=as_json)


async def runs(where: Where, *, as_json: bool) -> Answer:
    """All runs of the data folder."""
    with _reading(where) as store:
        found = await Queries(Store(store.records, store.outbox), store.bodies).runs(TENANT)
    if as_json:
        listed = [r.model_dump(mode="json", exclude={"received"}) for r in found]
        return DONE, {"schema": "chargeline.runs.v1", "runs": listed}
    for r in found:
        shown.out.print(f"{r.run}  {r.document_date:10}  {r.stage.value:10}  {r.document}")
    return DONE, None


async def explain(where: Where, line: str | None, *, document: str | None, as_json: bool) -> Answer:
    """Recomputed, with the posting store out of reach."""
    from chargeline.explain import Explain

    with _reading(where) as store:
        found = await Queries(Store(store.records, store.outbox), store.bodies).runs(TENANT)
        versions = {r.document: r.settings for r in found if document in (None, r.document)}
        told = Explain(store.records)
        if line is not None:
            one = await told.line(TENANT, line, versions)
            return (NEEDS_A_PERSON if one.problem else DONE), shown.explained(one, as_json=as_json)
        documents = [await told.document(TENANT, d, version) for d, version in versions.items()]
    lines = [one for d in documents for one in (*d.lines, *d.merged)]
    altered = [one for one in lines if one.problem]
    code = NEEDS_A_PERSON if altered else DONE if lines else NOTHING_AUDITED
    if as_json:
        every = [d.model_dump(mode="json") for d in documents]
        return code, {"schema": "chargeline.explain.v1", "documents": every}
    for one in lines:
        shown.explained(one, as_json=False)
    return code, None


async def failed_jobs(where: Where, *, retry: str | None, as_json: bool) -> Answer:
    """Jobs that wait for a person."""
    async with opened(where, running=False) as system:
        if retry is not None and not await system.jobs.retry(TENANT, retry):
            raise PermanentError("job-unknown", f"there is no failed job {retry}")
        failed = await system.jobs.failed(TENANT)
        rows = [
            {"id": j.id, "kind": j.head.kind, "code": f.code, "text": f.text}
            for j in failed
            if (f := j.head.failure) is not None
        ]
    if as_json:
        return DONE, {"schema": "chargeline.jobs.v1", "failed": rows}
    for row in rows:
        shown.out.print(f"{row['id']}  {row['kind']}  [yellow]{row['code']}[/]: {row['text']}")
    return DONE, None


async def mappings(where: Where, *, as_json: bool) -> Answer:
    """Rows of the settings in force."""
    with _reading(where) as store:
        settings = await Store(store.records, store.outbox).settings(TENANT)
    if as_json:
        told = settings.model_dump(mode="json", include={"client", "product", "chains"})
        return DONE, {"schema": "chargeline.mappings.v1", **told}
    for row in settings.client:
        to = "excluded" if row.exclude else f"client {row.halo}"
        shown.out.print(f"{row.company:38} {row.subscription or '':38} {to:14} {row.evidence}")
    for item in settings.product:
        shown.out.print(f"{item.product:77} item {item.halo:<9} {item.evidence}")
    return DONE, None


async def map_client(where: Where, source: str, company: str, row: dict[str, Any]) -> Answer:
    """One row; a second client for a company needs its subscription (R3)."""
    new = ClientMapping(source=source, company=company, evidence="a person", **row)

    def changed(s: Settings) -> Settings:
        key = (new.source, new.company, new.subscription)
        kept = [r for r in s.client if (r.source, r.company, r.subscription) != key]
        return s.model_copy(update={"client": (*kept, new)})

    return await _change(where, changed, f"{company or 'no company'}: decided")


async def map_product(where: Where, source: str, product: str, halo: int) -> Answer:
    """One row."""
    new = ProductMapping(source=source, product=product, halo=halo, evidence="a person")

    def changed(s: Settings) -> Settings:
        kept = [r for r in s.product if (r.source, r.product, r.term) != (source, product, None)]
        return s.model_copy(update={"product": (*kept, new)})

    return await _change(where, changed, f"{product}: item {halo}")


async def decide_chain(where: Where, document: str, *, replacement: bool) -> Answer:
    """R14."""
    word = "replacement" if replacement else "separate"
    return await _change(
        where,
        lambda s: s.model_copy(update={"chains": {**s.chains, document: word}}),
        f"{document}: {word}",
    )


async def parked_list(where: Where, *, as_json: bool) -> Answer:
    """What is parked and what queues behind it."""
    with _reading(where) as store:
        found = [m for m in await store.parking.list(TENANT) if m.state == "parked"]
    if as_json:
        rows = [m.model_dump(mode="json") for m in found]
        return (NEEDS_A_PERSON if rows else DONE), {
            "schema": "chargeline.parked.v1",
            "parked": rows,
        }
    for m in found:
        shown.out.print(f"{m.id}  {m.group}  [yellow]{m.code}[/]: {m.text}")
    return (NEEDS_A_PERSON if found else DONE), None


async def parked_show(where: Where, message: str) -> Answer:
    """The message as JSON, then its bytes."""
    with _reading(where) as store:
        found, value = await store.parking.show(TENANT, message)
    text = value.decode("utf-8", errors="replace")
    return DONE, {**found.model_dump(mode="json"), "value": text}


async def parked_retry(where: Where, message: str) -> Answer:
    """Handle it again, in its order."""
    async with opened(where) as system:
        retried = await system.store.parking.retry(TENANT, message)
        await system.store.bus.idle()
    shown.out.print(f"handled: {retried.done}")
    if retried.cause is not None:
        shown.out.print(f"[yellow]{retried.cause.code}[/]: {retried.cause.text}")
    return (NEEDS_A_PERSON if retried.cause else DONE), None


async def up(where: Where) -> Answer:
    """Until interrupted."""
    async with opened(where) as system:
        shown.err.print(f"chargeline is up over {system.folder}; there is no console yet. Ctrl-C")
        await asyncio.Event().wait()
    return DONE, None


async def doctor(where: Where, *, as_json: bool) -> Answer:
    """Every probe, and what to do about each fault."""
    from chargeline.doctor import examine

    async with opened(where, running=False) as system:
        findings = await examine(system)
    if not as_json:
        for f in findings:
            mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]?[/]"}[f.ok]
            shown.out.print(f"{mark} {f.what}  [dim]{f.to_do}[/]")
    code = NEEDS_A_PERSON if any(f.ok is False for f in findings) else DONE
    rows = [{"what": f.what, "ok": f.ok, "to_do": f.to_do} for f in findings]
    return code, {"schema": "chargeline.doctor.v1", "findings": rows} if as_json else None


async def _change(where: Where, changed: Any, says: str) -> Answer:
    async with opened(where, running=False) as system:
        await system.gateway.runs.change_settings(TENANT, changed)
    shown.err.print(says, markup=False)
    return DONE, None


def _ending(
    done: Sequence[Billed], calls: Any, waiting: int, elapsed_s: float, *, as_json: bool
) -> Answer:
    code = exit_code(done, waiting)
    if as_json:
        return code, run_document(done, calls=calls, parked=waiting, elapsed_s=elapsed_s)
    for billed in done:
        shown.show_bill(billed)
    shown.show_end(done, code, calls, waiting)
    return code, None


async def _parked(system: System) -> int:
    return len([m for m in await system.store.parking.list(TENANT) if m.state == "parked"])


def _reading(where: Where) -> Any:
    """The store read-only: nothing is changed, and the owner may be at work."""
    from contextlib import contextmanager

    if not (Path(where.folder)).is_dir():
        raise PermanentError(
            "data-folder-missing",
            f"there is no data folder {where.folder}: name it with --data, or run something first",
        )

    @contextmanager
    def reading() -> Any:
        store = EmbeddedStore.open(where.folder, read_only=True)
        try:
            yield store
        finally:
            store.close()

    return reading()


async def _never(_: Run, __: Sequence[BatchView]) -> bool:
    return False


def _asker(*, yes: bool) -> Any:
    async def ask(run: Run, views: Sequence[BatchView]) -> bool:
        if yes:
            return True
        shown.show_plan(run, views)
        return _confirmed("Go on?")

    return ask


def _confirmed(question: str) -> bool:
    import typer

    return typer.confirm(question, err=True)


def _needs_yes(*, yes: bool) -> None:
    if not yes and not sys.stdin.isatty():
        raise PermanentError(
            "needs-yes", "this posts invoices and nobody is here to ask: say --yes"
        )
