from collections.abc import Callable
from pathlib import Path

from tests.conftest import Client, UserClient
from tests.support.providers.server import json_answer, serving


class TestListModels:
    def test_needs_a_token(self, api: Client) -> None:
        assert api.get("/api/models").status_code == 401

    def test_lists_the_models_by_provider(
        self, ada: UserClient, make_application: Callable[..., Client]
    ) -> None:
        configured = make_application(GOOGLE_MODELS="g1,g2", ENDPOINTS="google,openAI", OPENAI_MODELS="o1")
        configured.headers = ada.headers
        assert configured.get("/api/models").json() == {"google": ["g1", "g2"], "openAI": ["o1"]}

    def test_lists_what_a_provider_says_that_it_has(
        self, ada: UserClient, make_application: Callable[..., Client], tmp_path: Path
    ) -> None:
        with serving(lambda _: json_answer({"data": [{"id": "theirs"}]}), "/v1") as server:
            path = tmp_path / "librechat.yaml"
            path.write_text(
                "version: 1.3.5\nendpoints: {custom: [{name: Library, apiKey: k, baseURL: "
                f"'{server.url}', models: {{default: [ours], fetch: true}}}}]}}\n"
            )
            configured = make_application(
                CONFIG_PATH=str(path),
                ENDPOINTS="openAI,custom",
                OPENAI_API_KEY="sk-o",
                OPENAI_REVERSE_PROXY=server.url,
            )
            configured.headers = ada.headers
            expected = {"openAI": ["theirs"], "Library": ["theirs"]}
            assert configured.get("/api/models").json() == expected
            assert configured.get("/api/models").json() == expected
            assert [each["models"] for each in configured.get("/api/endpoints").json()] == [["theirs"]] * 2
        assert sorted(request.headers["authorization"] for request in server.requests) == [
            "Bearer k",
            "Bearer sk-o",
        ]

    def test_never_fails_for_a_provider_that_does(
        self, ada: UserClient, make_application: Callable[..., Client]
    ) -> None:
        configured = make_application(
            ENDPOINTS="openAI", OPENAI_API_KEY="sk-o", OPENAI_REVERSE_PROXY="http://127.0.0.1:1/v1"
        )
        configured.headers = ada.headers
        assert "gpt-4o" in configured.get("/api/models").json()["openAI"]
