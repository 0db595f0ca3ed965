"""Nothing that is secret leaves: not in a response, not in a log line."""

import io
import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from echo.logs import QUIET
from tests.conftest import Client
from tests.security.conftest import send
from tests.support.operations import OPERATIONS

PASSWORD = "canary password 0815"
CANARIES = {
    "OPENAI_API_KEY": "sk-canary-openai-0123456789",
    "ANTHROPIC_API_KEY": "sk-canary-anthropic-0123456789",
    "GOOGLE_KEY": "canary-google-0123456789",
    "AZURE_API_KEY": "canary-azure-0123456789",
    "STT_API_KEY": "canary-stt-0123456789",
    "JWT_SECRET": "canary-jwt-" + "x7" * 20,
    "JWT_REFRESH_SECRET": "canary-refresh-" + "y8" * 20,
    # No provider may be reached from a test.
    "TITLE_CONVO": "false",
    "ECHO_STT": "off",
}


class Recording:
    """A client that keeps all that it was answered."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.seen = io.StringIO()

    def request(self, method: str, path: str, **options: Any) -> Any:
        response = self._client.request(method, path, **options)
        self.seen.write(f"{response.headers!r}\n")
        if response.headers.get("content-type", "").startswith(("application/json", "text/")):
            self.seen.write(response.text)
        return response


def test_canaries_never_leave(
    make_application: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in QUIET:
        caplog.set_level(logging.WARNING, name)
    client = make_application(**CANARIES)
    email = "canary@example.com"
    registration = {"name": "c", "email": email, "password": PASSWORD, "confirm_password": PASSWORD}
    client.post("/api/auth/register", json=registration)
    login = client.post("/api/auth/login", json={"email": email, "password": PASSWORD}).json()
    client.headers = {"Authorization": f"Bearer {login['token']}"}
    recording = Recording(client)
    with structlog.testing.capture_logs() as logged:
        for op in OPERATIONS:
            if op.id not in ("logout", "login", "refresh_token"):
                send(recording, op, {"userId": login["user"]["id"]})
    assert len([line for line in logged if line["event"] == "request"]) >= 30
    text = recording.seen.getvalue() + caplog.text + repr(logged)
    assert len(text) > 5000
    for secret in [
        *(value for value in CANARIES.values() if "canary" in value),
        PASSWORD,
        login["token"],
        "$2b$",
    ]:
        assert secret not in text
