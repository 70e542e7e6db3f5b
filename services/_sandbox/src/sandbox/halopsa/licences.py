"""Software licences: written row by row, with a history of who changed a count and when.

How a write of several rows fails is not published. Here a row that can not be saved ends the
request with a 500 that says nothing, and the rows in front of it stand.
"""

from sandbox.halopsa import recurring, registers
from sandbox.halopsa.answers import Refused
from sandbox.halopsa.fields import Row
from sandbox.halopsa.registers import Register
from sandbox.halopsa.tenant import Tenant, as_number, same

TABLE, CHANGES = "software_licences", "_licence_changes"
COUNT_FIELD = 1
NAME_MAX = 500
BROKEN = "_broken"  # of a loaded row: HaloPSA can not save it any more


def written(tenant: Tenant, register: Register, sent: list[Row]) -> list[Row]:
    """Rows that are refused with words are refused before anything is written."""
    for index, row in enumerate(sent):
        registers.checked(tenant, register, row, index)
    made = []
    for row in sent:
        if not _can_be_saved(tenant, row):
            raise Refused(500, {"ClassName": "System.Exception", "Message": "An error occurred."})
        old = tenant.get(TABLE, row["id"]) if row.get("id") is not None else None
        new = registers.written(tenant, register, row)
        log(tenant, old, new, who=_agent(tenant))
        made.append(new)
    return made


def log(tenant: Tenant, old: Row | None, new: Row, *, who: str) -> None:
    """One entry for a count that changed; a new licence comes from 0."""
    before, after = ((old or {}).get("count") or 0), (new.get("count") or 0)
    if same(before, after):
        return
    number = tenant.state.next_number("licence_changes")
    change = {
        "id": number,
        "licence_id": new["id"],
        "field_id": COUNT_FIELD,
        "old_value": str(before),
        "new_value": str(after),
        "who": who,
        "date": tenant.now(),
    }
    tenant.state.put(CHANGES, str(number), change)
    recurring.licence_changed(tenant, change)


def _can_be_saved(tenant: Tenant, row: Row) -> bool:
    """Its item and its site are there, the site is its client's, and the name is not too long."""
    old = tenant.get(TABLE, row.get("id")) or {}
    full = old | row
    if full.get(BROKEN) or len(str(full.get("name") or "")) > NAME_MAX:
        return False
    item, site = as_number(full.get("item_id")), as_number(full.get("site_id"))
    if item and "item_id" in row and tenant.get("items", item) is None:
        return False
    if site is None or site <= 0 or "site_id" not in row:
        return True
    there = tenant.get("sites", site)
    return there is not None and same(there.get("client_id"), full.get("client_id"))


def _agent(tenant: Tenant) -> str:
    agents = tenant.rows("agents")
    return str(agents[0].get("name") or "API") if agents else "API"
