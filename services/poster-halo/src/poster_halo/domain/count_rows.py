"""The results of a sync as people read them: one row for each organisation and product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from poster_halo.domain.licences import LEFT_OVER, Counted, Decision, Licence, Shelf, key_of
from schemas.counts import ClientCount, CountPart, CountRow

CLIENT_HELD = "client-count-held"


def rows_of(want: ClientCount, made: Decision, after: int | None, at: str) -> list[CountRow]:
    """A sum's parts end as the sum does; `before` and `after` are the licence's.

    A part that waits for a person holds the whole sum: it says why, the others say that they wait.
    """
    parts = want.parts or (CountPart(organization="", count=want.count),)
    waits = made.outcome == "held" and made.code == want.code
    rows = []
    for part in parts:
        reason, text = made.code, made.text
        if waits and part.code is not None:
            reason, text = part.code, part.text
        elif waits and any(other.code is not None for other in parts):
            reason = CLIENT_HELD
        rows.append(
            CountRow(
                organization=part.organization,
                organization_name=part.organization_name,
                product=want.product,
                client=want.client,
                client_name=want.client_name,
                item=want.item,
                licence=made.licence,
                count=part.count,
                before=made.before,
                after=after,
                outcome=made.outcome,
                reason=reason,
                text=text,
                at=at,
                warnings=tuple(dict.fromkeys((*made.warnings, *part.warnings))),
            )
        )
    return rows


def held_there(row: CountRow, known: Mapping[str, Counted], shelf: Shelf) -> CountRow:
    """A row that is held before it comes to its licence: what it keeps counting is shown, too."""
    if row.outcome != "held" or row.client is None:
        return row
    entry = known.get(key_of(row.client, row.product))
    licence = shelf.by_id.get(entry.licence or 0) if entry is not None else None
    if licence is None or licence.deleted:
        return row
    there = {"licence": licence.id, "before": licence.count, "after": licence.count}
    return row.model_copy(update=there)


def left_over_row(entry: Counted, licence: Licence, at: str) -> CountRow:
    """A licence that nothing counts any more and that still bills its units."""
    text = (
        f"licence {licence.name!r} ({licence.id}) of {entry.client_name or 'client'}"
        f" ({entry.client}) still counts {licence.count}, and no organization counts there any"
        " more: set it to 0 in HaloPSA, or map the organization to that client again"
    )
    return CountRow(
        organization="",
        product=entry.product,
        client=entry.client,
        client_name=entry.client_name,
        item=entry.item,
        licence=licence.id,
        count=0,
        before=licence.count,
        after=licence.count,
        outcome="held",
        reason=LEFT_OVER,
        text=text,
        at=at,
    )


def in_order(rows: Iterable[CountRow]) -> list[CountRow]:
    """By organisation and product, so that the same results are the same bytes."""
    return sorted(
        rows, key=lambda r: (r.organization_name, r.organization, r.product, r.client or 0)
    )


def with_warning(
    rows: Iterable[CountRow], billed: Mapping[tuple[int, str], str], code: str
) -> list[CountRow]:
    """Held rows say which recurring invoice will bill the old count (R21)."""
    made = []
    for row in rows:
        said = billed.get((row.client or 0, row.product)) if row.outcome == "held" else None
        if said is None:
            made.append(row)
            continue
        text = f"{row.text}; {said}" if row.text else said
        made.append(row.model_copy(update={"text": text, "warnings": (*row.warnings, code)}))
    return made
