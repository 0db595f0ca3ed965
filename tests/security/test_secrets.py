"""Nothing that is secret leaves: not in a response, not in a log line."""

import io
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from pymongo import MongoClient

from echo.observation.logs import QUIET
from echo.settings import load_settings
from tests.conftest import Client, UserClient
from tests.security.conftest import send
from tests.support.operations import ALL_OPERATIONS
from tests.support.two_factor import (
    BACKUP_CODES,
    SECRET,
    code_of,
    encrypt_v3,
    give_second_factor,
    librechats_fields,
    wrong_code,
)

# What an app would have that was set up and not confirmed.
WAITING = "KRSXG5CTMVRXEZLU"
PASSWORD = "canary password 0815"
CANARIES = {
    "OPENAI_API_KEY": "sk-canary-openai-0123456789",
    "ANTHROPIC_API_KEY": "sk-canary-anthropic-0123456789",
    "GOOGLE_KEY": "canary-google-0123456789",
    "AZURE_API_KEY": "canary-azure-0123456789",
    "STT_API_KEY": "canary-stt-0123456789",
    "JWT_SECRET": "canary-jwt-" + "x7" * 20,
    "JWT_REFRESH_SECRET": "canary-refresh-" + "y8" * 20,
    "LIBRARY_KEY": "canary-library-0123456789",
    "AZURE_NORTH": "canary-azure-north-0123456789",
    # No provider may be reached from a test.
    "OPENAI_REVERSE_PROXY": "http://127.0.0.1:1/v1",
    "ANTHROPIC_REVERSE_PROXY": "http://127.0.0.1:1",
    "TITLE_CONVO": "false",
    "ECHO_STT": "off",
}


# Secrets as variables, and as an operator should not write them.
YAML = """
version: 1.3.5
speech: {stt: {openai: {apiKey: canary-speech-0123456789, model: whisper-1}}}
endpoints:
  azureOpenAI:
    groups:
      - group: north
        apiKey: ${AZURE_NORTH}
        instanceName: north
        deploymentName: d
        version: v
        additionalHeaders: {X-Key: canary-group-header-0123456789}
        models: {m: true}
  custom:
    - name: Library
      apiKey: ${LIBRARY_KEY}
      baseURL: http://127.0.0.1:1/canary-address-0123456789
      headers: {X-Key: canary-header-0123456789}
      addParams: {key: canary-parameter-0123456789}
      models: {default: [small], fetch: true}
modelSpecs:
  list:
    - {name: a, label: A, preset: {endpoint: Library, promptPrefix: canary-prompt-0123456789}}
unknown: canary-unknown-0123456789
mcpServers: {a: {command: "true", startup: false, env: {KEY: canary-ignored-0123456789}}}
"""


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


@pytest.fixture
def stored_users(application_uri: str) -> Iterator[Any]:
    """The collection of users."""
    with MongoClient[dict[str, Any]](application_uri) as client:
        yield client.get_default_database()["users"]


def test_canaries_never_leave(
    make_application: Callable[..., Client],
    stored_users: Any,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    path = tmp_path / "librechat.yaml"
    path.write_text(YAML, encoding="utf-8")
    caplog.set_level(logging.DEBUG)
    for name in QUIET:
        caplog.set_level(logging.WARNING, name)
    client = make_application(**CANARIES, CONFIG_PATH=str(path))
    email = "canary@example.com"
    registration = {"name": "c", "email": email, "password": PASSWORD, "confirm_password": PASSWORD}
    client.post("/api/auth/register", json=registration)
    login = client.post("/api/auth/login", json={"email": email, "password": PASSWORD}).json()
    codes = librechats_fields()["backupCodes"]
    give_second_factor(stored_users, login["user"]["id"], pendingTotpSecret=encrypt_v3(WAITING))
    temporary = client.post("/api/auth/login", json={"email": email, "password": PASSWORD}).json()[
        "tempToken"
    ]
    client.headers = {"Authorization": f"Bearer {login['token']}"}
    recording = Recording(client)
    with structlog.testing.capture_logs() as logged:
        for op in ALL_OPERATIONS:
            if op.raw["operationId"] not in ("logout", "login", "refresh_token"):
                send(recording, op, {"userId": login["user"]["id"]})
        for proof in ({"token": code_of()}, {"backupCode": BACKUP_CODES[0]}, {"token": wrong_code()}):
            client.post("/api/auth/2fa/verify-temp", json={"tempToken": temporary, **proof})
            client.post("/api/auth/2fa/verify", json=proof)
    assert len([line for line in logged if line["event"] == "request"]) >= 30
    text = recording.seen.getvalue() + caplog.text + repr(logged)
    assert len(text) > 5000
    for secret in [
        *(value for value in CANARIES.values() if "canary" in value),
        *re.findall(r"canary-[a-z-]+-0123456789", YAML),
        PASSWORD,
        login["token"],
        "$2b$",
        temporary,
        *(SECRET, WAITING, encrypt_v3(SECRET), encrypt_v3(WAITING)),
        *BACKUP_CODES,
        *(each["codeHash"] for each in codes),
    ]:
        assert secret not in text


class TestExpansion:
    """`${VAR}` means something in librechat.yaml only (CVE-2026-32625 was about what users send)."""

    TEXT = "${JWT_SECRET} ${OPENAI_API_KEY} $JWT_SECRET {{LIBRECHAT_USER_EMAIL}}"

    def test_is_not_for_what_users_send(
        self, make_application: Callable[..., Client], ada: UserClient
    ) -> None:
        client = make_application(OPENAI_API_KEY="sk-canary", OPENAI_MODELS="m", TITLE_CONVO="false")
        client.headers = ada.headers
        message = client.post("/api/messages/expand-me", json={"text": self.TEXT, "sender": "user"})
        assert message.json()["text"] == self.TEXT
        preset = client.post("/api/presets", json={"title": self.TEXT, "endpoint": "openAI"})
        assert preset.json()["title"] == self.TEXT
        assistant = client.post("/api/assistants", json={"name": self.TEXT[:60], "model": "m"})
        assert assistant.json()["name"] == self.TEXT[:60]
        upload = client.post(
            "/api/files", files={"file": ("${JWT_SECRET}.txt", b"${JWT_SECRET}", "text/plain")}
        )
        assert client.get(upload.json()["filepath"]).content == b"${JWT_SECRET}"

    def test_is_not_for_variables(self) -> None:
        settings = load_settings(
            {"APP_TITLE": self.TEXT, "CUSTOM_FOOTER": self.TEXT, "OPENAI_API_KEY": "sk-canary"}
        )
        assert (settings.app_title, settings.client.custom_footer) == (self.TEXT, self.TEXT)
