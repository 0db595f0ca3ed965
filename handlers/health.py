"""Is the process alive, and can it work?"""

from echo.errors import FieldError, ServiceUnavailable
from echo.handling.pending import Pending
from echo.services import Services


def get_health() -> str:
    """Alive; touches nothing else."""
    return "OK"


def get_ready(services: Services) -> Pending:
    """One line for each dependency."""
    return Pending(lambda: _ready(services))


async def _ready(services: Services) -> str:
    dependencies = await services.readiness.ask()
    if missing := [name for name, answers in dependencies.items() if not answers]:
        errors = tuple(FieldError(name, "does not answer") for name in missing)
        raise ServiceUnavailable("Not ready.", code="not_ready", errors=errors)
    return "".join(f"{name}: ok\n" for name in dependencies)
