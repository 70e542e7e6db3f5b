"""Passkeys (WebAuthn) with user verification: the device checks the person, we check the device."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from chassis.errors import PermanentError
from gateway.signin.people import Passkey, Person

_VERIFIED = UserVerificationRequirement.REQUIRED


@dataclass(frozen=True)
class Passkeys:
    """`host` is the name that passkeys are bound to, `origin` the address people see."""

    host: str
    origin: str

    def to_register(self, person: Person) -> tuple[dict[str, Any], str]:
        """What the browser asks the device for, and the challenge to remember."""
        options = webauthn.generate_registration_options(
            rp_id=self.host,
            rp_name="Chargeline",
            user_name=person.email,
            user_id=person.id.encode(),
            user_display_name=person.name or person.email,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_VERIFIED
            ),
            exclude_credentials=[_descriptor(key) for key in person.passkeys],
        )
        return json.loads(webauthn.options_to_json(options)), bytes_to_base64url(options.challenge)

    def registered(
        self, answer: dict[str, Any], challenge: str, name: str, now: datetime
    ) -> Passkey:
        """The new passkey. PermanentError `passkey-refused` when the answer does not hold."""
        try:
            found = webauthn.verify_registration_response(
                credential=answer,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self.host,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise _refused(error) from error
        return Passkey(
            id=bytes_to_base64url(found.credential_id),
            public_key=bytes_to_base64url(found.credential_public_key),
            sign_count=found.sign_count,
            name=name,
            made_at=now,
        )

    def to_sign_in(self) -> tuple[dict[str, Any], str]:
        """For any passkey of this host: the device knows whose it is."""
        options = webauthn.generate_authentication_options(
            rp_id=self.host, user_verification=_VERIFIED
        )
        return json.loads(webauthn.options_to_json(options)), bytes_to_base64url(options.challenge)

    def signed_in(self, answer: dict[str, Any], challenge: str, key: Passkey) -> Passkey:
        """The passkey with its new count. PermanentError `passkey-refused` otherwise."""
        try:
            found = webauthn.verify_authentication_response(
                credential=answer,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self.host,
                expected_origin=self.origin,
                credential_public_key=base64url_to_bytes(key.public_key),
                credential_current_sign_count=key.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise _refused(error) from error
        return key.model_copy(update={"sign_count": found.new_sign_count})


def _descriptor(key: Passkey) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.id))


def _refused(error: Exception) -> PermanentError:
    return PermanentError("passkey-refused", f"the passkey's answer does not hold ({error})")
