"""The set-up of a tenant: begun when its accounts are there, looked at while it goes on."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from gateway.domain.setup import Setup, SetupStage, SetupStep
from gateway.rest.api import Caller, Configurer, Reader
from gateway.rest.writing import WriteRoute
from vendors.connections import HALOPSA, PAX8

router = APIRouter(route_class=WriteRoute, tags=["tenants"])


type State = Literal["not-begun", "working", "ended", "failed"]


class SetupShown(BaseModel):
    """The checklist. `missing`: vendors without credentials, which it can not go on without.

    `failed` says in `problem` why; the next `POST` begins anew. Once `ended`, what waits for a
    person is under `GET …/mappings/suggestions`.
    """

    state: State
    setup: str | None = None
    steps: list[SetupStep] = []
    missing: list[str] = []
    problem: str | None = None
    text: str = ""
    begun_by: str = ""
    started_at: str = ""
    ended_at: str = ""


@router.post("/tenants/{tenant}/setup", status_code=HTTPStatus.ACCEPTED)
async def begin_setup(caller: Configurer) -> SetupShown:
    """Sync clients and match products in the background; one under way just goes on."""
    setups = caller.api.gateway.setups
    before = await setups.newest(caller.tenant)
    was = {"setup": before.setup, "stage": before.stage.value} if before else None
    await caller.audit("setup-begun", before=was)
    begun = await setups.begin(caller.tenant, caller.principal.name)
    return await _shown(caller, begun)


@router.get("/tenants/{tenant}/setup")
async def read_setup(caller: Reader) -> SetupShown:
    """How far it has come: a line for each step, with counts as soon as they are known."""
    return await _shown(caller, await caller.api.gateway.setups.newest(caller.tenant))


async def _shown(caller: Caller, setup: Setup | None) -> SetupShown:
    vault = caller.api.vault
    missing = [v for v in (PAX8, HALOPSA) if await vault.get(caller.tenant, v) is None]
    if setup is None:
        return SetupShown(state="not-begun", missing=missing)
    return SetupShown(
        state=_state(setup),
        setup=setup.setup,
        steps=setup.steps,
        missing=missing,
        problem=setup.problem,
        text=setup.text,
        begun_by=setup.begun_by,
        started_at=setup.started_at,
        ended_at=setup.ended_at,
    )


def _state(setup: Setup) -> State:
    if setup.stage is not SetupStage.ENDED:
        return "working"
    return "failed" if setup.problem else "ended"
