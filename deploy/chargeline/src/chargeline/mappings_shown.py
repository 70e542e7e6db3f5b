"""`chargeline mappings list`: who is billed for a company, and what a product is sold as."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from chargeline.names import Names
from chargeline.shown import out, safe
from schemas.settings import ClientMapping, Settings


def show_mappings(settings: Settings, names: Names) -> None:
    """A table of clients, then one of products; ids stay whole, so that they can be copied."""
    if not settings.client and not settings.product:
        out.print("nothing is mapped yet: `chargeline run` matches what it can and names the rest")
        return
    if settings.client:
        table = _table("source", "billed to", "decided by", "company (and subscription)")
        for row in settings.client:
            table.add_row(
                safe(row.source),
                safe(_billed(row, names)),
                safe(row.evidence),
                safe(_about(row, names)),
            )
        out.print(table)
    if settings.product:
        out.print()
        table = _table("source", "sold as", "decided by", "product")
        for product in settings.product:
            term = f" {product.term}" if product.term else ""
            table.add_row(
                safe(product.source),
                safe(_named("item", product.halo, names.items)),
                safe(product.evidence),
                safe(f"{product.product}{term}"),
            )
        out.print(table)
    if settings.chains:
        out.print()
    for document, word in settings.chains.items():
        out.print(f"document {safe(document)}: {word}", soft_wrap=True)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _billed(row: ClientMapping, names: Names) -> str:
    if row.exclude:
        return "excluded"
    if row.halo is None:
        return "not decided"
    recurring = f", recurring {row.recurring}" if row.recurring is not None else ""
    return f"{_named('client', row.halo, names.clients)}{recurring}"


def _about(row: ClientMapping, names: Names) -> str:
    """The company, or one of its subscriptions, whose row beats the company's own."""
    name = names.companies.get(row.company, "" if row.company else "no company")
    return " ".join(part for part in (name, row.company, row.subscription) if part)


def _named(kind: str, number: int, names: Mapping[int, str]) -> str:
    name = names.get(number)
    return f"{name} ({number})" if name else f"{kind} {number}"
