"""The caller's own account."""

from typing import Any

from echo.accounts.two_factor import Proof
from echo.handling.caller import Caller, ClientInfo
from echo.services import Services
from handlers.schemas import auth
from handlers.schemas import users as schemas


def get_current_user(services: Services, caller: Caller) -> dict[str, Any]:
    """The account that the access token belongs to."""
    return schemas.user.dump_one(services.accounts.users.get(caller.id))


def verify_email(services: Services, client: ClientInfo, *, body: dict[str, Any]) -> dict[str, Any]:
    """Take the token of a link as proof of an address."""
    services.accounts.recovery.verify(client, **auth.verification.load(body))
    return {"message": "The e-mail address is verified.", "status": "success"}


def resend_verification(services: Services, client: ClientInfo, *, body: dict[str, Any]) -> dict[str, Any]:
    """Have another link sent; the answer is the same for an unknown address, and for one that is verified."""
    services.accounts.recovery.resend_verification(client, **auth.address.load(body))
    return {"message": "If there is an account to verify with that address, a link is on its way to it."}


def change_email(services: Services, caller: Caller, *, body: dict[str, Any]) -> dict[str, Any]:
    """Have a link sent to another address; when it is opened, the account has that address."""
    fields = auth.address_change.load(body)
    email, password = fields.pop("email"), fields.pop("password")
    services.accounts.addresses.request(caller, email, password, Proof(**fields))
    return {"message": "A link is on its way to the new address."}
