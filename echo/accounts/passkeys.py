"""Passkeys (W3C Web Authentication, level 3): a login by a key that never leaves the user's device.

The device checks who holds it (a finger, a PIN), and that is demanded: a passkey is both factors in one.
https://www.w3.org/TR/webauthn-3/
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from echo.accounts.letters import PASSKEY_ADDED
from echo.accounts.writing import Notices, has_password
from echo.errors import Conflict, Unauthorized, Unprocessable
from echo.handling.caller import Caller
from storage.accounts.passkeys import ChallengeRepository, NewPasskey, PasskeyRepository
from storage.accounts.users import UserRepository
from storage.core import errors as storage_errors

Document = dict[str, Any]
CHALLENGE_BYTES = 32
TIMEOUT_MS = 300_000


@dataclass(frozen=True)
class Challenge:
    """What a client needs: the id by which it answers, and `publicKey` for its browser."""

    id: str
    options: Document


class Passkeys:
    """Registers passkeys and proves who has one, for the host of `site`, the address of the web client."""

    def __init__(
        self,
        passkeys: PasskeyRepository,
        challenges: ChallengeRepository,
        users: UserRepository,
        *,
        site: str,
        title: str,
        notices: Notices,
    ) -> None:
        self._passkeys = passkeys
        self._challenges = challenges
        self._users = users
        parts = urlsplit(site)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._host = parts.hostname or ""
        self._title = title
        self._notices = notices

    def list(self, caller: Caller) -> Sequence[Document]:
        """The caller's passkeys."""
        return self._passkeys.list(caller.id)

    def rename(self, caller: Caller, passkey_id: str, name: str) -> Document:
        """Give one another name. Raises `NotFound`."""
        return self._passkeys.rename(caller.id, passkey_id, name)

    def delete(self, caller: Caller, passkey_id: str) -> None:
        """Remove one: nobody logs in by it any more. Raises `NotFound`."""
        self._passkeys.delete(caller.id, passkey_id)

    def begin_registration(self, caller: Caller) -> Challenge:
        """What a browser needs to make a passkey for the caller; devices that have one make no second.

        Raises `Conflict` (`no_password`) for the account of another service: that one says who may still come in.
        """
        # Imported where it is used: it takes longer to load than most requests take.
        import webauthn  # noqa: PLC0415
        from webauthn.helpers import structs  # noqa: PLC0415

        user = self._users.get(caller.id)
        if not has_password(user):
            raise Conflict(
                "This account logs in through another service, which has no passkeys here.",
                code="no_password",
            )
        made = webauthn.generate_registration_options(
            rp_id=self._host,
            rp_name=self._title,
            user_id=bytes.fromhex(caller.id),
            user_name=str(user.get("email") or caller.id),
            user_display_name=str(user.get("name") or user.get("email") or caller.id),
            challenge=secrets.token_bytes(CHALLENGE_BYTES),
            timeout=TIMEOUT_MS,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[
                structs.PublicKeyCredentialDescriptor(id=webauthn.base64url_to_bytes(each["credentialId"]))
                for each in self._passkeys.list(caller.id)
            ],
        )
        return self._begun(made.challenge, webauthn.options_to_json(made), caller.id)

    def register(
        self, caller: Caller, challenge_id: str, name: str, credential: Mapping[str, Any]
    ) -> Document:
        """Keep a passkey that a browser made. Raises `Unprocessable` (`passkey_refused`), `Conflict`, `TooMany`."""
        import webauthn  # noqa: PLC0415

        challenge = self._challenges.take(challenge_id, caller.id)
        if challenge is None:
            raise _refused()
        try:
            proved = webauthn.verify_registration_response(
                credential=_known(credential, caller.id),
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except Exception as error:
            # The library reads CBOR, certificates and keys that a stranger sent, and raises what its parts raise.
            raise _refused() from error
        transports = credential.get("response", {}).get("transports") or ()
        passkey = NewPasskey(
            name=name,
            credential_id=_text(proved.credential_id),
            public_key=proved.credential_public_key,
            sign_count=proved.sign_count,
            transports=[str(each)[:20] for each in transports][:10],
            backed_up=proved.credential_backed_up,
        )
        try:
            kept = self._passkeys.insert(caller.id, passkey)
        except storage_errors.Conflict as error:
            raise Conflict("That passkey is registered already.", code="passkey_known") from error
        self._notices.tell(caller.id, PASSKEY_ADDED)
        return kept

    def begin_login(self) -> Challenge:
        """What a browser needs to prove a passkey, whoever's: nothing is told of any account."""
        import webauthn  # noqa: PLC0415
        from webauthn.helpers import structs  # noqa: PLC0415

        made = webauthn.generate_authentication_options(
            rp_id=self._host,
            challenge=secrets.token_bytes(CHALLENGE_BYTES),
            timeout=TIMEOUT_MS,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        )
        return self._begun(made.challenge, webauthn.options_to_json(made), None)

    def prove(self, challenge_id: str, credential: Mapping[str, Any]) -> Document:
        """The user whose passkey signed the challenge. Raises `Unauthorized`, with one text for every failure."""
        import webauthn  # noqa: PLC0415

        challenge = self._challenges.take(challenge_id, None)
        passkey = self._passkeys.find(str(credential.get("id")))
        if challenge is None or passkey is None:
            raise _wrong()
        owner = str(passkey["user"])
        try:
            proved = webauthn.verify_authentication_response(
                credential=_known(credential, owner),
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=bytes(passkey["publicKey"]),
                credential_current_sign_count=int(passkey["signCount"]),
                require_user_verification=True,
            )
            user = self._users.get(owner)
        except Exception as error:
            # As in a registration; a counter that does not grow, too: somebody has a copy of the key.
            if isinstance(error, storage_errors.StorageError) and not isinstance(
                error, storage_errors.NotFound
            ):
                raise
            raise _wrong() from error
        # Not the account of another service by now, which alone says who may still come in.
        if not has_password(user) or not self._passkeys.note_use(passkey, proved.new_sign_count):
            raise _wrong()
        return user

    def _begun(self, challenge: bytes, options: str, owner: str | None) -> Challenge:
        challenge_id = secrets.token_urlsafe(24)
        self._challenges.begin(challenge_id, challenge, owner)
        return Challenge(challenge_id, json.loads(options))


def _known(credential: Mapping[str, Any], owner: str) -> Document:
    """The credential, if the user that it names, where it does, is the one whose passkey it is said to be."""
    import webauthn  # noqa: PLC0415

    handle = credential.get("response", {}).get("userHandle")
    if handle and webauthn.base64url_to_bytes(str(handle)).hex() != owner:
        raise ValueError("another user's handle")
    return dict(credential)


def _text(credential_id: bytes) -> str:
    from webauthn.helpers import bytes_to_base64url  # noqa: PLC0415

    return bytes_to_base64url(credential_id)


def _refused() -> Unprocessable:
    return Unprocessable("The passkey could not be checked; begin again.", code="passkey_refused")


def _wrong() -> Unauthorized:
    return Unauthorized("The passkey could not be checked; begin again.", code="wrong_passkey")
