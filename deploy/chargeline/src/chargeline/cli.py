"""The commands. Results go to stdout, messages to stderr; heavy imports wait for their command.

Exit codes: 0 done and proven, nothing held · 1 failed · 2 holds, differences or anything
unexplained need a person · 3 nothing audited · 4 refused before anything was done.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Distributor charges into customer invoices, proved to the cent.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
mappings = typer.Typer(help="Who is billed for a company, and what a product is sold as.")
parked = typer.Typer(help="Messages that could not be handled.")
sandbox = typer.Typer(help="The vendors' stand-ins.")
app.add_typer(mappings, name="mappings")
app.add_typer(parked, name="parked")
app.add_typer(sandbox, name="sandbox")

Data = Annotated[Path | None, typer.Option(help="Data folder. Default: .chargeline here.")]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="Settings file (TOML).")]
Sandboxed = Annotated[bool, typer.Option("--sandbox", help="Vendor sandboxes in this process.")]
SandboxUrl = Annotated[str | None, typer.Option(help="Vendor sandboxes at this address.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]
Today = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Fix the clock's day.")]


def run() -> None:
    """Every planned failure is one sentence on stderr and an exit code."""
    from chassis.errors import Failure

    try:
        app()
    except Failure as failure:
        from chargeline.report import FAILED, REFUSED

        typer.echo(f"chargeline: {failure.text} [{failure.code}]", err=True)
        raise SystemExit(REFUSED if _refusal(failure.code) else FAILED) from None
    except KeyboardInterrupt:
        typer.echo("chargeline: stopped; the next run goes on from here", err=True)
        raise SystemExit(1) from None


@app.command("run")
def run_command(
    data: Data = None,
    settings: SettingsFile = None,
    sandbox_here: Sandboxed = False,
    sandbox_url: SandboxUrl = None,
    today: Today = None,
    document: Annotated[str | None, typer.Option(help="Only this document.")] = None,
    clients: Annotated[int, typer.Option(help="Clients of a generated month.")] = 50,
    lines: Annotated[int, typer.Option(help="Lines of a generated month.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of a generated month.")] = 7,
    canary: Annotated[int, typer.Option(help="Batches posted and read back first.")] = 1,
    automatic: Annotated[bool, typer.Option(help="Approve by rule R17.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bill every document of the source, oldest first, and prove it."""
    from chargeline import commands

    where = _where(data, settings, sandbox_here, sandbox_url, today, clients, lines, seed)
    _end(
        commands.bill(
            where, document=document, yes=yes, automatic=automatic, canary=canary, as_json=as_json
        )
    )


@app.command()
def doctor(
    data: Data = None,
    settings: SettingsFile = None,
    sandbox_url: SandboxUrl = None,
    as_json: Json = False,
) -> None:
    """Versions, settings, credentials, rights, reachability, clock, and what to do about each."""
    from chargeline import commands

    _end(commands.doctor(_where(data, settings, False, sandbox_url), as_json=as_json))


@app.command()
def up(
    data: Data = None,
    settings: SettingsFile = None,
    sandbox_here: Sandboxed = False,
    sandbox_url: SandboxUrl = None,
) -> None:
    """Run all services in one process until interrupted. There is no console yet."""
    from chargeline import commands

    _end(commands.up(_where(data, settings, sandbox_here, sandbox_url)))


@app.command()
def ingest(
    data: Data = None,
    settings: SettingsFile = None,
    sandbox_url: SandboxUrl = None,
    document: Annotated[str | None, typer.Option(help="Read this document.")] = None,
    period: Annotated[str | None, typer.Option(help="Read this month's, e.g. 2026-10.")] = None,
    drafts: Annotated[bool, typer.Option(help="Store the draft items.")] = False,
    as_json: Json = False,
) -> None:
    """Read documents and plan them, without posting anything."""
    from chargeline import commands

    where = _where(data, settings, False, sandbox_url)
    _end(commands.ingest(where, document=document, period=period, drafts=drafts, as_json=as_json))


@app.command()
def plan(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    data: Data = None,
    settings: SettingsFile = None,
    sandbox_url: SandboxUrl = None,
    diff: Annotated[bool, typer.Option(help="Show every line.")] = False,
    as_json: Json = False,
) -> None:
    """Form and plan a run again, under today's settings and mappings."""
    from chargeline import commands

    where = _where(data, settings, False, sandbox_url)
    _end(commands.plan(where, run_id, diff=diff, as_json=as_json))


@app.command("apply")
def apply_command(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    data: Data = None,
    sandbox_url: SandboxUrl = None,
    only: Annotated[list[str] | None, typer.Option(help="A client's id or name.")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Post what was planned, exactly, and read it back."""
    from chargeline import commands

    where = _where(data, None, False, sandbox_url)
    _end(commands.apply(where, run_id, only=only or [], yes=yes, as_json=as_json))


@app.command()
def undo(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    data: Data = None,
    sandbox_url: SandboxUrl = None,
    only: Annotated[list[str] | None, typer.Option(help="A batch or plan id.")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take back what a run has posted, as far as HaloPSA allows."""
    from chargeline import commands

    where = _where(data, None, False, sandbox_url)
    _end(commands.undo(where, run_id, only=only or [], yes=yes, as_json=as_json))


@app.command()
def statement(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Where every cent of the run's document went."""
    from chargeline import commands

    _end(commands.statement(_where(data), run_id, as_json=as_json))


@app.command()
def runs(data: Data = None, as_json: Json = False) -> None:
    """All runs, oldest first."""
    from chargeline import commands

    _end(commands.runs(_where(data), as_json=as_json))


@app.command()
def explain(
    line: Annotated[str | None, typer.Argument(metavar="LINE")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every line.")] = False,
    document: Annotated[str | None, typer.Option(help="Only this document.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """What should have become of a line, recomputed from raw bytes, policy and mapping."""
    from chargeline import commands

    if line is None and not every:
        raise typer.BadParameter("name a line, or --all")
    _end(commands.explain(_where(data), line, document=document, as_json=as_json))


@app.command()
def jobs(
    data: Data = None,
    retry: Annotated[str | None, typer.Option(help="Run this failed job again.")] = None,
    as_json: Json = False,
) -> None:
    """Jobs that failed for good."""
    from chargeline import commands

    _end(commands.failed_jobs(_where(data), retry=retry, as_json=as_json))


@mappings.command("list")
def mappings_list(data: Data = None, as_json: Json = False) -> None:
    """Clients and products as decided, with who or what decided."""
    from chargeline import commands

    _end(commands.mappings(_where(data), as_json=as_json))


@mappings.command("client")
def mappings_client(
    company: Annotated[str, typer.Argument(help="The company's id at the source.")],
    halo: Annotated[int, typer.Option(help="HaloPSA client id.")],
    subscription: Annotated[str | None, typer.Option(help="Only this subscription.")] = None,
    recurring: Annotated[int | None, typer.Option(help="Recurring invoice id.")] = None,
    source: str = "pax8",
    data: Data = None,
) -> None:
    """Bill a company (or one of its subscriptions) to a HaloPSA client."""
    from chargeline import commands

    row = {"halo": halo, "subscription": subscription, "recurring": recurring}
    _end(commands.map_client(_where(data), source, company, row))


@mappings.command("exclude")
def mappings_exclude(
    company: Annotated[str, typer.Argument(help="The company's id at the source.")],
    subscription: Annotated[str | None, typer.Option(help="Only this subscription.")] = None,
    source: str = "pax8",
    data: Data = None,
) -> None:
    """Never bill a company, for example the MSP's own."""
    from chargeline import commands

    row = {"exclude": True, "subscription": subscription}
    _end(commands.map_client(_where(data), source, company, row))


@mappings.command("product")
def mappings_product(
    product: Annotated[str, typer.Argument(help="The product key that a hold names.")],
    halo: Annotated[int, typer.Option(help="HaloPSA item id.")],
    source: str = "pax8",
    data: Data = None,
) -> None:
    """Sell a product as a HaloPSA item."""
    from chargeline import commands

    _end(commands.map_product(_where(data), source, product, halo))


@mappings.command("chain")
def mappings_chain(
    document: str,
    replacement: Annotated[bool, typer.Option("--replacement/--separate")],
    data: Data = None,
) -> None:
    """Say whether documents of one date replace one another or are billed both."""
    from chargeline import commands

    _end(commands.decide_chain(_where(data), document, replacement=replacement))


@parked.command("list")
def parked_list(data: Data = None, as_json: Json = False) -> None:
    """What is parked, and why."""
    from chargeline import commands

    _end(commands.parked_list(_where(data), as_json=as_json))


@parked.command("show")
def parked_show(message: str, data: Data = None) -> None:
    """One parked message with its bytes."""
    from chargeline import commands

    _end(commands.parked_show(_where(data), message))


@parked.command("retry")
def parked_retry(message: str, data: Data = None, sandbox_url: SandboxUrl = None) -> None:
    """Handle a parked message again, and those queued behind it."""
    from chargeline import commands

    _end(commands.parked_retry(_where(data, None, False, sandbox_url), message))


@sandbox.command("serve")
def sandbox_serve(
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8899,
    data: Annotated[Path | None, typer.Option(help="Keep the state here.")] = None,
    today: Today = None,
    latency_s: Annotated[float, typer.Option(help="Every answer takes that long.")] = 0,
) -> None:
    """Serve the vendor sandboxes; load them through /_sandbox/<vendor>/load."""
    from sandbox.serve import serve

    serve(port, data, today=today.date() if today else None, latency_s=latency_s)


@app.command()
def demo() -> None:
    """A whole month on the sandboxes: holds, their resolution, zero unexplained, adoption."""
    from chargeline.demo import main

    raise SystemExit(main())


def _where(
    data: Path | None,
    settings: Path | None = None,
    sandbox_here: bool = False,
    sandbox_url: str | None = None,
    today: datetime | None = None,
    clients: int = 50,
    lines: int = 1000,
    seed: int = 7,
) -> Any:
    from chargeline.session import Where

    day: date | None = today.date() if today else None
    return Where(data, settings, sandbox_here, sandbox_url, day, clients, lines, seed)


def _end(command: Coroutine[Any, Any, tuple[int, Any]]) -> None:
    """Run the command, print its document if it has one, and leave with its exit code."""
    code, document = asyncio.run(command)
    if document is not None:
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    raise SystemExit(code)


def _refusal(code: str) -> bool:
    """Failures before anything was done: settings, credentials, addresses, the folder, no yes."""
    return code in (
        "settings-file",
        "needs-yes",
        "data-folder-in-use",
        "run-unknown",
        "run-not-there",
        "line-unknown",
        "document-unknown",
    ) or code.endswith(
        ("-login", "-unreachable", "-credentials-missing", "-address", "-token-refused")
    )
