"""OpenAI's operations beside chats: the address of each, its headers and its body."""

import io
from typing import Any

import pytest

from echo.errors import Unprocessable
from echo.providers.forms import Form, FormFile
from echo.providers.operations import OPERATIONS, Wanted, as_chat, operations_of
from echo.providers.sites import Access
from echo.settings import AzureDeployment
from echo.settings.endpoints import HeaderTemplate
from tests.support.providers.asking import settings_of

ACCESS = Access("k", "http://x/v1")
OWN = Access("k", "http://own/v1", own_key=True, own_url=True)
WANTED = Wanted("m", {"LIBRECHAT_USER_NAME": "Ada"})
FILE = FormFile("file", "a.wav", "audio/wav", io.BytesIO(b"sound"), 5)
NAME = HeaderTemplate(("", ""), ("LIBRECHAT_USER_NAME",))


def operations(kind: str = "openai", **settings: Any) -> Any:
    return operations_of(settings_of(kind, "http://x/v1", **settings), "pictures")


class TestJson:
    def test_has_the_model_and_what_is_set(self) -> None:
        call = operations().json(
            "images/edits", WANTED, ACCESS, {"n": 1, "size": None, "user": ""}, ("n", "size")
        )
        assert call.url == "http://x/v1/images/edits"
        assert call.body == {"model": "m", "n": 1, "user": ""}
        assert (call.model, call.guarded, call.whole) == ("m", False, False)
        assert (call.parameters, call.optional) == ({"n", "user"}, {"n"})
        assert call.headers == {"Content-Type": "application/json", "Authorization": "Bearer k"}

    def test_is_without_what_the_operator_drops_where_it_can_be(self) -> None:
        dropping = operations(drop_parameters=("n", "user"), add_parameters={"seed": 1})
        call = dropping.json("images/edits", WANTED, ACCESS, {"n": 1, "user": "a"}, ("n",))
        assert call.body == {"model": "m", "user": "a"}
        assert call.optional == frozenset()

    def test_names_the_user_to_the_operators_address_alone(self) -> None:
        naming = operations(personal_headers={"X-U": NAME}, headers={"X-All": "all"})
        call = naming.json("embeddings", WANTED, ACCESS, {})
        assert (call.headers["X-U"], call.headers["X-All"]) == ("Ada", "all")
        call = naming.json("embeddings", WANTED, OWN, {})
        assert (call.url, call.guarded) == ("http://own/v1/embeddings", True)
        assert not {"X-U", "X-All"} & call.headers.keys()

    def test_at_azure_stands_beside_its_chats(self) -> None:
        where = AzureDeployment("http://east/dep", "1", "east")
        call = operations("azure", deployments={"m": where}).json("embeddings", WANTED, Access("", ""), {})
        assert call.url == "http://east/dep/embeddings?api-version=1"
        assert call.headers["api-key"] == "east"

    def test_stands_where_the_chats_end_whatever_the_address_holds_before(self) -> None:
        access = Access("k", "http://x/chat/completions/v1")
        call = operations().json("embeddings", WANTED, access, {})
        assert call.url == "http://x/chat/completions/v1/embeddings"


class TestForm:
    def test_has_the_model_the_fields_and_the_files(self) -> None:
        fields = [("n", 1), ("size", None), ("each[]", "a"), ("each[]", "b"), ("prompt", "")]
        call = operations(headers={"content-TYPE": "x"}).form("images/edits", WANTED, ACCESS, fields, [FILE])
        assert call.url == "http://x/v1/images/edits"
        assert isinstance(call.body, Form)
        assert call.body.fields == [
            ("model", "m"),
            ("n", "1"),
            ("each[]", "a"),
            ("each[]", "b"),
            ("prompt", ""),
        ]
        assert call.body.files == (FILE,)
        assert call.headers == {"Authorization": "Bearer k"}
        assert (call.model, call.guarded) == ("m", False)
        assert (call.parameters, call.optional) == ({"model", "n", "each[]", "prompt"}, frozenset())
        assert operations().form("images/edits", WANTED, OWN, [], []).guarded is True


def test_are_of_those_who_speak_openais_protocol() -> None:
    assert sorted(OPERATIONS) == ["azure", "custom", "openai"]
    for kind in ("google", "anthropic", "assistants", "bedrock"):
        with pytest.raises(Unprocessable) as refused:
            operations(kind)
        assert (refused.value.code, refused.value.message) == (
            "not_offered",
            "The provider of that model has no pictures.",
        )


def test_addresses_and_headers_go_by_the_model_and_the_user() -> None:
    chat = as_chat(WANTED)
    assert (chat.model, chat.turns, chat.placeholders) == ("m", (), {"LIBRECHAT_USER_NAME": "Ada"})
