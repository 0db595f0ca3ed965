"""The caller's own passkeys, and logins by one."""

from typing import Any

from echo.accounts.passkeys import Challenge
from echo.accounts.two_factor import Proof
from echo.handling.caller import Caller, ClientInfo
from echo.services import Services
from handlers.schemas import account, users
from handlers.schemas import passkeys as schemas

Json = dict[str, Any]


def list_passkeys(services: Services, caller: Caller) -> Json:
    """What there is, without the keys."""
    return {"passkeys": schemas.passkey.dump_all(services.accounts.passkeys.list(caller))}


def begin_passkey(services: Services, caller: Caller, *, body: Json) -> Json:
    """A challenge for a new one."""
    fields = account.proof_of_self.load(body)
    services.accounts.own_account.demand_proof(caller, fields.pop("password"), Proof(**fields))
    return _challenge(services.accounts.passkeys.begin_registration(caller))


def create_passkey(services: Services, caller: Caller, *, body: Json) -> Json:
    """Keep what the caller's browser made."""
    made = services.accounts.passkeys.register(caller, body["challengeId"], body["name"], body["credential"])
    return schemas.passkey.dump_one(made)


def rename_passkey(services: Services, caller: Caller, *, passkey_id: str, body: Json) -> Json:
    """Give one another name."""
    return schemas.passkey.dump_one(services.accounts.passkeys.rename(caller, passkey_id, body["name"]))


def delete_passkey(services: Services, caller: Caller, *, passkey_id: str) -> None:
    """Remove one."""
    services.accounts.passkeys.delete(caller, passkey_id)


def begin_passkey_login(services: Services) -> Json:
    """A challenge for a login, whoever's."""
    return _challenge(services.accounts.passkeys.begin_login())


def login_by_passkey(
    services: Services, client: ClientInfo, *, body: Json
) -> tuple[Json, int, dict[str, str]]:
    """Begin a session by a passkey, in place of password and second factor."""
    user = services.accounts.passkeys.prove(body["challengeId"], body["credential"])
    signed_in = services.accounts.auth.login_proven(user, client)
    headers = {"Set-Cookie": signed_in.cookie} if signed_in.cookie else {}
    return {"token": signed_in.token, "user": users.user.dump_one(signed_in.user)}, 200, headers


def _challenge(begun: Challenge) -> Json:
    return {"challengeId": begun.id, "publicKey": begun.options}
