"""The crash histories' deck: all of it befalls every history, and what did not is named."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from distributed import deck, run
from distributed.cluster import SERVICES
from distributed.crash import Outcome
from servers import Servers


def happened(seed: int = 1, kills: int = 17) -> Counter[str]:
    """What a history that went well counts."""
    cards = deck.shuffled(Random(seed), kills, deck.SERVERS, deck.WAYS)
    seen = Counter({f"rebalance {service}": 2 for service in SERVICES})
    return Counter(map(str, cards)) + seen + Counter({"met work": kills})


def judged(*histories: Counter[str], **wrong: list[str]) -> int:
    outcomes = [Outcome(seed, found) for seed, found in enumerate(histories)]
    for name, found in wrong.items():
        setattr(outcomes[0], name, found)
    return run.judged(outcomes, deck.SERVERS, "")


@pytest.mark.parametrize("seed", range(20))
def test_every_history_has_a_kill_and_a_roll_of_each_service_and_each_fault_on_each_way(
    seed: int,
) -> None:
    found = happened(seed)
    assert deck.total(found, "kill") == 17
    assert deck.missing(found, deck.SERVERS, deck.WAYS) == []


@pytest.mark.parametrize(
    "name",
    [
        *("kill ingest_huntress", "roll ingest_huntress", "rebalance ingest_huntress"),
        *("restart broker", "restart store"),
        *("network kafka", "network mongodb", "network vendors"),
    ],
)
def test_what_never_happened_fails_the_run_whatever_the_totals_are(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = [happened(seed) for seed in range(-(-run.KILLS // 17))]
    assert judged(*whole) == 0
    for found in whole:
        for what in [what for what in found if f"{what} ".startswith(f"{name} ")]:
            found[f"{what.split()[0]} another"] += found.pop(what)
    assert judged(*whole) == 1
    assert f"no {name}" in capsys.readouterr().out


def test_a_run_whose_kills_met_no_work_fails() -> None:
    whole = [happened(seed) for seed in range(-(-run.KILLS // 17))]
    for found in whole:
        found["met work"] = 8
    assert judged(*whole) == 1


@pytest.mark.parametrize("name", ["lost", "doubled", "unbalanced"])
def test_a_run_in_which_anything_is_wrong_fails(name: str) -> None:
    whole = [happened(seed) for seed in range(-(-run.KILLS // 17))]
    assert judged(*whole, **{name: ["a line"]}) == 1


def test_in_ci_a_run_without_network_faults_fails_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", "true")
    assert run.crashes(Servers({}, broker=None, store=None)) == 1
    assert "network_faults=not run (broker and store are not ours)" in capsys.readouterr().out
