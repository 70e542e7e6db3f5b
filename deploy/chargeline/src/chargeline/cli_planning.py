"""What a selection is typed as: the options of `plan` that name lines, and groups of them (R13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas.selection import Selection

ByLine = Annotated[list[str] | None, typer.Option("--line", "--lines", help="A line's id.")]
ByOrder = Annotated[
    list[str] | None, typer.Option(help="The lines of this order; `none`: of no order.")
]
BySubscription = Annotated[list[str] | None, typer.Option(help="The lines of this subscription.")]
ByProduct = Annotated[
    list[str] | None, typer.Option(help="The lines of this product: its key, id or SKU.")
]
ByType = Annotated[
    list[str] | None, typer.Option("--type", help="seat, prorate, one-time, usage or credit.")
]


def selection_of(
    lines: list[str] | None,
    orders: list[str] | None,
    subscriptions: list[str] | None,
    products: list[str] | None,
    types: list[str] | None,
) -> Selection:
    """What the options come to. BadParameter for what can not be selected."""
    from pydantic import ValidationError

    from schemas.selection import Selection

    told = {
        "lines": lines,
        "orders": orders,
        "subscriptions": subscriptions,
        "products": products,
        "types": types,
    }
    try:
        return Selection.model_validate({name: found or () for name, found in told.items()})
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"{first['loc'][0]}: {first['msg']}") from None
