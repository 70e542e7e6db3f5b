"""A charge is followed through messages, jobs and the deaths of processes: one trace, one way."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import replace

from chassis.clock import SystemClock
from chassis.embedded import EmbeddedStore
from chassis.errors import TransientError
from chassis.jobs import JobRunner, Jobs, RunnerSettings
from chassis.outbox import Outbox
from chassis.parked import Arrival, Cause, describe
from chassis.records import Message
from chassis.service import Body, JobRun, Service
from chassis.telemetry import span, tracing
from schemas.ids import content_hash
from support.embedded import Sent, record, sent, service
from support.memory_records import MemoryRecords
from support.told import Spans, parent, place, told

RUNNER = RunnerSettings(wait_first_s=0.01, sweep_s=0.05, take_over=True)


class Wire:
    """A bus that keeps what is published, or is away."""

    def __init__(self, *, away: bool = False) -> None:
        self.published: list[Message] = []
        self.away = away

    async def publish(self, messages: Sequence[Message]) -> None:
        if self.away:
            raise TransientError("bus-away", "not now")
        with tracing.publishing(messages) as carried:
            self.published += carried

    def mount(self, service: Service) -> None:
        raise NotImplementedError

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


async def test_a_message_leads_from_the_command_to_handler_and_job(
    system: EmbeddedStore, spans: Spans
) -> None:
    jobs = Jobs(system.records, SystemClock())
    ran = asyncio.Event()

    async def on_sent(head: Sent, body: Body) -> None:
        await jobs.add(head.tenant, "halo", "work", "job", b"")

    async def work(run: JobRun) -> None:
        ran.set()

    system.bus.mount(service(on_sent, "poster"))
    runner = JobRunner(jobs, {"work": work}, "one", RUNNER, random.Random(1))
    await system.start()
    task = asyncio.create_task(runner.run())
    with span("command", trace_of=tracing.run_trace("msp", "run"), kind="start"):
        await system.bus.publish([sent(1)])
    await ran.wait()
    await runner.idle()
    await runner.stop()
    await task
    await system.stop()

    command = spans.named("command")
    handled = spans.named("handle", kind="Sent", group="poster.tests.sent.v1", run="run")
    job = spans.named("job", kind="work")
    assert parent(command) is None
    assert parent(spans.named("publish")) == place(command)[1]
    assert parent(handled) == place(command)[1]
    assert parent(job) == place(handled)[1]
    assert len(spans.traces()) == 1


async def test_what_a_dead_process_stored_is_published_in_its_own_trace(spans: Spans) -> None:
    records = MemoryRecords()
    with span("handle", kind="Sent"):
        here = tracing.traceparent()
        with contextlib.suppress(TransientError):  # and the process dies
            await Outbox(records, Wire(away=True)).insert(replace(record("a"), outgoing=(sent(1),)))
    wire = Wire()
    assert await Outbox(records, wire).sweep() == 1  # another process, later
    [message] = wire.published
    assert message.headers[tracing.HEADER] == here
    swept = spans.named("publish")
    assert place(swept)[0] == place(spans.named("handle"))[0]
    assert parent(swept) == place(spans.named("handle"))[1]


async def test_a_job_goes_on_in_its_commands_trace_whoever_runs_it(spans: Spans) -> None:
    records, clock = MemoryRecords(), SystemClock()
    with span("handle", kind="Sent"):
        await Jobs(records, clock).add("msp", "halo", "work", "job", b"")

    async def work(run: JobRun) -> None: ...

    other = Jobs(records, clock)  # of another replica
    runner = JobRunner(other, {"work": work}, "two", RUNNER, random.Random(1))
    task = asyncio.create_task(runner.run())
    await asyncio.sleep(0)
    await runner.idle()
    await runner.stop()
    await task
    assert parent(spans.named("job")) == place(spans.named("handle"))[1]


async def test_a_run_is_one_trace_even_when_nobody_carried_it(
    system: EmbeddedStore, spans: Spans
) -> None:
    """Commands of the same run, days apart, and a publisher that records nothing."""

    async def on_sent(head: Sent, body: Body) -> None: ...

    system.bus.mount(service(on_sent))
    await system.bus.publish([Message(sent(1).topic, "msp/acme", sent(1).value)])
    await system.start()
    await system.idle()
    await system.stop()
    with span("command", trace_of=tracing.run_trace("msp", "run"), kind="undo"):
        pass
    with span("command", trace_of=tracing.run_trace("msp", "another"), kind="start"):
        pass
    handled, undone = spans.named("handle"), spans.named("command", kind="undo")
    assert place(handled)[0] == place(undone)[0]
    assert len(spans.traces()) == 3, "the publish before had no run to go by"


def test_what_is_carried_changes_no_identity() -> None:
    message = sent(1)
    carried = replace(message, headers={tracing.HEADER: "00-" + "1" * 32 + "-" + "2" * 16 + "-01"})

    def arrival(m: Message) -> Arrival:
        return Arrival("g", m.topic, 0, 1, m.key, m.value, m.headers)

    now, cause = SystemClock().now(), Cause("bug", "")
    ids = {describe(arrival(m), cause, "parked", now).id for m in (message, carried)}
    assert len(ids) == 1
    assert content_hash(message.value) == content_hash(carried.value)


async def test_who_records_nothing_adds_nothing_and_passes_on_what_came() -> None:
    wire = Wire()
    outbox = Outbox(MemoryRecords(), wire)
    await outbox.insert(replace(record("a"), outgoing=(sent(1),)))
    came = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    with span("handle", parent=came, kind="Sent"):
        await outbox.insert(replace(record("b"), outgoing=(sent(2),)))
    assert [m.headers for m in wire.published] == [{}, {tracing.HEADER: came}]


def test_of_a_failure_the_trace_has_the_code_and_never_the_text(spans: Spans) -> None:
    failure = TransientError("halopsa-busy", "canary-secret")
    with contextlib.suppress(TransientError), span("job", kind="work"):
        raise failure
    [failed] = spans.every()
    assert told(failed)["chargeline.code"] == "halopsa-busy"
    assert "canary" not in failed.to_json()
