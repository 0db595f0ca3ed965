"""Is the process alive, and can it work?"""

from typing import Any

from echo.services import Services


def get_health() -> str:
    """Alive; touches nothing else."""
    return "OK"


def get_ready(services: Services) -> tuple[dict[str, Any], int]:
    """200 when all that the server depends on answers, else 503; says which does."""
    dependencies = dict(services.readiness())
    is_ready = all(dependencies.values())
    return {"ready": is_ready, "dependencies": dependencies}, 200 if is_ready else 503
