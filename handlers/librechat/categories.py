"""The categories of prompts."""

from echo.handling.caller import Caller
from echo.services import Services

# LibreChat's, in its order; its client translates the labels.
CATEGORIES = (
    "idea",
    "travel",
    "teach_or_explain",
    "write",
    "shop",
    "code",
    "misc",
    "roleplay",
    "finance",
)


def list_categories(services: Services, caller: Caller) -> list[dict[str, str]]:
    """All of them; the same for everybody."""
    return [{"label": f"com_ui_{name}", "value": name} for name in CATEGORIES]
