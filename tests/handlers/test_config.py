from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import PASSWORD, Client, UserClient

PLAIN = {
    "appTitle": "Parrot",
    "serverDomain": "https://chat.example",
    "registrationEnabled": False,
    "emailLoginEnabled": False,
    "socialLoginEnabled": False,
    "socialLogins": [],
    "passwordResetEnabled": False,
    "emailEnabled": False,
    "sharedLinksEnabled": False,
    "minPasswordLength": 12,
}
YAML = """
version: 1.3.5
registration: {socialLogins: [github]}
interface:
  privacyPolicy: {externalUrl: "https://library.example/privacy"}
  customWelcome: Hello ${JWT_SECRET}
  presets: false
  agents: true
balance: {enabled: true, startBalance: 7}
endpoints:
  custom:
    - {name: Library, apiKey: "${LIBRARY_KEY}", baseURL: "https://models.example/v1", models: {default: [m]}}
modelSpecs:
  list:
    - {name: a, label: A, preset: {endpoint: Library, model: m, promptPrefix: the secret of the fountain}}
    - {name: b, label: B, preset: {endpoint: Library}, showInMenu: false}
"""


@pytest.fixture
def configured(make_application: Callable[..., Client], tmp_path: Path) -> Client:
    path = tmp_path / "librechat.yaml"
    path.write_text(YAML, encoding="utf-8")
    return make_application(
        CONFIG_PATH=str(path),
        LIBRARY_KEY="sk-library",
        CUSTOM_FOOTER="Below",
        HELP_AND_FAQ_URL="https://help.example",
    )


class TestGetConfig:
    def test_answers_anyone(self, api: Client) -> None:
        config = api.get("/api/config").json()
        assert config["appTitle"] == "Echo"
        assert config["registrationEnabled"] is True
        assert config["emailLoginEnabled"] is True

    def test_says_what_is_really_switched_on(self, make_application: Callable[..., Client]) -> None:
        environ = {
            "APP_TITLE": "Parrot",
            "DOMAIN_SERVER": "https://chat.example/",
            "ALLOW_REGISTRATION": "false",
            "ALLOW_EMAIL_LOGIN": "false",
            "ALLOW_SOCIAL_LOGIN": "true",
            "ALLOW_PASSWORD_RESET": "true",
            "MIN_PASSWORD_LENGTH": "12",
        }
        client = make_application(**environ)
        assert client.get("/api/config").json() == PLAIN
        login = client.post("/api/auth/login", json={"email": "a@example.com", "password": PASSWORD})
        assert login.json()["code"] == "login_disabled"

    def test_tells_anyone_no_more_than_a_login_needs(self, configured: Client) -> None:
        config = configured.get("/api/config").json()
        assert config["interface"] == {"privacyPolicy": {"externalUrl": "https://library.example/privacy"}}
        assert set(config) == {*PLAIN, "interface"}

    @pytest.mark.parametrize("token", ["Bearer x.y.z", "Bearer", "Basic YTpi", ""])
    def test_takes_a_bad_token_for_none(self, configured: Client, token: str) -> None:
        response = configured.get("/api/config", headers={"Authorization": token})
        assert response.status_code == 200
        assert "modelSpecs" not in response.json()

    def test_takes_the_token_of_an_ended_session_for_none(self, ada: UserClient) -> None:
        assert "balance" in ada.get("/api/config").json()
        assert ada.post("/api/auth/logout").is_success
        assert "balance" not in ada.get("/api/config").json()

    def test_tells_those_who_have_logged_in_the_rest(self, configured: Client, ada: UserClient) -> None:
        configured.headers = ada.headers
        config = configured.get("/api/config").json()
        assert config["customFooter"] == "Below"
        assert config["helpAndFaqURL"] == "https://help.example"
        assert config["balance"]["startBalance"] == 7
        assert config["interface"]["presets"] is False
        assert config["interface"]["modelSelect"] is True
        assert (config["publicSharedLinksEnabled"], config["allowAccountDeletion"]) == (False, False)

    def test_says_that_features_of_librechats_alone_are_off(
        self, configured: Client, ada: UserClient
    ) -> None:
        configured.headers = ada.headers
        config = configured.get("/api/config").json()
        assert config["interface"]["agents"] is False
        assert config["socialLogins"] == []

    def test_keeps_what_is_secret_or_hidden_of_the_model_specs(
        self, configured: Client, ada: UserClient
    ) -> None:
        configured.headers = ada.headers
        answer = configured.get("/api/config")
        [spec] = answer.json()["modelSpecs"]["list"]
        assert spec == {"name": "a", "label": "A", "preset": {"endpoint": "Library", "model": "m"}}
        assert "fountain" not in answer.text

    def test_expands_nothing_that_is_shown(self, configured: Client, ada: UserClient) -> None:
        configured.headers = ada.headers
        assert configured.get("/api/config").json()["interface"]["customWelcome"] == "Hello ${JWT_SECRET}"

    def test_has_no_model_specs_where_none_are_configured(self, ada: UserClient) -> None:
        config = ada.get("/api/config").json()
        assert "modelSpecs" not in config
        assert config["balance"] == {"enabled": False}
