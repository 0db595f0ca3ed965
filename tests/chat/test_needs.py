"""Which permissions a request to chat needs."""

from typing import Any

import pytest

from echo.chat.needs import needs_of
from echo.chat.request import Added, Asked

USE = ("USE",)


@pytest.mark.parametrize(
    ("endpoint", "asked", "needs"),
    [
        ("openAI", {}, {}),
        ("agents", {}, {"AGENTS": USE}),
        ("openAI", {"is_temporary": True}, {"TEMPORARY_CHAT": USE}),
        ("openAI", {"added": Added("google")}, {"MULTI_CONVO": USE}),
        ("openAI", {"added": Added("agents")}, {"AGENTS": USE, "MULTI_CONVO": USE}),
        ("openAI", {"tools": ("WEB_SEARCH", "RUN_CODE")}, {"WEB_SEARCH": USE, "RUN_CODE": USE}),
        (
            "agents",
            {"is_temporary": True, "added": Added("openAI"), "tools": ("WEB_SEARCH",)},
            {"AGENTS": USE, "TEMPORARY_CHAT": USE, "MULTI_CONVO": USE, "WEB_SEARCH": USE},
        ),
    ],
)
def test_are_those_of_what_it_asks_for(endpoint: str, asked: dict[str, Any], needs: dict[str, Any]) -> None:
    assert needs_of(endpoint, Asked(**asked)) == needs
