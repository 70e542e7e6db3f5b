"""Sums that meet on one licence, and licences that no sum reaches any more (R21)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from poster_halo.domain.licences import SHARED, Counted, Decision, Licence, Shelf, client_of, key_of
from schemas.counts import ClientCount


def shared(wanted: Sequence[ClientCount]) -> dict[str, str]:
    """By key the sentence for sums that would be written on one and the same licence."""
    uses = Counter((one.client, one.licence) for one in wanted)
    return {
        key_of(one.client, one.product): (
            f"two products of {client_of(one)} are to be counted on licence {one.licence!r}:"
            " give each a name of its own"
        )
        for one in wanted
        if uses[one.client, one.licence] > 1
    }


def on_one_licence(made: Mapping[str, Decision]) -> dict[str, Decision]:
    """Sums that are known by one and the same licence, whatever it is called: both are held."""
    uses = Counter(one.licence for one in made.values() if one.licence is not None)
    return {
        key: one.model_copy(
            update={
                "outcome": "held",
                "code": SHARED,
                "text": (
                    f"licence {one.licence} would count two products: make one for each, and name"
                    " it in the product's rule"
                ),
            }
        )
        for key, one in made.items()
        if one.licence is not None and uses[one.licence] > 1 and one.outcome != "held"
    }


def left_over(
    entries: Mapping[str, Counted], counted: Iterable[str], shelf: Shelf
) -> list[tuple[Counted, Licence]]:
    """Licences of ours that still count units although no count reaches them any more."""
    reached = set(counted)
    found = []
    for key, entry in sorted(entries.items()):
        licence = shelf.by_id.get(entry.licence or 0)
        if key not in reached and licence is not None and not licence.deleted and licence.count:
            found.append((entry, licence))
    return found
