"""The caller's own sessions."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from handlers.schemas import sessions as schemas

Json = dict[str, Any]


def list_sessions(services: Services, caller: Caller) -> Json:
    """The sessions that there are, the last used first."""
    return {"sessions": schemas.session.dump_all(services.accounts.own_account.sessions(caller))}


def end_session(services: Services, caller: Caller, *, session_id: str) -> None:
    """End one, which may be the caller's."""
    services.accounts.own_account.end_session(caller, session_id)


def end_other_sessions(services: Services, caller: Caller) -> Json:
    """End all but the caller's."""
    return {"endedSessions": services.accounts.own_account.end_others(caller)}
