"""What a person reads about a plan that is held: what is wrong, and the command that resolves it.

A sentence has to fit a head, so what comes from outside is cut and stands before the commands; it
is also stripped of backticks, between which a report looks for commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from poster_halo.domain.sold import RefusedItem
from schemas.settings import ClientMapping

TEXT_MAX = 300  # characters of a sentence in a head
_NAME_MAX = 40
_SEE = "`chargeline explain --all` lists them"


def without_item(lines: int, refused: Sequence[RefusedItem]) -> str:
    """Why lines have no item; where HaloPSA refused items, the first of them in its words."""
    counted = "1 line has no item yet" if lines == 1 else f"{lines} lines have no item yet"
    if not refused:
        return f"{counted}: {_SEE}"
    first, more = refused[0], len(refused) - 1
    others = f" (and {more} more)" if more else ""
    named = quote(first.product_key) + _option(first.product_key.partition(":")[0])
    begin = f"{counted}. {_cut(first.name, _NAME_MAX)}{others}: "
    end = f": correct that, or `chargeline mappings product {named} --halo ITEM`; {_SEE}"
    room = max(_NAME_MAX, TEXT_MAX - len(begin) - len(end))
    return f"{begin}{_cut(first.text, room)}{end}"


def name_recurring(row: ClientMapping | None, fitting: Sequence[int], asks: str) -> str:
    """How a client gets its recurring invoice; the only one that fits is named in the command."""
    if row is None:
        return f"{asks} (`recurring` in the mapping of its company)"
    only = f" --subscription {quote(row.subscription)}" if row.subscription else ""
    named = f"{quote(row.company)}{_option(row.source)} --halo {row.halo}{only}"
    number = str(fitting[0]) if len(fitting) == 1 else "ID"
    return f"{asks}: `chargeline mappings client {named} --recurring {number}`"


def _option(source: str) -> str:
    """Commands are about Pax8 unless they name another source."""
    return "" if source == "pax8" else f" --source {quote(source)}"


def _cut(text: str, most: int) -> str:
    told = " ".join(text.replace("`", "'").split()).rstrip(".")
    return told if len(told) <= most else f"{told[: most - 1].rstrip(' .')}…"
