"""A process of its own that bills everything Pax8 has: what the real-process histories kill.

python -m chaos.runner SANDBOX_URL DATA_FOLDER SETTINGS_JSON TODAY

It says `started`, `open T` and `closed T` (the folder is its own; T: seconds of the machine's own
clock), and last the statements.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from chaos.drive import TENANT, bill, listed, run_of, set_up
from chargeline.system import Options, System
from chassis.clock import SystemClock
from chassis.http import Retries
from chassis.job_settings import RunnerSettings

SHORT = RunnerSettings(
    take_over=True, settle_s=0.2, wait_first_s=0.05, wait_max_s=0.5, sweep_s=0.5, ttl_s=30.0
)


async def main(url: str, folder: Path, settings: dict[str, Any], today: date) -> dict[str, Any]:
    """All documents, oldest first; their statements."""
    options = Options(
        sandbox=url,
        clock=SystemClock(today),
        runner=SHORT,
        retries=Retries(first_wait_s=0.02, wait_max_s=0.2),
    )
    print("started", flush=True)
    async with System.open(folder, options) as system:
        print("open", time.monotonic(), flush=True)
        await set_up(system, settings)
        shown = {}
        for document in await listed(system, 60.0):
            await bill(system, document, again=True, patience_s=120.0)
            run = await run_of(system, document)
            assert run is not None, "it was billed"
            statement = await system.gateway.queries.statement(TENANT, run.run)
            views = await system.gateway.queries.batches(TENANT, run.run)
            shown[document] = {
                "statement": statement.model_dump(mode="json"),
                "problem": run.problem,
                "codes": sorted({v.code for v in views if v.code}),
            }
        print("closed", time.monotonic(), flush=True)
        return shown


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[3]).read_text(encoding="utf-8"))
    day = date.fromisoformat(sys.argv[4])
    print(json.dumps(asyncio.run(main(sys.argv[1], Path(sys.argv[2]), given, day))), flush=True)
