"""OpenAI's messages as turns."""

import base64
from typing import Any

import pytest

from echo.completions.asking import Question, newest_text
from echo.completions.messages import read_messages
from echo.errors import Unprocessable
from echo.providers.chat import (
    Attachment,
    PictureAddress,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from tests.files import samples
from tests.security.conftest import PNG

PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\nendobj\n%%EOF\n"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + bytes(24)
IN_BASE64 = base64.b64encode(PNG).decode()


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


class TestReadMessages:
    def test_what_stands_first_is_the_system_prompt_and_what_comes_later_stays_there(self) -> None:
        messages = [
            {"role": "system", "content": "One"},
            {"role": "system", "content": ""},
            {"role": "developer", "content": [{"type": "text", "text": "Two"}]},
            user("Hello"),
            {"role": "system", "content": "Three"},
            user("There"),
        ]
        system, turns = read_messages(messages)
        assert system == "One\n\nTwo"
        assert turns == (
            Turn.of_text("user", "Hello"),
            Turn.of_text("system", "Three"),
            Turn.of_text("user", "There"),
        )

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
            "http://localhost/cat.png",
            "https://user:secret@example.com/cat.png",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "data:text/html;base64,PGI+",
            "data:image/png,raw",
            "data:text/html,;base64,PGI+",
            "data:image/png;base64:YWJj",
            "data:image/png;base64,",
            "data:image/png;base64,====",
            "data:image/png;base64,YQ",
            "data:image/png;base64,Y",
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

    @pytest.mark.parametrize("role", ["system", "assistant"])
    def test_may_end_with_any_side(self, role: str) -> None:
        system, turns = read_messages([{"role": role, "content": "Only this"}])
        assert (system, turns) == (
            ("Only this", ()) if role == "system" else (None, (Turn.of_text("assistant", "Only this"),))
        )

    @pytest.mark.parametrize(
        ("messages", "place"),
        [
            ([user("")], "messages"),
            ([user([])], "messages"),
            ([{"role": "assistant", "content": None}], "messages"),
            ([user(None)], "messages.0.content"),
            ([{"role": "system"}], "messages.0.content"),
            ([{"role": "system", "content": [picture(f"data:;base64,{IN_BASE64}")]}], "messages.0.content"),
            ([{"role": "tool", "content": "x"}], "messages.0.tool_call_id"),
        ],
    )
    def test_refuses_what_says_nothing_or_stands_nowhere(self, messages: list[Any], place: str) -> None:
        with pytest.raises(Unprocessable) as refused:
            read_messages(messages)
        assert refused.value.errors[0].field == place


class TestParts:
    @pytest.mark.parametrize("detail", [None, "low"])
    def test_the_address_of_a_picture_is_passed_on(self, detail: str | None) -> None:
        url = "HTTPS://example.com/cat.png?size=1#top"
        part = {"type": "image_url", "image_url": {"url": url, "detail": detail}}
        _, (turn,) = read_messages([user([part])])
        assert turn.parts == (PictureAddress(url, detail),)

    @pytest.mark.parametrize(
        "written",
        [
            IN_BASE64.rstrip("="),
            IN_BASE64.replace("+", "-").replace("/", "_"),
            IN_BASE64.replace("=", "%3D").replace("+", "%2B").replace("/", "%2F"),
            "\r\n".join(IN_BASE64[place : place + 76] for place in range(0, len(IN_BASE64), 76)),
        ],
    )
    def test_base64_is_read_as_programs_write_it(self, written: str) -> None:
        _, (turn,) = read_messages([user([picture(f"data:image/png;base64,{written}")])])
        assert turn.attachments[0].content == PNG

    def test_sounds(self) -> None:
        data = base64.b64encode(WAV).decode()
        part = {"type": "input_audio", "input_audio": {"data": data, "format": "mp3"}}
        _, (turn,) = read_messages([user([part])])
        assert turn.parts == (Attachment("sound-1.wav", "audio/wav", WAV),)

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (samples.sound("webm", "libopus"), "audio/webm"),
            (samples.sound("ipod", "aac"), "audio/mp4"),
            # Either may be a film, too: what has no picture in it is for the model to hear.
            (samples.film("webm", "libvpx"), "audio/webm"),
            (samples.film("mp4", "mpeg4"), "audio/mp4"),
        ],
    )
    def test_sounds_in_containers(self, content: bytes, kind: str) -> None:
        part = {"type": "input_audio", "input_audio": {"data": base64.b64encode(content).decode()}}
        _, (turn,) = read_messages([user([part])])
        assert turn.parts == (Attachment(f"sound-1.{kind.partition('/')[2]}", kind, content),)

    @pytest.mark.parametrize(
        ("part", "reason"),
        [
            (picture("data:;base64,gA=="), "image_url is no picture of a type that is accepted"),
            (picture("data:;base64,YWJj"), "image_url is no picture of a type that is accepted"),
            (picture("data:;base64,Y"), "image_url is not in base64"),
            (
                picture("ftp://example.com/a"),
                "image_url must be a data: URL, or a public http(s) address that the provider can fetch",
            ),
            (
                {"type": "input_audio", "input_audio": {"data": "gA=="}},
                "input_audio is no sound of a type that is accepted",
            ),
            (
                {"type": "input_audio", "input_audio": {"data": "YWJj"}},
                "input_audio is no sound of a type that is accepted",
            ),
            (
                {"type": "file", "file": {"file_data": "gA=="}},
                "file is neither a PDF nor a picture nor a text in UTF-8",
            ),
            (
                {"type": "file", "file": {"file_id": "f", "file_data": "YWJj"}},
                "file must have file_data: there are no files of OpenAI's here",
            ),
        ],
    )
    def test_what_is_refused_is_told_why(self, part: dict[str, Any], reason: str) -> None:
        with pytest.raises(Unprocessable) as refused:
            read_messages([user([part])])
        place = f"messages.0.content.0.{reason}"
        assert refused.value.message == f"The request cannot be sent to a model: {place}."
        assert (refused.value.errors[0].field, refused.value.errors[0].message) == tuple(place.split(" ", 1))

    def test_an_address_has_so_many_letters_at_most(self) -> None:
        address = "https://example.com/".ljust(8192, "a")
        _, (turn,) = read_messages([user([picture(address)])])
        assert turn.parts == (PictureAddress(address, None),)
        with pytest.raises(Unprocessable, match="must be a data: URL, or a public"):
            read_messages([user([picture(f"{address}a")])])

    @pytest.mark.parametrize(
        ("content", "kind"),
        [(PDF, "application/pdf"), ("ünï".encode(), "text/plain"), (PNG, "image/png")],
    )
    @pytest.mark.parametrize("before", ["", "data:application/pdf;base64,"])
    def test_files(self, content: bytes, kind: str, before: str) -> None:
        data = before + base64.b64encode(content).decode()
        part = {"type": "file", "file": {"file_data": data, "filename": "a"}}
        _, (turn,) = read_messages([user([part])])
        assert turn.parts == (Attachment("a", kind, content),)

    @pytest.mark.parametrize(
        "part",
        [
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "file", "file": {"file_data": base64.b64encode(WAV).decode()}},
            {"type": "file"},
            {"type": "input_audio", "input_audio": {"data": IN_BASE64}},
            {"type": "input_audio", "input_audio": {"data": "?"}},
        ],
    )
    def test_what_they_are_not_is_refused(self, part: dict[str, Any]) -> None:
        with pytest.raises(Unprocessable) as refused:
            read_messages([user([part])])
        assert refused.value.errors[0].field == f"messages.0.content.0.{part['type']}"


CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}


class TestTools:
    def test_calls_and_results_are_turns(self) -> None:
        bare = {"id": "c2", "type": "function", "function": {"name": "wait"}}
        messages = [
            user("Look"),
            {"role": "assistant", "content": None, "tool_calls": [CALL, bare]},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "A cat"}]},
            {"role": "tool", "tool_call_id": "c2", "content": ""},
        ]
        _, turns = read_messages(messages)
        assert turns[1:] == (
            Turn("assistant", (ToolCall("c1", "look", '{"at": 1}'), ToolCall("c2", "wait", "{}"))),
            Turn("tool", (ToolResult("c1", (Text("A cat"),), name="look"), ToolResult("c2", name="wait"))),
        )

    def test_what_was_signed_is_given_back(self) -> None:
        signed = {**CALL, "extra_content": {"google": {"thought_signature": "s"}}}
        details = [
            {"type": "reasoning.text", "text": "hm", "signature": "x", "format": "anthropic"},
            {"type": "reasoning.encrypted", "data": "d"},
            {"type": "reasoning.text", "text": "unsigned"},
        ]
        message = {
            "role": "assistant",
            "content": "Wait",
            "reasoning_content": "hm",
            "reasoning_details": details,
            "refusal": "No",
            "tool_calls": [signed],
        }
        _, (turn,) = read_messages([message])
        assert turn.parts == (
            Reasoning("hm", "x", format="anthropic"),
            Reasoning(redacted="d"),
            Text("Wait"),
            Refusal("No"),
            ToolCall("c1", "look", '{"at": 1}', "s"),
        )


class TestNewestText:
    @pytest.mark.parametrize(
        ("messages", "newest"),
        [
            ([user("One"), user("Two")], "One\n\nTwo"),
            ([user("One"), {"role": "assistant", "content": "Hi"}, user("Two")], "Two"),
            ([user("One"), {"role": "assistant", "content": "Well, "}], "One"),
            (
                [
                    user("One"),
                    {"role": "assistant", "content": "Hm", "tool_calls": [CALL]},
                    {"role": "tool", "tool_call_id": "c1", "content": "Two"},
                ],
                "One\n\nTwo",
            ),
        ],
    )
    def test_is_all_since_the_last_answer(self, messages: list[Any], newest: str) -> None:
        assert newest_text(read_messages(messages)[1]) == newest


class TestRequest:
    def test_what_was_said_before_comes_first(self) -> None:
        question = Question("openAI/m", (Turn.of_text("user", "Two"),), system=None)
        request = question.request("m", [Turn.of_text("user", "One")], "Be brief.", {"A": "b"})
        assert [turn.text for turn in request.turns] == ["One", "Two"]
        assert (request.model, request.system, request.placeholders) == ("m", "Be brief.", {"A": "b"})

    def test_its_own_system_prompt_wins(self) -> None:
        question = Question("m", (Turn.of_text("user", "Two"),), system="Be kind.")
        assert question.request("m", [], "Be brief.", {}).system == "Be kind."
