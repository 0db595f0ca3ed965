from collections.abc import Callable

from tests.conftest import Client, UserClient


class TestListEndpoints:
    def test_needs_a_token(self, api: Client) -> None:
        assert api.get("/api/endpoints").status_code == 401

    def test_lists_the_providers(self, ada: UserClient) -> None:
        endpoints = ada.get("/api/endpoints").json()
        assert {"openAI", "anthropic", "google", "azureOpenAI"} <= {each["name"] for each in endpoints}
        assert {each["name"] for each in endpoints if each["available"]} == {"openAI"}

    def test_says_where_there_is_a_key(
        self, ada: UserClient, make_application: Callable[..., Client]
    ) -> None:
        keyed = make_application(OPENAI_API_KEY="sk-x", OPENAI_MODELS="m1,m2", ENDPOINTS="openAI")
        keyed.headers = ada.headers
        expected = {"name": "openAI", "type": "openai", "models": ["m1", "m2"], "available": True}
        assert keyed.get("/api/endpoints").json() == [expected]
