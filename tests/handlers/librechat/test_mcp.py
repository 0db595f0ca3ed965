from typing import Any

import pytest

from tests.conftest import Client, UserClient

NONE: dict[str, Any] = {
    "/chat/api/mcp/servers": {},
    "/chat/api/mcp/tools": {"servers": {}},
    "/chat/api/mcp/connection/status": {
        "success": True,
        "connectionStatus": {},
        "oauthTimeout": 600_000,
    },
}


@pytest.mark.parametrize("path", NONE)
class TestThereAreNone:
    def test_anonymous_is_refused(self, api: Client, path: str) -> None:
        assert api.get(path).status_code == 401

    def test_and_echo_says_so(self, ada: UserClient, path: str) -> None:
        response = ada.get(path)
        assert (response.status_code, response.json()) == (200, NONE[path])
