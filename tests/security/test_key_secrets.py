"""Keys of users and of programs leave in no answer and in no log line."""

import json
from collections.abc import Callable
from typing import Any

import structlog

from echo.accounts.api_keys import hash_key
from tests.conftest import Client, UserClient
from tests.security.conftest import send
from tests.security.test_secrets import Recording
from tests.support.operations import ALL_OPERATIONS
from tests.support.providers import Reply, openai_server
from tests.support.providers.openai import error_answer

CREDS_KEY = "0a" * 16 + "1b" * 16
OWN_KEY = "sk-canary-of-the-users-own-provider-key"
ASKED = {"model": "openAI/gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


def test_are_nowhere_but_where_they_belong(
    make_application: Callable[..., Client], ada: UserClient, caplog: Any
) -> None:
    behaviours = [
        Reply(),
        error_answer("invalid_api_key"),
        error_answer("server_error"),
        Reply(error="server_error"),
    ]
    with openai_server(*behaviours) as provider, structlog.testing.capture_logs() as logged:
        client = make_application(
            CREDS_KEY=CREDS_KEY,
            OPENAI_API_KEY="user_provided",
            OPENAI_REVERSE_PROXY=provider.url,
            ECHO_PROVIDER_ATTEMPTS="1",
            TITLE_CONVO="false",
        )
        client.headers = ada.headers
        made = client.post("/api/api-keys", json={"name": "canary"}).json()
        recording = Recording(client)
        value = json.dumps({"apiKey": OWN_KEY, "baseURL": ""})
        recording.request("PUT", "/api/keys", json={"name": "openAI", "value": value})
        client.headers = {"Authorization": f"Bearer {made['key']}"}
        statuses = [
            recording.request("POST", "/v1/chat/completions", json=ASKED).status_code for _ in range(4)
        ]
        client.headers = ada.headers
        for op in ALL_OPERATIONS:
            if op.raw["operationId"] not in ("logout", "delete_user_keys", "put_user_key"):
                send(recording, op, {"userId": ada.id, "name": "openAI", "apiKeyId": made["id"]})
    assert statuses == [200, 502, 502, 502]
    assert provider.chats[0].headers["authorization"] == f"Bearer {OWN_KEY}"
    text = recording.seen.getvalue() + caplog.text + repr(logged)
    for secret in (OWN_KEY, made["key"], hash_key(made["key"]), CREDS_KEY):
        assert secret not in text
