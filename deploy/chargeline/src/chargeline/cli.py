"""The commands. Results go to stdout, messages to stderr; heavy imports wait for their command.

Exit codes: 0 done and proven, nothing held · 1 failed · 2 holds, differences or anything
unexplained need a person · 3 nothing audited · 4 refused before anything was done.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated, Any

import typer

from chargeline.cli_connections import connections
from chargeline.cli_counts import counts
from chargeline.cli_options import (
    URL,
    Clients,
    Data,
    Json,
    Sandboxed,
    SandboxUrl,
    SettingsFile,
    Source,
    Today,
    Yes,
    end,
    only_month,
    only_source,
    where_of,
)
from chargeline.cli_planning import (
    ByLine,
    ByOrder,
    ByProduct,
    BySubscription,
    ByType,
    selection_of,
)
from chargeline.cli_records import mappings, parked, sandbox, trace
from chargeline.cli_schedules import schedules
from chargeline.cli_servers import indexes, topics
from chargeline.cli_vault import vault

app = typer.Typer(
    help="Distributor charges into customer invoices, proved to the cent.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
app.add_typer(connections, name="connections")
app.add_typer(mappings, name="mappings")
app.add_typer(counts, name="counts")
app.add_typer(schedules, name="schedules")
app.add_typer(parked, name="parked")
app.add_typer(sandbox, name="sandbox")
app.command()(trace)
app.add_typer(vault, name="vault")
app.add_typer(topics, name="topics")
app.add_typer(indexes, name="indexes")


@app.callback()
def main(
    url: Annotated[
        str | None,
        typer.Option(
            envvar=URL,
            help="Ask the gateway there, with the key in CHARGELINE_API_KEY (or …_FILE).",
        ),
    ] = None,
) -> None:
    """Distributor charges into customer invoices, proved to the cent."""
    if url is not None:
        os.environ[URL] = url  # where every command looks


def run() -> None:
    """Every planned failure is one sentence on stderr and an exit code."""
    from chassis.errors import Failure

    usage: Any = typer.BadParameter.__base__  # 2 means that a person is needed, not a wrong option
    usage.exit_code = 4
    try:
        app()
    except Failure as failure:
        from chargeline.refusals import is_refusal
        from chargeline.report import FAILED, REFUSED

        typer.echo(f"chargeline: {failure.text} [{failure.code}]", err=True)
        raise SystemExit(REFUSED if is_refusal(failure.code) else FAILED) from None
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
    source: Source = "pax8",
    document: Annotated[str | None, typer.Option(help="Only this document.")] = None,
    clients: Clients = 50,
    lines: Annotated[int, typer.Option(help="Lines of a generated month.", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of a generated month.")] = 7,
    canary: Annotated[int, typer.Option(help="Batches posted and read back first.")] = 1,
    automatic: Annotated[bool, typer.Option(help="Approve by rule R17.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bill every document of the source, oldest first, and prove it."""
    from chargeline import commands

    only_source(source)
    where = where_of(data, settings, sandbox_here, sandbox_url, today, clients, lines, seed)
    where = replace(where, source=source)
    end(
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
    from chargeline import housekeeping

    end(housekeeping.doctor(where_of(data, settings, False, sandbox_url), as_json=as_json))


@app.command()
def up(
    data: Data = None,
    settings: SettingsFile = None,
    sandbox_here: Sandboxed = False,
    sandbox_url: SandboxUrl = None,
    today: Today = None,
    host: Annotated[str, typer.Option(help="Address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the REST API; 0 takes any.")] = 8600,
) -> None:
    """Run all services in one process, with the REST API, until interrupted."""
    from chargeline import housekeeping

    where = where_of(data, settings, sandbox_here, sandbox_url, today)
    end(housekeeping.up(where, host=host, port=port))


@app.command()
def ingest(
    data: Data = None,
    settings: SettingsFile = None,
    sandbox_url: SandboxUrl = None,
    today: Today = None,
    source: Source = "pax8",
    document: Annotated[str | None, typer.Option(help="Read this document.")] = None,
    period: Annotated[str | None, typer.Option(help="Read this month's, e.g. 2026-10.")] = None,
    drafts: Annotated[bool, typer.Option(help="Store the draft items.")] = False,
    as_json: Json = False,
) -> None:
    """Read documents and plan them, without posting anything."""
    from chargeline import commands

    only_source(source)
    only_month(period)
    where = replace(where_of(data, settings, False, sandbox_url, today), source=source)
    end(commands.ingest(where, document=document, period=period, drafts=drafts, as_json=as_json))


@app.command()
def plan(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    data: Data = None,
    settings: SettingsFile = None,
    sandbox_url: SandboxUrl = None,
    today: Today = None,
    line: ByLine = None,
    order: ByOrder = None,
    subscription: BySubscription = None,
    product: ByProduct = None,
    kind: ByType = None,
    diff: Annotated[bool, typer.Option(help="Show every line.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Form and plan a run again, under today's settings and mappings: all of it, or a selection.

    Each option of a selection may be repeated; what none of them names is held `not-selected`.
    """
    from chargeline import commands

    where = where_of(data, settings, False, sandbox_url, today)
    selection = selection_of(line, order, subscription, product, kind)
    end(commands.plan(where, run_id, selection=selection, diff=diff, yes=yes, as_json=as_json))


@app.command("apply")
def apply_command(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    data: Data = None,
    sandbox_url: SandboxUrl = None,
    today: Today = None,
    only: Annotated[list[str] | None, typer.Option(help="A client's id or name.")] = None,
    canary: Annotated[int | None, typer.Option(help="Batches read back first.")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Post what was planned, exactly, and read it back."""
    from chargeline import commands

    where = where_of(data, None, False, sandbox_url, today)
    end(commands.apply(where, run_id, only=only or [], canary=canary, yes=yes, as_json=as_json))


@app.command()
def undo(
    run_id: Annotated[str, typer.Argument(metavar="RUN|POSTING")],
    data: Data = None,
    sandbox_url: SandboxUrl = None,
    today: Today = None,
    only: Annotated[list[str] | None, typer.Option(help="A batch or plan id.")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take back what a run has posted, as far as HaloPSA allows."""
    from chargeline import commands

    where = where_of(data, None, False, sandbox_url, today)
    end(commands.undo(where, run_id, only=only or [], yes=yes, as_json=as_json))


@app.command()
def statement(
    run_id: Annotated[str | None, typer.Argument(metavar="RUN", help="Default: the last.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Where every cent of the run's document went."""
    from chargeline import commands

    end(commands.statement(where_of(data), run_id, as_json=as_json))


@app.command()
def runs(data: Data = None, as_json: Json = False) -> None:
    """All runs, oldest first."""
    from chargeline import commands

    end(commands.runs(where_of(data), as_json=as_json))


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
    end(commands.explain(where_of(data), line, document=document, as_json=as_json))


@app.command()
def jobs(
    data: Data = None,
    retry: Annotated[str | None, typer.Option(help="Run this failed job again.")] = None,
    as_json: Json = False,
) -> None:
    """Jobs that failed for good."""
    from chargeline import housekeeping

    end(housekeeping.failed_jobs(where_of(data), retry=retry, as_json=as_json))


@app.command()
def demo() -> None:
    """A whole month on the sandboxes: holds, their resolution, zero unexplained, adoption."""
    from chargeline.demo import main

    raise SystemExit(main())
