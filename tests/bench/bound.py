"""Who bounds a run over services: its time beside what its calls take at the vendor's rate.

    python -m bench.bound

A run is timed from the word that starts it to its end, by a client that is there already: how long
a command line takes to be there is a figure of its own. Calls that the vendor refused are not among
them: who is refused more would look better.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from bench.row import Row
from bench.server import calls, refused
from chaos import drive
from chargeline.system import Options, System
from chassis.clock import SystemClock
from chassis.vault import Keys
from distributed.cluster import KEY_BYTES, Cluster, settings_of
from distributed.month import TODAY, sandboxes
from gateway.domain.run import Stage
from sandbox.core import dumps
from sandbox.generate import Month, generate_year
from schemas.money import ZERO
from servers import Servers, servers

BOUND_MAX = 1.1
ALLOWED, WINDOW_S, ANSWER_S = 28, 3.0, 0.1
LOOK_S = 0.2
# As deployed: sweeping twice a second is for crash tests, and took a third of the store's time.
DEPLOYED = {"CHARGELINE_SWEEP_S": "5", "CHARGELINE_LEASE_TTL_S": "120"}


def by_the_vendor(real: Servers, folder: Path) -> Iterator[Row]:
    """Every answer takes its time, and HaloPSA allows so many calls a window.

    A first month, which makes items and matches clients, and the one after it.
    """
    months = generate_year(3, clients=300, lines=1200, first="2026-09", months=2)
    first = months[0]
    first.halopsa["invoices"] = [
        _open_invoice(n, c) for n, c in enumerate(first.halopsa["clients"])
    ]
    for month in months:
        month.settings["halopsa"] |= {"calls_per_window": ALLOWED, "window_s": WINDOW_S}
        month.settings["policy"] |= {"behaviour": "latest"}
    environment = (
        os.environ
        | real.environment
        | DEPLOYED
        | {
            "CHARGELINE_NAMESPACE": "bound-",
            "CHARGELINE_TODAY": TODAY,
        }
    )
    with sandboxes(first) as url:
        environment["CHARGELINE_SANDBOX"] = url
        enforced = {"settings": {"rate_limit": {"calls": ALLOWED, "seconds": WINDOW_S}}}
        httpx.post(f"{url}/_sandbox/halopsa/load", json=enforced).raise_for_status()
        for vendor in ("pax8", "halopsa"):
            slow = {"kind": "slow", "seconds": ANSWER_S, "times": -1}
            httpx.post(f"{url}/_sandbox/{vendor}/faults", json=slow).raise_for_status()
        with Cluster(folder / "bound", environment) as cluster:
            mine = cluster.environment
            yield from _month("a first month", first, url, folder / "first", mine)
            content = dumps(months[1].pax8)
            httpx.post(f"{url}/_sandbox/pax8/load", content=content, timeout=60).raise_for_status()
            time.sleep(WINDOW_S)  # it begins with an empty window, too
            yield from _month("the month after it", months[1], url, folder / "second", mine)


def _month(
    what: str, month: Month, url: str, folder: Path, environment: Mapping[str, str]
) -> Iterator[Row]:
    """One document's run, beside what the calls that were answered take at the allowed rate."""
    before, turned_away = calls(url, "halopsa"), refused(url, "halopsa")
    took_s = asyncio.run(_billed(folder, month, url, environment))
    turned_away = refused(url, "halopsa") - turned_away
    answered = calls(url, "halopsa") - before - turned_away
    least_s = answered / (ALLOWED / WINDOW_S)
    yield Row(
        f"{what}: {answered} HaloPSA calls, {ALLOWED} in {WINDOW_S:g} s",
        f"{took_s:.1f} s",
        f"{least_s:.1f} s",
        f"{took_s / least_s:.2f} x",
        f"{BOUND_MAX} x",
        took_s / least_s <= BOUND_MAX,
    )
    yield Row("  calls refused (429) beside them", str(turned_away))


async def _billed(folder: Path, month: Month, url: str, environment: Mapping[str, str]) -> float:
    """Seconds from the word that starts the run to its end, with nothing unexplained."""
    options = Options(
        sandbox=url,
        clock=SystemClock(date.fromisoformat(TODAY)),
        keys=Keys((KEY_BYTES,)),
        servers=settings_of(environment),
        hosts=False,
    )
    async with System.open(folder, options) as system:
        await drive.set_up(system, month.resolved_settings())
        document = (await drive.listed(system))[-1]
        began_s = time.monotonic()
        run = await system.gateway.runs.start(
            drive.TENANT, drive.SOURCE, document, approve_items=True, approve_plans=True
        )
        while await system.gateway.queries.waiting(drive.TENANT, run):  # noqa: ASYNC110 - over there
            await asyncio.sleep(LOOK_S)
        took_s = time.monotonic() - began_s
        ended = await system.gateway.queries.run(drive.TENANT, run)
        price = (await system.gateway.queries.statement(drive.TENANT, run)).currencies["USD"].price
        assert (ended.stage, price.unexplained, price.held) == (Stage.ENDED, ZERO, ZERO), price
    return took_s


def _open_invoice(number: int, client: dict[str, Any]) -> dict[str, Any]:
    """What the month's lines are appended to: a read and a write for every client."""
    line = {"item_shortdescription": "Callout", "qty_order": 1, "unit_price": 80, "unit_cost": 1}
    return {
        "id": 7000 + number,
        "client_id": client["id"],
        "invoice_date": "2026-11-03T00:00:00",
        "currency_code": client["default_currency_code"],
        "lines": [{"id": (7000 + number) * 10, "ihid": 7000 + number, **line}],
    }


def main() -> None:
    """These rows alone, on servers of their own."""
    with servers() as real, tempfile.TemporaryDirectory() as folder:
        for row in by_the_vendor(real, Path(folder)):
            print(row.text(), flush=True)


if __name__ == "__main__":
    main()
