"""Which licence holds a client's count, and what a sync does to it (R21).

Ours is the licence of the whole client that has our name and our item; once written it is known by
its id, whatever a person names it. What is not clear is held: nothing is written on a guess.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from schemas.counts import ClientCount, CountOutcome

WHOLE_CLIENT = -1  # Licence.site
LICENCE = 0  # Licence.kind; a subscription is another thing
OTHERS_MAX = 2  # syncs in a row that met a count which we did not write

OTHER_WRITER = "count-other-writer"
NATIVE_SYNC = "count-native-sync"
GONE, INACTIVE, DOUBLED = "licence-gone", "licence-inactive", "licence-doubled"
DIFFERS, SHARED, LEFT_OVER = "licence-differs", "licence-shared", "licence-left-over"
WITHOUT_ITEM, RENAMED = "licence-without-item", "licence-renamed"


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence as HaloPSA lists it. `sync`: what says that another sync keeps it, else empty."""

    id: int
    name: str
    count: int
    client: int
    site: int = WHOLE_CLIENT
    item: int = 0  # 0: it names no item
    kind: int = LICENCE
    active: bool = True
    deleted: bool = False
    vendor: str = ""
    sync: str = ""

    @property
    def is_candidate(self) -> bool:
        """A count of the whole client that is still there."""
        return self.site == WHOLE_CLIENT and not self.deleted


class Counted(BaseModel):
    """One product of one client as last read at HaloPSA.

    `others`: syncs in a row that met a count which we had not written. `ours` is the last count
    that we wrote or found as we wanted it. `held` is the code that holds the row now. `alone`: its
    last write was refused, so it is not written beside others.
    """

    model_config = ConfigDict(frozen=True)

    client: int
    client_name: str = ""
    product: str
    item: int | None = None
    name: str = ""
    licence: int | None = None
    count: int | None = None
    others: int = 0
    ours: int | None = None
    held: str = ""
    alone: bool = False


class Decision(BaseModel):
    """What a sync does with one sum; `created` and `updated` are still to be written."""

    model_config = ConfigDict(frozen=True)

    outcome: CountOutcome
    licence: int | None = None
    before: int | None = None
    code: str = ""
    text: str = ""
    warnings: tuple[str, ...] = ()
    others: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """The licence of a sum; or why it is not clear which one it is."""

    licence: Licence | None = None
    code: str = ""
    text: str = ""


def key_of(client: int, product: str) -> str:
    """What a sum goes by in what we store."""
    return f"{client}/{product}"


class Shelf:
    """All licences of one look."""

    def __init__(self, licences: Iterable[Licence]) -> None:
        self.by_id = {one.id: one for one in licences}
        self._by_name: dict[tuple[int, str], list[Licence]] = defaultdict(list)
        self._by_item: dict[tuple[int, int], list[Licence]] = defaultdict(list)
        for one in self.by_id.values():
            self._by_name[one.client, one.name].append(one)
            if one.item and not one.deleted:
                self._by_item[one.client, one.item].append(one)

    def find(self, want: ClientCount, known: Counted | None) -> Found:
        """The licence that holds this sum; no licence and no code: there is none yet."""
        named = self._by_name[want.client, want.licence]
        fitting = [one for one in named if one.is_candidate and _fits(one, want)]
        active = [one for one in fitting if one.active]
        kept = self.by_id.get(known.licence) if known and known.licence else None
        if kept is not None and kept.client == want.client and kept.is_candidate:
            others = [one for one in active if one.id != kept.id]
            return _one_of([kept, *others], want)
        if known is not None and known.licence and not active:
            moved = kept if kept is not None and not kept.deleted else None
            return Found(moved, GONE, _gone(known, moved, want))
        if active:
            return _one_of(active, want)
        if fitting:
            return _one_of(fitting, want)
        return self._unfit(named, want)

    def _unfit(self, named: Sequence[Licence], want: ClientCount) -> Found:
        """No licence is ours; one of the same name says that somebody meant something by it."""
        for one in named:
            if one.is_candidate:
                return Found(one, DIFFERS, _differs(one, want))
        for one in named:
            if one.deleted and one.site == WHOLE_CLIENT:
                text = f"{about(one, want)} was deleted: restore it, or make one with that name"
                return Found(None, GONE, text)
        return Found()

    def neighbours(self, licence: Licence | None, want: ClientCount) -> list[Licence]:
        """Other licences of the same client and item that another sync keeps."""
        mine = licence.id if licence else None
        there = self._by_item[want.client, want.item] if want.item else []
        return [one for one in there if one.id != mine and one.sync]


def _fits(one: Licence, want: ClientCount) -> bool:
    return one.kind == LICENCE and one.item in (0, want.item)


def _one_of(found: Sequence[Licence], want: ClientCount) -> Found:
    first = found[0]
    if len(found) > 1:
        ids = ", ".join(str(one.id) for one in sorted(found, key=lambda one: one.id))
        text = f"licences {ids} of {client_of(want)} are all called {want.licence!r}: leave one"
        return Found(None, DOUBLED, text)
    if not _fits(first, want):
        return Found(first, DIFFERS, _differs(first, want))
    if not first.active:
        text = f"{about(first, want)} is inactive: make it active, or stop the count"
        return Found(first, INACTIVE, text)
    return Found(first)


def _differs(one: Licence, want: ClientCount) -> str:
    if one.kind != LICENCE:
        return f"{about(one, want)} is a subscription: rename it, or name ours otherwise"
    return (
        f"{about(one, want)} is of item {one.item}, the mapping says item {want.item}:"
        " change the one or the other"
    )


def _gone(known: Counted, moved: Licence | None, want: ClientCount) -> str:
    name = f"licence {known.name!r} ({known.licence}) of {client_of(want)}"
    if moved is not None:
        return f"{name} was moved to client {moved.client}, site {moved.site}: move it back"
    return f"{name} is not in HaloPSA any more: restore it, or make one called {want.licence!r}"


def client_of(want: ClientCount) -> str:
    """The client as a sentence names it."""
    return f"{want.client_name or 'client'} ({want.client})"


def about(one: Licence, want: ClientCount) -> str:
    """The record as a sentence names it."""
    return f"licence {one.name!r} ({one.id}) of {client_of(want)}"


def decide(
    want: ClientCount, shelf: Shelf, known: Counted | None, own: int | None = None
) -> Decision:
    """What is to be done. `own`: a count that an earlier write of ours may have put there."""
    found = shelf.find(want, known)
    there = found.licence
    others = _others(want, there, known, own)
    warnings, said = _warnings(want, shelf, there, others, known)
    made = Decision(
        outcome="held",
        licence=there.id if there else known.licence if known else None,
        before=there.count if there else None,
        warnings=warnings,
        others=others,
    )
    held = _held(want, found, known, others)
    if held is not None:
        return made.model_copy(update={"code": held[0], "text": held[1]})
    if there is None:
        outcome: CountOutcome = "created" if want.count else "nothing"
    else:
        outcome = "unchanged" if there.count == want.count else "updated"
    return made.model_copy(update={"outcome": outcome, "text": said})


def _held(
    want: ClientCount, found: Found, known: Counted | None, others: int
) -> tuple[str, str] | None:
    if want.code is not None:
        return want.code, want.text or f"the count of {client_of(want)} waits for a person"
    if want.item is None:
        return "item-missing", f"product {want.product} has no item: map it to one"
    if found.code == GONE and found.licence is None and not want.count:
        return None  # what is gone bills nothing, and nothing is to be billed
    if found.code:
        return found.code, found.text
    if others >= OTHERS_MAX:
        assert found.licence is not None, "somebody wrote on a licence"
        back = f", then set it to {known.ours}" if known and known.ours is not None else ""
        text = (
            f"somebody else wrote {found.licence.count} on {about(found.licence, want)}, again and"
            f" again: let one of the two count it{back}"
        )
        return OTHER_WRITER, text
    return None


def _others(
    want: ClientCount, there: Licence | None, known: Counted | None, own: int | None
) -> int:
    """A hold lasts until our count is there again: who writes the same again is not seen."""
    if there is None or known is None or known.count is None or known.licence != there.id:
        return 0
    held = known.others >= OTHERS_MAX
    if held and there.count in (known.ours, want.count):
        return 0
    if there.count in (known.count, own):
        return known.others if held else 0
    return known.others + 1


def _warnings(
    want: ClientCount, shelf: Shelf, there: Licence | None, others: int, known: Counted | None
) -> tuple[tuple[str, ...], str]:
    """Codes, and the sentence of the gravest one."""
    codes: list[str] = []
    said = ""
    if there is not None and others and known is not None:
        codes.append(OTHER_WRITER)
        said = (
            f"somebody else wrote {there.count} on {about(there, want)}, where we had read"
            f" {known.count}: HaloPSA's or Huntress's own sync, or a person"
        )
    twins = [one for one in (there, *shelf.neighbours(there, want)) if one and one.sync]
    if twins:
        codes.append(NATIVE_SYNC)
        said = said or (
            f"{about(twins[0], want)} is kept by another sync ({twins[0].sync}): switch one off,"
            " or its units are billed twice"
        )
    if there is not None and not there.item:
        codes.append(WITHOUT_ITEM)
    if there is not None and there.name != want.licence:
        codes.append(RENAMED)
    return tuple(codes), said
