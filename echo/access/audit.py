"""The audit log: each change by an administrator, with who, what and when."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import structlog

from echo.errors import FieldError, InvalidRequest
from echo.handling.caller import Caller, ClientInfo
from storage.access.audit_chain import Verification
from storage.access.audit_log import AuditFilter, AuditLogRepository
from storage.accounts.users import UserRepository

# LibreChat's categories, by the first word of an action; its own actions are those on grants.
CATEGORIES: Mapping[str, str] = {
    "grant": "grant",
    "role": "permission",
    "group": "permission",
    "user": "auth",
    "config": "config",
}
MAX_EXPORTED = 100_000
Value = str | int | bool | None
__all__ = ["MAX_EXPORTED", "Actor", "AuditFilter", "AuditLog", "Verification", "read_time"]


@dataclass(frozen=True)
class Actor:
    """Who asks for a change, and from where."""

    caller: Caller
    client: ClientInfo

    @property
    def id(self) -> str:
        """The user's id."""
        return self.caller.id


class AuditLog:
    """Writes and reads the log. All methods raise `storage.core.errors.Unavailable`."""

    def __init__(self, entries: AuditLogRepository, users: UserRepository) -> None:
        self._entries = entries
        self._users = users

    def record(
        self, actor: Actor, action: str, kind: str, target_id: str, name: str = "", **details: Value
    ) -> None:
        """Note what has just been done, to a target of a kind; `details` say more, and nothing secret.

        A change that cannot be noted is answered as failed, although it was made: somebody must look.
        """
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        context = {"requestId": request_id, "ip": actor.client.address, "sessionId": actor.caller.session_id}
        self._entries.append(
            {
                "category": CATEGORIES[action.partition(".")[0]],
                "action": action,
                "outcome": "success",
                "severity": "warning",
                "actor": {"type": "user", "id": actor.id, "name": self._name(actor)},
                "target": {"type": kind, "id": target_id, "name": name or target_id},
                **({"metadata": details} if details else {}),
                "context": {key: value for key, value in context.items() if isinstance(value, str) and value},
            }
        )

    def list_page(
        self, wanted: AuditFilter, *, before: int | None, offset: int, limit: int
    ) -> tuple[list[dict[str, Any]], int, int | None]:
        """Entries, the newest first, how many there are, and the number after which the next page begins."""
        entries, total, more = self._entries.list_page(wanted, before=before, offset=offset, limit=limit)
        return entries, total, entries[-1]["seq"] if more else None

    def get(self, entry_id: str) -> dict[str, Any]:
        """One entry; raises `NotFound`."""
        return self._entries.get(entry_id)

    def read(self, wanted: AuditFilter) -> Iterator[dict[str, Any]]:
        """All entries that are wanted, the newest first."""
        return self._entries.read(wanted)

    def verify(self) -> Verification:
        """Whether each entry still is what was written."""
        return self._entries.verify()

    def _name(self, actor: Actor) -> str:
        user = self._users.get(actor.id)
        names = (user.get(each) for each in ("name", "username", "email"))
        return next((name for name in names if isinstance(name, str) and name), actor.id)


def read_time(name: str, text: str | None, of_day: time) -> datetime | None:
    """A time that a client gives; of a day alone that moment of it in UTC. Raises `InvalidRequest`."""
    if not text:
        return None
    try:
        if len(text) == len("2026-11-23"):
            return datetime.combine(date.fromisoformat(text), of_day, UTC)
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(errors=(FieldError(name, "is not a time"),)) from error
