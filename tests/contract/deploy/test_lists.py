"""What is deployed is what is there: services, their topics, and the environment they read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chargeline.system import Options, System
from chassis.servers.settings import ServerSettings
from support.world import KEYS

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text()
VALUES = (DEPLOY / "helm" / "chargeline" / "values.yaml").read_text()
HELPERS = (DEPLOY / "helm" / "chargeline" / "templates" / "_helpers.tpl").read_text()
TEMPLATES = "".join(
    file.read_text() for file in sorted((DEPLOY / "helm" / "chargeline" / "templates").iterdir())
)
SERVICES = sorted(main.parts[-4] for main in ROOT.glob("services/[!_]*/src/*/__main__.py"))
TOPIC = re.compile(r"[a-z]+(\.[a-z]+)?\.v\d+")
# Read by others than ServerSettings.
BESIDE = {"KEY", "KEY_FILE", "DATA", "OPERATOR_KEY", "OPERATOR_KEY_FILE"}
# Not for every process of the chart: a secret, a pod's own name, and what is for trials.
ELSEWHERE = {"kafka_password", "mongodb", "replica", "sandbox", "today", "health_host", "api_host"}


def block(text: str, key: str) -> str:
    """What is indented under a top-level key."""
    return re.split(r"^\S", text.partition(f"\n{key}:\n")[2], maxsplit=1, flags=re.M)[0]


def parts(text: str) -> dict[str, str]:
    """The keys one level down, with what is under each."""
    found = re.split(r"^ {2}([a-z0-9-]+):", text, flags=re.M)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


CHARTED = parts(block(VALUES, "services"))
COMPOSED = parts(block(COMPOSE, "services"))


@pytest.fixture(scope="module")
def consumed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """The topics of each service's routes, as it is assembled."""
    system = System.open(tmp_path_factory.mktemp("system"), Options(keys=KEYS))
    yield {service.name: {route.topic for route in service.routes} for service in system.services}
    system.close()


def test_services_are_found(consumed: dict[str, set[str]]) -> None:
    assert {"gateway", "normalizer", "poster-halo"} <= set(SERVICES)
    assert sorted(consumed) == SERVICES
    assert TOPIC.fullmatch("parked.v1")


def test_the_chart_deploys_every_service() -> None:
    assert sorted(CHARTED) == SERVICES


def test_compose_builds_and_starts_every_service() -> None:
    built = {
        name: re.findall(r"args: \{ SERVICE: ([a-z0-9-]+) \}", text)
        for name, text in COMPOSED.items()
        if "build:" in text
    }
    assert {name for name in built if name != "setup"} == set(SERVICES)
    assert all(built[name] == [name] for name in SERVICES)
    assert built["setup"] == ["chargeline"]


def test_prometheus_looks_at_every_service() -> None:
    config = (DEPLOY / "observability" / "prometheus" / "prometheus.yml").read_text()
    (names,) = re.findall(r"names: \[([^\]]*)\]", config)
    assert sorted(names.split(", ")) == SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_lag_is_looked_up_for_each_topic_that_a_service_consumes(
    service: str, consumed: dict[str, set[str]]
) -> None:
    listed = {t for t in re.split(r"[\s\[\],]+", CHARTED[service]) if TOPIC.fullmatch(t)}
    assert listed == consumed[service]


@pytest.mark.parametrize("service", SERVICES)
def test_only_who_opens_connections_gets_out_to_vendors(service: str) -> None:
    (main,) = ROOT.glob(f"services/{service}/src/*/__main__.py")
    assert ("vendors: true" in CHARTED[service]) == ("vendors.connections" in main.read_text())


@pytest.mark.parametrize("service", SERVICES)
def test_only_who_answers_callers_has_a_port_for_them(service: str) -> None:
    (main,) = ROOT.glob(f"services/{service}/src/*/__main__.py")
    serves = "Served(" in main.read_text()
    assert ("api: true" in CHARTED[service]) == serves
    assert ("ports:" in COMPOSED[service]) == serves


@pytest.mark.parametrize("text", [COMPOSE, TEMPLATES], ids=["compose", "chart"])
def test_every_variable_that_is_set_is_read(text: str) -> None:
    names = set(re.findall(r"\bCHARGELINE_([A-Z_]+)(?=:)|name: CHARGELINE_([A-Z_]+)", text))
    given = {one or other for one, other in names}
    known = {name.upper() for name in ServerSettings.model_fields} | BESIDE
    assert {"KAFKA", "MONGODB"} <= given
    assert given <= known, f"nothing reads {given - known}"


def test_the_chart_offers_every_setting_of_a_process() -> None:
    offered = {name.lower() for name in re.findall(r"^CHARGELINE_([A-Z_]+):", HELPERS, flags=re.M)}
    assert offered == set(ServerSettings.model_fields) - ELSEWHERE


def test_times_are_the_ones_that_processes_have_by_themselves() -> None:
    values = dict(re.findall(r"^ {2}(\w+): (\d+)", block(VALUES, "config"), flags=re.M))
    differ = {"replication", "min_insync_replicas"}  # one broker in a trial, three in a chart
    for key, value in values.items():
        name = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", key).lower()
        if name not in differ:
            assert float(value) == ServerSettings.model_fields[name].default, name


def test_a_process_has_longer_to_end_than_it_drains() -> None:
    drains = ServerSettings.model_fields["drain_s"].default
    (compose,) = re.findall(r"stop_grace_period: (\d+)s", COMPOSE)
    (chart,) = re.findall(r"^terminationGracePeriodS: (\d+)", VALUES, flags=re.M)
    assert min(int(compose), int(chart)) >= drains + 10
