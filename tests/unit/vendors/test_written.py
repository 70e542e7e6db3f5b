"""The id in the answer to a create: the same from the start of a long answer as from all of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendors.halopsa.documents import written_id


def answer(text: str = "ä", *, before: int = 0, number: object = 5120) -> bytes:
    """An invoice with 500 lines; `before` is how much stands in front of its id."""
    lines = [{"id": n, "item_shortdescription": text} for n in range(1, 501)]
    given = {"note": "x" * before, "id": number, "reference": "R", "lines": lines}
    return json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode()


@given(text=st.text(st.characters(codec="utf-8"), max_size=9), before=st.integers(4000, 4200))
def test_wherever_the_id_stands(text: str, before: int) -> None:
    assert written_id(answer(text, before=before)) == 5120
    assert written_id(b"[" + answer(text, before=before) + b"]") == 5120


def test_an_id_is_no_id_before_all_of_it_was_read() -> None:
    for before in range(4070, 4100):
        assert written_id(answer(before=before)) == 5120


@pytest.mark.parametrize("number", [0, -7, None, "x"])
def test_what_is_no_id_is_unreadable(number: object) -> None:
    with pytest.raises(ValueError, match="id"):
        written_id(answer(number=number))


def test_a_torn_answer_is_unreadable() -> None:
    whole = answer()
    for torn in (whole[:-1], whole[: len(whole) // 2], whole[:5000], whole[:20]):
        with pytest.raises(ValueError, match=r"EOF|JSON"):
            written_id(torn)


def test_an_id_of_a_line_is_not_the_invoices() -> None:
    with pytest.raises(ValueError, match="id"):
        written_id(answer().replace(b'"id":5120,', b""))


def test_of_several_invoices_none_is_the_one() -> None:
    with pytest.raises(ValueError, match="at most 1"):
        written_id(b"[" + answer() + b"," + answer() + b"]")
