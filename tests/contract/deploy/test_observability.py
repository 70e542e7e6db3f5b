"""Alerts, dashboards and the collector ask for what processes tell, under the same names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chassis.telemetry import metrics, tracing
from chassis.telemetry.exporting import measured

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "observability"
RULES = (FOLDER / "prometheus" / "rules.yaml").read_text()
DOCUMENTED = (ROOT / "docs" / "metrics.md").read_text()
DASHBOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
ALERTS = re.split(r"^ +- alert: ", RULES, flags=re.M)[1:]

OTHERS = {"up", "kube_pod_status_ready"}  # Prometheus's own, and kube-state-metrics'
ADDED = {"instance", "job", "component", "namespace", "pod", "le"}  # when they are fetched
METRIC = re.compile(r"\b(?:chargeline|kube)_[a-z_]+\b")
SELECTED = re.compile(r"\b(chargeline_[a-z_]+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
GROUPED = re.compile(r"\b(?:by|on) \(([^)]*)\)")


def told() -> dict[str, set[str]]:
    """Every series that a process can tell, with its labels, as Prometheus reads them."""
    found: dict[str, set[str]] = {}
    with measured("gateway", "replica") as registry:
        for declared in metrics.DECLARED:
            metrics.add(declared, 1, **dict.fromkeys(declared.labels, "any"))
        for family in registry.collect():
            for sample in family.samples:
                found[sample.name] = set(sample.labels)
    return found


TOLD = told()


def asked() -> Iterator[tuple[str, str]]:
    """Every expression of alerts and dashboards, and where it stands."""
    for alert in ALERTS:
        yield alert.splitlines()[0], alert.partition("expr:")[2].partition("labels: {")[0]
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{file.stem}: {panel['title']}", target["expr"]


ASKED = list(asked())


def family(name: str) -> str:
    """The metric that a histogram's series belongs to, as the documentation names it."""
    return name if f"`{name}`" in DOCUMENTED else re.sub(r"_(bucket|count|sum)$", "", name)


def test_there_is_something_to_look_at() -> None:
    assert len(ALERTS) >= 12
    assert [file.stem for file in DASHBOARDS] == ["health", "money"]
    assert len(ASKED) > 40


@pytest.mark.parametrize(("where", "expression"), ASKED)
def test_what_is_asked_for_is_told_and_documented(where: str, expression: str) -> None:
    names = set(METRIC.findall(expression)) - OTHERS
    assert names or re.search(r"\bup\b", expression), f"{where} asks for nothing"
    assert names <= TOLD.keys(), f"{where}: no process tells {names - TOLD.keys()}"
    undocumented = {name for name in names if f"`{family(name)}`" not in DOCUMENTED}
    assert not undocumented, f"{where}: docs/metrics.md does not know {undocumented}"


@pytest.mark.parametrize(("where", "expression"), ASKED)
def test_labels_that_are_asked_for_are_there(where: str, expression: str) -> None:
    for name, chosen in SELECTED.findall(expression):
        for label, value in MATCHER.findall(chosen):
            assert label in TOLD[name] | ADDED, f"{where}: {name} has no label {label}"
            unknown = [word for word in value.split("|") if f"`{word}`" not in DOCUMENTED]
            assert not unknown, f"{where}: docs/metrics.md knows no {label} {unknown}"
    known = ADDED.union(*(TOLD.get(name, set()) for name in METRIC.findall(expression)))
    grouped = {word.strip() for group in GROUPED.findall(expression) for word in group.split(",")}
    assert grouped <= known | {""}, f"{where} groups by {grouped - known}"


def test_every_metric_is_on_a_dashboard() -> None:
    shown = {family(n) for where, e in ASKED if ":" in where for n in METRIC.findall(e)}
    documented = set(re.findall(r"^\| `(chargeline_\w+)`", DOCUMENTED, flags=re.M))
    assert len(documented) > 15
    assert documented - shown == set()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda a: a.splitlines()[0])
def test_an_alert_says_how_bad_it_is_and_has_a_page(alert: str) -> None:
    assert re.search(r"labels: \{ severity: (critical|warning) \}", alert)
    assert re.search(r"summary: .{20,}", alert)
    page = re.search(r"runbook_url: (docs/runbook/[\w-]+\.md)$", alert, flags=re.M)
    assert page is not None, "an alert without a page helps nobody"
    assert (ROOT / page[1]).is_file(), f"write {page[1]}"


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda f: f.stem)
def test_panels_do_not_overlap_and_ask_the_chosen_source(file: Path) -> None:
    board: dict[str, Any] = json.loads(file.read_text())
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
        assert {t["datasource"]["uid"] for t in panel["targets"]} == {"${datasource}"}


def test_the_collector_lets_the_listed_attributes_pass_and_no_other() -> None:
    config = (FOLDER / "collector" / "config.yaml").read_text()
    allowed = set(re.findall(r"^ {6}- ([\w.]+)$", config, flags=re.M))
    ours = {tracing.PREFIX + name for name in tracing.ATTRIBUTES}
    assert {a for a in allowed if a.startswith(tracing.PREFIX)} == ours
    assert {a.split(".")[0] for a in allowed - ours} == {"service", "telemetry"}
    assert "allow_all_keys: false" in config
    assert "processors: [memory_limiter, redaction, batch]" in config


def test_the_collector_declares_what_its_pipelines_use() -> None:
    config = (FOLDER / "collector" / "config.yaml").read_text()
    sections = dict(re.findall(r"^(\w+):\n((?:(?: .*)?\n)+)", config + "\n", flags=re.M))
    for kind in ("receivers", "processors", "exporters", "extensions"):
        declared = set(re.findall(r"^ {2}([\w/]+):", sections[kind], flags=re.M))
        (used,) = re.findall(rf"^ +{kind}: \[([^\]]*)\]", sections["service"], flags=re.M)
        assert set(used.split(", ")) == declared, kind
