"""What a person plans of a document, the rest waiting as `not-selected` (R13)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.charges import Kind

# Every batch of a document is told all of them: for more there are the groups.
NAMED_MAX = 200
_Named = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=NAMED_MAX)
]


class Selection(BaseModel):
    """All lines that any of these names; everything when nothing is named.

    A line by its id, a group by its order, subscription, product (key, id or SKU) or type.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lines: _Named = ()
    orders: _Named = ()
    subscriptions: _Named = ()
    products: _Named = ()
    types: Annotated[tuple[Kind, ...], Field(max_length=NAMED_MAX)] = ()

    @property
    def terms(self) -> tuple[str, ...]:
        """As BatchEntry carries it."""
        return (
            *self.lines,
            *(f"order:{name}" for name in self.orders),
            *(f"subscription:{name}" for name in self.subscriptions),
            *(f"product:{name}" for name in self.products),
            *(f"type:{name}" for name in self.types),
        )


WHOLE = Selection()
