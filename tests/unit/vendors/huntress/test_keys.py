"""Keys as people paste them: cut clean, hinted at, refused only when Huntress refuses them."""

import base64

import httpx
import pytest
from pydantic import SecretStr

from chassis.errors import PermanentError
from support.vendors import Scripted, TestLine
from vendors.huntress import Huntress, HuntressCredentials

INSTALLATION = "0123456789abcdef0123456789abcdef"
ACTOR = {"reseller": None, "account": {"id": 5501, "name": "Northgate"}, "user": None}


def keys(public: str, secret: str) -> HuntressCredentials:
    return HuntressCredentials(public, SecretStr(secret))


def over(credentials: HuntressCredentials, answer: httpx.Response) -> Huntress:
    return Huntress(
        "https://api.huntress.io", credentials, TestLine(Scripted(answer).transport).line
    )


def test_line_ends_around_a_key_are_not_part_of_it() -> None:
    header = keys(" hk_1\n", "hs_1\r\n").authorization()
    assert base64.b64decode(header.removeprefix("Basic ")) == b"hk_1:hs_1"
    assert "\n" not in header


def test_the_secret_is_not_shown() -> None:
    assert "hs_1" not in repr(keys("hk_1", "hs_1"))


@pytest.mark.parametrize(
    ("public", "secret", "hint"),
    [
        ("hs_1", "hk_1", "exchanged"),
        ("one", "hs_1", "usually starts with hk_"),
        ("hk_1", "two", "usually starts with hs_"),
        (INSTALLATION, "hs_1", "installation key"),
        ("hk_1", INSTALLATION.upper(), "installation key"),
    ],
)
def test_odd_keys_are_hinted_at(public: str, secret: str, hint: str) -> None:
    assert hint in ". ".join(keys(public, secret).hints())


def test_keys_of_the_usual_form_need_no_hint() -> None:
    assert keys("hk_1", "hs_1").hints() == []
    assert keys(f"hk_{INSTALLATION}", f"hs_{INSTALLATION}").hints() == []


async def test_a_key_of_an_unusual_form_that_works_is_taken() -> None:
    huntress = over(keys(INSTALLATION, INSTALLATION), httpx.Response(200, json=ACTOR))
    assert (await huntress.actor()).kind == "account"


@pytest.mark.parametrize(
    ("public", "secret", "status", "code"),
    [
        ("hk_1", "hs_1", 401, "huntress-login"),
        ("one", "two", 401, "huntress-login"),
        (INSTALLATION, "anything", 401, "huntress-installation-key"),
        ("hk_1", "hs_1", 403, "huntress-right-missing"),
        ("hk_1", "hs_1", 404, "huntress-address"),
    ],
)
async def test_a_refused_key_is_told_apart(
    public: str, secret: str, status: int, code: str
) -> None:
    with pytest.raises(PermanentError) as raised:
        await over(keys(public, secret), httpx.Response(status)).actor()
    assert raised.value.code == code
    assert secret not in raised.value.text


@pytest.mark.parametrize(
    ("actor", "kind", "name"),
    [
        (ACTOR, "account", "Northgate"),
        ({"actor": ACTOR}, "account", "Northgate"),
        (ACTOR | {"user": {"id": 7, "email": "b@x.io", "name": "Billing"}}, "user", "Northgate"),
        ({"reseller": {"id": 1, "name": "ResellerCo"}, "account": None}, "reseller", "ResellerCo"),
    ],
)
async def test_what_a_key_is(actor: object, kind: str, name: str) -> None:
    found = await over(keys("hk_1", "hs_1"), httpx.Response(200, json=actor)).actor()
    assert (found.kind, found.name) == (kind, name)


async def test_nobodys_key_is_no_answer() -> None:
    nobody = httpx.Response(200, json={"reseller": None, "account": None, "user": None})
    with pytest.raises(Exception, match="whose key"):
        await over(keys("hk_1", "hs_1"), nobody).actor()
