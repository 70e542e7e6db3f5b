"""Clients of the destination: which one a company is, and whether it can be billed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from lifecycle.domain.names import SUGGESTIONS_MAX, Names, domain_of, normal_name
from schemas.messages import Company, CompanyMatch, Suggestion

# Clients that a destination keeps for itself; nobody is billed through them by a rule.
INTERNAL_NAMES = frozenset({"unknown"})
_SAME_DOMAIN = 90  # beside names that are 0 to 100 alike


class Client(BaseModel):
    """One client as listed, with what matching and billing need."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str
    active: bool = True
    site: int | None = None
    accounts_id: str = ""
    ref: str = ""
    website: str = ""
    currency: str | None = None  # ISO code; None: the tenant's own
    currency_known: bool = True  # False: it names a currency that the destination does not list
    dont_invoice: bool = False
    billed_through: int | None = None
    billed_through_recurring: int | None = None


@dataclass(frozen=True)
class Billable:
    """The client of a batch, and the one whose invoice it becomes."""

    client: Client
    billed: Client

    @property
    def bill_client(self) -> int | None:
        """Set only when another client is billed."""
        return self.billed.id if self.billed.id != self.client.id else None


@dataclass(frozen=True)
class Refusal:
    """Why a client can not be billed: a stable code and one sentence."""

    code: str
    text: str


class Clients:
    """All clients of one connection, indexed."""

    def __init__(self, clients: Iterable[Client]) -> None:
        self._by_id = {c.id: c for c in clients}
        # An external id equals a field: accountsid, else ref, else the id written as HALO-<id>.
        self._by_accounts_id: dict[str, set[int]] = defaultdict(set)
        self._by_ref: dict[str, set[int]] = defaultdict(set)
        self._by_number: dict[str, set[int]] = defaultdict(set)
        self._by_name: dict[str, set[int]] = defaultdict(set)
        self._by_domain: dict[str, set[int]] = defaultdict(set)
        self._eligible = {
            c.id: c
            for c in self._by_id.values()
            if c.active and normal_name(c.name) not in INTERNAL_NAMES
        }
        self._names = Names({c.id: c.name for c in self._eligible.values()})
        for c in self._eligible.values():
            self._by_accounts_id[c.accounts_id].add(c.id)
            self._by_ref[c.ref].add(c.id)
            self._by_number[f"HALO-{c.id}"].add(c.id)
            self._by_name[normal_name(c.name)].add(c.id)
            self._by_domain[domain_of(c.website)].add(c.id)

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, number: int) -> Client | None:
        """The client with that id, active or not."""
        return self._by_id.get(number)

    def match(self, company: Company) -> CompanyMatch:
        """R3: external id, then exact name; one hit decides, two never do."""
        external, name = company.external or "", normal_name(company.name)
        for index, wanted, evidence in (
            (self._by_accounts_id, external, "external id"),
            (self._by_ref, external, "external id"),
            (self._by_number, external, "external id"),
            (self._by_name, name, "exact name"),
        ):
            hits = index.get(wanted, set()) if wanted else set()
            if len(hits) == 1 and not (company.name_doubled and index is self._by_name):
                (client,) = hits
                return self._answer(company, client=client, evidence=evidence)
            if hits:  # several: guessing on by weaker evidence would be no better
                return self._answer(company, suggestions=self._several(hits, evidence))
        return self._answer(company, suggestions=self._candidates(company))

    def suggest(self, name: str) -> tuple[Suggestion, ...]:
        """Clients that may be meant."""
        return self._names.alike(name)

    def name(self, number: int | None) -> str:
        """What the client is called; empty for one that is not listed."""
        client = self._by_id.get(number) if number is not None else None
        return client.name if client is not None else ""

    def billable(
        self, number: int, currency: str, tenant_currency: str, *, recurring: bool
    ) -> Billable | Refusal:
        """The client that is billed for client `number`, or why nobody can be."""
        client = self._by_id.get(number)
        if client is None or not client.active:
            return _gone(number, client)
        through = client.billed_through_recurring if recurring else client.billed_through
        billed = client
        if through is not None and through != client.id:
            found = self._by_id.get(through)
            if found is None or not found.active:
                return _gone(through, found, through=client)
            billed = found
        return _refusal(client, billed, currency, tenant_currency) or Billable(client, billed)

    def _candidates(self, company: Company) -> tuple[Suggestion, ...]:
        """A domain is evidence for a person only: several firms may share one."""
        domain = domain_of(company.website)
        same = sorted(self._by_domain.get(domain, set()))[:SUGGESTIONS_MAX] if domain else []
        found = [
            Suggestion(id=n, name=self._by_id[n].name, score=_SAME_DOMAIN, evidence="same domain")
            for n in same
        ]
        found += [one for one in self.suggest(company.name) if one.id not in same]
        found.sort(key=lambda one: (-one.score, one.id))
        return tuple(found[:SUGGESTIONS_MAX])

    def _several(self, hits: set[int], evidence: str) -> tuple[Suggestion, ...]:
        return tuple(
            Suggestion(id=n, name=self._by_id[n].name, score=100, evidence=f"{evidence}, not alone")
            for n in sorted(hits)[:SUGGESTIONS_MAX]
        )

    @staticmethod
    def _answer(
        company: Company,
        *,
        client: int | None = None,
        evidence: str = "",
        suggestions: Sequence[Suggestion] = (),
    ) -> CompanyMatch:
        return CompanyMatch(
            company=company.company,
            name=company.name,
            client=client,
            evidence=evidence,
            suggestions=tuple(suggestions),
        )


def _gone(number: int, client: Client | None, through: Client | None = None) -> Refusal:
    who = f"client {number}" if client is None else f"client {number} ({client.name})"
    what = "is not in HaloPSA any more" if client is None else "is inactive in HaloPSA"
    why = f"; client {through.id} ({through.name}) is billed through it" if through else ""
    return Refusal("client-gone", f"{who} {what}{why}")


def _refusal(client: Client, billed: Client, currency: str, tenant_currency: str) -> Refusal | None:
    for one in dict.fromkeys((client, billed)):
        if one.dont_invoice:
            text = f"client {one.id} ({one.name}) is marked do-not-invoice in HaloPSA"
            return Refusal("client-not-invoiced", text)
    who = f"client {billed.id} ({billed.name})"
    if not billed.currency_known:
        text = f"the charges are in {currency}; HaloPSA does not list the currency of {who}"
        return Refusal("currency-mismatch", text)
    theirs = billed.currency or tenant_currency
    if theirs != currency:
        text = f"the charges are in {currency}, {who} is billed in {theirs}"
        return Refusal("currency-mismatch", text)
    return None
