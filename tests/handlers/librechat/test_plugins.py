"""What users bring for tools: `POST /api/user/plugins` of LibreChat's contract."""

from typing import Any

import pytest

from echo.accounts.credentials_cipher import CredentialsCipher
from echo.settings import Settings
from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored

PATH = "/chat/api/user/plugins"


def said(plugin: str, action: str, auth: dict[str, str] | None, **more: Any) -> dict[str, Any]:
    return {"pluginKey": plugin, "action": action, "auth": auth, **more}


@pytest.fixture
def decrypted(settings: Settings, stored: Stored) -> Any:
    cipher = CredentialsCipher(str(settings.creds_key), str(settings.creds_iv))

    def read(owner: UserClient) -> dict[str, str]:
        rows = stored.pluginauths.find({"userId": owner.id})
        return {f"{each['pluginKey']}.{each['authField']}": cipher.decrypt(each["value"]) for each in rows}

    return read


def test_anonymous_is_refused(api: Client) -> None:
    assert api.post(PATH, json=said("google", "install", {})).status_code == 401


def test_a_key_is_kept_encrypted_and_deleted(ada: UserClient, stored: Stored, decrypted: Any) -> None:
    answer = ada.post(PATH, json=said("google", "install", {"GOOGLE_CSE_ID": "{{x}} ${JWT_SECRET}"}))
    assert (answer.status_code, answer.content) == (200, b"")
    assert decrypted(ada) == {"google.GOOGLE_CSE_ID": "{{x}} ${JWT_SECRET}"}
    assert "JWT_SECRET" not in str(list(stored.pluginauths.find({"userId": ada.id})))
    assert ada.get("/chat/api/user").json()["plugins"] == ["google"]
    assert ada.post(PATH, json=said("google", "uninstall", {"GOOGLE_CSE_ID": ""})).status_code == 200
    assert decrypted(ada) == {}
    assert ada.get("/chat/api/user").json()["plugins"] == []


def test_web_search_is_stored_by_the_names_of_variables(ada: UserClient, decrypted: Any) -> None:
    auth = {"serperApiKey": "s", "jinaApiKey": "", "MONGO_URI": "x"}
    ada.post(PATH, json=said("web_search", "install", auth, isEntityTool=True))
    assert decrypted(ada) == {"web_search.SERPER_API_KEY": "s"}
    assert ada.get("/chat/api/user").json()["plugins"] == []
    ada.post(PATH, json=said("web_search", "uninstall", {}, isEntityTool=True))
    assert decrypted(ada) == {}


def test_a_server_loses_all_its_values_at_once(ada: UserClient, bob: UserClient, decrypted: Any) -> None:
    for each in (ada, bob):
        each.post(PATH, json=said("mcp_x", "install", {"A": "1", "B": "2"}))
    ada.post(PATH, json=said("mcp_x", "uninstall", {}))
    assert (decrypted(ada), decrypted(bob)) == ({}, {"mcp_x.A": "1", "mcp_x.B": "2"})


def test_without_values_only_the_list_changes(ada: UserClient, decrypted: Any) -> None:
    ada.post(PATH, json=said("calculator", "install", None))
    assert (decrypted(ada), ada.get("/chat/api/user").json()["plugins"]) == ({}, ["calculator"])
