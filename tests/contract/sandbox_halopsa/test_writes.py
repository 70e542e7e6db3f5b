"""Creating and editing in the HaloPSA sandbox: what is kept, what vanishes, what is refused."""

from typing import Any

import pytest

from .conftest import Halo
from .rows import line


def texts(invoice: Any) -> list[str]:
    return [one["item_shortdescription"] for one in invoice["lines"]]


async def test_one_record_is_answered_as_an_object_and_several_as_a_list(halo: Halo) -> None:
    one = await halo.post("/Invoice", {"client_id": 42})
    two = await halo.post("/Invoice", {"client_id": 42}, {"client_id": 42})
    assert (one.status_code, two.status_code) == (201, 201)
    assert isinstance(one.json(), dict)
    assert [row["client_id"] for row in two.json()] == [42, 42]


async def test_numbers_of_invoices_grow_and_are_not_used_again(halo: Halo) -> None:
    await halo.load(invoices=[{"id": 5119, "client_id": 42}])
    first = (await halo.invoice())["id"]
    await halo.http.delete(f"/halopsa/api/Invoice/{first}")
    assert (first, (await halo.invoice())["id"]) == (5120, 5121)


async def test_scalars_left_out_of_an_update_stay(halo: Halo) -> None:
    made = await halo.invoice(reference="PX8-1", internal_note="key", lines=[line()])
    await halo.post("/Invoice", {"id": made["id"], "reference": "PX8-2"})
    read = await halo.read("/Invoice", made["id"])
    assert (read["reference"], read["internal_note"]) == ("PX8-2", "key")
    assert read["lines"] == made["lines"]


async def test_sending_lines_replaces_the_whole_set(halo: Halo) -> None:
    names = ("a", "b", "c")
    made = await halo.invoice(lines=[line(item_shortdescription=name) for name in names])
    kept, gone, _ = made["lines"]
    sent = [kept, line(item_shortdescription="d"), line(id=999_999, item_shortdescription="e")]
    await halo.post("/Invoice", {"id": made["id"], "lines": sent})
    read = await halo.read("/Invoice", made["id"])
    assert texts(read) == ["a", "d", "e"]
    assert read["lines"][0]["id"] == kept["id"]
    new = {one["id"] for one in read["lines"][1:]}
    assert len(new) == 2
    assert not new & {gone["id"], 999_999, *(one["id"] for one in made["lines"])}


async def test_a_column_left_out_of_a_resent_line_is_lost(halo: Halo) -> None:
    made = await halo.invoice(lines=[line(comment_2="a91f:1", unit_cost=18.26)])
    number = made["lines"][0]["id"]
    await halo.post("/Invoice", {"id": made["id"], "lines": [line(id=number)]})
    read = (await halo.read("/Invoice", made["id"]))["lines"][0]
    assert (read["id"], read["comment_2"], read["unit_cost"]) == (number, "", 0)


async def test_a_full_round_trip_changes_nothing_of_a_line(halo: Halo) -> None:
    loaded = line(id=7, qty_order=3, unit_price=0.1, _is_calculated_line=True, group_id=3)
    await halo.load(invoices=[{"id": 5120, "client_id": 42, "lines": [loaded]}])
    before = (await halo.read("/Invoice", 5120))["lines"]
    await halo.post("/Invoice", {"id": 5120, "lines": before})
    assert (await halo.read("/Invoice", 5120))["lines"] == before


async def test_updatelines_edits_with_an_id_and_adds_without(halo: Halo) -> None:
    made = await halo.invoice(lines=[line(comment_1="stays")])
    number, old = made["id"], made["lines"][0]["id"]
    answer = await halo.post(
        "/Invoice/updatelines",
        {"id": old, "ihid": number, "qty_order": 14},
        line(ihid=number, item_shortdescription="new"),
    )
    assert answer.status_code == 201
    edited, added = (await halo.read("/Invoice", number))["lines"]
    assert (edited["id"], edited["qty_order"], edited["comment_1"]) == (old, 14, "stays")
    assert edited["net_amount"] == 14 * 20.5
    assert (added["item_shortdescription"], added["ihid"]) == ("new", number)


async def test_updatelines_refuses_a_line_that_is_not_there(halo: Halo) -> None:
    made = await halo.invoice(lines=[line()])
    for wrong in ({"id": 999_999, "ihid": made["id"]}, {"ihid": 999_999}, line()):
        assert (await halo.post("/Invoice/updatelines", wrong)).status_code == 404
    assert (await halo.read("/Invoice", made["id"]))["lines"] == made["lines"]


async def test_recurring_lines_are_edited_the_same_way(halo: Halo) -> None:
    made = (await halo.post("/RecurringInvoice", {"client_id": 42, "lines": [line()]})).json()
    change = {"id": made["lines"][0]["id"], "ihid": made["id"], "qty_order": 5}
    await halo.post("/RecurringInvoice/updatelines", change)
    assert (await halo.read("/RecurringInvoice", made["id"]))["lines"][0]["qty_order"] == 5


async def test_unknown_fields_vanish_without_a_word(halo: Halo) -> None:
    made = await halo.invoice(referense="typo", lines=[line(nominalcode="200")])
    assert "referense" not in made
    assert "nominalcode" not in made["lines"][0]
    item = (await halo.post("/Item", {"name": "New", "nominal_code": "200"})).json()
    assert "nominal_code" not in item


async def test_what_halopsa_works_out_can_not_be_sent(halo: Halo) -> None:
    made = await halo.invoice(total=1, voided=True, lines=[line(net_amount=1, tax_amount=9)])
    assert (made["total"], made["voided"]) == (61.5, False)
    assert (made["lines"][0]["net_amount"], made["lines"][0]["tax_amount"]) == (61.5, 0)


async def test_totals_carry_binary_noise_and_prices_do_not(halo: Halo) -> None:
    made = await halo.http.post(
        "/halopsa/api/Invoice",
        content=b'[{"client_id": 42, "lines": [{"qty_order": 3, "unit_price": 0.10}]}]',
    )
    assert '"unit_price":0.10' in made.text
    assert '"net_amount":0.30000000000000004' in made.text
    assert '"total":0.30000000000000004' in made.text


async def test_a_line_takes_the_tax_of_its_item(halo: Halo) -> None:
    made = await halo.invoice(lines=[line(_itemid=901, qty_order=1, unit_price=50)])
    got = made["lines"][0]
    assert (got["item_code"], got["item_tax_code"], got["tax_code"]) == ("901", 4, "OUTPUT2")
    assert (got["tax_rate"], got["tax_amount"], made["tax_total"], made["total"]) == (
        20,
        10,
        10,
        60,
    )
    assert got["nominal_code"] == ""


async def test_dates_lose_their_zone_and_empty_ones_are_of_1900_or_null(halo: Halo) -> None:
    made = await halo.invoice(invoice_date="2026-11-05T10:30:00+02:00")
    assert made["invoice_date"] == "2026-11-05T10:30:00"
    assert (made["datesent"], made["dateposted"]) == ("1900-01-01T00:00:00", None)
    assert (await halo.invoice(invoice_date="2026-11-05"))["invoice_date"] == "2026-11-05T00:00:00"


async def test_an_invoice_takes_site_name_and_currency_from_its_client(halo: Halo) -> None:
    made = await halo.invoice()
    assert (made["sitenumber"], made["client_name"], made["currency"]) == (57, "Acme", "$")
    assert made["currency_code"] == 1


@pytest.mark.parametrize(
    ("sent", "where"),
    [
        ({"client_id": 9999}, "[0].client_id"),
        ({"client_id": 42, "currency_code": 9}, "[0].currency_code"),
        ({"client_id": 42, "invoice_date": "05/11/2026"}, "[0].invoice_date"),
        ({"client_id": 42, "duedate": {"day": 5}}, "[0].duedate"),
        ({"client_id": 42, "reference": "x" * 4001}, "[0].reference"),
        ({"client_id": 42, "lines": [line(), line(_itemid=9)]}, "[0].lines[1]._itemid"),
        ({"client_id": 42, "lines": [line(unit_price="20.50")]}, "[0].lines[0].unit_price"),
        ({"client_id": 9999, "lines": [line(_itemid=9)]}, "[0].client_id"),
    ],
)
async def test_a_refusal_names_one_field_at_a_time(
    halo: Halo, sent: dict[str, Any], where: str
) -> None:
    answer = await halo.post("/Invoice", sent)
    assert answer.status_code == 400
    assert list(answer.json()) == [where]
    assert isinstance(answer.json()[where][0], str)


async def test_some_refusals_are_one_plain_string(halo: Halo) -> None:
    for path, sent in (("/Invoice", {"reference": "x"}), ("/Item", {"assetgroup_id": 115})):
        answer = await halo.post(path, sent)
        assert answer.status_code == 400
        assert isinstance(answer.json(), str)


async def test_a_refused_array_stores_none_of_it(halo: Halo) -> None:
    answer = await halo.post("/Invoice", {"client_id": 42}, {"client_id": 9999})
    assert list(answer.json()) == ["[1].client_id"]
    assert (await halo.state())["entities"]["invoices"] == []


async def test_a_write_is_an_array(halo: Halo) -> None:
    answer = await halo.http.post("/halopsa/api/Invoice", json={"client_id": 42})
    assert answer.status_code == 400


async def test_what_is_not_there_is_not_found(halo: Halo) -> None:
    for path in ("/Invoice/1", "/RecurringInvoice/-1", "/Item/1", "/Invoice/nan"):
        assert (await halo.get(path)).status_code == 404
    assert (await halo.post("/Invoice", {"id": 1, "reference": "x"})).status_code == 404
    assert (await halo.http.put("/halopsa/api/Invoice", json=[])).status_code == 405


async def test_a_voided_invoice_stays_listed_and_a_deleted_one_is_gone(halo: Halo) -> None:
    first, second = (await halo.invoice())["id"], (await halo.invoice())["id"]
    assert (await halo.post(f"/Invoice/{first}/void")).json()["voided"] is True
    await halo.http.delete(f"/halopsa/api/Invoice/{second}")
    rows = (await halo.get("/Invoice")).json()["invoices"]
    assert [(row["id"], row["voided"]) for row in rows] == [(first, True)]
    assert (await halo.get(f"/Invoice/{second}")).status_code == 404
    assert (await halo.post("/Invoice", {"id": first, "reference": "x"})).status_code == 400


async def test_posted_invoices_may_be_locked(halo: Halo) -> None:
    await halo.load(
        control={"donotalloweditingpostedinvoices": True},
        invoices=[{"id": 9, "client_id": 42, "posted": True}],
    )
    assert (await halo.post("/Invoice", {"id": 9, "reference": "x"})).status_code == 400
    assert (await halo.post("/Invoice/updatelines", line(ihid=9))).status_code == 400


async def test_creating_may_email_the_invoice_at_once(halo: Halo) -> None:
    await halo.load(
        control={"automaticallysendinvoiceemails": True},
        clients=[{"id": 44, "name": "Spared", "dont_auto_send_invoices": True}],
    )
    assert (await halo.invoice())["datesent"].startswith("2026-11-05")
    assert (await halo.invoice(client_id=44))["datesent"].startswith("1900")


async def test_every_change_moves_the_counter_and_is_logged(halo: Halo) -> None:
    made = await halo.invoice()
    await halo.post("/Invoice", {"id": made["id"], "reference": "x"})
    read = await halo.read("/Invoice", made["id"])
    assert read["change_seq"] == made["change_seq"] + 1
    assert read["last_modified"] > made["last_modified"]
    changes = (await halo.get("/InvoiceChange", invoice_id=made["id"])).json()["changes"]
    assert [row["change"] for row in changes] == ["created", "changed"]


async def test_items_are_made_in_a_group_open_and_found_again(halo: Halo) -> None:
    made = (await halo.post("/Item", {"name": "EDR", "assetgroup_id": 115, "taxcode": 4})).json()
    assert (made["status"], made["assetgroup_name"]) == (14, "BillingBot")
    listed = (await halo.get("/Item", assetgroup_id=115, search="edr")).json()["items"]
    assert [row["id"] for row in listed] == [made["id"]]
    unknown = await halo.post("/Item", {"name": "EDR", "assetgroup_id": 9})
    assert list(unknown.json()) == ["[0].assetgroup_id"]


async def test_a_group_is_made_once(halo: Halo) -> None:
    made = await halo.post("/AssetGroup", {"name": "Distributor", "showasitem": True})
    assert made.status_code == 201
    assert (await halo.post("/AssetGroup", {"name": "Distributor"})).status_code == 400
    assert "Distributor" in [row["name"] for row in (await halo.get("/AssetGroup")).json()]


async def test_a_licence_keeps_all_but_the_count_that_is_sent(halo: Halo) -> None:
    new = {"client_id": 42, "name": "EDR", "count": 5, "price": 4.5}
    made = (await halo.post("/SoftwareLicence", new)).json()
    await halo.post("/SoftwareLicence", {"id": made["id"], "count": 51})
    read = await halo.read("/SoftwareLicence", made["id"])
    assert (read["name"], read["price"], read["count"]) == ("EDR", 4.5, 51)
    half = await halo.post("/SoftwareLicence", {"id": made["id"], "count": 1.5})
    assert list(half.json()) == ["[0].count"]
