import base64

import pytest

from echo.programs import images as service
from tests.conftest import Client, UserClient
from tests.files import samples
from tests.support.providers import ProviderServer
from tests.support.providers.errands import parts

NEW, EDIT = "/v1/images/generations", "/v1/images/edits"
ASKED = {"model": "openAI/gpt-image-1", "prompt": "A circle"}
CIRCLE = {"b64_json": base64.b64encode(b"A circle").decode()}
PNG = samples.picture("PNG", (1, 1))


@pytest.mark.parametrize("path", [NEW, EDIT])
def test_needs_a_key(api: Client, path: str) -> None:
    assert api.post(path).json()["error"]["type"] == "authentication_error"


class TestCreateImage:
    def test_gives_pictures(self, ada: UserClient, model_server: ProviderServer) -> None:
        answer = ada.post(NEW, json={**ASKED, "n": 2, "quality": "low", "user": "someone", "size": None})
        assert answer.json() == {
            "created": 1_741_569_952,
            "data": [CIRCLE, CIRCLE],
            "size": "1024x1024",
            "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
        }
        assert model_server.requests[-1].json == {**ASKED, "model": "gpt-image-1", "n": 2, "quality": "low"}

    def test_gives_addresses(self, ada: UserClient) -> None:
        answer = ada.post(NEW, json={**ASKED, "response_format": "url"})
        assert answer.json()["data"] == [{"url": "https://pictures.test/1.png", "revised_prompt": "Better."}]

    def test_a_large_answer_is_made_while_it_is_sent(
        self, ada: UserClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert service.SMALL_BYTES == 262_144
        monkeypatch.setattr(service, "SMALL_BYTES", 10)
        answer = ada.post(NEW, json={**ASKED, "n": 3})
        assert "content-length" not in answer.headers
        assert answer.json()["data"] == [CIRCLE] * 3

    def test_counts_for_the_limits_of_a_key(self, api: Client, ada: UserClient) -> None:
        made = ada.post("/api/api-keys", json={"name": "one", "limits": {"requestsPerMinute": 5}}).json()
        answer = api.post(NEW, json=ASKED, headers={"Authorization": f"Bearer {made['key']}"})
        assert answer.headers["x-ratelimit-limit-requests"] == "5"
        used = ada.get(f"/api/api-keys/{made['id']}").json()["usage"]["day"]
        assert (used["inputTokens"], used["outputTokens"]) == (3, 4)

    @pytest.mark.parametrize(
        "change",
        [
            {"prompt": ""},
            {"n": 11},
            {"n": 0},
            {"response_format": "file"},
            {"stream": True},
            {"output_compression": 101},
        ],
        ids=str,
    )
    def test_refuses_what_does_not_fit(self, ada: UserClient, change: dict[str, object]) -> None:
        answer = ada.post(NEW, json={**ASKED, **change})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_failed")

    def test_by_a_model_that_is_none(self, ada: UserClient) -> None:
        answer = ada.post(NEW, json={**ASKED, "model": "openAI/dall-e-9"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


class TestCreateImageEdit:
    def test_from_one(self, ada: UserClient, model_server: ProviderServer) -> None:
        files = {"image": ("secret.txt", PNG, "text/plain"), "mask": ("m.png", PNG, "image/png")}
        answer = ada.post(EDIT, data={**ASKED, "n": "1"}, files=files)
        assert answer.json()["data"] == [CIRCLE]
        assert parts(model_server.requests[-1]) == [
            ("model", "", b"gpt-image-1"),
            ("prompt", "", b"A circle"),
            ("n", "", b"1"),
            ("image", "image-1.png", PNG),
            ("mask", "mask.png", PNG),
        ]

    def test_from_several(self, ada: UserClient, model_server: ProviderServer) -> None:
        files = [("image[]", ("a.png", PNG, "image/png")), ("image[]", ("b.png", PNG, "image/png"))]
        assert ada.post(EDIT, data=ASKED, files=files).status_code == 200
        sent = [(name, filename) for name, filename, _ in parts(model_server.requests[-1]) if filename]
        assert sent == [("image[]", "image-1.png"), ("image[]", "image-2.png")]

    @pytest.mark.parametrize("content", [b"", b"no picture", samples.PDF])
    def test_from_what_is_no_picture(self, ada: UserClient, content: bytes) -> None:
        answer = ada.post(EDIT, data=ASKED, files={"image": ("a.png", content, "image/png")})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unsupported_content")

    @pytest.mark.parametrize(
        "change", [{"n": "11"}, {"n": "two"}, {"stream": "true"}, {"prompt": ""}], ids=str
    )
    def test_refuses_what_does_not_fit(self, ada: UserClient, change: dict[str, str]) -> None:
        answer = ada.post(EDIT, data={**ASKED, **change}, files={"image": ("a.png", PNG, "image/png")})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_failed")
