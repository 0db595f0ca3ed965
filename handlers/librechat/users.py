"""The caller's own account, in LibreChat's shape."""

from typing import Any

from echo.accounts.two_factor import Proof
from echo.handling.caller import Caller
from echo.services import Services
from handlers.librechat.schemas import users as schemas
from handlers.schemas import auth

Json = dict[str, Any]


def get_current_user(services: Services, caller: Caller) -> Json:
    """The account that the access token belongs to."""
    return schemas.user.dump_one(services.accounts.users.get(caller.id))


def delete_account(services: Services, caller: Caller, *, body: Json | None = None) -> Json:
    """Remove the account with everything that is its own."""
    services.accounts.deletion.delete(caller, Proof(**auth.proof.load(body or {})))
    return {"message": "User deleted"}


def get_terms(services: Services, caller: Caller) -> Json:
    """Whether and when the caller has accepted the terms."""
    return schemas.terms.dump_one(services.accounts.users.get(caller.id))


def accept_terms(services: Services, caller: Caller) -> Json:
    """Keep that the caller has accepted the terms; the time is that of the first acceptance."""
    user = services.accounts.preferences.accept_terms(caller.id)
    accepted_at = schemas.terms.dump_one(user)["termsAcceptedAt"]
    return {"message": "Terms accepted successfully", "termsAcceptedAt": accepted_at}


def update_plugins(services: Services, caller: Caller, *, body: Json) -> None:
    """Keep or delete the caller's own values for a tool or an MCP server."""
    keys, plugin, values = services.accounts.plugin_keys, body["pluginKey"], body.get("auth")
    install = body["action"] == "install"
    if not body.get("isEntityTool"):
        keys.mark(caller.id, plugin, installed=install)
    if values is not None:
        change = keys.install if install else keys.uninstall
        change(caller.id, plugin, values)
