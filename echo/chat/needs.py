"""What the role of a caller must have for what a request to chat asks for, by LibreChat's types of permission."""

from echo.chat.agents import AGENTS
from echo.chat.request import Asked
from echo.settings.endpoints import normal_name


def needs_of(endpoint: str, asked: Asked) -> dict[str, tuple[str, ...]]:
    """The permissions that a request needs; for a mere question to a model there are none."""
    endpoints = [endpoint, *([asked.added.endpoint] if asked.added else [])]
    types = [
        *(["AGENTS"] if AGENTS in map(normal_name, endpoints) else []),
        *(["TEMPORARY_CHAT"] if asked.is_temporary else []),
        *(["MULTI_CONVO"] if asked.added else []),
        *asked.tools,
    ]
    return dict.fromkeys(types, ("USE",))
