"""One change of the settings with its entry in the audit log: what differs, before and after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chassis.errors import PermanentError
from gateway.domain.access import Scope
from gateway.rest.api import Caller
from gateway.runs import without_contradiction
from schemas.settings import Settings


async def change_settings(
    caller: Caller, action: str, about: str, change: Callable[[Settings], Settings]
) -> Settings:
    """The entry is said before the change is made: it names what stood just then."""
    gateway = caller.api.gateway
    before = await gateway.queries.settings(caller.tenant)
    wanted = without_contradiction(change(before))  # refused here, or not at all
    _who_may_loosen(caller, before, wanted)
    told = differences(before.model_dump(mode="json"), wanted.model_dump(mode="json"))
    if told:
        await caller.audit(action, about=about, before=told[0], after=told[1])
    return await gateway.runs.change_settings(caller.tenant, change)


def _who_may_loosen(caller: Caller, before: Settings, wanted: Settings) -> None:
    """An approver who could change the limit would need no second person."""
    limit, currency = before.approvals, before.tenant.currency
    loosened = wanted.approvals != limit or (
        limit.second_above is not None and wanted.tenant.currency != currency
    )
    if loosened and not caller.principal.may(Scope.ADMINISTER, caller.tenant):
        raise PermanentError(
            "not-allowed", f"the limit of approvals needs the scope `{Scope.ADMINISTER}`"
        )


def differences(before: Any, after: Any) -> tuple[Any, Any] | None:
    """The parts that differ, before and after; None when nothing does."""
    if before == after:
        return None
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return before, after
    names = sorted(before.keys() | after.keys())
    parts = {n: differences(before.get(n), after.get(n)) for n in names}
    found = {n: pair for n, pair in parts.items() if pair is not None}
    return {n: pair[0] for n, pair in found.items()}, {n: pair[1] for n, pair in found.items()}
