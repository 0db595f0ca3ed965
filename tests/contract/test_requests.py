"""A request becomes the arguments of its handler, or an error that says what is wrong."""

import asyncio
import json
from typing import Any

import pytest
from starlette.datastructures import Headers

from echo.contract.compiled import Operation
from echo.contract.document import Contract
from echo.contract.requests import read_all, read_arguments, read_cookies
from echo.errors import ApiError, BadRequest, FieldError, InvalidRequest, UnsupportedMediaType

JSON = "application/json"
FORM = "multipart/form-data"


def operation(*parameters: dict[str, Any], body: dict[str, Any] | None = None) -> Operation:
    document = {
        "paths": {
            "/x/{id}": {
                "post": {
                    "operationId": "do",
                    "x-openapi-router-controller": "handlers.x",
                    "parameters": list(parameters),
                    "responses": {},
                    **({"requestBody": body} if body else {}),
                }
            }
        }
    }
    (compiled,) = Contract.load(document).operations
    return compiled


def parameter(name: str, where: str, kind: str = "string", required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": {"type": kind}}


def body(*media_types: str, required: bool = False) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"text": {"type": "string"}, "n": {"type": "integer"}}}
    return {"required": required, "content": {media_type: {"schema": schema} for media_type in media_types}}


def read(
    operation: Operation,
    *pieces: bytes,
    query: bytes = b"",
    path: dict[str, str] | None = None,
    headers: list[tuple[str, str]] | None = None,
    cut: bool = False,
) -> dict[str, Any]:
    scope = {
        "type": "http",
        "path_params": path or {},
        "query_string": query,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers or []],
    }
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": cut or number < len(pieces) - 1}
        for number, piece in enumerate(pieces)
    ]
    messages = messages or [{"type": "http.request"}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    return asyncio.run(read_arguments(operation, scope, receive))


def refused(kind: type[ApiError], *arguments: Any, **options: Any) -> ApiError:
    with pytest.raises(kind) as caught:
        read(*arguments, **options)
    return caught.value


def of(media_type: str, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [("content-type", media_type), *more]


class TestParameters:
    EVERY = (
        parameter("id", "path", required=True),
        parameter("n", "query", "integer"),
        parameter("X-Name", "header"),
        parameter("refreshToken", "cookie"),
    )

    def test_are_read_where_the_document_says(self) -> None:
        arguments = read(
            operation(*self.EVERY),
            path={"id": "7", "n": "wrong"},
            query=b"n=3&id=wrong&X-Name=wrong",
            headers=[("x-name", "Ada"), ("n", "wrong"), ("cookie", "n=wrong; refreshToken=t")],
        )
        assert arguments == {"id_": "7", "n": 3, "x_name": "Ada", "refresh_token": "t"}

    def test_are_told_all_together_when_they_do_not_fit(self) -> None:
        error = refused(InvalidRequest, operation(*self.EVERY), query=b"n=x")
        assert error.errors == (FieldError("id", "is required"), FieldError("n", "has the wrong type"))

    def test_come_with_the_body(self) -> None:
        arguments = read(
            operation(parameter("n", "query", "integer"), body=body(JSON)),
            b"{}",
            query=b"n=3",
            headers=of(JSON),
        )
        assert arguments == {"n": 3, "body": {}}

    def test_are_none_where_none_are_declared(self) -> None:
        assert read(operation(), query=b"\xff=%ff") == {}

    @pytest.mark.parametrize(
        ("query", "value"),
        [
            (b"q=a+b", "a b"),
            (b"q=a%20b%26", "a b&"),
            (b"q=", ""),
            (b"q=%C3%A9", "é"),
            (b"q=a&q=b", "b"),
            (b"q=a;b", "a;b"),
            (b"x=1&q=a", "a"),
        ],
    )
    def test_of_a_query_are_decoded(self, query: bytes, value: str) -> None:
        assert read(operation(parameter("q", "query")), query=query) == {"q": value}

    @pytest.mark.parametrize("query", [b"q=%ff", b"q=\xc3\xa9", b"&".join([b"q=1"] * 1001)])
    def test_of_a_query_that_cannot_be_read(self, query: bytes) -> None:
        error = refused(BadRequest, operation(parameter("q", "query")), query=query)
        assert (error.code, error.message) == ("malformed_query", "The query string is not valid.")

    def test_of_a_query_may_be_a_thousand(self) -> None:
        assert read(operation(parameter("q", "query")), query=b"&".join([b"q=1"] * 1000)) == {"q": "1"}


class TestCookies:
    @pytest.mark.parametrize(
        ("lines", "cookies"),
        [
            ([], {}),
            (["a=1"], {"a": "1"}),
            (["a=1; b=2"], {"a": "1", "b": "2"}),
            (["a=1", "b=2"], {"a": "1", "b": "2"}),
            (["a=first; a=second"], {"a": "first"}),
            (["a=first", "a=second"], {"a": "first"}),
            ([""], {}),
        ],
    )
    def test_of_all_lines_count_and_the_first_of_a_name(
        self, lines: list[str], cookies: dict[str, str]
    ) -> None:
        headers = Headers(raw=[(b"cookie", line.encode()) for line in lines])
        assert read_cookies(headers) == cookies


class TestJson:
    @pytest.mark.parametrize(
        "content_type",
        [
            JSON,
            "Application/JSON ",
            "application/json; charset=utf-8",
            "application/json;charset=UTF8",
            'application/json; charset="utf-8"',
            "application/json; charset=us-ascii",
            "application/json; profile=x",
            "application/json; charset=",
            "application/json; charset=utf-8; profile=x",
            "application/json; profile=x; charset=utf-8",
        ],
    )
    def test_is_read_as_utf_8(self, content_type: str) -> None:
        sent = '{"text": "Grüße"}'.encode()
        assert read(operation(body=body(JSON)), sent, headers=of(content_type)) == {"body": {"text": "Grüße"}}

    @pytest.mark.parametrize("charset", ["latin-1", "utf-16", "LATIN1", "utf-8x", "latin-1; profile=utf-8"])
    def test_is_read_in_no_other_encoding(self, charset: str) -> None:
        error = refused(
            UnsupportedMediaType, operation(body=body(JSON)), b"{}", headers=of(f"{JSON}; charset={charset}")
        )
        assert error.message == "Bodies are read as UTF-8 only."

    def test_has_integers_where_numbers_are_such(self) -> None:
        sent = b'{"n": 1.0, "deep": [{"n": -2.0}, 0.0, [3e2]], "half": 0.5, "text": "1.0", "yes": true}'
        [found] = read(operation(body=body(JSON)), sent).values()
        assert json.dumps(found) == (
            '{"n": 1, "deep": [{"n": -2}, 0, [300]], "half": 0.5, "text": "1.0", "yes": true}'
        )

    @pytest.mark.parametrize(
        ("sent", "kind"), [(b"9007199254740992.0", int), (b"9007199254740994.0", float), (b"-1e300", float)]
    )
    def test_has_no_integers_that_a_double_cannot_count(self, sent: bytes, kind: type) -> None:
        [found] = read(operation(body=body(JSON)), b'{"m": ' + sent + b"}").values()
        assert (type(found["m"]), found["m"]) == (kind, float(sent))

    def test_may_come_in_pieces(self) -> None:
        pieces = (b'{"te', b"", b'xt": ', b'"x"}')
        assert read(operation(body=body(JSON)), *pieces, headers=of(JSON)) == {"body": {"text": "x"}}

    @pytest.mark.parametrize("sent", [b"{", b'{"text": "\xff"}', b"nope", b'{"n": NaN}'])
    def test_that_is_none(self, sent: bytes) -> None:
        error = refused(BadRequest, operation(body=body(JSON)), sent, headers=of(JSON))
        assert (error.code, error.message) == ("malformed_json", "The body is not valid JSON in UTF-8.")

    def test_that_does_not_fit(self) -> None:
        error = refused(InvalidRequest, operation(body=body(JSON)), b'{"n": "x"}', headers=of(JSON))
        assert error.errors == (FieldError("n", "has the wrong type"),)

    def test_that_ends_in_the_middle(self) -> None:
        error = refused(BadRequest, operation(body=body(JSON)), b"{}", headers=of(JSON), cut=True)
        assert (error.code, error.message) == ("incomplete_body", "The body ended too early.")

    def test_is_taken_for_the_first_type_without_a_content_type(self) -> None:
        assert read(operation(body=body(JSON, FORM)), b'{"n": 1}') == {"body": {"n": 1}}
        error = refused(UnsupportedMediaType, operation(body=body(FORM, JSON)), b'{"n": 1}')
        assert error.message == f"This operation takes {FORM}."


class TestNoBody:
    @pytest.mark.parametrize("headers", [None, of(JSON)])
    def test_is_an_empty_one_where_none_is_required(self, headers: Any) -> None:
        assert read(operation(body=body(JSON)), headers=headers) == {"body": {}}

    @pytest.mark.parametrize("headers", [None, of(JSON)])
    def test_is_refused_where_one_is_required(self, headers: Any) -> None:
        error = refused(InvalidRequest, operation(body=body(JSON, required=True)), headers=headers)
        assert error.errors == (FieldError("body", "is required"),)

    def test_is_no_argument_where_none_is_declared(self) -> None:
        assert read(operation(), b"{}", headers=of(JSON)) == {}


class TestOtherTypes:
    @pytest.mark.parametrize(
        "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
    )
    def test_are_refused_with_the_ones_that_are_taken(self, media_type: str) -> None:
        error = refused(UnsupportedMediaType, operation(body=body(JSON, FORM)), b"{}", headers=of(media_type))
        assert (error.status, error.message) == (415, f"This operation takes {JSON}, {FORM}.")

    @pytest.mark.parametrize("more", [(), (("content-length", "0"),), (("content-length", ""),)])
    def test_pass_where_nothing_is_sent_and_nothing_required(self, more: tuple[tuple[str, str], ...]) -> None:
        assert read(operation(body=body(JSON)), headers=of("text/plain", *more)) == {"body": {}}

    def test_are_refused_where_something_is_required(self) -> None:
        assert (
            refused(
                UnsupportedMediaType, operation(body=body(JSON, required=True)), headers=of("text/plain")
            ).message
            == f"This operation takes {JSON}."
        )

    @pytest.mark.parametrize("more", [(), (("content-length", "2"),)])
    def test_are_refused_with_something_in_them(self, more: tuple[tuple[str, str], ...]) -> None:
        refused(UnsupportedMediaType, operation(body=body(JSON)), b"{}", headers=of("text/plain", *more))

    def test_are_refused_by_their_declared_length_alone(self) -> None:
        refused(
            UnsupportedMediaType,
            operation(body=body(JSON)),
            headers=of("text/plain", ("content-length", "2")),
        )


@pytest.mark.parametrize(
    "parameters", ["boundary=b", "charset=utf-8; boundary=b", "boundary=b;charset=UTF-8"]
)
def test_a_form_is_read_as_one(parameters: str) -> None:
    sent = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nhello\r\n--b--\r\n'
    arguments = read(operation(body=body(JSON, FORM)), sent, headers=of(f"{FORM}; {parameters}"))
    assert arguments == {"text": "hello"}


def test_a_body_in_one_piece_is_not_copied() -> None:
    piece = b"x" * 100

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": piece}

    assert asyncio.run(read_all(receive)) is piece


class TestUrlencodedForm:
    MEDIA_TYPE = "application/x-www-form-urlencoded"

    def read(self, content: bytes) -> Any:
        headers = [("content-type", f"{self.MEDIA_TYPE}; charset=utf-8")]
        return read(operation(body=body(self.MEDIA_TYPE)), content, headers=headers, path={"id": "1"})

    def test_is_a_body_of_texts_of_which_the_last_counts(self) -> None:
        assert self.read(b"text=a%20%C3%A9+b&text=last&more=") == {"body": {"text": "last", "more": ""}}

    @pytest.mark.parametrize("content", [b"text=%ff", b"text=\xff", b"&".join([b"a=1"] * 101)])
    def test_malformed(self, content: bytes) -> None:
        with pytest.raises(BadRequest) as error:
            self.read(content)
        assert (error.value.code, error.value.message) == ("malformed_form", "The form is malformed.")

    def test_what_does_not_fit(self) -> None:
        with pytest.raises(InvalidRequest):
            self.read(b"n=1")
