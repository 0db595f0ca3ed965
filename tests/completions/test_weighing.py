"""What requests are taken to cost beside their texts."""

import pytest

from echo.completions.weighing import has_more_than_texts, tokens_beside, tools_text
from echo.providers.chat import Attachment, ChatRequest, Part, PictureAddress, Text, Tool, ToolResult, Turn
from tests.files import samples

TWO_PAGES = b"%PDF-1.7\n<< /Type /Pages /Count 2 >> << /Type /Page >> << /Type/Page/Parent 1 0 R >>"


def request(*parts: Part, tools: tuple[Tool, ...] = ()) -> ChatRequest:
    return ChatRequest(model="m", turns=[Turn("user", parts)], tools=tools)


def file(media_type: str, content: bytes, detail: str | None = None) -> Attachment:
    return Attachment("x", media_type, content, detail)


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        # One tile of 512 pixels.
        (file("image/png", samples.picture("PNG")), 255),
        (file("image/png", samples.picture("PNG"), "low"), 85),
        (file("image/png", b"no picture"), 1105),
        (PictureAddress("https://example.com/x.png"), 1105),
        (file("application/pdf", TWO_PAGES), 6000),
        # Its pages are compressed.
        (file("application/pdf", b"%PDF-1.7" + bytes(120_000)), 9000),
        (file("application/pdf", b"%PDF-1.7" + bytes(49_991)), 3000),
        (file("application/pdf", b"%PDF-1.7" + bytes(49_992)), 6000),
        (file("audio/mpeg", bytes(8000)), 21),
        (file("audio/mpeg", bytes(8399)), 21),
        (file("text/plain", bytes(300)), 101),
        (file("text/plain", bytes(302)), 101),
        (ToolResult("c", (Text("a"), PictureAddress("https://example.com/x.png"))), 1105),
        (Text("words"), 0),
    ],
    ids=range(14),
)
def test_what_is_no_text_has_its_tokens(part: Part, tokens: int) -> None:
    asked = request(part)
    assert (tokens_beside(asked), has_more_than_texts(asked)) == (tokens, tokens > 0)
    assert tokens_beside(request(part, part)) == 2 * tokens


def test_tools_are_read_as_well() -> None:
    tool = Tool("weather", "Of a place.", {"type": "object"})
    assert "".join(tools_text(request(tools=(tool, Tool("now"))))) == (
        'weather Of a place. {"type":"object"}now  {}'
    )
