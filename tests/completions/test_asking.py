"""OpenAI's messages as turns."""

import base64
from typing import Any

import pytest

from echo.completions.asking import Question, read_messages
from echo.errors import Unprocessable
from echo.providers.chat import Turn
from tests.security.conftest import PNG

IN_BASE64 = base64.b64encode(PNG).decode()


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


class TestReadMessages:
    def test_gathers_the_system_prompt_wherever_it_stands(self) -> None:
        messages = [
            {"role": "system", "content": "One"},
            user("Hello"),
            {"role": "developer", "content": [{"type": "text", "text": "Two"}]},
            {"role": "system", "content": ""},
            user("There"),
        ]
        system, turns = read_messages(messages)
        assert system == "One\n\nTwo"
        assert turns == (Turn.of_text("user", "Hello"), Turn.of_text("user", "There"))

    def test_takes_texts_and_pictures(self) -> None:
        parts = [
            {"type": "text", "text": "What"},
            picture(f"data:image/png;base64,{IN_BASE64}"),
            {"type": "text", "text": "is this?"},
            {"type": "text"},
        ]
        system, (turn,) = read_messages([user(parts)])
        assert (system, turn.text) == (None, "What\nis this?")
        (attachment,) = turn.attachments
        assert (attachment.filename, attachment.media_type, attachment.content) == (
            "picture-1.png",
            "image/png",
            PNG,
        )

    @pytest.mark.parametrize(
        "before",
        [
            "data:image/jpeg;base64",
            "data:image/PNG;base64",
            "DATA:IMAGE/PNG;BASE64",
            "data:image/x-png;base64",
            "data:image/vnd.mozilla.apng;base64",
            "data:image/png;name=cat.png;base64",
            "data:application/octet-stream;base64",
            "data:;base64",
        ],
    )
    def test_a_picture_is_what_its_bytes_are(self, before: str) -> None:
        _, (turn,) = read_messages([user([picture(f"{before},{IN_BASE64}")])])
        assert turn.attachments[0].media_type == "image/png"

    @pytest.mark.parametrize(
        "url",
        [
            "https://example.com/cat.png",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "data:text/html;base64,PGI+",
            "data:image/png,raw",
            "data:text/html,;base64,PGI+",
            "data:image/png;base64:YWJj",
            "data:image/png;base64,",
            "data:image/png;base64,====",
            "data:image/png;base64,YQ",
            "data:image/png;base64,YWJj",
            "data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=",
            f"data:image/png;base64,{IN_BASE64}\nhttp://x",
            "",
        ],
    )
    def test_refuses_what_is_no_picture_and_fetches_nothing(self, url: str) -> None:
        with pytest.raises(Unprocessable) as refused:
            read_messages([user([picture(url)])])
        assert refused.value.code == "unsupported_content"
        assert refused.value.errors[0].field == "messages.0.content.0.image_url"

    def test_refuses_a_picture_without_an_address(self) -> None:
        with pytest.raises(Unprocessable):
            read_messages([user([{"type": "image_url"}])])

    @pytest.mark.parametrize(
        "messages",
        [
            [{"role": "system", "content": "Only this"}],
            [user("")],
            [user([])],
            [user("Hello"), {"role": "assistant", "content": "Hi"}],
        ],
    )
    def test_wants_the_users_word_last(self, messages: list[dict[str, Any]]) -> None:
        with pytest.raises(Unprocessable):
            read_messages(messages)


class TestRequest:
    def test_what_was_said_before_comes_first(self) -> None:
        question = Question("openAI/m", (Turn.of_text("user", "Two"),), system=None)
        request = question.request("m", [Turn.of_text("user", "One")], "Be brief.")
        assert [turn.text for turn in request.turns] == ["One", "Two"]
        assert (request.model, request.system) == ("m", "Be brief.")

    def test_its_own_system_prompt_wins(self) -> None:
        question = Question("m", (Turn.of_text("user", "Two"),), system="Be kind.")
        assert question.request("m", [], "Be brief.").system == "Be kind."
