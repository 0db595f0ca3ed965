"""What administrators did."""

from typing import Any

from echo.handling.stream_body import StreamBody
from echo.services import Services
from handlers.librechat.schemas import admin as schemas
from handlers.librechat.schemas.audit import read_filter, table, verification

Json = dict[str, Any]
Texts = list[str] | None


def list_audit_log(
    services: Services,
    *,
    limit: int,
    offset: int,
    cursor: int | None = None,
    search: str | None = None,
    category: Texts = None,
    action: Texts = None,
    outcome: Texts = None,
    severity: Texts = None,
    actor_type: str | None = None,
    actor_query: str | None = None,
    target_type: str | None = None,
    target_query: str | None = None,
    capability: str | None = None,
    from_: str | None = None,
    to: str | None = None,
) -> Json:
    """Entries, the newest first."""
    wanted = read_filter(
        exact={
            "category": category,
            "action": action,
            "outcome": outcome,
            "severity": severity,
            "actor.type": actor_type,
            "target.type": target_type,
        },
        texts={"search": search, "actor": actor_query, "target": target_query, "capability": capability},
        times=(from_, to),
    )
    entries, total, following = services.administration.audit.list_page(
        wanted, before=cursor, offset=offset, limit=limit
    )
    return {"entries": schemas.entries(entries), "total": total, "nextCursor": following}


def export_audit_log(
    services: Services,
    *,
    search: str | None = None,
    category: Texts = None,
    action: Texts = None,
    outcome: Texts = None,
    severity: Texts = None,
    actor_type: str | None = None,
    actor_query: str | None = None,
    target_type: str | None = None,
    target_query: str | None = None,
    capability: str | None = None,
    from_: str | None = None,
    to: str | None = None,
) -> StreamBody:
    """Entries as a table."""
    wanted = read_filter(
        exact={
            "category": category,
            "action": action,
            "outcome": outcome,
            "severity": severity,
            "actor.type": actor_type,
            "target.type": target_type,
        },
        texts={"search": search, "actor": actor_query, "target": target_query, "capability": capability},
        times=(from_, to),
    )
    return table(services.administration.audit.read(wanted))


def verify_audit_log(services: Services) -> Json:
    """Whether the log is what was written."""
    return verification(services.administration.audit.verify())


def get_audit_entry(services: Services, *, entry_id: str) -> Json:
    """One entry."""
    return {"entry": schemas.entry(services.administration.audit.get(entry_id))}
