"""Exact numerals: what was read is what is written."""

import json as plain
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendors import json

numerals = st.from_regex(
    r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
texts = st.text(alphabet=st.characters(exclude_categories=()))  # half characters too
odd_texts = st.from_regex(r'"(a|b|\\ud83d|\\ude00|\\u0000|\\n|\\"|é)*"', fullmatch=True)
# Keys repeat, numerals are as long as they like, half characters stand in texts.
spelled = st.recursive(
    numerals | odd_texts | st.sampled_from(["null", "true", "false"]),
    lambda inner: (
        st.lists(inner).map(lambda rows: f"[{', '.join(rows)}]")
        | st.lists(st.tuples(odd_texts, inner)).map(
            lambda rows: f"{{{','.join(f'{key} : {value}' for key, value in rows)}}}"
        )
    ),
    max_leaves=20,
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(numerals)
def test_any_numeral_survives(numeral: str) -> None:
    read = json.loads(f'{{"n":{numeral}}}')["n"]
    again = json.loads(json.dumps({"n": read}))["n"]
    assert isinstance(read, int | Decimal)
    # Only a minus in front of a whole zero is lost: to Python, -0 is an integer.
    assert Decimal(again).as_tuple()[1:] == Decimal(read).as_tuple()[1:]
    assert again == read


@given(values)
def test_any_value_survives(value: Any) -> None:
    written = json.dumps(value)
    assert _spelled(json.loads(written)) == _spelled(value)
    plain.loads(written)


@pytest.mark.parametrize(
    "text",
    ["\udffe1.5\udfff", "\udffe", "a\udfff", "\ud800x", 'quote " \udffe1\udfff "', "😀\udfff"],
)
def test_a_text_with_half_a_character_is_not_taken_for_a_numeral(text: str) -> None:
    assert json.loads(json.dumps([text, Decimal("1.50")])) == [text, Decimal("1.50")]


@given(spelled)
def test_the_quick_decoder_reads_what_the_standard_one_reads(text: str) -> None:
    assert _spelled(json.loads(text.encode())) == _spelled(_standard(text))


@given(spelled, st.integers(0, 200), st.sampled_from(['"', "{", "]", ",", "-", "0", ".", "e", ""]))
def test_what_is_damaged_is_refused_or_read_like_the_standard(
    text: str, at: int, instead: str
) -> None:
    at %= len(text)
    damaged = text[:at] + instead + text[at + 1 :]
    try:
        expected = _spelled(_standard(damaged))
    except ValueError as refused:
        with pytest.raises(ValueError, match=re.escape(str(refused))):
            json.loads(damaged.encode())
    else:
        assert _spelled(json.loads(damaged.encode())) == expected


@pytest.mark.parametrize("numeral", ["1" * 4000, "18446744073709551616", "1E400", "-0.00", "0e1"])
def test_a_numeral_of_any_size_keeps_its_digits(numeral: str) -> None:
    assert _spelled(json.loads(f"[{numeral}]")) == _spelled(_standard(f"[{numeral}]"))


def test_digits_go_out_as_they_came_in() -> None:
    assert json.dumps([Decimal("1.50"), 2, Decimal("-0.000")]) == b"[1.50,2,-0.000]"


@given(texts, values)
def test_what_is_written_already_goes_out_as_it_is(text: str, value: Any) -> None:
    row = json.Written(f'{{"text":{json.string(text)},"n":1.50}}')
    read = json.loads(json.dumps([value, row, {"again": row}]))
    assert _spelled(read[1:]) == _spelled(
        [{"text": text, "n": Decimal("1.50")}, {"again": {"text": text, "n": Decimal("1.50")}}]
    )
    assert _spelled(read[0]) == _spelled(value)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), object(), b"x"])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        json.dumps([value])


@pytest.mark.parametrize("text", ["NaN", "[1", "", "[" * 100_000, b"\xff"])
def test_what_is_unreadable_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its many subclasses are what is meant
        json.loads(text)


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert json.loads(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


def _standard(text: str) -> Any:
    return plain.loads(text, parse_float=Decimal)


def _spelled(value: Any) -> Any:
    """Numbers by their digits: 1.50 is not 1.5, and 1E+2 stays what it is."""
    if isinstance(value, dict):
        return {key: _spelled(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_spelled(member) for member in value]
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return value
    return (value, Decimal(value).as_tuple()[1:])
