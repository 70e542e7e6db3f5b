"""Counts become sums per client and product (R21): one licence each, or a row that ends here.

A row ends here when nobody or nobody yet is billed for it: excluded, not mapped, no item, billed as
a charge. A held row goes on with its sum and holds it: the licence keeps its old count.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lifecycle.domain.clients import Client, Clients
from lifecycle.domain.items import ItemHold, Items
from lifecycle.domain.names import normal_name
from schemas.charges import product_key
from schemas.counts import (
    DETAIL_NOT_READ,
    NAME_DOUBLED,
    PRODUCT_NAMES,
    PRODUCT_UNKNOWN,
    ClientCount,
    Count,
    CountOutcome,
    CountPart,
    CountRow,
    ResolvedCounts,
)
from schemas.entries import Company, CompanyMatch, Suggestion
from schemas.settings import ClientMapping, Settings
from schemas.uses import ProductUse

UNMAPPED = "organization-unmapped"
NO_ITEM = "item-unmapped"
NOT_READ_SINGLY = "count-detail-missing"
CLIENT_GONE = "client-gone"
OWN, EXCLUDED = "own-company", "excluded-client"
MONTHLY = "Monthly"


@dataclass(frozen=True, slots=True)
class _End:
    """How a row ends here."""

    outcome: CountOutcome
    reason: str = ""
    text: str = ""
    client: Client | None = None


@dataclass(slots=True)
class _Deciding:
    """What is looked up for every row, once an organisation."""

    clients: Clients
    items: Items
    settings: Settings
    source: str
    doubled: frozenset[str]
    mapped: Mapping[str, ClientMapping]
    matches: dict[str, CompanyMatch] = field(default_factory=dict)

    def client_of(self, row: Count) -> Client | _End:
        """Whose row it is: by the map, else by an exact name that nothing else has."""
        mapping = self.mapped.get(row.organization)
        own = self.settings.own_companies(self.source)
        if self.settings.exclusions.own_company and row.organization in own:
            return _End("excluded", OWN, "the MSP's own organization")
        if mapping is not None and mapping.exclude:
            return _End("excluded", EXCLUDED, "excluded by its mapping")
        number = mapping.halo if mapping is not None else None
        if number is None:
            return self._by_name(row)
        client = self.clients.get(number)
        if client is None or not client.active:
            return _End("held", CLIENT_GONE, f"client {number} is not in HaloPSA, or inactive")
        return client

    def _by_name(self, row: Count) -> Client | _End:
        match = self.matches.get(row.organization)
        if match is None:
            company = Company(
                company=row.organization,
                name=row.organization_name,
                name_doubled=row.organization in self.doubled,
            )
            match = self.matches[row.organization] = self.clients.match(company)
        if row.organization in self.doubled:
            text = f"{row.text or 'its name is not alone'}: map each of them, or exclude it"
            return _End("held", UNMAPPED, text)
        client = self.clients.get(match.client) if match.client is not None else None
        if client is None:
            return _End("held", UNMAPPED, _nobody(row.organization_name, match.suggestions))
        if DETAIL_NOT_READ in row.warnings:
            text = (
                f"matched to client {client.id} ({client.name}) by its exact name: its billable"
                " counts are read by the next sync that knows the mapping"
            )
            return _End("held", NOT_READ_SINGLY, text, client)
        return client

    def found(self) -> tuple[CompanyMatch, ...]:
        """Matches that decide; names that are not alone decide nothing."""
        return tuple(match for _, match in sorted(self.matches.items()) if match.client is not None)


def resolved(
    rows: Sequence[Count],
    clients: Clients,
    items: Items,
    settings: Settings,
    *,
    source: str,
    at: str,
) -> ResolvedCounts:
    """Every row once: a part of a client's sum, or ended."""
    mapped = {
        row.company: row
        for row in settings.client
        if row.source == source and row.subscription is None
    }
    deciding = _Deciding(clients, items, settings, source, _doubled(rows), mapped)
    ended: list[CountRow] = []
    sums: dict[tuple[int, str], list[Count]] = defaultdict(list)
    for row in rows:
        answer = deciding.client_of(row)
        end = answer if isinstance(answer, _End) else _end_of(row, answer, settings)
        if PRODUCT_UNKNOWN in row.warnings or _counts_nothing(row):
            client = end.client if end is not None else None
            end = _End("nothing", next(iter(row.warnings), ""), row.text, client)
        if end is not None:
            ended.append(_ended(row, end, at))
        else:
            assert isinstance(answer, Client), "a row that does not end has a client"
            sums[answer.id, row.product].append(row)
    counts: list[ClientCount] = []
    for (number, product), parts in sorted(sums.items()):
        client = clients.get(number)
        assert client is not None, "it was found for each part"
        summed = _summed(client, product, parts, deciding)
        if isinstance(summed, _End):
            ended += [_ended(part, summed, at) for part in parts]
        else:
            counts.append(summed)
    return ResolvedCounts(clients=tuple(counts), ended=tuple(ended), matches=deciding.found())


def _counts_nothing(row: Count) -> bool:
    """No units, none before, and nothing that a person should look at first."""
    return row.code is None and row.before is None and not row.count


def _end_of(row: Count, client: Client, settings: Settings) -> _End | None:
    """R21: one product of one client bills by licence or by charge, or not at all."""
    bill = settings.counts.of(row.product, client.id).bill
    if bill == "off":
        return _End("nothing", "", "billing of this product is off", client)
    if bill == "charge":
        if row.code is not None:
            return _End("held", row.code, row.text, client)
        return _End("charged", "", "billed as a charge of the month", client)
    return None


def _summed(
    client: Client, product: str, parts: Sequence[Count], deciding: _Deciding
) -> ClientCount | _End:
    settings = deciding.settings
    name = PRODUCT_NAMES.get(product, product)
    key = product_key(deciding.source, product, None, MONTHLY)
    assert key is not None, "a product has a name"
    use = ProductUse(key=key, name=name, product=product, term=MONTHLY)
    item = deciding.items.match(use, settings, deciding.source, None)
    if item is None:
        offered = _offered(deciding.items.suggest(name))
        return _End("held", NO_ITEM, f"no item is mapped to {name}{offered}", client)
    if isinstance(item, ItemHold):
        return _End("held", item.code, item.text, client)
    held = next((part for part in parts if part.code is not None), None)
    return ClientCount(
        client=client.id,
        client_name=client.name,
        product=product,
        item=item.item,
        licence=settings.counts.of(product, client.id).licence or name,
        count=sum(part.count for part in parts),
        parts=tuple(
            CountPart(
                organization=part.organization,
                organization_name=part.organization_name,
                count=part.count,
                code=part.code,
                text=part.text,
                warnings=part.warnings,
            )
            for part in parts
        ),
        code=held.code if held else None,
        text=f"{held.organization_name}: {held.text}" if held else "",
    )


def _ended(row: Count, end: _End, at: str) -> CountRow:
    return CountRow(
        organization=row.organization,
        organization_name=row.organization_name,
        product=row.product,
        client=end.client.id if end.client else None,
        client_name=end.client.name if end.client else "",
        count=row.count,
        outcome=end.outcome,
        reason=end.reason,
        text=end.text,
        at=at,
        warnings=row.warnings,
    )


def _doubled(rows: Sequence[Count]) -> frozenset[str]:
    """Organisations whose name another one has, as ingest saw them all, and as they are here."""
    names = {row.organization: normal_name(row.organization_name) for row in rows}
    times = Counter(names.values())
    return frozenset(
        {row.organization for row in rows if NAME_DOUBLED in row.warnings}
        | {number for number, name in names.items() if times[name] > 1}
    )


def _nobody(name: str, suggestions: Sequence[Suggestion]) -> str:
    return f"no client is mapped to {name or 'it'}{_offered(suggestions)}"


def _offered(suggestions: Sequence[Suggestion]) -> str:
    if not suggestions:
        return ": map it, or exclude it"
    named = ", ".join(f"{one.id} ({one.name}, {one.score})" for one in suggestions[:3])
    return f"; alike: {named}"
