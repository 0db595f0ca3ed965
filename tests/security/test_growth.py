"""Nothing that a client sends makes the work on the event loop grow faster than what it sends.

Each parser gets the input that is worst for parsers of its kind, more than a connection may send, and then twice as
much of it.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from starlette.datastructures import Headers

from echo.accounts.tokens import InvalidToken, Tokens
from echo.app import Application
from echo.completions.messages import read_messages
from echo.contract.compiled import Operation
from echo.contract.document import Contract, load_contract
from echo.contract.forms import read_form
from echo.contract.requests import read_arguments, read_cookies
from echo.errors import ApiError
from echo.http.client import read_client
from tests.support.growth import grows_no_faster, seconds

Make = Callable[[int], Any]
BOUNDARY = b"b" * 200
PART = b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
END = b"\r\n--" + BOUNDARY + b"--\r\n"


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract()


@pytest.fixture(scope="module")
def operations(contract: Contract) -> Mapping[str, Operation]:
    return {operation.id: operation for operation in contract.operations}


COOKIES: dict[str, Make] = {
    "escaped quotes": lambda size: 'refreshToken="' + '\\"' * size + '"',
    "octal escapes": lambda size: 'refreshToken="' + "\\101" * size + '"',
    "backslashes": lambda size: 'refreshToken="' + "\\" * size + '"',
    "a quote that is open": lambda size: 'refreshToken="' + "\\" * size,
    "blanks within": lambda size: "a" + " " * size + "b",
    "blanks around": lambda size: "refreshToken =" + " " * size + "b" + " " * size,
    "nothing but separators": lambda size: "; " * size,
    "many": lambda size: "".join(f"a{number}=b;" for number in range(size)),
    "many of one name": lambda size: "a=b;" * size,
    "equals signs": lambda size: "=" * size,
}


def answer(application: Application, method: str, path: str, query: str = "", **headers: Any) -> int:
    """The status of an anonymous request, taken on this thread's event loop as in a worker."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (name.replace("_", "-").encode(), line.encode("latin-1"))
            for name, given in headers.items()
            for line in ([given] if isinstance(given, str) else given)
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    asyncio.run(application.asgi(scope, receive, send))
    return statuses[0]


@pytest.mark.usefixtures("running")
class TestCookies:
    @pytest.mark.parametrize("make", COOKIES.values(), ids=COOKIES)
    def test_are_read_in_linear_time(self, make: Make) -> None:
        def read(cookie: str) -> None:
            read_cookies(Headers({"Cookie": cookie}))

        assert grows_no_faster(read, make, 10_000)

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            # Once by the security check, once among the parameters.
            ("POST", "/api/auth/refresh", 401),
            ("GET", "/docs/assets/nothing", 400),
        ],
    )
    def test_take_no_time_of_anybody_else(
        self, application: Application, method: str, path: str, status: int
    ) -> None:
        def ask(cookie: str) -> None:
            assert answer(application, method, path, cookie=cookie) == status

        assert grows_no_faster(ask, COOKIES["escaped quotes"], 10_000)

    def test_are_those_of_all_lines_the_first_of_each_name(self) -> None:
        lines = [
            (b"cookie", b"a=1; refreshToken=first"),
            (b"cookie", b"refreshToken=second; b"),
            (b"cookie", b' c = "x\\"\\073\\\\y" '),
        ]
        assert read_cookies(Headers(raw=lines)) == {
            "a": "1",
            "refreshToken": "first",
            "b": "",
            "c": 'x";\\y',
        }

    @pytest.mark.parametrize("cookie", ["", ";", "=", "=a", '"', "\\", "\xff=\xff", "a=\x00", 'a="'])
    def test_that_are_garbage_are_no_error(self, cookie: str) -> None:
        read_cookies(Headers(raw=[(b"cookie", cookie.encode("latin-1"))]))


REQUESTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "many header lines": lambda size: {"x_a": ["b"] * size},
    "many cookie lines": lambda size: {"cookie": ["a=b"] * size},
    "a long id": lambda size: {"x_request_id": "a" * 10 * size},
    "a long kind of token": lambda size: {"authorization": "a" * 10 * size + " b"},
    "blanks around a token": lambda size: {"authorization": "Bearer" + " " * 10 * size + "."},
    "dots of a token": lambda size: {"authorization": "Bearer " + "." * 10 * size},
    "types that are taken": lambda size: {"accept": "a/b;q=0," * size, "accept_encoding": "," * size},
    "ranges": lambda size: {"range": "bytes=" + "0-," * size, "if_none_match": '"a",' * size},
    "hops": lambda size: {"x_forwarded_for": ["1.1.1.1, " * 10] * (size // 10)},
    "an origin": lambda size: {"origin": "a." * 5 * size},
    "types of a body": lambda size: {"content_type": 'a; b="' + ";" * 10 * size},
    "digits of a length": lambda size: {"content_length": "9" * 10 * size},
}


@pytest.mark.usefixtures("running")
class TestRequests:
    @pytest.mark.parametrize("make", REQUESTS.values(), ids=REQUESTS)
    def test_are_answered_in_linear_time(self, application: Application, make: Any) -> None:
        def ask(headers: dict[str, Any]) -> None:
            assert answer(application, "GET", "/api/user", **headers) == 401

        assert grows_no_faster(ask, make, 20_000)

    def test_preflights_too(self, application: Application) -> None:
        def ask(headers: dict[str, str]) -> None:
            assert answer(application, "OPTIONS", "/api/user", **headers) == 204

        def make(size: int) -> dict[str, str]:
            asked = {"access_control_request_method": "GET", "access_control_request_headers": "a," * size}
            return {"origin": "https://a.example", **asked}

        assert grows_no_faster(ask, make, 200_000)

    @pytest.mark.parametrize("segment", ["a", "%41", "/", "a/", "%2f", "é", "{", " "])
    def test_paths_too(self, contract: Contract, segment: str) -> None:
        assert grows_no_faster(contract.match, lambda size: "/api/messages/" + segment * size, 200_000)


class TestQueries:
    @pytest.mark.parametrize("field", ["a&", "a=b&", "&", "%", "%41", "+", "=", "a=%c3%a9"])
    def test_are_read_in_linear_time(self, operations: Mapping[str, Operation], field: str) -> None:
        def read(query: str) -> str | None:
            return code_of(operations["get_docs_asset"], query)

        assert grows_no_faster(read, lambda size: field * size, 100_000)

    @pytest.mark.parametrize(("fields", "code"), [(1000, None), (1001, "malformed_query")])
    def test_have_a_thousand_fields_at_most(
        self, operations: Mapping[str, Operation], fields: int, code: str | None
    ) -> None:
        assert code_of(operations["get_docs_asset"], "&".join(["a=b"] * fields)) == code


def code_of(operation: Operation, query: str) -> str | None:
    """The code of the error with which a query is refused."""

    async def receive() -> dict[str, Any]:
        raise AssertionError("it has no body")

    scope = {
        "type": "http",
        "headers": [],
        "query_string": query.encode(),
        "path_params": {"asset": "echo.js"},
    }
    try:
        asyncio.run(read_arguments(operation, scope, receive))
    except ApiError as error:
        return error.code
    return None


FORMS: dict[str, Make] = {
    "carriage returns": lambda size: PART + b"\r" * size + END,
    "line ends": lambda size: PART + b"\r\n" * (size // 2) + END,
    "what begins like the boundary": lambda size: (
        PART + (b"\r\n--" + BOUNDARY[:-1] + b"x") * (size // 204) + END
    ),
    "the boundary's first letters": lambda size: PART + b"\r\n--" * (size // 4) + END,
    "lines before the first part": lambda size: b"\r\n" * (size // 2) + PART + END,
    "text after the last part": lambda size: PART + END + b"\r\n--" * (size // 4),
    "headers of a part": lambda size: b"--" + BOUNDARY + b"\r\n" + b"a: b\r\n" * (size // 6) + END,
    "a long header of a part": lambda size: b"--" + BOUNDARY + b"\r\na: " + b"b" * size + END,
    "parts": lambda size: (
        (b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n') * (size // 260) + END
    ),
}


class TestForms:
    @pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
    def test_are_read_in_linear_time(self, operations: Mapping[str, Operation], make: Make) -> None:
        body = operations["upload_file"].body
        assert body is not None
        headers = Headers({"content-type": f"multipart/form-data; boundary={BOUNDARY.decode()}"})

        async def pieces(content: bytes) -> AsyncIterator[bytes]:
            for start in range(0, len(content), 65536):
                yield content[start : start + 65536]

        async def read(content: bytes) -> None:
            try:
                arguments = await read_form(body, headers, pieces(content))
            except ApiError:
                return
            arguments["file"].stream.close()

        assert grows_no_faster(lambda content: asyncio.run(read(content)), make, 1_000_000)


def token(header: bytes, payload: bytes = b"{}") -> str:
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, payload, b"sign")
    )


TOKENS: dict[str, Make] = {
    "dots": lambda size: "." * size,
    "nested lists": lambda size: token(b"[" * size),
    "nested objects": lambda size: token(b'{"a":' * size),
    "digits": lambda size: token(b'{"alg":' + b"1" * size + b"}"),
    "extensions": lambda size: token(b'{"alg":"HS256","crit":[' + b'"a",' * size + b'"b"]}'),
    "nested claims": lambda size: token(b'{"alg":"HS256"}', b"[" * size),
}


class TestTokens:
    @pytest.mark.parametrize("make", TOKENS.values(), ids=TOKENS)
    def test_are_read_in_linear_time(self, tokens: Tokens, make: Make) -> None:
        def read(given: str) -> None:
            with pytest.raises(InvalidToken):
                tokens.read_access(given)

        assert grows_no_faster(read, make, 200_000)


# The bytes of a body of many values; three times as many are read.
MOST = 1024 * 1024
BODIES: dict[str, tuple[str, Callable[[int], Any]]] = {
    "numbers for files": ("start_chat", lambda size: {"files": [1] * (size // 3)}),
    "files without an id": ("start_chat", lambda size: {"files": [{}] * (size // 4)}),
    "objects to stop at": ("start_chat", lambda size: {"stop": [{}] * (size // 4)}),
    "messages without a role": ("create_chat_completion", lambda size: {"messages": [{}] * (size // 4)}),
    "numbers for parts": (
        "create_chat_completion",
        lambda size: {"messages": [{"role": "user", "content": [1] * (size // 3)}]},
    ),
    "words for tools": ("create_chat_completion", lambda size: {"tools": ["a"] * (size // 5)}),
    "items of nothing": ("create_response", lambda size: {"input": [1] * (size // 3)}),
    "blocks without a type": (
        "create_anthropic_message",
        lambda size: {"messages": [{"role": "user", "content": [{}] * (size // 4)}]},
    ),
    "fields": ("register", lambda size: {f"a{number}": 1 for number in range(size // 11)}),
}


class TestBodies:
    @pytest.mark.parametrize(("name", "make"), BODIES.values(), ids=BODIES)
    def test_that_are_wrong_are_looked_at_in_linear_time(
        self, operations: Mapping[str, Operation], name: str, make: Make
    ) -> None:
        body = operations[name].body
        assert body is not None
        assert grows_no_faster(body.media_types["application/json"].field_errors, make, MOST)

    @pytest.mark.parametrize(("name", "make"), BODIES.values(), ids=BODIES)
    def test_that_are_wrong_take_less_time_to_refuse_than_to_read(
        self, operations: Mapping[str, Operation], name: str, make: Make
    ) -> None:
        body = operations[name].body
        assert body is not None
        validator = body.media_types["application/json"]

        sent, content = make(MOST), json.dumps(make(MOST))
        # To explain every wrong value took ten times as long as to read them, and more.
        read = min(seconds(json.loads, content) for _ in range(3))
        assert [error.field for error in validator.field_errors(sent)] == ["body"]
        assert min(seconds(validator.field_errors, sent) for _ in range(3)) < 3 * read

    def test_of_few_values_are_told_each_fault(self, operations: Mapping[str, Operation]) -> None:
        body = operations["register"].body
        assert body is not None
        faults = body.media_types["application/json"].field_errors({"name": "a" * MOST, "email": 1})
        assert {"email", "password"} <= {fault.field for fault in faults}

    def test_of_pictures_are_read_in_linear_time(self) -> None:
        def read(url: str) -> None:
            part = {"type": "image_url", "image_url": {"url": url}}
            with pytest.raises(ApiError):
                read_messages([{"role": "user", "content": [part]}])

        for made in ("data:image/png;base64," + " \t", "data:" + "image/", "data:image/png" + ";a=b", " "):
            assert grows_no_faster(read, lambda size, made=made: made[:-2] + made[-2:] * size, 500_000)


def test_hops_are_read_in_linear_time() -> None:
    def read(lines: list[tuple[bytes, bytes]]) -> None:
        scope = {"type": "http", "client": ("10.0.0.9", 1), "scheme": "http", "headers": lines}
        read_client(scope, 1)

    for name in (b"x-forwarded-for", b"x-forwarded-proto"):
        for line in (b"1.2.3.4", b", ," * 100, b"[" * 100, b":" * 100, b" " * 100):
            assert grows_no_faster(read, lambda size, line=line, name=name: [(name, line)] * size, 10_000)
