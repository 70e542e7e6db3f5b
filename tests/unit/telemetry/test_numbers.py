"""Every number is declared, documented, and says nothing of a tenant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chassis.clock import LoopClock
from chassis.embedded import EmbeddedStore
from chassis.errors import PermanentError, TransientError
from chassis.leases import Leases
from chassis.limits import Budget, CallLimits
from chassis.service import Body
from chassis.telemetry import metrics
from gateway.counted import count_end, count_money
from schemas import frame
from schemas.examples import EXAMPLES
from schemas.messages import PostingDone
from schemas.statement import Statement
from support.embedded import Sent, sent, service
from support.memory_records import MemoryRecords
from support.told import Numbers
from support.virtual_loop import START, in_virtual_time
from vendors.observed import templated

DOC = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(chargeline_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|", re.MULTILINE)


def in_prometheus(metric: metrics.Declared) -> str:
    suffix = {"s": "_seconds"}.get(metric.unit, "")
    total = "_total" if metric.kind == "counter" else ""
    return metric.name.replace(".", "_") + suffix + total


def test_the_document_lists_what_is_declared() -> None:
    declared = {
        in_prometheus(m): (
            "gauge" if m.kind == "up_down_counter" else m.kind,
            ", ".join(f"`{label}`" for label in m.labels),
        )
        for m in metrics.DECLARED
    }
    documented = {name: (kind, labels.strip()) for name, kind, labels, _ in ROW.findall(DOC)}
    assert documented == declared


def test_prometheus_reads_every_metric_under_its_documented_name(numbers: Numbers) -> None:
    for metric in metrics.DECLARED:
        metrics.add(metric, 1, **dict.fromkeys(metric.labels, "x"))
    read = {
        sample.name.removesuffix("_count")
        for family in numbers.registry.collect()
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_sum"))
    }
    assert {name for name, *_ in ROW.findall(DOC)} == read


def test_neither_tenant_nor_connection_is_a_label() -> None:
    labels = {label for metric in metrics.DECLARED for label in metric.labels}
    assert not labels & {"tenant", "connection", "run", "batch", "document", "line"}


def test_a_label_that_is_not_declared_is_refused(numbers: Numbers) -> None:
    with pytest.raises(AssertionError, match=r"chargeline\.leases\.lost"):
        metrics.add(metrics.LEASES_LOST, tenant="msp")


async def test_a_handler_is_timed_by_how_it_ended_and_what_is_parked_is_counted(
    system: EmbeddedStore, numbers: Numbers
) -> None:
    async def on_sent(head: Sent, body: Body) -> None:
        if head.number == 2:
            raise PermanentError("client-missing", "nobody")

    system.bus.mount(service(on_sent))
    await system.bus.publish([sent(1, "msp/a"), sent(2, "msp/b")])
    await system.start()
    await system.idle()
    await system.stop()
    group = "reader.tests.sent.v1"
    timed = "chargeline_handler_duration_seconds_count"
    assert numbers.value(timed, group=group, outcome="done") == 1
    assert numbers.value(timed, group=group, outcome="permanent") == 1
    assert numbers.value("chargeline_parked_total", group=group, code="client-missing") == 1


def test_money_and_lines_are_counted_once_a_batch_by_outcome(numbers: Numbers) -> None:
    done = PostingDone.model_validate_json(frame.decode(EXAMPLES["PostingDone"])[0])
    count_money(done)
    [entry] = done.money
    told = {"fact": "PostingDone", "outcome": "posted"}
    assert numbers.value("chargeline_lines_total", **told) == entry.lines
    money = numbers.value("chargeline_money", currency=done.currency, **told)
    assert money == pytest.approx(float(entry.price))


def test_a_run_that_ends_says_whether_it_is_proved(numbers: Numbers) -> None:
    count_end(Statement(document="d", source="pax8", complete=True))
    count_end(Statement(document="d", source="pax8"))
    assert numbers.value("chargeline_runs_ended_total", verdict="proved") == 1
    assert numbers.value("chargeline_runs_ended_total", verdict="incomplete") == 1


def test_a_budget_tells_what_is_taken_refused_and_blocked(numbers: Numbers) -> None:
    async def story() -> None:
        limits = CallLimits(calls=2, window_s=10, block=2, vendor="halopsa", patience_s=0.0)
        budget = Budget(Leases(MemoryRecords(), LoopClock(START)), "msp", "halo", limits)
        for _ in range(2):
            async with budget.call():
                pass
        with pytest.raises(TransientError):
            async with budget.call():
                pass
        await budget.block(60)

    in_virtual_time(story())
    assert numbers.value("chargeline_budget_calls_total", vendor="halopsa") == 2
    assert numbers.value("chargeline_budget_refused_total", vendor="halopsa") == 1
    assert numbers.value("chargeline_budget_blocked_seconds_total", vendor="halopsa") == 60
    assert numbers.value("chargeline_budget_used_count", vendor="halopsa") == 2


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/invoices/3f2a6c1e-0000-4000-8000-000000000000/items", "/v1/invoices/{id}/items"),
        ("/api/Invoice/4711", "/api/Invoice/{id}"),
        ("/api/RecurringInvoice/-12", "/api/RecurringInvoice/{id}"),
        ("/pax8/v1/companies", "/pax8/v1/companies"),
        ("/api/Client/Zoë Ltd", "/api/Client/{id}"),
    ],
)
def test_a_path_is_told_without_ids(path: str, shown: str) -> None:
    assert templated(f"https://vendor.example{path}?client_secret=canary") == shown
