"""Files as answers: whole, in part, only their headers, or that they have not changed."""

import os
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from echo.contract.file_answers import CHUNK_BYTES, disposition, empty_reply, file_reply
from echo.errors import RangeNotSatisfiable
from echo.handling.file_body import FileBody
from echo.handling.reply import RawHeaders, Reply
from echo.http.bridge import close_pieces

CONTENT = b"0123456789"
TAG = '"17a6b2c3d4e5f600-a"'
SHOWN = {"X-Request": "1"}
SENT = {"x-request": "1"}


class Stored:
    """A file of a service, and whether it was fetched."""

    size, tag = 10, 'v 1/"2"'

    def __init__(self) -> None:
        self.opened: list[BytesIO] = []

    def open(self) -> BinaryIO:
        self.opened.append(BytesIO(CONTENT))
        return self.opened[-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_bytes(CONTENT)
    os.utime(path, ns=(0, 0x17A6B2C3D4E5F600))
    return path


def ask(
    place: Path | Stored, method: str = "GET", inline: bool = False, **asked: str
) -> tuple[Reply, dict[str, str], bytes]:
    body = FileBody(place, "text/plain; charset=utf-8", "caf\u00e9 1/2.txt", inline=inline)
    reply = file_reply(body, 200, SHOWN, {"REQUEST_METHOD": method, **asked})
    content = reply.body + b"".join(reply.pieces or ())
    close_pieces(reply.pieces)
    return reply, sent(reply.headers), content


def sent(raw: RawHeaders) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in raw}


def headers(length: int = 10, tag: str = TAG, kind: str = "attachment") -> dict[str, str]:
    return {
        **SENT,
        "etag": tag,
        "accept-ranges": "bytes",
        "content-type": "text/plain; charset=utf-8",
        "content-length": str(length),
        "content-disposition": f"{kind}; filename*=UTF-8''caf%C3%A9%201%2F2.txt",
    }


@pytest.mark.parametrize(("inline", "kind"), [(False, "attachment"), (True, "inline")])
def test_a_file_comes_whole(path: Path, inline: bool, kind: str) -> None:
    reply, found, content = ask(path, inline=inline)
    assert (reply.status, found, content) == (200, headers(kind=kind), CONTENT)


def test_in_pieces(path: Path) -> None:
    assert CHUNK_BYTES == 262_144
    path.write_bytes(b"a" * 600_000)
    body = FileBody(path, "text/plain", "a")
    reply = file_reply(body, 200, {}, {"REQUEST_METHOD": "GET"})
    assert [len(piece) for piece in reply.pieces or ()] == [262_144, 262_144, 75_712]
    close_pieces(reply.pieces)


def test_that_lies_elsewhere_has_the_tag_of_its_service() -> None:
    stored = Stored()
    reply, found, content = ask(stored)
    tag = '"v%201%2F%222%22"'
    assert (reply.status, found, content) == (200, headers(tag=tag), CONTENT)
    assert ask(stored, HTTP_IF_NONE_MATCH=tag)[0].status == 304
    assert len(stored.opened) == 1


def test_of_a_head_is_only_its_headers_and_it_is_not_fetched() -> None:
    stored = Stored()
    reply, found, content = ask(stored, "HEAD")
    assert (reply.status, content, stored.opened) == (200, b"", [])
    assert found["content-length"] == "10"


@pytest.mark.parametrize("given", [TAG, f'"x", {TAG}', f"W/{TAG}", "*"])
def test_that_the_client_has_is_not_sent_again(path: Path, given: str) -> None:
    # Before any range.
    reply, found, content = ask(path, HTTP_IF_NONE_MATCH=given, HTTP_RANGE="bytes=0-1")
    assert (reply.status, content) == (304, b"")
    # A length would be that of the file.
    assert found == {"x-request": "1", "etag": TAG}


def test_that_has_changed_is_sent(path: Path) -> None:
    assert ask(path, HTTP_IF_NONE_MATCH='"x"')[2] == CONTENT


class TestRanges:
    @pytest.mark.parametrize(
        ("wanted", "content", "named"),
        [
            ("bytes=2-4", b"234", "bytes 2-4/10"),
            ("bytes=8-", b"89", "bytes 8-9/10"),
            ("bytes=8-99", b"89", "bytes 8-9/10"),
            ("bytes=-3", b"789", "bytes 7-9/10"),
            ("bytes=0-0", b"0", "bytes 0-0/10"),
        ],
    )
    def test_are_parts_of_it(self, path: Path, wanted: str, content: bytes, named: str) -> None:
        reply, found, got = ask(path, HTTP_RANGE=wanted)
        assert (reply.status, got) == (206, content)
        assert found == {**headers(len(content)), "content-range": named}

    def test_of_another_file_are_the_whole(self, path: Path) -> None:
        same, other = (ask(path, HTTP_RANGE="bytes=2-4", HTTP_IF_RANGE=tag)[2] for tag in (TAG, '"x"'))
        assert (same, other) == (b"234", CONTENT)

    def test_behind_its_end_are_refused_with_its_size_and_nothing_is_left_open(self) -> None:
        stored = Stored()
        with pytest.raises(RangeNotSatisfiable) as caught:
            ask(stored, HTTP_RANGE="bytes=10-")
        assert (caught.value.status, caught.value.headers["Content-Range"]) == (416, "bytes */10")
        assert [each.closed for each in stored.opened] == [True]


@pytest.mark.parametrize(("status", "length"), [(204, None), (304, None), (200, "0"), (202, "0")])
def test_where_no_body_can_be_no_length_is_told(status: int, length: str | None) -> None:
    reply = empty_reply(status, SHOWN)
    assert (reply.status, reply.body, reply.pieces) == (status, b"", None)
    assert sent(reply.headers) == SENT | ({"content-length": length} if length else {})


def test_a_name_may_be_of_any_script() -> None:
    assert disposition("inline", 'a";\r\n\u0436.txt') == "inline; filename*=UTF-8''a%22%3B%0D%0A%D0%B6.txt"
