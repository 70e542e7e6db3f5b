"""The second factor of a person: enrolled once, asked for at every sign-in."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from chassis.clock import Clock
from chassis.errors import PermanentError
from chassis.vault import Vault
from gateway.signin import totp
from gateway.signin.people import People, Person
from gateway.store import PLATFORM

_SEED = "seed"


@dataclass(frozen=True)
class Factors:
    """Seeds are sealed; a code opens once, whichever replica it was sent to."""

    people: People
    vault: Vault
    clock: Clock

    async def offer_totp(self, person: Person) -> tuple[str, str]:
        """A new seed, and the address that an app's camera reads; it counts once confirmed."""
        seed = totp.new_seed()
        await self.vault.put(PLATFORM, _offered(person.id), {_SEED: SecretStr(seed)})
        return seed, totp.address(seed, person.email)

    async def confirm_totp(self, person: Person, code: str) -> list[str]:
        """The offered seed becomes the person's; the recovery codes, shown this once."""
        fields = await self.vault.get(PLATFORM, _offered(person.id))
        seed = fields[_SEED].get_secret_value() if fields else ""
        step = totp.step_of(seed, code, self.clock.now(), 0) if seed else None
        if step is None:
            raise PermanentError("code-refused", "that is not the code the app shows now")
        await self.vault.put(PLATFORM, _kept(person.id), {_SEED: SecretStr(seed)})
        await self.vault.forget(PLATFORM, _offered(person.id))
        codes = totp.new_recovery_codes()
        kept = frozenset(totp.recovery_digest(one) for one in codes)
        update = {"totp": True, "totp_step": step, "recovery": kept}
        await self.people.change(person.id, lambda p: p.model_copy(update=update))
        return codes

    async def code_is_right(self, person: Person, code: str) -> bool:
        """True once for a code of the app, or for a recovery code, which is used up by it."""
        fields = await self.vault.get(PLATFORM, _kept(person.id)) if person.totp else None
        if fields is None:
            return False
        seed = fields[_SEED].get_secret_value()
        now, used = self.clock.now(), totp.recovery_digest(code)
        right = False

        def use(p: Person) -> Person:
            nonlocal right
            step = totp.step_of(seed, code, now, p.totp_step)
            right = step is not None or used in p.recovery
            if step is not None:
                return p.model_copy(update={"totp_step": step})
            return p.model_copy(update={"recovery": p.recovery - {used}})

        await self.people.change(person.id, use)
        return right


def _offered(person: str) -> str:
    return f"totp-offered:{person}"


def _kept(person: str) -> str:
    return f"totp:{person}"
