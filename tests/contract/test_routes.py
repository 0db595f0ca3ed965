"""Which contract a path belongs to, with either of them at the root."""

from functools import cache

import pytest

from echo.contract.document import Contract
from echo.contract.routes import Contracts, lay_out, load_contracts
from tests.conftest import MakeUser, UserClient


@cache
def contracts(root: str) -> Contracts:
    return load_contracts(root)


def found(root: str, path: str, method: str = "GET") -> str | None:
    match = contracts(root).match(path)
    return match.operations[method].label if match else None


@pytest.mark.parametrize(
    ("path", "echo", "librechat"),
    [
        ("/api/keys", "get_user_key", "librechat.get_user_key"),
        ("/chat/api/keys", "librechat.get_user_key", None),
        ("/echo/api/keys", None, "get_user_key"),
        ("/health", "get_health", "get_health"),
        ("/chat/health", "librechat.get_health", None),
        ("/v1/models", "list_v1_models", "list_v1_models"),
        ("/chat/v1/models", None, None),
        ("/v1/models/openAI/gpt-4o", "get_v1_model", "get_v1_model"),
        ("/v1/models/", None, None),
        ("/docs", "get_docs", "get_docs"),
        ("/openapi.librechat.json", "get_librechat_openapi", "get_librechat_openapi"),
        ("/metrics", "get_metrics", "get_metrics"),
        ("/api/files/speech/tts/voices", None, "librechat.list_voices"),
        # Others keep these addresses, or send browsers there.
        ("/oauth/openid", "librechat.begin_openid_login", "librechat.begin_openid_login"),
        ("/chat/oauth/openid", "librechat.begin_openid_login", None),
        ("/images/u/a.png", "librechat.get_image", "librechat.get_image"),
        ("/chat/images/u/a.png", "librechat.get_image", None),
        ("/api/images/u/a.png", None, None),
        ("/echo/health", None, "get_health"),
        ("/echo/v1/models", None, "list_v1_models"),
        ("/chat", None, None),
        ("/chatapi/keys", None, None),
        ("/chat//api/keys", None, None),
        ("/chat/chat/api/keys", None, None),
        ("/echo/echo/api/keys", None, None),
    ],
)
def test_a_path_belongs_to_one_contract(path: str, echo: str | None, librechat: str | None) -> None:
    assert (found("echo", path), found("librechat", path)) == (echo, librechat)


def contract(name: str, *paths: str) -> Contract:
    """With an operation at each path, which is called like that."""
    usual = {"x-openapi-router-controller": "handlers.x", "responses": {}}
    return Contract.load({"paths": {path: {"get": {**usual, "operationId": path}} for path in paths}}, name)


class TestLayingOut:
    SHARED = ("/api/x", "/v1/x", "/health", "/images/x", "/oauth/x", "/api/files/speech/tts")

    def laid_out(self, root: str) -> Contracts:
        return lay_out(contract("echo", *self.SHARED), contract("librechat", *self.SHARED, "/own"), root)

    def found(self, root: str, *paths: str) -> list[str | None]:
        contracts = self.laid_out(root)
        matches = [contracts.match(path) for path in paths]
        return [match.operations["GET"].label if match else None for match in matches]

    def test_gives_the_root_to_the_first_but_for_what_others_keep(self) -> None:
        assert self.laid_out("echo").bases == {"echo": "", "librechat": "/chat"}
        assert self.found("echo", *self.SHARED, "/own") == [
            *("/api/x", "/v1/x", "/health"),
            *("librechat./images/x", "librechat./oauth/x", "librechat./api/files/speech/tts"),
            None,
        ]
        below = [f"/chat{path}" for path in (*self.SHARED, "/own")]
        assert self.found("echo", *below) == [f"librechat.{path}" for path in (*self.SHARED, "/own")]
        assert self.found("echo", "/echo/api/x", "/echo/health") == [None, None]

    def test_gives_the_root_to_the_other_but_for_what_is_no_api(self) -> None:
        assert self.laid_out("librechat").bases == {"echo": "/echo", "librechat": ""}
        assert self.found("librechat", *self.SHARED, "/own") == [
            "librechat./api/x",
            *("/v1/x", "/health", "/images/x", "/oauth/x"),
            *("librechat./api/files/speech/tts", "librechat./own"),
        ]
        below = [f"/echo{path}" for path in self.SHARED]
        assert self.found("librechat", *below) == list(self.SHARED)
        assert self.found("librechat", "/echo/own", "/chat/own", "/chat/api/x") == [None, None, None]

    def test_keeps_both(self) -> None:
        for root in ("echo", "librechat"):
            contracts = self.laid_out(root)
            assert [each.name for each in contracts] == ["echo", "librechat"]
            assert (contracts.echo.name, contracts.librechat.name) == ("echo", "librechat")


def test_those_that_ship_have_the_first_at_the_root() -> None:
    assert load_contracts().bases == {"echo": "", "librechat": "/chat"}
    assert load_contracts("librechat").bases == {"echo": "/echo", "librechat": ""}
    assert [each.name for each in load_contracts("librechat")] == ["echo", "librechat"]


def test_each_contract_is_below_a_path_of_its_own() -> None:
    for root, bases in {
        "echo": {"echo": "", "librechat": "/chat"},
        "librechat": {"echo": "/echo", "librechat": ""},
    }.items():
        laid_out = contracts(root)
        assert laid_out.bases == bases
        assert [each.name for each in laid_out] == ["echo", "librechat"]


@pytest.mark.parametrize("root", ["echo", "librechat"])
def test_answers_are_read_aloud_at_the_root(root: str) -> None:
    """The client asks there, whatever path it is below."""
    expected = "librechat.read_message_aloud"
    assert found(root, "/api/files/speech/tts", "POST") == expected
    assert found(root, "/api/files/speech/stt", "POST") in ("transcribe_audio", "librechat.transcribe_audio")


def test_one_session_is_good_for_both(make_user: MakeUser) -> None:
    ada: UserClient = make_user("ada")
    assert ada.get("/chat/api/keys", params={"name": "openAI"}).json() == {"expiresAt": None}
    assert ada.get("/api/keys", params={"name": "openAI"}).json() == {"expiresAt": None}


def test_a_method_that_only_the_other_contract_has_is_refused(ada: UserClient) -> None:
    response = ada.request("PATCH", "/chat/api/keys")
    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PUT"
