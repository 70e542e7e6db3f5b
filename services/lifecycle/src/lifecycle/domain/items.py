"""Items of the destination: which one a product is sold as (R7), and what a new one is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lifecycle.domain.names import SUGGESTIONS_MAX, Names, normal_name
from schemas.charges import ItemChoice, normal_term
from schemas.ids import digest
from schemas.messages import Suggestion
from schemas.money import ZERO, Amount
from schemas.settings import ProductMapping, Settings
from schemas.uses import ProductUse

REFERENCE_PREFIX = "chargeline:"
NAME_MAX = 250

# proposed ─▶ creating ─▶ created; `matched` is a decision by rule; `refused` and `default` were
# decided by the last CreateItems and are decided afresh by the next ResolveRun.
ItemState = Literal["proposed", "creating", "created", "matched", "refused", "default"]


class Item(BaseModel):
    """One open item as listed."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str = ""
    accounts_id: str = ""
    reference: str = ""
    tax: int | None = None


class ItemRecord(BaseModel):
    """What we know about one product key at one connection: the one guard against making it twice.

    Readers of the collection need `connection` and what an ItemChoice has.
    """

    model_config = ConfigDict(frozen=True)

    product_key: str
    connection: str
    state: ItemState
    item: int | None = None
    name: str = ""
    code: str | None = None
    tax: int | None = None
    evidence: str = ""
    sku: str = ""
    unit_price: Amount | None = None
    unit_cost: Amount | None = None
    started_at: str = ""  # ISO instant of the write whose answer is awaited
    fence: int = 0
    looks: int = 0  # looks that did not find what an uncertain write may have made
    text: str = ""


@dataclass(frozen=True)
class ItemHold:
    """Why a product has no item yet."""

    code: str
    text: str
    suggestions: tuple[Suggestion, ...] = ()


class Items:
    """All open items of one connection, indexed."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._by_id = {i.id: i for i in items}
        self._names = Names({i.id: i.name for i in self._by_id.values()})
        self._by_reference: dict[str, set[int]] = defaultdict(set)
        self._by_code: dict[str, set[int]] = defaultdict(set)
        self._by_name: dict[str, set[int]] = defaultdict(set)
        self.codes = {i.accounts_id for i in self._by_id.values() if i.accounts_id}
        for i in self._by_id.values():
            if i.reference.startswith(REFERENCE_PREFIX):
                # Made for one product key: no other product is matched to it by code or name.
                self._by_reference[i.reference].add(i.id)
                continue
            if i.accounts_id:
                self._by_code[i.accounts_id].add(i.id)
            self._by_name[normal_name(i.name)].add(i.id)

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, number: int) -> Item | None:
        """The open item with that id."""
        return self._by_id.get(number)

    def referenced(self, key: str) -> list[Item]:
        """Items that carry our reference for the product key."""
        return [self._by_id[n] for n in sorted(self._by_reference.get(reference(key), ()))]

    def match(
        self, use: ProductUse, settings: Settings, source: str, known: ItemRecord | None
    ) -> ItemChoice | ItemHold | None:
        """R7's order; one hit decides, two hold, none at all is None."""
        mapped = mapped_items(settings.product, source, use.key)
        if mapped:
            return self._mapped(use, mapped)
        if known is not None and known.state in ("created", "matched") and known.item is not None:
            item = self._by_id.get(known.item)
            if item is not None:
                return choice(use.key, item, known.evidence)
        for hits, evidence in (
            (self._by_reference.get(reference(use.key)), "our reference"),
            (self._by_code.get(use.sku) if use.sku else None, "accounts id"),
            (self._by_name.get(normal_name(use.name)) if use.name.strip() else None, "exact name"),
        ):
            if hits and len(hits) == 1:
                return choice(use.key, self._by_id[min(hits)], evidence)
            if hits:
                return self._ambiguous(use, hits, evidence)
        return None

    def suggest(self, name: str) -> tuple[Suggestion, ...]:
        """Open items that may be meant."""
        return self._names.alike(name)

    def _mapped(self, use: ProductUse, mapped: set[int]) -> ItemChoice | ItemHold:
        if len(mapped) > 1:
            return self._ambiguous(use, mapped, "our map")
        (number,) = mapped
        item = self._by_id.get(number)
        if item is None:
            text = f"item {number}, which {use.name or use.key} is mapped to, is closed or deleted"
            return ItemHold("item-gone", text, self.suggest(use.name))
        return choice(use.key, item, "our map")

    def _ambiguous(self, use: ProductUse, hits: set[int], evidence: str) -> ItemHold:
        names = {n: self._by_id[n].name if n in self._by_id else f"item {n}" for n in sorted(hits)}
        listed = ", ".join(map(str, names))
        return ItemHold(
            "product-ambiguous",
            f"{use.name or use.key} matches items {listed} by {evidence}",
            tuple(
                Suggestion(id=n, name=name, score=100, evidence=f"{evidence}, not alone")
                for n, name in list(names.items())[:SUGGESTIONS_MAX]
            ),
        )


def mapped_items(rows: Iterable[ProductMapping], source: str, key: str) -> set[int]:
    """The items that our map names for a product key; a row with the term beats one without."""
    exact: set[int] = set()
    any_term: set[int] = set()
    for row in rows:
        if row.source != source:
            continue
        if row.product == key and row.term is None:
            exact.add(row.halo)
        elif row.term is None and key.startswith(f"{source}:{row.product}:"):
            any_term.add(row.halo)
        elif row.term is not None and key == f"{source}:{row.product}:{normal_term(row.term)}":
            exact.add(row.halo)
    return exact or any_term


def reference(key: str) -> str:
    """What we write on an item that we make, so that it is found again without our store."""
    return REFERENCE_PREFIX + digest("item", key)


def choice(key: str, item: Item, evidence: str) -> ItemChoice:
    """A product sold as an item that is there."""
    return ItemChoice(
        product_key=key,
        item=item.id,
        name=item.name,
        code=item.accounts_id or None,
        tax=item.tax,
        evidence=evidence,
    )


def proposal(use: ProductUse) -> ItemChoice:
    """A product whose item CreateItems would make."""
    name = item_name(use.name, use.term, use.key)
    return ItemChoice(product_key=use.key, proposed=True, name=name, evidence="to be created")


def item_name(name: str, term: str, key: str) -> str:
    """One line; the term tells the items of one product apart."""
    plain = " ".join(name.split()) or key
    suffix = f" ({' '.join(term.split())})" if term.strip() else ""
    return plain[: NAME_MAX - len(suffix)] + suffix


def recorded(found: ItemChoice, connection: str) -> ItemRecord:
    """A match, kept as a decision."""
    return ItemRecord(
        product_key=found.product_key,
        connection=connection,
        state="matched",
        item=found.item,
        name=found.name,
        code=found.code,
        tax=found.tax,
        evidence=found.evidence,
    )


def proposed(use: ProductUse, connection: str) -> ItemRecord:
    """What CreateItems needs to make the item."""
    return ItemRecord(
        product_key=use.key,
        connection=connection,
        state="proposed",
        name=item_name(use.name, use.term, use.key),
        sku=use.sku,
        unit_price=use.unit_price,
        unit_cost=use.unit_cost,
        evidence="to be created",
    )


@dataclass(frozen=True)
class NewItem:
    """The fields of an item to make. Price and cost are for people: they are never used to post."""

    name: str
    reference: str
    accounts_id: str | None
    price: Amount
    cost: Amount
    income: str | None
    expense: str | None
    tax: int | None


def new_item(record: ItemRecord, settings: Settings, taken: set[str]) -> NewItem:
    """What to create for a proposal; the SKU becomes its accounts id if no item has it yet."""
    return NewItem(
        name=record.name,
        reference=reference(record.product_key),
        accounts_id=record.sku if record.sku and record.sku not in taken else None,
        price=record.unit_price if record.unit_price is not None else ZERO,
        cost=record.unit_cost if record.unit_cost is not None else ZERO,
        income=settings.defaults.income,
        expense=settings.defaults.expense,
        tax=settings.defaults.tax,
    )


def missing_codes(settings: Settings) -> list[str]:
    """Default codes that a created item would need under an accounting integration."""
    codes: Mapping[str, str | None] = {
        "income": settings.defaults.income,
        "expense": settings.defaults.expense,
    }
    return [name for name, code in codes.items() if not code]
