"""What is decided and looked after between runs: mappings, parked messages, jobs, the doctor."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from chargeline import shown
from chargeline.desk import Went
from chargeline.desks import acting, looking
from chargeline.mappings_shown import show_mappings
from chargeline.names import Names, names_of
from chargeline.report import DONE, NEEDS_A_PERSON
from chargeline.session import TENANT, Where, opened
from chassis.errors import PermanentError
from schemas.assumed import assumptions
from schemas.settings import ClientMapping, ProductMapping, Settings

type Answer = tuple[int, dict[str, Any] | None]


async def failed_jobs(where: Where, *, retry: str | None, as_json: bool) -> Answer:
    """Jobs that wait for a person."""
    async with acting(where, running=False) as desk:
        if retry is not None and not await desk.waits.retry(retry):
            raise PermanentError("job-unknown", f"there is no failed job {retry}")
        rows = [asdict(job) for job in await desk.waits.failed()]
    if as_json:
        return DONE, {"schema": "chargeline.jobs.v1", "failed": rows}
    for row in rows:
        _failure(f"{row['id']}  {row['kind']}  ", row["code"], row["text"])
    return DONE, None


async def mappings(where: Where, *, as_json: bool) -> Answer:
    """Rows of the settings in force."""
    async with looking(where) as desk:
        settings = await desk.queries.settings(desk.tenant)
        names = Names() if as_json else await names_of(desk)
    if as_json:
        told = settings.model_dump(mode="json", include={"client", "product", "chains"})
        return DONE, {"schema": "chargeline.mappings.v1", **told}
    show_mappings(settings, names)
    return DONE, None


async def map_client(where: Where, source: str, company: str, row: dict[str, Any]) -> Answer:
    """One row; a second client for a company needs its subscription (R3)."""
    new = ClientMapping(source=source, company=company, evidence="a person", **row)
    says = f"{company or 'no company'}: decided"
    return await _change(where, lambda settings: with_client(settings, new), says)


def with_client(settings: Settings, new: ClientMapping) -> Settings:
    """The row decided; what was set for the client stays, and its recurring invoice with it."""
    rows = {(row.source, row.company, row.subscription): row for row in settings.client}
    there = rows.pop((new.source, new.company, new.subscription), None)
    if there is not None:
        same = new.halo is not None and there.halo == new.halo
        update = {
            "policy": there.policy,
            "integration_policy": there.integration_policy,
            "recurring": new.recurring or (there.recurring if same else None),
        }
        new = new.model_copy(update=update)
    return settings.model_copy(update={"client": (*rows.values(), new)})


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
    """What is parked; what queues behind it is not in the list."""
    async with looking(where) as desk:
        rows = await desk.parked.list()
    code = NEEDS_A_PERSON if rows else DONE
    if as_json:
        return code, {"schema": "chargeline.parked.v1", "parked": rows}
    for m in rows:
        _failure(f"{m['id']}  {m['group']}  ", m["code"], m["text"])
    return code, None


async def parked_show(where: Where, message: str) -> Answer:
    """The message as JSON, with what the system tells of its content."""
    async with looking(where) as desk:
        return DONE, await desk.parked.show(message)


async def parked_retry(where: Where, message: str) -> Answer:
    """Handle it again, in its order."""
    async with acting(where) as desk:
        went = await desk.parked.retry(message)
    return _went("handled", went)


async def parked_discard(where: Where, message: str, *, by: str, reason: str) -> Answer:
    """It is never handled, and the record says who decided that; what queues behind it goes on."""
    async with acting(where) as desk:
        went = await desk.parked.discard(message, by=by, reason=reason)
    return _went("discarded; handled behind it", went)


def _went(says: str, went: Went) -> Answer:
    shown.out.print(f"{says}: {went.done}")
    if went.code is not None:
        _failure("", went.code, went.text)
    return (NEEDS_A_PERSON if went.code is not None else DONE), None


def _failure(where: str, code: str, text: str) -> None:
    """A code and its sentence, which may quote a settings table, a vendor, or anybody."""
    told = f"{shown.safe(where)}[yellow]{shown.safe(code)}[/]: {shown.safe(text)}"
    shown.out.print(told, soft_wrap=True)


async def up(where: Where, *, host: str, port: int) -> Answer:
    """Until interrupted, or asked to stop; what is in hand is finished."""
    from chargeline.serving import first_key, rest

    async with opened(where, host=True) as system, rest(system, host, port) as address:
        made = await first_key(system, where.folder)
        if (await system.gateway.queries.settings(TENANT)).schedule:
            await system.gateway.schedules.arm(TENANT)
        says = f"chargeline is up at {address}/v1 over {system.folder}. Ctrl-C ends it"
        shown.err.print(says, soft_wrap=True)
        if made is not None:
            says = f"the first operator's key is in {made}: move it to a safe place"
            shown.err.print(says, soft_wrap=True)
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
        await asked.wait()
    return DONE, None


async def doctor(where: Where, *, as_json: bool) -> Answer:
    """Every probe, and what to do about each fault."""
    from chargeline.doctor import examine, show

    async with acting(where, running=False) as desk:
        findings = await examine(desk)
        assumed = list(assumptions(await desk.queries.settings(desk.tenant)))
    code = NEEDS_A_PERSON if any(f.ok is False for f in findings) else DONE
    if not as_json:
        show(findings, assumed)
        return code, None
    told = {
        "schema": "chargeline.doctor.v1",
        "findings": [{"what": f.what, "ok": f.ok, "to_do": f.to_do} for f in findings],
        "assumptions": [one._asdict() for one in assumed],
    }
    return code, told


async def _change(where: Where, changed: Callable[[Settings], Settings], says: str) -> Answer:
    async with acting(where, running=False) as desk:
        await desk.runs.change_settings(desk.tenant, changed)
    shown.err.print(says, markup=False)
    return DONE, None
