"""The caller's own second factor."""

from typing import Any

from echo.accounts.two_factor import Proof
from echo.handling.caller import Caller
from echo.services import Services
from handlers.schemas import auth as schemas
from handlers.schemas import two_factor

Json = dict[str, Any]


def enable_two_factor(services: Services, caller: Caller, *, body: Json | None = None) -> Json:
    """A new secret and backup codes, shown this once; in force when confirmed."""
    setup = services.accounts.two_factor.begin(
        caller.id, caller.email, Proof(**schemas.proof.load(body or {}))
    )
    return {"otpauthUrl": setup.address, "backupCodes": setup.backup_codes}


def verify_two_factor(services: Services, caller: Caller, *, body: Json) -> Json:
    """Whether a code is right; it is not used up."""
    services.accounts.two_factor.look(caller.id, Proof(**schemas.proof.load(body)))
    return {"message": "The code is right."}


def confirm_two_factor(services: Services, caller: Caller, *, body: Json) -> Json:
    """Put in force what was set up: the next login asks for a code."""
    services.accounts.two_factor.confirm(caller.id, body["token"])
    return {"message": "Two-factor authentication is on."}


def disable_two_factor(services: Services, caller: Caller, *, body: Json | None = None) -> Json:
    """Switch the second factor off, by a code of it."""
    services.accounts.two_factor.disable(caller.id, Proof(**schemas.proof.load(body or {})))
    return {"message": "Two-factor authentication is off."}


def regenerate_backup_codes(services: Services, caller: Caller, *, body: Json) -> Json:
    """New backup codes in place of the old ones, by a code of the second factor."""
    made = services.accounts.two_factor.regenerate(caller.id, Proof(**schemas.proof.load(body)))
    return {"backupCodes": made.codes, "backupCodesHash": two_factor.backup_code.dump_all(made.stored)}
