"""HaloPSA's software licences: counts that recurring invoice lines take their quantity from.

A licence is changed by its id and the changed fields alone. It is never deleted, because that
breaks the lines that count it (halopsa.md 5.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import AliasChoices, Field

from vendors import json
from vendors.calls import Params
from vendors.halopsa.models import Day, HaloRow

ALL_LICENCES: Params = {"order": "id", "orderdesc": False, "includeinactive": True}
LICENCE, SUBSCRIPTION = 0, 1  # HaloLicence.type
WHOLE_CLIENT = -1  # HaloLicence.site_id


class HaloLicence(HaloRow):
    """A licence, or a subscription. `count` is a whole number of units."""

    id: int
    type: int = LICENCE
    name: str = ""
    count: int = 0
    client_id: int | None = None
    client_name: str = ""
    site_id: int = WHOLE_CLIENT
    item_id: int | None = None  # since 2026; before that a licence names no item
    vendor: str = ""
    distributor: str = ""
    status: str = ""
    is_active: bool | None = None
    deleted: bool = False
    start_date: Day = None
    end_date: Day = None
    tenant_id: str = ""
    notes: str = ""
    third_party_product: str = ""
    third_party_productname: str = ""


class HaloLicenceChange(HaloRow):
    """One entry of a licence's history. Its spelling in answers is inferred from the database."""

    id: int
    licence_id: int | None = None
    field_id: int | None = None
    old_value: str = ""
    new_value: str = ""
    who: str = Field(default="", validation_alias=AliasChoices("who", "agent_name", "who_name"))
    at: str = Field(default="", validation_alias=AliasChoices("date", "change_date", "datetime"))


def body_of_licences(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The array of a write. With `id` a row changes that licence, else it is a new one."""
    assert rows, "nothing to write is no call"
    for row in rows:
        assert row.get("id") or (row.get("client_id") and row.get("name")), "a new one is whose?"
        assert type(row.get("count", 0)) is int, "HaloPSA counts in whole numbers"
    return [dict(row) for row in rows]


def written_licences(body: bytes) -> list[HaloLicence]:
    """What a write answered: one object, or several; what stands is for a read to say."""
    answer = json.loads(body)
    rows = answer if isinstance(answer, list) else [answer]
    known = [row for row in rows if isinstance(row, dict) and row.get("id") is not None]
    return [HaloLicence.model_validate(row) for row in known]
