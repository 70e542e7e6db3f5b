"""Sign-in with another firm, against a provider that runs on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from oidc_provider_mock import User, run_server_in_thread
from pydantic import SecretStr

from chassis.clock import SystemClock
from chassis.errors import PermanentError
from gateway.rest.cookies import ATTEMPT
from gateway.signin import oidc as signin_oidc
from gateway.signin.oidc import Attempt, Oidc, Provider, providers_from
from support.rest import ORIGIN, Browser, Door, browser, open_door, subscribed

EMAIL = "ann@summit.example"
ANN = User(sub="ann-1", claims={"email": EMAIL, "email_verified": True, "name": "Ann"})
UNVERIFIED = User(sub="eve-1", claims={"email": EMAIL, "email_verified": False})
NOW = SystemClock()


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider with two users, on a port of this machine."""
    with run_server_in_thread(user_claims=(ANN, UNVERIFIED)) as server:
        yield f"http://localhost:{server.server_port}"


@dataclass
class Firm:
    """The door, with the provider set up as Google."""

    door: Door
    issuer: str

    async def consents(self, address: str, sub: str) -> tuple[str, str]:
        """What a person does at the provider; the path that it sends the browser back to."""
        async with httpx.AsyncClient(trust_env=False) as there:
            answer = await there.post(address, data={"sub": sub})
        assert answer.status_code in (302, 303), answer.text
        back = urlsplit(answer.headers["Location"])
        assert f"{back.scheme}://{back.netloc}" == ORIGIN
        return back.path.removeprefix("/v1"), back.query

    async def signs_in(self, person: Browser, sub: str, start: str = "start") -> httpx.Response:
        """There and back."""
        off = await person("GET", f"/auth/oidc/google/{start}")
        assert off.status_code == 303, off.text
        path, query = await self.consents(off.headers["Location"], sub)
        return await person("GET", f"{path}?{query}")


def google(issuer: str, client_id: str = "chargeline") -> Provider:
    return Provider(
        key="google",
        name="Google Workspace",
        discovery=f"{issuer}/.well-known/openid-configuration",
        client_id=client_id,
        client_secret=SecretStr("secret"),
    )


@asynccontextmanager
async def opened(folder: Path, issuer: str) -> AsyncIterator[Firm]:
    async with open_door(folder, providers={"google": google(issuer)}) as door:
        yield Firm(door, issuer)


@pytest.fixture
async def firm(tmp_path: Path, issuer: str) -> AsyncIterator[Firm]:
    async with opened(tmp_path, issuer) as found:
        yield found


async def test_a_verified_e_mail_with_a_subscription_gets_in_and_enrols(firm: Firm) -> None:
    await subscribed(firm.door, EMAIL)
    async with browser(firm.door) as ann:
        back = await firm.signs_in(ann, "ann-1")
        assert (back.status_code, back.headers["Location"]) == (303, f"{ORIGIN}/#enrol")
        half = await ann("GET", "/auth/session")
        assert half.json()["code"] == "second-factor-missing"
        await ann.enrol()
        assert (await ann("GET", "/auth/session")).json()["email"] == EMAIL
        seed = ann.seed
    async with browser(firm.door) as later:
        later.seed = seed
        back = await firm.signs_in(later, "ann-1")
        assert back.headers["Location"] == f"{ORIGIN}/#second-factor"
        done = await later("POST", "/auth/code", json={"code": later.code(1)})
        assert done.json()["next"] == "done"


async def test_without_a_subscription_it_is_told_so(firm: Firm) -> None:
    async with browser(firm.door) as ann:
        back = await firm.signs_in(ann, "ann-1")
        assert (back.status_code, back.json()["code"]) == (403, "not-subscribed")


async def test_an_e_mail_that_nobody_verified_takes_no_account(firm: Firm) -> None:
    await subscribed(firm.door, EMAIL)
    async with browser(firm.door) as ann:
        await ann.sign_up(EMAIL)
    async with browser(firm.door) as eve:
        back = await firm.signs_in(eve, "eve-1")
        assert (back.status_code, back.json()["code"]) == (403, "login-not-linked")
        assert (await eve("GET", "/auth/session")).status_code == 401


async def test_whoever_is_signed_in_links_it_and_nobody_else_can(firm: Firm) -> None:
    await subscribed(firm.door, EMAIL)
    await subscribed(firm.door, "bob@summit.example")
    async with browser(firm.door) as ann, browser(firm.door) as bob:
        await ann.sign_up(EMAIL)
        await ann.enrol()
        await firm.signs_in(ann, "eve-1", "link")
        await bob.sign_up("bob@summit.example")
        await bob.enrol()
        taken = await firm.signs_in(bob, "eve-1", "link")
        assert taken.json()["code"] == "already-used"
    async with browser(firm.door) as later:
        back = await firm.signs_in(later, "eve-1")
        assert back.headers["Location"] == f"{ORIGIN}/#second-factor"


async def test_an_answer_is_good_once_and_for_its_own_browser(firm: Firm) -> None:
    await subscribed(firm.door, EMAIL)
    async with browser(firm.door) as ann, browser(firm.door) as eve:
        off = await ann("GET", "/auth/oidc/google/start")
        path, query = await firm.consents(off.headers["Location"], "ann-1")
        stolen = await eve("GET", f"{path}?{query}")
        assert (stolen.status_code, stolen.json()["code"]) == (401, "provider-refused")
        kept = ann.http.cookies[ATTEMPT]
        assert (await ann("GET", f"{path}?{query}")).status_code == 303
        ann.http.cookies.set(ATTEMPT, kept, domain="gateway.test")
        assert (await ann("GET", f"{path}?{query}")).status_code == 401


async def test_a_state_that_was_changed_is_refused(firm: Firm) -> None:
    await subscribed(firm.door, EMAIL)
    async with browser(firm.door) as ann:
        off = await ann("GET", "/auth/oidc/google/start")
        asked = parse_qs(urlsplit(off.headers["Location"]).query)
        assert asked["code_challenge_method"] == ["S256"]
        path, query = await firm.consents(off.headers["Location"], "ann-1")
        code = parse_qs(query)["code"][0]
        back = await ann("GET", f"{path}?code={code}&state=another")
        assert back.json()["code"] == "provider-refused"


@pytest.mark.parametrize("what", ["nonce", "audience"])
async def test_a_token_for_another_attempt_is_refused(firm: Firm, what: str) -> None:
    oidc = firm.door.api.sign_in.oidc
    address, attempt = await oidc.begin("google", None)
    _, query = await firm.consents(address, "ann-1")
    code = parse_qs(query)["code"][0]
    if what == "audience":
        other = Oidc({"google": google(firm.issuer, "somebody-else")}, ORIGIN)
    else:
        other, attempt = oidc, attempt.model_copy(update={what: "x" * 64})
    with pytest.raises(PermanentError, match="provider-refused"):
        await other.ended(attempt, code, attempt.state, NOW.now())


async def test_a_token_that_is_signed_by_nobody_is_refused(firm: Firm) -> None:
    keys = {"keys": [OctKey.import_key("k" * 32).as_dict()]}
    unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4tMSJ9."
    shared = jwt.encode({"alg": "HS256"}, {"sub": "ann-1"}, OctKey.import_key("k" * 32))
    for token in (unsigned, shared, "", "a.b.c"):
        with pytest.raises(PermanentError, match="provider-refused"):
            signin_oidc._claims(token, keys)


async def test_a_provider_that_is_not_set_up(door: Door, ann: Browser) -> None:
    assert (await ann("GET", "/auth/oidc")).json()["items"] == []
    refused = await ann("GET", "/auth/oidc/google/start")
    assert (refused.status_code, refused.json()["code"]) == (404, "provider-unknown")


async def test_a_provider_that_is_away_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, "http://localhost:9") as firm, browser(firm.door) as ann:
        away = await ann("GET", "/auth/oidc/google/start")
        assert (away.status_code, away.json()["code"]) == (503, "provider-away")


def test_providers_are_set_up_by_the_environment() -> None:
    found = providers_from(
        {
            "CHARGELINE_OIDC_GOOGLE_CLIENT_ID": "g",
            "CHARGELINE_OIDC_ENTRA_CLIENT_ID": "e",
            "CHARGELINE_OIDC_ENTRA_DIRECTORY": "contoso",
        }
    )
    assert set(found) == {"google", "entra"}
    assert "/contoso/v2.0/" in found["entra"].discovery
    assert Attempt(provider="google", state="s", nonce="n", verifier="v").person is None


async def test_a_state_in_other_letters_is_refused(firm: Firm) -> None:
    async with browser(firm.door) as ann:
        await ann("GET", "/auth/oidc/google/start")
        back = await ann("GET", "/auth/oidc/google/callback?code=x&state=%C3%A9%F0%9F%94%91")
        assert (back.status_code, back.json()["code"]) == (401, "provider-refused")


async def test_nothing_is_linked_to_whoever_has_signed_out_meanwhile(firm: Firm) -> None:
    await subscribed(firm.door, EMAIL)
    async with browser(firm.door) as ann:
        await ann.sign_up(EMAIL)
        await ann.enrol()
        off = await ann("GET", "/auth/oidc/google/link")
        path, query = await firm.consents(off.headers["Location"], "eve-1")
        await ann("DELETE", "/auth/session")
        back = await ann("GET", f"{path}?{query}")
        assert (back.status_code, back.json()["code"]) == (401, "not-signed-in")
    found = await firm.door.api.sign_in.people.by_email(EMAIL)
    assert found is not None
    assert found.logins == ()


async def test_who_began_an_account_with_anothers_e_mail_has_nothing_of_it(firm: Firm) -> None:
    await subscribed(firm.door, EMAIL)
    async with browser(firm.door) as eve, browser(firm.door) as ann:
        assert (await eve.sign_up(EMAIL)).json()["next"] == "enrol"
        back = await firm.signs_in(ann, "ann-1")
        assert back.headers["Location"] == f"{ORIGIN}/#enrol"
        assert (await eve("POST", "/auth/totp")).status_code == 401, "their session has ended"
        assert (await eve.sign_in(EMAIL)).status_code == 401, "and their password opens nothing"
        await ann.enrol()


def test_an_e_mail_counts_from_one_firm_and_not_from_any_directory() -> None:
    claims = {"email": EMAIL, "email_verified": True}
    assert signin_oidc.verified_email(claims, {"issuer": "https://accounts.google.com"}) == EMAIL
    any_directory = {"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}
    assert signin_oidc.verified_email(claims, any_directory) is None
    assert signin_oidc.verified_email(claims | {"email_verified": "true"}, any_directory) is None


@pytest.mark.parametrize("claim", [None, "soon", float("nan"), [], 0])
def test_a_token_without_an_end_has_ended(claim: object) -> None:
    provider = google("http://issuer")
    attempt = Attempt(provider="google", state="s", nonce="n", verifier="v")
    claims = {"iss": "i", "aud": "chargeline", "iat": 0, "nonce": "n", "sub": "s", "exp": claim}
    with pytest.raises(PermanentError, match="expiry"):
        signin_oidc._check(claims, provider, {"issuer": "i"}, attempt, NOW.now())
