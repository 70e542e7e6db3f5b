"""A generated month into both sandboxes: what the trial of the compose file bills."""

from __future__ import annotations

import sys

import httpx

from sandbox.core import dumps
from sandbox.generate import generate_month

CLIENTS, LINES, SEED = 40, 800, 7

month = generate_month(SEED, clients=CLIENTS, lines=LINES)
for vendor, payload in (("pax8", month.pax8), ("halopsa", month.halopsa)):
    address = f"{sys.argv[1]}/_sandbox/{vendor}/load"
    httpx.post(address, content=dumps(payload), timeout=60).raise_for_status()
sys.stdout.write(f"{LINES} lines of {CLIENTS} clients are at {sys.argv[1]}\n")
