"""The commands between runs: mappings, parked messages, failed jobs, and the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chargeline.cli_options import Data, Json, SandboxUrl, Source, Today, end, only_source, where_of

mappings = typer.Typer(help="Who is billed for a company, and what a product is sold as.")
parked = typer.Typer(help="Messages that could not be handled.")
sandbox = typer.Typer(help="The vendors' stand-ins.")


@mappings.command("list")
def mappings_list(data: Data = None, as_json: Json = False) -> None:
    """Clients and products as decided, with who or what decided."""
    from chargeline import housekeeping

    end(housekeeping.mappings(where_of(data), as_json=as_json))


@mappings.command("client")
def mappings_client(
    company: Annotated[str, typer.Argument(help="The company's id at the source.")],
    halo: Annotated[int, typer.Option(help="HaloPSA client id.", min=1)],
    subscription: Annotated[str | None, typer.Option(help="Only this subscription.")] = None,
    recurring: Annotated[int | None, typer.Option(help="Recurring invoice id.")] = None,
    source: Source = "pax8",
    data: Data = None,
) -> None:
    """Bill a company (or one of its subscriptions) to a HaloPSA client."""
    from chargeline import housekeeping

    only_source(source)
    row = {"halo": halo, "subscription": subscription, "recurring": recurring}
    end(housekeeping.map_client(where_of(data), source, company, row))


@mappings.command("exclude")
def mappings_exclude(
    company: Annotated[str, typer.Argument(help="The company's id at the source.")],
    subscription: Annotated[str | None, typer.Option(help="Only this subscription.")] = None,
    source: Source = "pax8",
    data: Data = None,
) -> None:
    """Never bill a company, for example the MSP's own."""
    from chargeline import housekeeping

    only_source(source)
    row = {"exclude": True, "subscription": subscription}
    end(housekeeping.map_client(where_of(data), source, company, row))


@mappings.command("product")
def mappings_product(
    product: Annotated[str, typer.Argument(help="The product key that a hold names.")],
    halo: Annotated[int, typer.Option(help="HaloPSA item id.", min=1)],
    source: Source = "pax8",
    data: Data = None,
) -> None:
    """Sell a product as a HaloPSA item."""
    from chargeline import housekeeping

    only_source(source)
    _only_key(product, source)
    end(housekeeping.map_product(where_of(data), source, product, halo))


def _only_key(product: str, source: str) -> None:
    """R7: source, product id or SKU, term, as holds and plans spell it."""
    named, _, rest = product.partition(":")
    what, divided, _ = rest.rpartition(":")
    if named != source or not what or not divided:
        raise typer.BadParameter(
            f"{product!r} is no product key of {source}: a hold names it, e.g."
            f" {source}:5b0c-…:monthly (source, product, term)"
        )


@mappings.command("chain")
def mappings_chain(
    document: str,
    replacement: Annotated[bool, typer.Option("--replacement/--separate")],
    data: Data = None,
) -> None:
    """Say whether documents of one date replace one another or are billed both."""
    from chargeline import housekeeping

    end(housekeeping.decide_chain(where_of(data), document, replacement=replacement))


@parked.command("list")
def parked_list(data: Data = None, as_json: Json = False) -> None:
    """What is parked, and why."""
    from chargeline import housekeeping

    end(housekeeping.parked_list(where_of(data), as_json=as_json))


@parked.command("show")
def parked_show(message: str, data: Data = None) -> None:
    """One parked message with its bytes."""
    from chargeline import housekeeping

    end(housekeeping.parked_show(where_of(data), message))


@parked.command("retry")
def parked_retry(message: str, data: Data = None, sandbox_url: SandboxUrl = None) -> None:
    """Handle a parked message again, and those queued behind it."""
    from chargeline import housekeeping

    end(housekeeping.parked_retry(where_of(data, None, False, sandbox_url), message))


@parked.command("discard")
def parked_discard(
    message: str,
    reason: Annotated[str, typer.Option(help="Why it is never to be handled.")],
    by: Annotated[str, typer.Option(help="Who decides that.", envvar=("USER", "USERNAME"))],
    data: Data = None,
    sandbox_url: SandboxUrl = None,
) -> None:
    """Never handle a parked message; those queued behind it go on."""
    from chargeline import housekeeping

    where = where_of(data, None, False, sandbox_url)
    end(housekeeping.parked_discard(where, message, by=by, reason=reason))


@sandbox.command("serve")
def sandbox_serve(
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8899,
    data: Annotated[Path | None, typer.Option(help="Keep the state here.")] = None,
    today: Today = None,
    latency_s: Annotated[float, typer.Option(help="Every answer takes that long.")] = 0,
    host: Annotated[str, typer.Option(help="In a container: 0.0.0.0.")] = "127.0.0.1",
) -> None:
    """Serve the vendor sandboxes; load them through /_sandbox/<vendor>/load."""
    from chargeline.session import usable
    from chassis.errors import PermanentError
    from sandbox.serve import PortTaken, serve

    day = today.date() if today else None
    folder = usable(data) if data is not None else None
    try:
        serve(port, folder, today=day, latency_s=latency_s, host=host)
    except PortTaken as taken:
        text = f"nothing can be served on {taken}: name another port with --port"
        raise PermanentError("port-taken", text) from None


def trace(
    folder: Annotated[Path, typer.Option("--from", help="Where CHARGELINE_TRACE_FILE pointed.")],
    what: Annotated[
        str | None, typer.Argument(metavar="RUN|BATCH|LINE", help="Default: the last trace.")
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """One charge's way through all services, with how long each took."""
    from chargeline import trace_shown

    end(trace_shown.show_trace(where_of(data), folder, what, as_json=as_json))
