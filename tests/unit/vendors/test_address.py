"""The HaloPSA address, however it was typed."""

import pytest

from chassis.errors import PermanentError
from vendors.halopsa import halo_url


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("acme", "https://acme.halopsa.com"),
        ("  ACME ", "https://acme.halopsa.com"),
        ("acme.halopsa.com", "https://acme.halopsa.com"),
        ("acme.halopsa.com/", "https://acme.halopsa.com"),
        ("https://acme.halopsa.com/portal/home?x=1#y", "https://acme.halopsa.com"),
        ("https://acme.halopsa.com/auth/token?tenant=acme", "https://acme.halopsa.com"),
        ("http://acme.halopsa.com/api", "https://acme.halopsa.com"),
        ("https://help.acme.co.uk", "https://help.acme.co.uk"),
        ("acme.trial.usehalo.com", "https://acme.trial.usehalo.com"),
        ("https://psa.acme.com:8443/api/", "https://psa.acme.com:8443"),
        ("https://psa.acme.com:443", "https://psa.acme.com"),
        ("<https://acme.halopsa.com>", "https://acme.halopsa.com"),
        ("acme.halopsa.com.", "https://acme.halopsa.com"),
    ],
)
def test_a_typed_address_leads_to_the_host(typed: str, url: str) -> None:
    assert halo_url(typed) == url
    assert halo_url(url) == url, "once normal, it stays"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "ftp://acme",
        "https://",
        "acme corp",
        "https://a@b.com",
        "-x",
        "a..b",
        "x:notaport",
        "https://user:pw@acme.halopsa.com",
        "javascript://x",
    ],
)
def test_what_is_no_address_is_said_so(typed: str) -> None:
    with pytest.raises(PermanentError) as refused:
        halo_url(typed)
    assert refused.value.code == "vendor-address"


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("http://127.0.0.1:8000/halopsa", "http://127.0.0.1:8000/halopsa"),
        ("http://127.0.0.1:8000/halopsa/api/", "http://127.0.0.1:8000/halopsa"),
        ("http://sandbox/halopsa/", "http://sandbox/halopsa"),
    ],
)
def test_a_sandbox_keeps_its_path(typed: str, url: str) -> None:
    assert halo_url(typed, sandbox=True) == url
