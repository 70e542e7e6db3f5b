"""Account codes: the first source that has any, named, and any typed code is taken."""

from __future__ import annotations

from lifecycle.domain.codes import Code, CodeList, distinct, first_list, is_accounts_codes


def test_the_first_source_with_codes_wins_and_the_others_say_why_not() -> None:
    got = first_list(
        [
            ("accounts codes", [], "the right to read Lookup is missing"),
            ("accounting integration", [], ""),
            ("in use", [Code(code="310"), Code(code="200"), Code(code=" ")], ""),
        ]
    )
    assert got.source == "in use"
    assert [c.code for c in got.codes] == ["200", "310"]
    assert got.tried == (
        "accounts codes: the right to read Lookup is missing",
        "accounting integration: empty",
    )


def test_with_no_source_codes_are_typed() -> None:
    got = first_list([("in use", [], "")])
    assert (got.source, got.codes) == ("typed", ())
    assert got.takes("200")
    assert not got.takes(" ")


def test_a_typed_code_is_taken_even_if_the_list_lacks_it() -> None:
    got = CodeList(source="in use", codes=(Code(code="200"),))
    assert got.knows("200")
    assert not got.knows("999")
    assert got.takes("999")


def test_codes_are_listed_once_with_a_name_if_any_row_has_one() -> None:
    assert distinct([Code(code="200"), Code(code="200 ", name="Sales"), Code(code="200")]) == (
        Code(code="200", name="Sales"),
    )


def test_the_lookup_is_found_by_its_name() -> None:
    assert is_accounts_codes("Accounts  Codes")
    assert not is_accounts_codes("Account Managers")
