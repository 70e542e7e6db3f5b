"""Over REST: why a line ended as it did, messages that are parked, jobs and runs tried again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chargeline.explaining import Explaining
from chassis.errors import PermanentError
from chassis.service import Body, Route, Service
from gateway.domain.access import Scope
from gateway.rest.app import build
from schemas.messages import ListDocuments
from support import small
from support.office import Office
from support.virtual_loop import in_virtual_time


class Broken(Office):
    """A service beside the others can not handle a listing until it is mended."""

    mended = False

    async def _open(self) -> None:
        async def on_listing(head: ListDocuments, _: Body) -> None:
            if not self.mended:
                raise PermanentError("test-broken", "password=hunter2-hunter2 was refused")

        route = Route("runs.commanded.v1", {ListDocuments: on_listing})
        self.listener = Service("clumsy", (route,))
        await super()._open()


def test_a_line_is_explained_from_either_end(tmp_path: Path) -> None:
    async def story() -> None:
        items = [small.item(1), small.of_bolt(2, total=0, costTotal=0, price=0, cost=0)]
        settings = small.settings(policy={"drop_zero": True})
        async with Office(tmp_path, small.pax8(items), settings=settings) as o:
            ann = await o.somebody("ann")
            ran = await o.bill()
            path = f"/runs/{ran.run.run}/lines"
            assert (await ann("GET", path)).json()["code"] == "explain-elsewhere"
            explains = Explaining(o.system.store.records)
            app = build(replace(o.api, explains=explains))
            o.http._transport.app = app  # type: ignore[attr-defined]
            lines = (await ann("GET", path)).json()["items"]
            assert {line["outcome"] for line in lines} == {"posted", "dropped"}
            [dropped] = (await ann("GET", f"{path}?outcome=dropped")).json()["items"]
            assert dropped["rule"] == "drop-zero"
            [posted] = (await ann("GET", f"{path}?outcome=posted")).json()["items"]
            assert posted["stands"] == "posted"
            one = (await ann("GET", f"/lines/{posted['line']}")).json()
            assert one == posted
            none = await ann("GET", "/lines/line_none")
            assert (none.status_code, none.json()["code"]) == (404, "line-unknown")

    in_virtual_time(story())


def test_a_parked_message_is_shown_without_secrets_and_retried(tmp_path: Path) -> None:
    async def story() -> None:
        async with Broken(tmp_path) as o:
            ann = await o.somebody("ann")
            await ann("POST", "/documents/list", json={})

            async def parked() -> bool:
                return bool((await ann("GET", "/parked")).json()["items"])

            await o.system.wait_for(parked)
            [row] = (await ann("GET", "/parked")).json()["items"]
            assert (row["service"], row["code"]) == ("clumsy.runs.commanded.v1", "test-broken")
            told = await ann("GET", f"/parked/{row['id']}")
            assert told.json()["head"]["kind"] == "ListDocuments"
            assert "hunter2" not in told.text
            still = (await ann("POST", f"/parked/{row['id']}/retry")).json()
            assert (still["handled"], still["code"]) == (0, "test-broken")
            assert "hunter2" not in still["text"]
            o.mended = True
            done = await ann("POST", f"/parked/{row['id']}/retry")
            assert done.json() == {"handled": 1, "code": None, "text": ""}
            assert (await ann("GET", "/parked")).json()["items"] == []
            gone = await ann("GET", f"/parked/{row['id']}")
            assert gone.json()["code"] == "parked-missing"

    in_virtual_time(story())


def test_discarding_names_who_and_why(tmp_path: Path) -> None:
    async def story() -> None:
        async with Broken(tmp_path) as o:
            ann = await o.somebody("ann")
            clerk = await o.somebody("cyd", frozenset({Scope.READ, Scope.RUN}))
            await ann("POST", "/documents/list", json={})

            async def parked() -> bool:
                return bool((await ann("GET", "/parked")).json()["items"])

            await o.system.wait_for(parked)
            [row] = (await ann("GET", "/parked")).json()["items"]
            why = {"reason": "a listing of yesterday"}
            path = f"/parked/{row['id']}/discard"
            assert (await clerk("POST", path, json=why)).json()["code"] == "not-allowed"
            assert (await ann("POST", path, json={})).status_code == 422
            assert (await ann("POST", path, json=why)).status_code == 200
            [kept] = (await ann("GET", "/parked?state=discarded")).json()["items"]
            assert kept["reason"] == "a listing of yesterday"
            assert kept["discarded_by"].startswith("key:")
            owner = await o.somebody("eve", frozenset({Scope.ADMINISTER}))
            log = (await owner("GET", "/audit")).json()["items"]
            [said] = [entry for entry in log if entry["action"] == "parked-discarded"]
            assert said["before"] == {"state": "parked", "code": "test-broken"}
            assert said["after"]["reason"] == "a listing of yesterday"

    in_virtual_time(story())


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with Office(tmp_path) as o:
            ann = await o.somebody("ann")
            await o.documents()
            await o.system.vault.forget("msp", "pax8")
            begun = await ann("POST", "/runs", json={"document": small.DOCUMENT})
            run = begun.json()["run"]
            ran = await o.ended(run)
            assert ran.run.problem == "pax8-credentials-missing"

            async def failed() -> bool:
                return bool((await ann("GET", "/waiting")).json()["failed"])

            await o.system.wait_for(failed)
            [job] = (await ann("GET", "/waiting")).json()["failed"]
            assert job["code"] == "pax8-credentials-missing"
            await o.system.seal("msp", "pax8", "id", "secret")
            again = (await ann("POST", f"/runs/{run}/retry")).json()["run"]
            assert again != run, "it was never read: another run reads it"
            assert (await o.ended(again)).run.stage.value in ("items", "planned")
            same = (await ann("POST", f"/runs/{again}/retry")).json()["run"]
            assert same == again
            await o.ended(again)
            retried = await ann("POST", f"/jobs/{job['id']}/retry")
            assert retried.status_code == 202
            await o.system.wait_for(lambda: _none_failed(ann))
            twice = await ann("POST", f"/jobs/{job['id']}/retry")
            assert (twice.status_code, twice.json()["code"]) == (404, "job-unknown")

    async def _none_failed(ann: object) -> bool:
        answer = await ann("GET", "/waiting")  # type: ignore[operator]
        return not answer.json()["failed"]

    in_virtual_time(story())
