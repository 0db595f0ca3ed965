"""Headers that name the user: whatever a name holds, it is one value of one header."""

import base64
from typing import Any

import pytest
from bson import ObjectId

from echo.providers.addresses import AddressGuard
from echo.providers.anthropic import AnthropicDialect
from echo.providers.chat import Credentials
from echo.providers.google import GoogleDialect
from echo.providers.openai import OpenAIDialect
from echo.providers.personal import body_values, encoded, filled, user_values
from echo.providers.sites import Access
from echo.settings import AzureDeployment
from echo.settings.endpoints import HeaderTemplate
from tests.support.providers import SERVERS, ProviderServer
from tests.support.providers.asking import ask, listen, request, settings_of

USER = {
    "_id": ObjectId("65f1c0ffee65f1c0ffee0001"),
    "name": "Ada",
    "email": "ada@example.com",
    "provider": "local",
    "emailVerified": True,
    "twoFactorEnabled": False,
    "googleId": None,
    "role": 5,
    "password": "$2b$canary",
    "totpSecret": "canary",
}
USER_ID = HeaderTemplate(("user-", "!"), ("LIBRECHAT_USER_ID",))
NAME = HeaderTemplate(("", ""), ("LIBRECHAT_USER_NAME",))
MODEL = "gpt-4o"


class TestValues:
    def test_of_users_are_these_and_no_others(self) -> None:
        assert {name: value for name, value in user_values(USER).items() if value} == {
            "LIBRECHAT_USER_ID": "65f1c0ffee65f1c0ffee0001",
            "LIBRECHAT_USER_NAME": "Ada",
            "LIBRECHAT_USER_EMAIL": "ada@example.com",
            "LIBRECHAT_USER_PROVIDER": "local",
            "LIBRECHAT_USER_EMAILVERIFIED": "true",
            "LIBRECHAT_USER_TWOFACTORENABLED": "false",
        }
        assert sorted(user_values(USER)) == [
            "LIBRECHAT_USER_APPLEID",
            "LIBRECHAT_USER_DISCORDID",
            "LIBRECHAT_USER_EMAIL",
            "LIBRECHAT_USER_EMAILVERIFIED",
            "LIBRECHAT_USER_FACEBOOKID",
            "LIBRECHAT_USER_GITHUBID",
            "LIBRECHAT_USER_GOOGLEID",
            "LIBRECHAT_USER_ID",
            "LIBRECHAT_USER_LDAPID",
            "LIBRECHAT_USER_NAME",
            "LIBRECHAT_USER_OPENIDID",
            "LIBRECHAT_USER_PROVIDER",
            "LIBRECHAT_USER_ROLE",
            "LIBRECHAT_USER_SAMLID",
            "LIBRECHAT_USER_TERMSACCEPTED",
            "LIBRECHAT_USER_TWOFACTORENABLED",
            "LIBRECHAT_USER_USERNAME",
        ]

    def test_of_messages(self) -> None:
        assert body_values({"conversationId": "c", "messageId": None, "text": "x"}) == {
            "LIBRECHAT_BODY_CONVERSATIONID": "c",
            "LIBRECHAT_BODY_PARENTMESSAGEID": "",
            "LIBRECHAT_BODY_MESSAGEID": "",
        }


class TestEncoding:
    @pytest.mark.parametrize("text", ["", "Ada", "Ada L.", "a@b.example", "{{x}} ${Y}", "=?utf-8?b?w6Q=?="])
    def test_leaves_ascii_as_it_is(self, text: str) -> None:
        assert encoded(text) == text

    @pytest.mark.parametrize(
        "text",
        [
            *("Müller", "Đorđe", "世界", "😀", " Ada", "Ada\t", "a\r\nX-Evil: 1", "a\nb", "a\x00b", "\x7f"),
            *("b64:QWRh", "\u2028", "\x85", "a\x0bb"),
        ],
    )
    def test_marks_everything_else(self, text: str) -> None:
        made = encoded(text)
        assert made.startswith("b64:")
        assert made.isascii()
        assert made.isprintable()
        assert base64.b64decode(made[4:]).decode() == text

    def test_is_bounded_and_knows_half_characters(self) -> None:
        assert len(encoded("x" * 100_000)) == 1024
        assert encoded("\ud83d") == "b64:Pw=="


class TestFilling:
    def test_is_done_once(self) -> None:
        values = {"LIBRECHAT_USER_NAME": "{{LIBRECHAT_USER_ID}}${JWT_SECRET}", "LIBRECHAT_USER_ID": "7"}
        both = HeaderTemplate(("", "/", ""), ("LIBRECHAT_USER_NAME", "LIBRECHAT_USER_ID"))
        assert filled({"X": both}, values) == {"X": "{{LIBRECHAT_USER_ID}}${JWT_SECRET}/7"}

    def test_needs_every_value(self) -> None:
        assert filled({"X": USER_ID, "Y": NAME}, {"LIBRECHAT_USER_NAME": "Ada"}) == {"Y": "Ada"}

    def test_an_empty_header_is_none(self) -> None:
        padded = HeaderTemplate((" ", " "), ("LIBRECHAT_USER_NAME",))
        assert filled({"X": NAME, "Y": padded}, {"LIBRECHAT_USER_NAME": ""}) == {}


@pytest.mark.parametrize("kind", SERVERS)
class TestRequest:
    def hear(self, kind: str, server: ProviderServer, name: str, **more: Any) -> dict[str, str]:
        settings = settings_of(kind, server.url, **{"personal_headers": {"X-U": NAME}, **more})
        chat = request(model=MODEL, placeholders={"LIBRECHAT_USER_NAME": name})
        assert listen(settings, chat).error is None
        return server.chats[-1].headers

    def test_carries_the_users_header(self, kind: str) -> None:
        with SERVERS[kind]() as server:
            assert self.hear(kind, server, "Ada")["x-u"] == "Ada"
            assert self.hear(kind, server, "Grüß")["x-u"] == "b64:R3LDvMOf"

    def test_has_no_header_of_a_users_making(self, kind: str) -> None:
        with SERVERS[kind]() as server:
            headers = self.hear(kind, server, "a\r\nX-Evil: 1\r\n\r\nGET / HTTP/1.1")
        assert "x-evil" not in headers
        assert headers["x-u"].startswith("b64:")
        assert len(server.requests) == 1

    def test_carries_it_with_a_short_answer(self, kind: str) -> None:
        with SERVERS[kind]() as server:
            settings = settings_of(kind, server.url, personal_headers={"X-U": NAME})
            chat = request(model=MODEL, placeholders={"LIBRECHAT_USER_NAME": "Ada"})
            ask(settings, lambda it: it.complete(chat))
        assert server.chats[-1].headers["x-u"] == "Ada"

    def test_without_a_user_has_none(self, kind: str) -> None:
        with SERVERS[kind]() as server:
            settings = settings_of(kind, server.url, personal_headers={"X-U": USER_ID}, fetch_models=True)
            ask(settings, lambda it: it.models())
            listen(settings, request(model=MODEL))
        assert all("x-u" not in received.headers for received in server.requests)

    def test_to_a_users_own_address_has_none(self, kind: str) -> None:
        with SERVERS[kind]() as server:
            host = server.url.removeprefix("http://").partition("/")[0]
            settings = settings_of(
                kind, "http://127.0.0.1:1", personal_headers={"X-U": NAME}, user_provides_url=True
            )
            chat = request(model=MODEL, placeholders={"LIBRECHAT_USER_NAME": "Ada"})
            said = listen(settings, chat, Credentials("k", server.url), guard=AddressGuard((host,)))
        assert said.error is None
        assert "x-u" not in server.chats[0].headers


def test_azures_groups_have_their_own() -> None:
    with SERVERS["azure"]() as server:
        where = AzureDeployment(
            f"{server.url}/openai/deployments/gpt-4o", "2024-10-21", "k", {}, {"X-U": USER_ID}
        )
        settings = settings_of("azure", server.url, deployments={MODEL: where}, models=(MODEL,))
        listen(settings, request(model=MODEL, placeholders={"LIBRECHAT_USER_ID": "7"}))
    assert server.chats[0].headers["x-u"] == "user-7!"


@pytest.mark.parametrize("dialect", [AnthropicDialect, GoogleDialect, OpenAIDialect])
@pytest.mark.parametrize("method", ["chat", "short"])
def test_every_dialect_says_for_whom_it_asks(dialect: Any, method: str) -> None:
    settings = settings_of("openai", "http://x", personal_headers={"X-U": NAME}, headers={"X-All": "all"})
    chat = request(placeholders={"LIBRECHAT_USER_NAME": "Ada"})
    headers = getattr(dialect(settings), method)(chat, Access("k", "http://x")).headers
    assert (headers["X-U"], headers["X-All"]) == ("Ada", "all")
    headers = getattr(dialect(settings), method)(chat, Access("k", "http://x", own_url=True)).headers
    assert not {"X-U", "X-All"} & headers.keys()
