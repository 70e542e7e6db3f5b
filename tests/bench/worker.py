"""The measured process: one embedded system, one document, and what that cost as one JSON line.

The sandboxes run in a process of their own, so their CPU and memory are not in the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from bench.floor import FloorWithin, floor_s_per_line, normalizer_s_per_line, pages_of
from bench.peak import peak_mib
from bench.sampler import Sampler
from chargeline.system import Options, System
from sandbox.generate import Large, generate_large
from schemas.settings import Settings

TENANT = "bench"


def settings_for(large: Large, url: str, *, mapped: bool) -> Settings:
    """The generator's settings, with call budgets that never make the run wait.

    `mapped`: an ordinary month, in which the clients are known from the month before.
    """
    given = large.settings()
    for vendor in ("halopsa", "pax8"):
        given[vendor].pop("client_id"), given[vendor].pop("client_secret")
    given["halopsa"] |= {"url": url, "calls_per_window": 1_000_000, "settle_s": 0.1}
    given["pax8"] |= {"calls_per_minute": 1_000_000}
    if mapped:
        clients = zip(large.pax8()["companies"], large.halopsa()["clients"], strict=True)
        given["client"] = [{"company": c["id"], "halo": h["id"]} for c, h in clients]
    return Settings.model_validate(given)


async def post_document(system: System, large: Large, settings: Settings) -> None:
    """From the listing to a statement that is explained to the last cent."""
    runs, queries = system.gateway.runs, system.gateway.queries
    await system.seal(TENANT, "pax8", "pax8", "s")
    await system.seal(TENANT, "halopsa", "halo", "s")
    await runs.change_settings(TENANT, lambda _: settings)
    run = await runs.start(TENANT, "pax8", large.invoice_id, approve_items=True, approve_plans=True)

    async def ended() -> bool:
        return not await queries.waiting(TENANT, run)

    await system.wait_for(ended)
    statement = await queries.statement(TENANT, run)
    price = statement.currencies["USD"].price
    assert price.unexplained == 0, statement.model_dump_json(indent=1)
    assert price.posted == price.received == large.total(), statement.model_dump_json(indent=1)


async def measured(
    folder: Path, large: Large, settings: Settings, within: Sampler | FloorWithin | None
) -> dict[str, Any]:
    """CPU of the run alone: the system is up before, and what the floor takes is taken off."""
    url = settings.halopsa.url
    found: dict[str, Any] = {"lines": large.count, "clients": large.clients}
    async with System.open(folder, Options(sandbox=url, seed=1)) as system:
        began_s, cpu_s = time.monotonic(), time.process_time()
        with within or nullcontext():
            await post_document(system, large, settings)
        found["cpu_s"] = time.process_time() - cpu_s
        found["wall_s"] = time.monotonic() - began_s
    if isinstance(within, Sampler):
        found["shares"] = within.shares()
    if isinstance(within, FloorWithin):
        found["cpu_s"] -= within.own_s
        found["floor_s"] = within.s_per_line
    found["peak_mib"] = peak_mib()
    return found


async def ready(folder: Path) -> dict[str, Any]:
    """Nothing but a start: the caller's clock runs from before the interpreter."""
    async with System.open(folder, Options(seed=1)):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
    return {}


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("folder", type=Path)
    asked.add_argument("--url", default="")
    asked.add_argument("--clients", type=int, default=0)
    asked.add_argument("--lines", type=int, default=0, help="lines a client")
    asked.add_argument("--sampled", action="store_true")
    asked.add_argument("--floor", action="store_true")
    asked.add_argument("--unmapped", action="store_true", help="match the clients first")
    a = asked.parse_args()
    if not a.clients:
        asyncio.run(ready(a.folder))
        return
    large = generate_large(a.clients, a.lines)
    pages = pages_of(large) if a.floor else []
    alone = [floor_s_per_line(pages)] if a.floor else []
    settings = settings_for(large, a.url, mapped=not a.unmapped)
    within = FloorWithin(pages) if a.floor else Sampler() if a.sampled else None
    found = asyncio.run(measured(a.folder, large, settings, within))
    if a.floor:
        found["floor_alone_s"] = min(*alone, floor_s_per_line(pages))
        found["normalizer_s"] = normalizer_s_per_line(a.folder)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
