"""Faults on request: a queue of instructions, each of which spoils a few matching calls.

before the vendor acts   the kinds in BEFORE
after it has acted       the kinds in AFTER; and those of BEFORE with "commit": true
inside a handler         whatever the vendor's module takes by name (`Call.fault`)
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import httpx

from sandbox.state import State

BEFORE = frozenset(
    {
        "slow",
        "rate_limit",
        "empty_500",
        "error_500",
        "html",
        "unauthorized",
        "forbidden",
        "reset",
    }
)
AFTER = frozenset({"lost_answer", "truncated"})
PAGES = frozenset({"page_cap_ignored", "truncate_page"})
COMMON = BEFORE | AFTER | PAGES


class ConnectionBroken(httpx.ReadError):
    """No answer comes. An httpx error: a client sees the same in process and over a socket."""

    def __init__(self) -> None:
        super().__init__(f"sandbox: {type(self).__name__}")


class LostAnswer(ConnectionBroken):
    """The vendor did it; nobody hears of it."""


class ConnectionReset(ConnectionBroken):
    """Failed before the vendor did anything, which the client can not tell from LostAnswer."""


class UnknownFaultError(ValueError):
    """The load of a fault names no known kind."""


@dataclass
class Fault:
    kind: str
    times: int = 1  # -1: for ever
    after: int = 0  # matching calls to let through first
    method: str = ""
    path: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def meets(self, method: str, *paths: str) -> bool:
        if self.method and self.method.upper() != method:
            return False
        wanted = self.path.lower().rstrip("/")
        return any(
            path.lower() == wanted or path.lower().startswith(wanted + "/") for path in paths
        )

    def as_row(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "times": self.times,
            "after": self.after,
            "method": self.method,
            "path": self.path,
            **self.options,
        }


class Faults:
    """The pending faults in the order they were asked for, and how often each kind fired."""

    def __init__(self, state: State, kinds: Collection[str] = COMMON) -> None:
        self._state = state
        self.kinds = frozenset(kinds)
        self._pending = {
            key: self._read(row)
            for key, row in zip(state.keys("_faults"), state.rows("_faults"), strict=True)
        }

    def add(self, payload: Any) -> int:
        """Accepts {"faults": [...]}, a bare list, or one fault; all of it or nothing."""
        if isinstance(payload, dict) and "faults" in payload:
            payload = payload["faults"]
        asked = payload if isinstance(payload, list) else [payload]
        for fault in [self._read(one) for one in asked]:
            key = str(self._state.next_number("fault"))
            self._pending[key] = fault
            self._state.put("_faults", key, fault.as_row())
        return len(asked)

    def take(self, kinds: Collection[str], method: str, *paths: str) -> Fault | None:
        """The first pending fault of these kinds due on this call; all that match count it."""
        due: str | None = None
        for key, fault in list(self._pending.items()):
            if fault.kind not in kinds or not fault.meets(method, *paths):
                continue
            if fault.after > 0:
                fault.after -= 1
                self._state.put("_faults", key, fault.as_row())
            elif due is None:
                due = key
        return self._fire(due) if due is not None else None

    def clear(self) -> None:
        self._pending.clear()
        self._state.clear("_faults")

    def pending(self) -> list[dict[str, Any]]:
        return [fault.as_row() for fault in self._pending.values()]

    def fired(self) -> dict[str, int]:
        rows = zip(self._state.keys("_fired"), self._state.rows("_fired"), strict=True)
        return {kind: int(row["n"]) for kind, row in rows}

    def _fire(self, key: str) -> Fault:
        fault = self._pending[key]
        if fault.times > 0:
            fault.times -= 1
        if fault.times == 0:
            del self._pending[key]
            self._state.delete("_faults", key)
        else:
            self._state.put("_faults", key, fault.as_row())
        fired = self.fired().get(fault.kind, 0)
        self._state.put("_fired", fault.kind, {"n": fired + 1})
        return fault

    def _read(self, asked: Any) -> Fault:
        if not isinstance(asked, dict):
            raise UnknownFaultError(f"a fault is an object, not {type(asked).__name__}")
        options = dict(asked)
        short = [kind for kind in options if kind in self.kinds]
        names = [options.pop(name) for name in ("kind", "fault", "name", "type") if name in options]
        if not names and len(short) == 1:
            value = options.pop(short[0])
            names = [short[0]]
            options |= value if isinstance(value, dict) else {"times": value}
        kind = str(names[0]) if names else ""
        if kind not in self.kinds:
            raise UnknownFaultError(
                f"unknown fault {kind!r}; known: {', '.join(sorted(self.kinds))}"
            )
        counts = [options.pop(name) for name in ("times", "count") if name in options]
        return Fault(
            kind=kind,
            times=int(counts[0]) if counts else 1,
            after=int(options.pop("after", 0)),
            method=str(options.pop("method", "")),
            path=str(options.pop("path", "")),
            options=options,
        )
