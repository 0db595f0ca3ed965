"""Multipart forms become the arguments of a handler; the limits are Echo's own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO

import pytest
from starlette.datastructures import Headers

from echo.contract import forms
from echo.contract.compiled import FORM, Body
from echo.contract.forms import read_form
from echo.contract.schemas import SchemaCompiler
from echo.errors import ApiError, BadRequest, FieldError, InvalidRequest, ServiceUnavailable
from echo.handling.upload import Upload

SCHEMA = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "conversationId": {"type": "string", "maxLength": 5},
        "note": {"type": "string"},
    },
}
BODY = Body(True, {FORM: SchemaCompiler({}).compile(SCHEMA)}, {FORM: SCHEMA})
# Two files may come, one of them under any name.
TWO = {
    "type": "object",
    "properties": {name: {"type": "string", "format": "binary"} for name in ("file", "second")},
}
FILE = ('name="file"; filename="a.txt"\r\nContent-Type: text/plain', b"hello")

OPENED: list[BinaryIO] = []


def text(name: str, value: bytes) -> tuple[str, bytes]:
    return f'name="{name}"', value


def read(
    *parts: tuple[str, bytes],
    content: bytes | None = None,
    boundary: str = "; boundary=b",
    body: Body = BODY,
) -> dict[str, Any]:
    sent = b"".join(
        b"--b\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + value + b"\r\n"
        for head, value in parts
    )
    pieces = [sent + b"--b--\r\n"] if content is None else [content]

    async def chunks() -> AsyncIterator[bytes]:
        for piece in pieces:
            for at in range(0, len(piece), 65536):
                yield piece[at : at + 65536]

    headers = Headers({"content-type": f"multipart/form-data{boundary}"})
    arguments = asyncio.run(read_form(body, headers, chunks()))
    OPENED.extend(value.stream for value in arguments.values() if isinstance(value, Upload))
    return arguments


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Closes the files of a test's forms, as the application does after the answer."""
    yield
    while OPENED:
        OPENED.pop().close()


def refused(kind: type[ApiError], *parts: tuple[str, bytes], **options: Any) -> ApiError:
    with pytest.raises(kind) as caught:
        read(*parts, **options)
    return caught.value


class TestReading:
    def test_gives_a_file_and_texts(self) -> None:
        arguments = read(FILE, text("conversationId", b"new"), text("note", "Grüße".encode()))
        upload = arguments.pop("file")
        assert arguments == {"conversation_id": "new", "note": "Grüße"}
        assert (upload.filename, upload.content_type, upload.size) == ("a.txt", "text/plain", 5)
        assert upload.stream.read() == b"hello"

    def test_takes_a_file_without_a_type_for_bytes(self) -> None:
        upload = read(('name="file"; filename="a"', b""))["file"]
        assert (upload.filename, upload.content_type, upload.size) == ("a", "application/octet-stream", 0)

    def test_takes_a_file_without_a_name(self) -> None:
        upload = read(('name="file"; filename=""', b"x"))["file"]
        assert (upload.filename, upload.size) == ("", 1)

    def test_passes_over_what_the_document_does_not_name_and_reads_on(self) -> None:
        arguments = read(text("other", b"x"), FILE, text("else", b"y"), text("note", b"z"))
        assert sorted(arguments) == ["file", "note"]

    def test_takes_nothing_of_a_form_without_fields(self) -> None:
        schema = {"type": "object"}
        bare = Body(True, {FORM: SchemaCompiler({}).compile(schema)}, {FORM: schema})
        assert read(text("note", b"x"), FILE, body=bare) == {}

    @pytest.mark.parametrize("size", [0, 1, 65536, 128 * 1024, 300_000])
    def test_keeps_every_byte_of_a_file(self, size: int) -> None:
        data = bytes(range(256)) * (size // 256 + 1)
        upload = read((FILE[0], data[:size]))["file"]
        assert upload.size == size
        assert upload.stream.read() == data[:size]

    def test_holds_a_file_in_memory_up_to_128_kib(self) -> None:
        for size, on_disk in ((128 * 1024, False), (128 * 1024 + 1, True)):
            stream: Any = read((FILE[0], b"x" * size))["file"].stream
            assert stream._rolled is on_disk


class TestRefusing:
    @pytest.mark.parametrize(
        ("parts", "errors"),
        [
            ([], [FieldError("file", "is required")]),
            ([text("file", b"x")], [FieldError("file", "must be a file")]),
            # All that is wrong with parts is told; what is missing besides is not looked at then.
            (
                [text("file", b"x"), ('name="note"; filename="n"', b"x")],
                [FieldError("file", "must be a file"), FieldError("note", "must be text")],
            ),
            ([('name="note"; filename="n"', b"x")], [FieldError("note", "must be text")]),
            ([FILE, text("conversationId", b"123456")], [FieldError("conversationId", "is too long")]),
        ],
    )
    def test_says_which_field_does_not_fit(
        self, parts: list[tuple[str, bytes]], errors: list[FieldError]
    ) -> None:
        error = refused(InvalidRequest, *parts)
        assert list(error.errors) == errors
        assert (error.status, error.code) == (400, "validation_failed")

    def test_lets_go_of_the_files_that_came_with_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kept: list[BinaryIO] = []

        def to_upload(part: Any) -> Upload:
            kept.append(part.file)
            return Upload(part.file, "a.txt", "text/plain", 5)

        monkeypatch.setattr(forms, "to_upload", to_upload)
        read(FILE)
        refused(InvalidRequest, FILE, text("conversationId", b"123456"))
        assert [stream.closed for stream in kept] == [False, True]

    def test_lets_go_of_files_that_the_document_does_not_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[Any] = []

        def making(*arguments: Any, **options: Any) -> Any:
            made.append(SpooledTemporaryFile(*arguments, **options))  # noqa: SIM115 - the form closes it
            return made[-1]

        monkeypatch.setattr("starlette.formparsers.SpooledTemporaryFile", making)
        body = Body(True, {FORM: SchemaCompiler({}).compile(TWO)}, {FORM: TWO})
        read(FILE, (FILE[0].replace("file", "other", 1), b"x"), body=body)
        assert [stream.closed for stream in made] == [False, True]

    @pytest.mark.parametrize(
        "options",
        [
            {"content": b"nonsense"},
            {"content": b"--b\r\n\r\nx\r\n--b--\r\n"},
            {"content": b"--b\r\nbad header\r\n\r\nx\r\n--b--\r\n"},
            {"boundary": ""},
        ],
        ids=["nonsense", "no name", "no header", "no boundary"],
    )
    def test_says_that_a_form_is_malformed(self, options: dict[str, Any]) -> None:
        error = refused(BadRequest, FILE, **options)
        assert (error.code, error.message) == ("malformed_form", "The multipart form is malformed.")

    def test_takes_one_file(self) -> None:
        assert refused(BadRequest, FILE, FILE).code == "malformed_form"

    def test_takes_fifty_fields(self) -> None:
        fields = [text("note", b"x")] * 50
        assert read(FILE, *fields)["note"] == "x"
        assert refused(BadRequest, FILE, *fields, text("note", b"x")).code == "malformed_form"

    def test_takes_a_text_of_64_kib(self) -> None:
        assert len(read(FILE, text("note", b"x" * 65536))["note"]) == 65536
        assert refused(BadRequest, FILE, text("note", b"x" * 65537)).code == "malformed_form"

    def test_says_so_where_no_directory_takes_a_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def nowhere(*_: Any, **__: Any) -> None:
            raise FileNotFoundError("No usable temporary directory found")

        monkeypatch.setattr("starlette.formparsers.SpooledTemporaryFile", nowhere)
        error = refused(ServiceUnavailable, FILE)
        assert (error.status, error.code, error.headers["Retry-After"]) == (503, "disk_failed", "60")


LISTS = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {"type": "string", "format": "binary"},
        },
        "mask": {"type": "string", "format": "binary"},
        "times": {"type": "array", "maxItems": 2, "items": {"type": "string", "enum": ["word", "segment"]}},
        "n": {"type": "integer", "minimum": 1},
        "temperature": {"type": "number"},
        "stream": {"type": "boolean"},
    },
}
LIST_BODY = Body(True, {FORM: SchemaCompiler({}).compile(LISTS)}, {FORM: LISTS})


def image(name: str, content: bytes = b"x") -> tuple[str, bytes]:
    return f'name="{name}"; filename="a.png"', content


class TestListsAndTypes:
    @pytest.mark.parametrize("name", ["image", "image[]"])
    def test_parts_of_one_name_are_a_list(self, name: str) -> None:
        arguments = read(image(name, b"one"), image(name, b"two"), image("mask", b"m"), body=LIST_BODY)
        OPENED.extend(each.stream for each in arguments["image"])
        assert [each.stream.read() for each in arguments["image"]] == [b"one", b"two"]
        assert arguments["mask"].stream.read() == b"m"

    def test_texts_have_the_types_that_are_declared(self) -> None:
        parts = [text("n", b"2"), text("temperature", b"0.5"), text("stream", b"true")]
        arguments = read(image("image"), *parts, text("times[]", b"word"), body=LIST_BODY)
        OPENED.extend(each.stream for each in arguments.pop("image"))
        assert arguments == {"n": 2, "temperature": 0.5, "stream": True, "times": ["word"]}

    @pytest.mark.parametrize(
        ("part", "error"),
        [
            (text("n", b"two"), FieldError("n", "has the wrong type")),
            (text("n", b""), FieldError("n", "has the wrong type")),
            (text("stream", b"yes"), FieldError("stream", "has the wrong type")),
            (text("image", b"x"), FieldError("image", "must be a file")),
            (image("n"), FieldError("n", "must be text")),
        ],
    )
    def test_what_has_another_type_is_refused(self, part: tuple[str, bytes], error: FieldError) -> None:
        assert refused(InvalidRequest, image("image"), part, body=LIST_BODY).errors == (error,)

    def test_what_does_not_fit_is_refused(self) -> None:
        for parts in (
            [],
            [image("mask")],
            [image("image"), text("n", b"0")],
            [image("image"), text("times", b"x")],
        ):
            assert refused(InvalidRequest, *parts, body=LIST_BODY).errors

    def test_there_are_no_more_files_than_are_declared(self) -> None:
        assert refused(BadRequest, *[image("image")] * 4, body=LIST_BODY).code == "malformed_form"
        assert refused(InvalidRequest, *[image("image")] * 3, body=LIST_BODY).errors
        twice = [image("image"), image("mask"), image("mask")]
        assert refused(InvalidRequest, *twice, body=LIST_BODY).errors == (
            FieldError("mask", "must be one file"),
        )
