import pytest

from echo.programs import embeddings as service
from tests.conftest import Client, UserClient
from tests.support.providers import ProviderServer

PATH = "/v1/embeddings"
MODEL = "openAI/text-embedding-3-small"
# What the small server makes of a text of two letters, in base64.
PACKED = "AAAAPwAAAL8AAAC/"


class TestCreateEmbeddings:
    def test_needs_a_key(self, api: Client) -> None:
        answer = api.post(PATH, json={"model": MODEL, "input": "Hi"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")

    def test_gives_a_vector_for_each_text(self, ada: UserClient) -> None:
        assert ada.post(PATH, json={"model": MODEL, "input": ["Hi", "Four"]}).json() == {
            "object": "list",
            "model": MODEL,
            "usage": {"prompt_tokens": 8, "total_tokens": 8},
            "data": [
                {"object": "embedding", "index": 0, "embedding": [0.5, -0.5, -0.5]},
                {"object": "embedding", "index": 1, "embedding": [1.0, -0.5, -0.5]},
            ],
        }

    @pytest.mark.parametrize("given", ["Hi", ["Hi"], [7, 9], [[7, 9]]])
    def test_takes_each_form(self, ada: UserClient, given: object) -> None:
        body = {"model": MODEL, "input": given, "encoding_format": "base64", "user": "someone"}
        data = ada.post(PATH, json=body).json()["data"]
        assert data == [{"object": "embedding", "index": 0, "embedding": PACKED}]

    def test_does_not_say_who_asks(self, ada: UserClient, model_server: ProviderServer) -> None:
        ada.post(PATH, json={"model": MODEL, "input": "Hi", "user": "someone"})
        assert b"someone" not in model_server.requests[-1].body

    @pytest.mark.parametrize(
        "change",
        [
            {"input": ""},
            {"input": []},
            {"input": [""]},
            {"input": ["a", 1]},
            {"input": [[]]},
            {"input": [-1]},
            {"input": [1.5]},
            {"input": ["a"] * 2049},
            {"input": None},
            {"dimensions": 0},
            {"dimensions": 65_537},
            {"encoding_format": "int8"},
        ],
        ids=str,
    )
    def test_refuses_what_does_not_fit(self, ada: UserClient, change: dict[str, object]) -> None:
        answer = ada.post(PATH, json={"model": MODEL, "input": "Hi", **change})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_failed")

    def test_of_tokens_written_as_numbers_with_a_point(self, ada: UserClient) -> None:
        for given in ([1.0, 2.0], [[1.0], [2]]):
            answer = ada.post(PATH, json={"model": MODEL, "input": given})
            assert answer.status_code == 200

    def test_of_a_model_that_is_none(self, ada: UserClient) -> None:
        answer = ada.post(PATH, json={"model": "openAI/text-embedding-4", "input": "Hi"})
        assert answer.status_code == 404
        assert answer.json()["error"] == {
            "message": "There is no such model here.",
            "type": "invalid_request_error",
            "param": None,
            "code": "model_not_found",
        }

    def test_a_large_answer_is_made_while_it_is_sent(
        self, ada: UserClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert service.SMALL_NUMBERS == 16_384
        monkeypatch.setattr(service, "SMALL_NUMBERS", 8)
        for count in (3, 4, 7):
            answer = ada.post(PATH, json={"model": MODEL, "input": ["Hi"] * count})
            assert "content-length" not in answer.headers
            assert [each["index"] for each in answer.json()["data"]] == list(range(count))
            assert answer.json()["usage"] == {"prompt_tokens": 4 * count, "total_tokens": 4 * count}


class TestGetV1Model:
    @pytest.mark.parametrize("name", ["openAI/gpt-4o", "openAI%2Fgpt-4o"])
    def test_has_openais_shape(self, ada: UserClient, name: str) -> None:
        assert ada.get(f"/v1/models/{name}").json() == {
            "id": "openAI/gpt-4o",
            "object": "model",
            "created": 0,
            "owned_by": "openAI",
        }

    @pytest.mark.parametrize("name", ["text-embedding-3-small", MODEL])
    def test_need_not_chat(self, ada: UserClient, name: str) -> None:
        assert ada.get(f"/v1/models/{name}").json()["id"] == MODEL

    @pytest.mark.parametrize(
        "name", ["gpt-4o/", "openAI", "openAI/", "a/b/c", "%2F", "google/gemini-x", "%00"]
    )
    def test_that_is_none(self, ada: UserClient, name: str) -> None:
        answer = ada.get(f"/v1/models/{name}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
