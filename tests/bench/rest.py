"""200 clients read runs and statements, beside as many on a bare FastAPI route: p99 and its ratio.

    python -m bench.rest [--quick]

Each client asks again as soon as it has its answer, over a connection that stays open. The bare
route answers a constant under the same server; both run in processes of their own.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.row import Row

CLIENTS = 200
SECONDS = 3.0 if "--quick" in sys.argv else 30.0
FLOOR_SECONDS = SECONDS / 3
MONTH = ("--clients", "20", "--lines", "400")
ADDRESS = re.compile(r"up at (http://\S+)/v1")
MANY = "1000000000"
UNLIMITED = {
    "CHARGELINE_API_CALLS_PER_MINUTE": MANY,
    "CHARGELINE_API_CALLS_PER_MINUTE_AND_ADDRESS": MANY,
}
BARE = """
import asyncio
from fastapi import FastAPI
from chassis.servers.health_http import serving

app = FastAPI()

@app.get("/bare")
async def bare() -> dict[str, str]:
    return {"status": "ok"}

async def main() -> None:
    async with serving(app, "127.0.0.1", 0) as port:
        print(port, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@dataclass
class Load:
    """What the clients saw: seconds of each answer, and what was no success."""

    seconds: float
    took_s: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def p99_s(self) -> float:
        return sorted(self.took_s)[int(len(self.took_s) * 0.99)]

    @property
    def a_second(self) -> float:
        return len(self.took_s) / self.seconds


async def read(root: str, paths: Sequence[str], key: str, seconds: float) -> Load:
    """All clients at once, each from another path on."""
    load = Load(seconds)
    ends = time.monotonic() + seconds
    where = httpx.URL(root)
    tasks = [
        _client(where, [*paths[n % len(paths) :], *paths[: n % len(paths)]], key, ends, load)
        for n in range(CLIENTS)
    ]
    await asyncio.gather(*tasks)
    return load


async def _client(
    where: httpx.URL, paths: Sequence[str], key: str, ends: float, load: Load
) -> None:
    """By hand: a client library would cost more than what is measured."""
    reader, writer = await asyncio.open_connection(where.host, where.port)
    asked = [
        f"GET {path} HTTP/1.1\r\nHost: {where.host}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        for path in paths
    ]
    turn = 0
    while time.monotonic() < ends:
        began = time.monotonic()
        writer.write(asked[turn % len(asked)])
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(length[1]) if length else 0)
        load.took_s.append(time.monotonic() - began)
        if b" 200 " not in head[:16]:
            load.failed.append(head[:64].decode("latin-1"))
        turn += 1
    writer.close()
    await writer.wait_closed()


@contextmanager
def bare() -> Iterator[str]:
    """One route without anything."""
    with subprocess.Popen(
        [sys.executable, "-c", BARE], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


@dataclass(frozen=True)
class Gateway:
    """One that has billed a month, and a key that reads."""

    root: str
    key: str
    run: str


@contextmanager
def gateway() -> Iterator[Gateway]:
    """A month billed by command, then `chargeline up` over its folder."""
    me = [sys.executable, "-m", "chargeline"]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        month = [*me, "run", "--sandbox", *MONTH, "--yes", "--data", str(data)]
        subprocess.run(month, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        up = [*me, "up", "--sandbox", "--port", "0", "--data", str(data)]
        with subprocess.Popen(
            up, stderr=subprocess.PIPE, text=True, env=os.environ | UNLIMITED
        ) as process:
            assert process.stderr is not None
            try:
                found = None
                while found is None:
                    line = process.stderr.readline()
                    assert line, "it ended before it was up"
                    found = ADDRESS.search(line)
                process.stderr.readline()
                yield _with_key(found[1], data)
            finally:
                process.terminate()


def _with_key(root: str, data: Path) -> Gateway:
    operator = {"Authorization": f"Bearer {(data / 'operator-key').read_text().strip()}"}
    with httpx.Client(base_url=f"{root}/v1", trust_env=False, timeout=60) as http:
        tenant = {"tenant": "main", "name": "Main", "terms_accepted": "1"}
        http.post("/tenants", json=tenant, headers=operator)
        asked = {"name": "read", "scopes": ["read"]}
        made = http.post("/tenants/main/keys/first", json=asked, headers=operator)
        key = made.raise_for_status().json()["token"]
        reads = {"Authorization": f"Bearer {key}"}
        runs = http.get("/tenants/main/runs", headers=reads).raise_for_status().json()["items"]
    return Gateway(root, key, runs[0]["run"])


def figures() -> Iterator[Row]:
    """One row for each of what is read, and both together as clients do."""
    with bare() as root:
        floor = asyncio.run(read(root, ["/bare"], "", FLOOR_SECONDS))
    assert not floor.failed, "the bare route answers"
    with gateway() as there:
        runs = "/v1/tenants/main/runs"
        asked = {"runs": [runs], "statements": [f"{runs}/{there.run}/statement"]}
        for what, paths in asked.items():
            alone = asyncio.run(read(there.root, paths, there.key, FLOOR_SECONDS))
            yield _row(f"  {what} alone", alone, floor, None if not alone.failed else False)
        paths = [path for found in asked.values() for path in found]
        both = asyncio.run(read(there.root, paths, there.key, SECONDS))
    what = f"{CLIENTS} clients, {SECONDS:.0f} s, {len(both.failed)} errors, p99"
    yield _row(what, both, floor, not both.failed)
    for failed in sorted(set(both.failed)):
        yield Row(f"  {failed}", str(both.failed.count(failed)))


def _row(what: str, load: Load, floor: Load, met: bool | None) -> Row:
    return Row(
        f"{what} ({load.a_second:.0f}/s)",
        f"{load.p99_s * 1000:.0f} ms",
        f"{floor.p99_s * 1000:.0f} ms",
        f"{load.p99_s / floor.p99_s:.1f} x",
        "",
        met,
    )


if __name__ == "__main__":
    for row in figures():
        print(row.text(), flush=True)
