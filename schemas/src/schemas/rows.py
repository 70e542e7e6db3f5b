"""The lines of a body as text: what each has for itself, and what others may share with it.

A line laid down with its id, subscription and slot first and its company behind them is cut there.
Lines that sell the same are equal from their company on, so that is decoded once for all of them.
Any other order of members is as good, and then the body is decoded line by line.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

_SUBSCRIPTION, _SLOT, _COMPANY = ',"subscription":"', ',"slot":"', ',"company":'


class Row(NamedTuple):
    """One line; `shared` is what stands behind `"company":`, without the closing brace."""

    id: str
    subscription: str | None
    slot: str | None
    shared: str

    @property
    def own(self) -> str:
        """Its id and subscription as members: nothing in them is escaped."""
        whose = f',"subscription":"{self.subscription}"' if self.subscription is not None else ""
        return f'"id":"{self.id}"{whose}'


def maker[T: tuple[Any, ...]](kind: type[T]) -> Callable[[tuple[Any, ...]], T]:
    """Makes a named tuple of a plain one. Its own constructor is a Python function, which for
    every line of a document is too much."""
    return partial(tuple.__new__, kind)


_row = maker(Row)


def rows_in[T](body: bytes, decode: Callable[[str], T]) -> list[tuple[Row, T]] | None:
    """The lines of a JSON array, with what `decode` makes of the members from `"company"` on.

    None where some line is laid down in another way. A quote within a text has a backslash before
    it, so no text holds what is cut at; what is cut wrong for another reason is no JSON, which
    `decode` says by a ValueError.
    """
    text = body.decode()
    if text[:8] != '[{"id":"' or text[-2:] != "}]":
        return None
    rows = []
    met: dict[str, T] = {}
    for line in text[8:-2].split('},{"id":"'):
        own, seam, shared = line.partition(_COMPANY)
        name, _, more = own.partition('"')
        subscription: str | None = None
        slot: str | None = None
        if more.startswith(_SUBSCRIPTION):
            subscription, _, more = more[len(_SUBSCRIPTION) :].partition('"')
        if more.startswith(_SLOT):
            slot, _, more = more[len(_SLOT) :].partition('"')
        if not seam or own[-1:] != '"' or more or "\\" in own:
            return None
        if (said := met.get(shared)) is None:
            try:
                said = met[shared] = decode(f"{{{_COMPANY[1:]}{shared}}}")
            except ValueError:
                return None
        rows.append((_row((name, subscription, slot, shared)), said))
    return rows
