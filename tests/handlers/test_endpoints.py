from collections.abc import Callable
from pathlib import Path

from tests.conftest import Client, UserClient

YAML = """
version: 1.3.5
endpoints:
  custom:
    - name: Library
      apiKey: ${KEY}
      baseURL: https://canary.example/v1
      models: {default: [small]}
      modelDisplayLabel: The Library
      iconURL: https://icons.example/l.png
      headers: {X-A: canary}
      addParams: {canary: true}
      dropParams: [canary]
    - {name: Own, apiKey: user_provided, baseURL: user_provided, models: {default: [any]}}
"""


class TestListEndpoints:
    def test_needs_a_token(self, api: Client) -> None:
        assert api.get("/api/endpoints").status_code == 401

    def test_lists_the_providers(self, ada: UserClient) -> None:
        endpoints = ada.get("/api/endpoints").json()
        assert {"openAI", "anthropic", "google", "azureOpenAI"} <= {each["name"] for each in endpoints}
        assert {each["name"] for each in endpoints if each["available"]} == {"openAI", "Fake"}

    def test_says_where_there_is_a_key(
        self, ada: UserClient, make_application: Callable[..., Client]
    ) -> None:
        keyed = make_application(OPENAI_API_KEY="sk-x", OPENAI_MODELS="m1,m2", ENDPOINTS="openAI")
        keyed.headers = ada.headers
        expected = {
            "name": "openAI",
            "type": "openai",
            "models": ["m1", "m2"],
            "available": True,
            "order": 0,
            "userProvide": False,
            "userProvideURL": False,
        }
        assert keyed.get("/api/endpoints").json() == [expected]

    def test_has_custom_endpoints_without_what_is_the_servers_own(
        self, ada: UserClient, make_application: Callable[..., Client], tmp_path: Path
    ) -> None:
        path = tmp_path / "librechat.yaml"
        path.write_text(YAML, encoding="utf-8")
        configured = make_application(CONFIG_PATH=str(path), ENDPOINTS="custom,openAI", KEY="sk-canary")
        configured.headers = ada.headers
        answer = configured.get("/api/endpoints")
        assert answer.json()[:2] == [
            {
                "name": "Library",
                "type": "custom",
                "models": ["small"],
                "available": True,
                "order": 0,
                "userProvide": False,
                "userProvideURL": False,
                "modelDisplayLabel": "The Library",
                "iconURL": "https://icons.example/l.png",
            },
            {
                "name": "Own",
                "type": "custom",
                "models": ["any"],
                "available": False,
                "order": 1,
                "userProvide": True,
                "userProvideURL": True,
            },
        ]
        assert "canary" not in answer.text
