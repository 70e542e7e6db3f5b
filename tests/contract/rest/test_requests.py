"""Around every route: limits, ids, headers, pages and problems."""

from __future__ import annotations

from support.rest import Door, bearer


async def test_a_problem_names_its_code_its_page_and_its_request(door: Door) -> None:
    owner = await door.tenant("first")
    answer = await owner("GET", "/runs/no-such-run")
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert (told["status"], told["code"]) == (404, "run-unknown")
    assert told["type"].endswith("/runbook/run-unknown.md")
    assert told["request"] == answer.headers["X-Request-Id"]


async def test_a_path_that_is_none_is_a_problem_too(door: Door) -> None:
    answer = await door.http.get("/v1/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    wrong = await door.http.delete("/v1/tenants")
    assert wrong.status_code == 405
    assert wrong.headers["Allow"]


async def test_a_body_that_is_too_large_is_not_read(door: Door) -> None:
    large = b"x" * (1024 * 1024 + 1)
    answer = await door.http.post("/v1/tenants", content=large, headers=bearer(door.operator))
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")


async def test_a_request_id_is_taken_over_only_when_it_is_one(door: Door) -> None:
    kept = await door.http.get("/v1/tenants", headers={"X-Request-Id": "abc-1"})
    made = await door.http.get("/v1/tenants", headers={"X-Request-Id": "a b\tc<script>"})
    assert kept.headers["X-Request-Id"] == "abc-1"
    assert made.headers["X-Request-Id"] != "a b\tc<script>"


async def test_every_answer_carries_the_headers_that_bind_browsers(door: Door) -> None:
    for answer in (await door.http.get("/v1/openapi.json"), await door.http.get("/v1/nowhere")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "max-age" in answer.headers["Strict-Transport-Security"]


async def test_pages_give_every_row_once(door: Door) -> None:
    for number in range(7):
        await door.tenant(f"tenant-{number}")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(10):
        headers, params = bearer(door.operator), {"limit": "3", **cursor}
        told = (await door.http.get("/v1/tenants", headers=headers, params=params)).json()
        seen += [row["tenant"] for row in told["items"]]
        if told["next"] is None:
            break
        cursor = {"cursor": told["next"]}
    assert seen == [f"tenant-{number}" for number in range(7)]


async def test_a_cursor_that_is_none_is_refused(door: Door) -> None:
    headers, params = bearer(door.operator), {"cursor": "é"}
    answer = await door.http.get("/v1/tenants", headers=headers, params=params)
    assert (answer.status_code, answer.json()["code"]) == (404, "cursor-unknown")


async def test_a_tenant_is_made_once(door: Door) -> None:
    await door.tenant("first")
    body = {"tenant": "first", "name": "Again", "terms_accepted": "1"}
    answer = await door.http.post("/v1/tenants", json=body, headers=bearer(door.operator))
    assert (answer.status_code, answer.json()["code"]) == (409, "tenant-exists")


async def test_the_first_key_opens_the_new_tenant(door: Door) -> None:
    await door.tenant("first")
    body = {"name": "set-up", "scopes": ["read", "administer"]}
    made = await door.http.post(
        "/v1/tenants/first/keys/first", json=body, headers=bearer(door.operator)
    )
    assert made.status_code == 201
    read = await door.http.get("/v1/tenants/first", headers=bearer(made.json()["token"]))
    assert read.json()["name"] == "First"
