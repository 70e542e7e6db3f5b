"""Software licences against the sandbox: listed whole, written by id, read back."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from chassis.errors import PermanentError, UnknownOutcome
from sandbox import halopsa as sandbox_halopsa
from sandbox.app import build_app
from support.vendors import Scripted, TestLine
from vendors.halopsa import Halo, HaloCredentials
from vendors.probe import probe_counts


class System:
    def __init__(self) -> None:
        self.app = build_app(None, vendors={"halopsa": sandbox_halopsa.build})
        self.line = TestLine(httpx.ASGITransport(app=self.app))
        self.halo = self.client()

    def client(self, scope: str = "all") -> Halo:
        """Another one, which signs in for itself."""
        credentials = HaloCredentials("id", SecretStr("s"), scope=scope)
        return Halo("http://sandbox/halopsa", credentials, self.line.line)

    async def control(self, name: str, payload: Any) -> None:
        answer = await self.line.http.post(f"http://sandbox/_sandbox/halopsa/{name}", json=payload)
        assert answer.status_code == 200, answer.text


def licence(number: int, **changes: Any) -> dict[str, Any]:
    return {"id": number, "client_id": 42, "name": f"Licence {number}", "count": 1} | changes


TENANT: dict[str, Any] = {
    "clients": [{"id": 42, "name": "Acme"}, {"id": 43, "name": "Bolt"}],
    "items": [{"id": 310, "name": "Huntress Managed EDR"}],
    "agents": [{"id": 3, "name": "Billing API"}],
}


@pytest.fixture
async def system() -> System:
    built = System()
    await built.control("load", TENANT)
    return built


async def test_licences_come_whole_a_hundred_a_page_inactive_ones_too(system: System) -> None:
    rows = [licence(n, is_active=n != 7, item_id=310, vendor="Huntress") for n in range(1, 251)]
    await system.control("load", {"software_licences": rows})
    found = await system.halo.licences()
    assert [one.id for one in found] == list(range(1, 251))
    assert (found[6].is_active, found[0].item_id, found[0].vendor) == (False, 310, "Huntress")
    state = system.app.vendors["halopsa"].front.calls()
    assert state["GET /SoftwareLicence"] == 3


async def test_a_filter_that_is_ignored_changes_nothing() -> None:
    rows = [licence(1), licence(2, client_id=43)]
    script = Scripted(httpx.Response(200, json={"record_count": 2, "licences": rows}))
    credentials = HaloCredentials("id", SecretStr("s"))
    halo = Halo("https://acme.halopsa.com", credentials, TestLine(script.transport).line)
    assert [one.id for one in await halo.licences(43)] == [2]
    assert script.requests[0].url.params["client_id"] == "43"


async def test_counts_are_written_by_id_and_new_licences_by_name(system: System) -> None:
    await system.control("load", {"software_licences": [licence(1, price=4.5)]})
    new = {"name": "Huntress Managed EDR", "client_id": 43, "count": 5, "item_id": 310, "type": 0}
    answered = await system.halo.write_licences([{"id": 1, "count": 9}, new])
    assert [(one.id, one.count) for one in answered] == [(1, 9), (2, 5)]
    assert [one.count for one in await system.halo.write_licences([{"id": 1, "count": 0}])] == [0]
    found = await system.halo.licences()
    assert [(one.name, one.count, one.client_id) for one in found] == [
        ("Licence 1", 0, 42),
        ("Huntress Managed EDR", 5, 43),
    ]
    changes = await system.halo.licence_changes(1)
    assert [(one.old_value, one.new_value, one.who) for one in changes] == [
        ("1", "9", "Billing API"),
        ("9", "0", "Billing API"),
    ]


async def test_a_row_that_can_not_be_saved_leaves_the_outcome_open(system: System) -> None:
    broken = licence(2, _broken=True)
    await system.control("load", {"software_licences": [licence(1), broken, licence(3)]})
    rows = [{"id": n, "count": 8} for n in (1, 2, 3)]
    with pytest.raises(UnknownOutcome) as raised:
        await system.halo.write_licences(rows)
    assert raised.value.code == "halopsa-outcome-unknown"
    assert [one.count for one in await system.halo.licences()] == [8, 1, 1]


@pytest.mark.parametrize("right", ["read", "edit"])
async def test_a_missing_right_is_named(system: System, right: str) -> None:
    await system.control("load", {"control": {"missing_scopes": [f"{right}:softwarelicensing"]}})
    new = {"client_id": 42, "name": "New", "count": 1}
    halo = system.halo
    call = halo.licences() if right == "read" else halo.write_licences([new])
    with pytest.raises(PermanentError, match=f"{right}:softwarelicensing") as raised:
        await call
    assert raised.value.code == "halopsa-right-missing"


async def test_the_rights_of_counts_are_found_by_name(system: System) -> None:
    found = {one.right: one.ok for one in await probe_counts(system.halo)}
    assert found == {
        "sign-in": True,
        "read:items": True,
        "read:softwarelicensing": True,
        "edit:softwarelicensing": None,
    }
    fresh = system.client(scope="read:items")
    missing = {one.right: one.to_do for one in await probe_counts(fresh) if one.ok is False}
    assert set(missing) == {"read:softwarelicensing", "edit:softwarelicensing"}
    assert "Software Licensing" in missing["read:softwarelicensing"]


async def test_a_fraction_never_leaves_the_house(system: System) -> None:
    with pytest.raises(AssertionError, match="whole numbers"):
        await system.halo.write_licences([{"id": 1, "count": 1.5}])
