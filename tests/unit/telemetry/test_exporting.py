"""Where spans go, and how they are put together again."""

from __future__ import annotations

import json
import logging
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from chargeline.traces import Span, about, read_traces
from chassis.log import Library, identify, logger
from chassis.telemetry import span, tracing
from chassis.telemetry.exporting import traced
from support.told import Spans

RUN = tracing.run_trace("msp", "run_1")


def test_spans_of_several_processes_are_one_tree(tmp_path: Path) -> None:
    to = {"CHARGELINE_TRACE_FILE": str(tmp_path)}
    with traced("chargeline", "one", to), span("command", trace_of=RUN, kind="start", run="run_1"):
        here = tracing.traceparent()
    with traced("ingest-pax8", "two", to), span("handle", parent=here, kind="IngestDocument"):
        here = tracing.traceparent()
    with (
        traced("normalizer", "three", to),
        span("handle", parent=here, kind="ChargesReceived"),
        span("publish", topic="charges.normalized.v1", messages=1),
    ):
        pass
    [trace], unread = read_traces(tmp_path)
    assert unread == 0
    assert trace.services == ("gateway", "ingest-pax8", "normalizer")
    assert [s.label() for s in trace.every()] == [
        "command start",
        "on IngestDocument",
        "on ChargesReceived",
        "publish charges.normalized.v1",
    ]
    assert about([trace], "run_1") == [trace]
    assert about([trace], "run_2") == []


def test_in_one_process_a_span_belongs_to_the_service_above_it(tmp_path: Path) -> None:
    with (
        traced("chargeline", "one", {"CHARGELINE_TRACE_FILE": str(tmp_path)}),
        span("handle", trace_of=RUN, kind="PlanRun", group="poster-halo.runs.commanded.v1"),
        span("job", kind="PlanRun"),
    ):
        pass
    [trace], _ = read_traces(tmp_path)
    assert [s.service for s in trace.every()] == ["poster-halo", "poster-halo"]


def test_the_view_of_a_batch_leaves_others_out_but_for_those_that_carried_it_on(
    tmp_path: Path,
) -> None:
    with (
        traced("chargeline", "one", {"CHARGELINE_TRACE_FILE": str(tmp_path)}),
        span("job", trace_of=RUN, kind="IngestDocument"),
    ):
        with span("handle", kind="ChargesReceived", batch="ours", group="normalizer.x"):
            pass
        with span("handle", kind="ChargesReceived", batch="other", group="normalizer.x"):
            pass
        with (
            span("handle", kind="ChargesNormalized", batch="last", group="gateway.x"),
            span("job", kind="ResolveRun"),
        ):
            with span("GET halopsa", vendor="halopsa", method="GET", path="/Item", status=200):
                pass
            with span("handle", kind="ChargesResolved", batch="ours", group="gateway.x"):
                pass
    traces, _ = read_traces(tmp_path)
    [trace] = about(traces, "ours")
    assert [s.label() for s in trace.every()] == [
        "job IngestDocument",
        "on ChargesReceived",
        "on ChargesNormalized of another batch",
        "job ResolveRun",
        "GET /Item 200",
        "on ChargesResolved",
    ]


def test_a_line_cut_short_by_a_kill_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    with traced("normalizer", "one", {"CHARGELINE_TRACE_FILE": str(tmp_path)}), span("handle"):
        pass
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes() + file.read_bytes()[:70])
    [trace], unread = read_traces(tmp_path)
    assert unread == 1
    assert [s.name for s in trace.every()] == ["handle"]


def test_a_span_whose_parent_was_lost_is_shown_all_the_same(tmp_path: Path) -> None:
    came = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    with (
        traced("normalizer", "one", {"CHARGELINE_TRACE_FILE": str(tmp_path)}),
        span("handle", parent=came),
    ):
        pass
    [trace], _ = read_traces(tmp_path)
    assert [root.name for root in trace.roots] == ["handle"]
    assert isinstance(trace.roots[0], Span)


def test_a_collector_gets_the_spans_before_the_process_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    got: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            got.append((self.path, self.rfile.read(length)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        with traced("normalizer", "one", os.environ), span("handle", kind="ChargesReceived"):
            pass
        server.shutdown()
        thread.join()
    [(path, body)] = got
    assert path == "/v1/traces"
    assert b"ChargesReceived" in body
    assert b"normalizer" in body


def test_a_log_line_says_which_process_and_which_trace(
    spans: Spans, capsys: pytest.CaptureFixture[str]
) -> None:
    identify("poster-halo", "poster-1")
    try:
        with span("job", trace_of=RUN):
            logger("jobs").info("job-waits")
    finally:
        identify("", "")
    logger("jobs").info("job-waits")
    inside, outside = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (inside["service"], inside["replica"]) == ("poster-halo", "poster-1")
    assert inside["trace"] == f"{spans.every()[0].get_span_context().trace_id:032x}"  # type: ignore[union-attr]
    assert not {"service", "replica", "trace"} & outside.keys()


def test_what_a_library_says_is_redacted_too(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.makeLogRecord(
        {
            "name": "pymongo",
            "levelno": logging.ERROR,
            "msg": "mongodb://u:%s@h",
            "args": ("canary",),
        }
    )
    Library().emit(record)
    [line] = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["level"], told["library"]) == ("error", "pymongo")
    assert "canary" not in line
