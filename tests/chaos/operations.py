"""What people do while the system works: the operations that a history draws from."""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from chaos import drive, world
from chargeline.system import System
from gateway.domain.run import Stage
from sandbox.app import Sandbox, build_app
from sandbox.halopsa import person, recurring
from sandbox.halopsa.tenant import Tenant

if TYPE_CHECKING:
    from chaos.history import History

Operation = Callable[["History", str], Awaitable[None]]
PATIENCE_S = 2 * 3600.0
CREATION_DAY = date(2026, 11, 15)


async def play(history: History) -> None:
    """Bill each document under faults, with a few operations after it."""
    rng = history.rng
    if rng.random() < 0.5:
        history.settings = history.world.settings
    for place, document in enumerate(history.world.documents):
        if place:
            await second_document(history)
        history.planted.draw(history.app, rng.choice((0, 1, 2, 4)))
        await first_bill(history, document)
        for name in rng.sample(sorted(OPERATIONS), rng.choice((0, 1, 1, 2))):
            history.machine.note(f"operation {name}")
            history.machine.fired["operation", name] += 1
            history.planted.draw(history.app, rng.choice((0, 0, 1, 2)))
            await OPERATIONS[name](history, document)


async def first_bill(history: History, document: str) -> None:
    """Settings, list, run; some plans wait for a person, and a mapping may change meanwhile."""
    asks = history.rng.random() < 0.25
    await history.step("settings", lambda s: drive.set_up(s, history.settings))
    await history.step("list", lambda s: drive.listed(s, PATIENCE_S))
    await history.step(
        "bill", lambda s: drive.bill(s, document, approve=not asks, patience_s=PATIENCE_S)
    )
    if asks:
        await history.step("approve", lambda s: drive.approve(s, document))


async def rebill(history: History, document: str) -> None:
    """The same document once more, under the settings of the day."""
    await history.step("settings", lambda s: drive.set_up(s, history.settings))
    await history.step(
        "again", lambda s: drive.bill(s, document, again=True, patience_s=PATIENCE_S)
    )


async def second_document(history: History) -> None:
    """The month goes on: the recurring invoices are created, Pax8 has its next document."""
    later = history.world.later
    assert later is not None, "a second document was drawn"
    history.settings = history.world.settings
    await rebill(history, history.world.documents[0])
    if history.world.behaviour == "recurring":
        recurring.create_due(tenant_of(history.app), CREATION_DAY)
    history.app.vendors["pax8"].load(copy.deepcopy(later), False)


async def map_late(history: History, document: str) -> None:
    """Every planted hold is answered, and the run goes again."""
    history.settings = history.world.settings
    await rebill(history, document)


async def replay(history: History, document: str) -> None:
    """Everything flows again from the stored pages."""
    await rebill(history, document)
    await rebill(history, document)


async def remap(history: History, document: str) -> None:
    """Another client pays, for a while: what is posted stays where it is."""
    right = history.settings
    wrong = copy.deepcopy(right)
    rows = [row for row in wrong["client"] if row.get("halo") and not row.get("subscription")]
    row = history.rng.choice(rows)
    if not await _is_posted(history, document):
        return  # it would be posted to the wrong client, which is what was asked for
    row["halo"] = history.rng.choice(
        [c["id"] for c in history.world.load["halopsa"]["clients"] if c["id"] != row["halo"]]
    )
    history.settings = wrong
    await history.step("settings", lambda s: drive.set_up(s, history.settings))
    await history.step("plan remapped", lambda s: _plan_only(s, document))
    history.settings = right
    await rebill(history, document)


async def undo_and_post(history: History, document: str) -> None:
    """Taken back and posted again."""
    await history.step("undo", lambda s: drive.undo(s, document))
    await rebill(history, document)


async def edit_our_line(history: History, document: str) -> None:
    """Somebody changes a price of ours in HaloPSA, sees the hold, and puts it back."""
    found = _our_line(history, document)
    if found is None:
        return
    table, number, line = found
    right, wrong = line["unit_price"], Decimal(str(line["unit_price"])) + 5
    _edit(history, {"entity": table, "id": number, "line": {"id": line["id"], "unit_price": wrong}})
    await rebill(history, document)
    there = tenant_of(history.app).get(table, number)
    still = there and any(
        one["id"] == line["id"] and one["unit_price"] == wrong for one in there["lines"]
    )
    if still:
        back = {"id": line["id"], "unit_price": right}
        _edit(history, {"entity": table, "id": number, "line": back})
    await rebill(history, document)


async def edit_foreign_line(history: History, document: str) -> None:
    """Somebody changes a line that is not ours, on an invoice that we write on."""
    tables = ("recurring_invoices", "invoices")
    rows = [(t, row) for t in tables for row in history.world.load["halopsa"].get(t, ())]
    if not rows:
        return
    table, row = history.rng.choice(rows)
    there = tenant_of(history.app).get(table, row["id"])
    if there is None:
        return
    line = next(one for one in there["lines"] if one["id"] == row["lines"][0]["id"])
    changed = {"id": line["id"], "item_shortdescription": "Changed by hand £"}
    edit = {"entity": table, "id": row["id"], "line": changed}
    _edit(history, edit)
    history.world.person.append(edit)
    await rebill(history, document)


async def void_invoice(history: History, document: str) -> None:
    """An invoice of ours is voided there: undone here, it is posted again."""
    await _gone(history, document, {"void": True})


async def delete_invoice(history: History, document: str) -> None:
    """The same for one that is deleted."""
    await _gone(history, document, {"delete": True})


async def _gone(history: History, document: str, how: dict[str, Any]) -> None:
    if history.world.behaviour != "new":
        return  # other people's lines would go with it
    found = _our_line(history, document)
    if found is None:
        return
    _, number, _ = found
    _edit(history, {"entity": "invoices", "id": number, **how})
    await rebill(history, document)
    await undo_and_post(history, document)


async def restore(history: History, document: str) -> None:
    """The data folder is an older copy: what was posted since is found, not posted again."""
    older = history.folder.with_name("older")
    if older.exists():
        shutil.rmtree(history.folder)
        shutil.copytree(older, history.folder)
        history.settings = history.world.settings
        await history.step("settings", lambda s: drive.set_up(s, history.settings))
        await history.step("list", lambda s: drive.listed(s, PATIENCE_S))
    else:
        shutil.copytree(history.folder, older)
        await undo_and_post(history, document)
        shutil.rmtree(history.folder)
        shutil.copytree(older, history.folder)
    await rebill(history, document)


async def switch_destination(history: History, document: str) -> None:
    """Another HaloPSA for a while: what stands at the first one is not posted at the second."""
    first, right = history.app, history.settings
    if not await _is_posted(history, document):
        return
    second = world.sandbox_of(history.world)
    other = copy.deepcopy(right)
    other["halopsa"]["url"] = "https://other.example.com"
    history.settings = other
    history.app = _joined(first, second)
    await history.step("settings", lambda s: drive.set_up(s, history.settings))
    await history.step("again", lambda s: drive.bill(s, document, again=True))
    stray = [
        f"{line} was posted at the second destination"
        for row in world.state_of(second)["invoices"]
        for one in row["lines"]
        if (line := one.get("comment_2", "")).startswith("line_")
    ]
    history.outcome.doubled += stray
    history.app, history.settings = first, right
    await rebill(history, document)


OPERATIONS: dict[str, Operation] = {
    "map late": map_late,
    "replay": replay,
    "remap": remap,
    "undo": undo_and_post,
    "edit our line": edit_our_line,
    "edit a foreign line": edit_foreign_line,
    "void": void_invoice,
    "delete": delete_invoice,
    "restore": restore,
    "switch": switch_destination,
}


def clear_by_hand(history: History, text: str) -> None:
    """A person takes away, in HaloPSA, the line of ours that a hold names."""
    named = re.search(r"line_[0-9a-f]+", text)
    for table, number, line in _our_lines(history):
        if named and str(line["comment_2"]).startswith(named[0]):
            whole = history.world.behaviour == "new"
            how = {"void": True} if whole else {"delete_line": line["id"]}
            _edit(history, {"entity": table, "id": number, **how})
            return


def tenant_of(app: Sandbox) -> Tenant:
    """HaloPSA's tables, as its own screens see them."""
    return Tenant(app.vendors["halopsa"].front.state, app.clock)


def _joined(pax8_of: Sandbox, halopsa_of: Sandbox) -> Sandbox:
    """One host with the first one's Pax8 and the second one's HaloPSA."""
    joined = build_app(None, today=pax8_of.clock.today)
    routes = [
        next(r for r in app.routes if getattr(r, "path", "") == f"/{name}")
        for name, app in (("pax8", pax8_of), ("halopsa", halopsa_of))
    ]
    joined.router.routes = routes
    joined.vendors = {
        "pax8": pax8_of.vendors["pax8"],
        "halopsa": halopsa_of.vendors["halopsa"],
    }
    return joined


async def _is_posted(history: History, document: str) -> bool:
    """Nothing of the document is left to post."""

    async def look(system: System) -> bool:
        run = await drive.run_of(system, document)
        if run is None or run.stage is not Stage.ENDED or run.problem is not None:
            return False
        views = await system.gateway.queries.batches(drive.TENANT, run.run)
        open_ends = ("held", "refused", "pending")
        return not any(e.lines and e.outcome in open_ends for v in views for e in v.entries)

    return bool(await history.step("look", look))


async def _plan_only(system: System, document: str) -> None:
    """Planned under other settings, applied by nobody."""
    await drive.bill(system, document, again=True, approve=False, patience_s=PATIENCE_S)


def _our_line(history: History, document: str) -> tuple[str, int, dict[str, Any]] | None:
    """A line of ours that the destination bills or will bill."""
    del document
    found = _our_lines(history)
    return history.rng.choice(found) if found else None


def _our_lines(history: History) -> list[tuple[str, int, dict[str, Any]]]:
    state = world.state_of(history.app)
    table = "recurring_invoices" if history.world.behaviour == "recurring" else "invoices"
    return [
        (table, int(row["id"]), line)
        for row in state[table]
        if not row.get("voided")
        for line in row["lines"]
        if str(line.get("comment_2") or "").startswith("line_")
    ]


def _edit(history: History, edit: dict[str, Any]) -> None:
    history.machine.note(f"person {sorted(edit)}")
    person.edit(tenant_of(history.app), copy.deepcopy(edit))
