from collections.abc import Callable

from tests.conftest import Client, UserClient


class TestListModels:
    def test_needs_a_token(self, api: Client) -> None:
        assert api.get("/api/models").status_code == 401

    def test_lists_the_models_by_provider(
        self, ada: UserClient, make_application: Callable[..., Client]
    ) -> None:
        configured = make_application(GOOGLE_MODELS="g1,g2", ENDPOINTS="google,openAI", OPENAI_MODELS="o1")
        configured.headers = ada.headers
        assert configured.get("/api/models").json() == {"google": ["g1", "g2"], "openAI": ["o1"]}
