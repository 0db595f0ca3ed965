"""What was used of models."""

from collections.abc import Sequence
from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from handlers.schemas import usage as schemas

Json = dict[str, Any]


def get_usage(
    services: Services,
    caller: Caller,
    *,
    by: Sequence[str],
    limit: int,
    from_: str | None = None,
    to: str | None = None,
    model: str | None = None,
    endpoint: str | None = None,
    key: str | None = None,
) -> Json:
    """What the caller has used."""
    wanted = schemas.asked(from_, to, by, limit, model=model, endpoint=endpoint, key=key)
    return schemas.usage.dump_one(services.usage.own(caller.id, wanted))


def get_usage_of_all(
    services: Services,
    *,
    by: Sequence[str],
    limit: int,
    from_: str | None = None,
    to: str | None = None,
    user: str | None = None,
    model: str | None = None,
    endpoint: str | None = None,
    key: str | None = None,
) -> Json:
    """What everybody has used, or one user, for administrators."""
    wanted = schemas.asked(from_, to, by, limit, model=model, endpoint=endpoint, key=key)
    return schemas.usage.dump_one(services.usage.of_all(wanted, user))
