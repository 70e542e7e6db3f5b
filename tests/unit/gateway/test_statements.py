"""A statement that is looked at again is not computed again, and never an older one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.embedded.store import EmbeddedStore
from chassis.errors import PermanentError
from gateway.domain.projection import Projection
from gateway.domain.run import Run
from gateway.statements import Statements
from gateway.store import Store

RUN = Run(
    run="run_1",
    tenant="summit",
    source="pax8",
    document="d-1",
    revision=1,
    settings="",
    connection="c",
)


async def begun(store: Store, run: Run = RUN) -> None:
    assert await store.runs.insert(run.tenant, run.run, run, tags={"tenant": run.tenant})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    kept = EmbeddedStore.open(tmp_path)
    await kept.start()
    yield Store(kept.records, kept.outbox)
    await kept.stop()
    kept.close()


async def test_looked_at_again_it_is_the_same_one(store: Store) -> None:
    await begun(store)
    statements = Statements(store)
    assert await statements.of("summit", "run_1") is await statements.of("summit", "run_1")


async def test_after_any_change_it_is_another_one(store: Store) -> None:
    await begun(store)
    statements = Statements(store)
    first = await statements.of("summit", "run_1")
    slot = Projection(run="run_1", batch="b-1")
    assert await store.projections.insert("summit", "p-1", slot, tags={"run": "run_1"})
    second = await statements.of("summit", "run_1")
    assert second is not first
    stored = await store.run("summit", "run_1")
    problem = RUN.model_copy(update={"problem": "document-empty"})
    assert await store.runs.replace(stored, problem)
    assert await statements.of("summit", "run_1") is not second


async def test_another_tenants_run_of_the_same_name_is_another_statement(store: Store) -> None:
    await begun(store)
    await begun(store, RUN.model_copy(update={"tenant": "harbour", "document": "d-2"}))
    statements = Statements(store)
    assert (await statements.of("summit", "run_1")).document == "d-1"
    assert (await statements.of("harbour", "run_1")).document == "d-2"


async def test_only_so_many_are_kept_and_an_unknown_run_is_refused(store: Store) -> None:
    for n in range(3):
        await begun(store, RUN.model_copy(update={"run": f"run_{n}", "document": f"d-{n}"}))
    statements = Statements(store, kept=2)
    first = await statements.of("summit", "run_0")
    await statements.of("summit", "run_1")
    await statements.of("summit", "run_2")
    again = await statements.of("summit", "run_0")
    assert again == first
    assert again is not first
    with pytest.raises(PermanentError, match="run-unknown"):
        await statements.of("summit", "run_9")
