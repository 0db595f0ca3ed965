"""What goes into a request in any provider's form, and what a turn holds."""

import pytest

from echo.providers.chat import Attachment, ChatRequest, Text, ToolCall, ToolResult, Turn
from echo.providers.content import (
    file_text,
    full_text,
    hoisted,
    in_base64,
    is_audio,
    is_pdf,
    is_picture,
    is_text_file,
)
from echo.providers.parts import Citation, Reasoning, Refusal


def file(name: str = "a.txt", media_type: str = "text/plain", content: bytes = b"Note") -> Attachment:
    return Attachment(name, media_type, content)


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("image/png", "picture"),
        ("audio/wav", "sound"),
        ("application/pdf", "pdf"),
        ("text/plain", "text"),
        ("application/json", "text"),
        ("imagery/png", "text"),
        ("application/pdf+x", "text"),
    ],
)
def test_a_file_is_of_one_kind(media_type: str, kind: str) -> None:
    each = file(media_type=media_type)
    told = {
        "picture": is_picture(each),
        "sound": is_audio(each),
        "pdf": is_pdf(each),
        "text": is_text_file(each),
    }
    assert [name for name, is_so in told.items() if is_so] == [kind]


class TestTextFile:
    def test_is_marked_with_its_name(self) -> None:
        assert file_text(file()) == '<file name="a.txt">\nNote\n</file>'

    def test_has_a_name_that_cannot_end_the_mark(self) -> None:
        shown = file_text(file('"><b>&\n\x00 ü.txt'))
        assert shown.startswith('<file name="&quot;&gt;&lt;b&gt;&amp; ü.txt">\n')
        assert file_text(file("x" * 256)).startswith(f'<file name="{"x" * 255}">')

    @pytest.mark.parametrize(
        ("content", "text"),
        [
            (b"\xef\xbb\xbfa\n\n", "a"),
            (b"\na \n", "\na "),
            (b"a\xff", "a\ufffd"),
            ("世界".encode(), "世界"),
            (b"", ""),
        ],
    )
    def test_has_its_text_as_it_is(self, content: bytes, text: str) -> None:
        assert file_text(file(content=content)) == f'<file name="a.txt">\n{text}\n</file>'


def test_the_text_of_a_turn_has_its_files_before_it() -> None:
    files = (file(), file("b.png", "image/png"), file("c.txt", content=b"More"))
    first, second = '<file name="a.txt">\nNote\n</file>', '<file name="c.txt">\nMore\n</file>'
    assert full_text(Turn.of_text("user", "See", files)) == f"{first}\n\n{second}\n\nSee"
    assert full_text(Turn.of_text("user", "", files)) == f"{first}\n\n{second}"
    assert full_text(Turn.of_text("user", "See")) == "See"


def test_instructions_go_to_the_beginning() -> None:
    hello, brief, empty = (
        Turn.of_text("user", "Hello"),
        Turn.of_text("system", "Be brief."),
        Turn.of_text("system", ""),
    )
    turns = (brief, hello, empty, Turn.of_text("system", "In verse."))
    assert hoisted(ChatRequest("m", turns, "Be kind.")) == ("Be kind.\n\nBe brief.\n\nIn verse.", [hello])
    assert hoisted(ChatRequest("m", (brief,))) == ("Be brief.", [])
    assert hoisted(ChatRequest("m", (hello, empty), "")) == (None, [hello])


def test_bytes_are_shown_in_base64() -> None:
    assert in_base64(file(content=b"\xff\xfe")) == "//4="


class TestTurn:
    CALL = ToolCall("c", "f", "{}")
    RESULT = ToolResult("c", (Text("a"), file(), Text("b")))
    PARTS = (Text("one"), Reasoning("hm"), CALL, RESULT, file(), Refusal("no"), Citation("u"), Text(""))

    def test_tells_its_parts_by_kind(self) -> None:
        turn = Turn("assistant", self.PARTS)
        assert turn.text == "one\nno\n"
        assert turn.attachments == (file(),)
        assert turn.calls == (self.CALL,)
        assert turn.results == (self.RESULT,)

    def test_of_a_text_has_what_is_attached_to_it(self) -> None:
        assert Turn.of_text("user", "a", [file()]) == Turn("user", (Text("a"), file()))
        assert Turn.of_text("user", "", [file()]) == Turn("user", (file(),))
        assert Turn.of_text("system", "a") == Turn("system", (Text("a"),))

    def test_has_results_whose_texts_are_lines(self) -> None:
        assert self.RESULT.text == "a\nb"
        assert ToolResult("c").text == ""

    def test_keeps_files_out_of_logs(self) -> None:
        assert "canary" not in repr(file(content=b"canary"))
