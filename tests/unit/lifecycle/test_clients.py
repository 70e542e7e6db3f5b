"""R3: which client a company is, and whether it can be billed."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.domain.clients import Billable, Client, Clients, Refusal
from lifecycle.domain.names import normal_name
from schemas.messages import Company
from support.lifecycle import client


def company(name: str = "Acme", external: str | None = None) -> Company:
    return Company(company="c1", name=name, external=external)


@pytest.mark.parametrize("field", ["accounts_id", "ref"])
def test_r3_an_external_id_matches_a_field_that_is_equal(field: str) -> None:
    clients = Clients([client(42, "Other name", **{field: "X-7"}), client(43, "Acme")])
    match = clients.match(company("Acme", "X-7"))
    assert (match.client, match.evidence) == (42, "external id")


def test_r3_an_external_id_may_spell_the_clients_number() -> None:
    assert Clients([client(42, "Other")]).match(company("Acme", "HALO-42")).client == 42


@pytest.mark.parametrize("external", ["x-7", "X-7 ", "X-70", "42", "HALO-042"])
def test_r3_an_external_id_that_is_only_like_the_field_is_no_match(external: str) -> None:
    clients = Clients([client(42, "Other", accounts_id="X-7")])
    assert clients.match(company("Nobody", external)).client is None


def test_r3_the_accounts_id_is_stronger_than_a_spelt_number() -> None:
    clients = Clients([client(42, "A", accounts_id="HALO-43"), client(43, "B")])
    assert clients.match(company("Acme", "HALO-43")).client == 42


@pytest.mark.parametrize(
    "name", ["ACME  Ltd", " acme ltd ", "Ａｃｍｅ Ltd", "acme\u00a0ltd", "acme\tLTD"]
)
def test_r3_an_exact_name_ignores_case_width_and_white_space(name: str) -> None:
    match = Clients([client(42, "Acme Ltd")]).match(company(name))
    assert (match.client, match.evidence) == (42, "exact name")


def test_r3_two_clients_of_one_name_are_no_match_but_are_shown() -> None:
    match = Clients([client(42, "Acme"), client(43, "ACME")]).match(company("Acme"))
    assert match.client is None
    assert [s.id for s in match.suggestions] == [42, 43]
    assert all("not alone" in s.evidence for s in match.suggestions)


def test_r3_a_company_whose_name_another_has_is_matched_by_its_external_id_alone() -> None:
    clients = Clients([client(42, "Acme", accounts_id="X-7")])
    twin = company("Acme").model_copy(update={"name_doubled": True})
    match = clients.match(twin)
    assert match.client is None
    assert [s.id for s in match.suggestions] == [42]
    assert clients.match(twin.model_copy(update={"external": "X-7"})).client == 42


def test_r3_two_external_hits_are_not_decided_by_the_name() -> None:
    clients = Clients([client(42, "Acme", ref="X"), client(43, "Bolt", ref="X")])
    assert clients.match(company("Acme", "X")).client is None


def test_r3_inactive_and_internal_clients_are_never_matched() -> None:
    clients = Clients(
        [client(1, "Unknown", accounts_id="X"), client(2, "Acme", active=False, ref="Y")]
    )
    assert clients.match(company("unknown", "X")).client is None
    assert clients.match(company("Acme", "Y")).client is None
    assert clients.suggest("Acme") == ()


def test_r3_an_inactive_twin_does_not_hide_the_active_client() -> None:
    clients = Clients([client(42, "Acme"), client(43, "Acme", active=False)])
    assert clients.match(company("Acme")).client == 42


def test_r3_a_near_name_is_suggested_with_its_score_and_never_taken() -> None:
    clients = Clients([client(42, "Harbour and Vale Accountants"), client(43, "Zebra Ltd")])
    match = clients.match(company("Harbour & Vale Accountants Ltd"))
    assert match.client is None
    assert match.suggestions[0].id == 42
    assert 55 <= match.suggestions[0].score < 100
    assert match.suggestions[0].evidence == "similar name"


def test_r3_at_most_five_suggestions_best_first() -> None:
    clients = Clients([client(n, f"Acme Works {n}") for n in range(20)])
    found = clients.match(company("Acme Works")).suggestions
    assert len(found) == 5
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)


def test_r3_a_nameless_company_matches_nobody() -> None:
    assert Clients([client(42, "")]).match(company("  ", "")).client is None


NAMES = st.sampled_from(["Acme", "ACME ", "acme", "Bolt", "Ｂolt", "Unknown", "", "Cog Ltd"])
KEYS = st.sampled_from(["", "X", "Y", "HALO-1", "HALO-2"])
CLIENTS = st.lists(
    st.builds(
        Client,
        id=st.integers(1, 6),
        name=NAMES,
        active=st.booleans(),
        accounts_id=KEYS,
        ref=KEYS,
    ),
    max_size=7,
    unique_by=lambda c: c.id,
)


@given(CLIENTS, NAMES, KEYS, st.randoms(use_true_random=False))
def test_r3_matching_takes_one_hit_only_in_whatever_order_clients_come(
    clients: list[Client], name: str, external: str, rng: random.Random
) -> None:
    asked = company(name, external)
    match = Clients(clients).match(asked)
    shuffled = list(clients)
    rng.shuffle(shuffled)
    assert Clients(shuffled).match(asked) == match
    if match.client is None:
        return
    found = {c.id: c for c in clients}[match.client]
    assert found.active
    assert normal_name(found.name) != "unknown"
    if match.evidence == "exact name":
        same = [c for c in clients if c.active and normal_name(c.name) == normal_name(name)]
        assert same == [found]
    else:
        assert external in (found.accounts_id, found.ref, f"HALO-{found.id}")


# ---- billing ---------------------------------------------------------------------------------


def billable(*clients: Client, number: int = 42, **changes: Any) -> Billable | Refusal:
    asked: dict[str, Any] = {"currency": "USD", "tenant_currency": "USD", "recurring": False}
    return Clients(clients).billable(number, **(asked | changes))


def refused(*clients: Client, **changes: Any) -> Refusal:
    got = billable(*clients, **changes)
    assert isinstance(got, Refusal)
    return got


def test_r3_a_client_is_billed_itself_on_its_main_site() -> None:
    got = billable(client(42, site=57))
    assert isinstance(got, Billable)
    assert (got.client.id, got.billed.site, got.bill_client) == (42, 57, None)


def test_a_client_deleted_or_deactivated_after_mapping_is_named() -> None:
    assert refused(client(43)).code == "client-gone"
    assert "42" in refused(client(43)).text
    inactive = refused(client(42, "Acme", active=False))
    assert inactive.code == "client-gone"
    assert "Acme" in inactive.text
    assert "inactive" in inactive.text


def test_a_currency_that_differs_names_both() -> None:
    got = refused(client(42, currency="GBP"))
    assert got.code == "currency-mismatch"
    assert "USD" in got.text
    assert "GBP" in got.text


def test_a_client_without_a_currency_has_the_tenants() -> None:
    assert isinstance(billable(client(42), currency="EUR", tenant_currency="EUR"), Billable)
    assert refused(client(42), currency="EUR").code == "currency-mismatch"


def test_a_currency_that_is_not_listed_is_never_taken_for_equal() -> None:
    assert refused(client(42, currency_known=False)).code == "currency-mismatch"


def test_a_client_not_to_be_invoiced_is_held() -> None:
    assert refused(client(42, dont_invoice=True)).code == "client-not-invoiced"
    through = client(42, billed_through=43)
    assert refused(through, client(43, dont_invoice=True)).code == "client-not-invoiced"


def test_r3_a_client_billed_through_another_is_billed_there() -> None:
    a, b, c = client(42, billed_through=43, billed_through_recurring=44), client(43), client(44)
    new, recurring = billable(a, b, c), billable(a, b, c, recurring=True)
    assert isinstance(new, Billable)
    assert isinstance(recurring, Billable)
    assert (new.client.id, new.bill_client) == (42, 43)
    assert recurring.bill_client == 44


def test_r3_the_currency_is_that_of_the_client_who_pays() -> None:
    payer = client(43, "Holding", currency="GBP")
    got = refused(client(42, currency="USD", billed_through=43), payer)
    assert got.code == "currency-mismatch"
    assert "Holding" in got.text


def test_r3_a_payer_that_is_gone_is_named_with_whom_it_pays_for() -> None:
    got = refused(client(42, "Acme", billed_through=43))
    assert got.code == "client-gone"
    assert "43" in got.text
    assert "Acme" in got.text


@pytest.mark.parametrize(
    "website", ["acme.example", "https://www.acme.example/x", "//ACME.example"]
)
def test_a_common_domain_is_shown_and_decides_nothing(website: str) -> None:
    clients = Clients([client(42, "Quite other", website="http://acme.example"), client(43, "B")])
    match = clients.match(company("Zzz").model_copy(update={"website": website}))
    assert match.client is None
    assert [(s.id, s.evidence) for s in match.suggestions] == [(42, "same domain")]


@pytest.mark.parametrize("website", ["", "acme", "http://[", "   "])
def test_what_is_no_address_has_no_domain(website: str) -> None:
    clients = Clients([client(42, "Quite other", website=website)])
    match = clients.match(company("Zzz").model_copy(update={"website": website}))
    assert match.suggestions == ()
