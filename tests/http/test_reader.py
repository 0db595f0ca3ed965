"""A body within its limit: refused by what it says, or by what it is; and read on, so that the answer is read."""

import asyncio
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive

from echo.contract.compiled import Operation
from echo.contract.document import Contract
from echo.errors import (
    ApiError,
    BadRequest,
    NotFound,
    PayloadTooLarge,
    ServiceUnavailable,
    TooManyRequests,
)
from echo.handling.caller import ClientInfo
from echo.handling.upload import Upload
from echo.http import reader
from echo.http.reader import LimitedBody, RequestReader, close_uploads
from echo.settings import load_settings


class Sender:
    """A client that sends these pieces, the last as the last, and then is heard of no more."""

    def __init__(self, *sizes: int, ends: bool = True) -> None:
        self.asked = 0
        self._left = list(sizes)
        self._ends = ends

    @property
    def left(self) -> int:
        return len(self._left)

    async def __call__(self) -> Message:
        self.asked += 1
        if not self._left:
            await asyncio.Event().wait()
        size = self._left.pop(0)
        message: dict[str, Any] = {"type": "http.request", "body": b"a" * size}
        # `more_body` is false where it is left out.
        return message if self._ends and not self._left else {**message, "more_body": True}


def read(body: LimitedBody, times: int) -> list[int]:
    async def each() -> list[int]:
        return [len((await body())["body"]) for _ in range(times)]

    return asyncio.run(each())


class TestLimit:
    @pytest.mark.parametrize("sizes", [(10,), (4, 6), (10, 0)])
    def test_of_a_body_may_be_reached(self, sizes: tuple[int, ...]) -> None:
        assert read(LimitedBody(Sender(*sizes), 10), len(sizes)) == list(sizes)

    @pytest.mark.parametrize("sizes", [(11,), (4, 7), (10, 1), (1,) * 11])
    def test_of_a_body_is_one_of_all_its_pieces(self, sizes: tuple[int, ...]) -> None:
        body = LimitedBody(Sender(*sizes), 10)
        assert read(body, len(sizes) - 1) == list(sizes[:-1])
        with pytest.raises(PayloadTooLarge):
            read(body, 1)

    def test_is_not_met_by_a_message_without_a_body(self) -> None:
        async def gone() -> Message:
            return {"type": "http.disconnect"}

        assert asyncio.run(LimitedBody(gone, 0)()) == {"type": "http.disconnect"}

    @pytest.mark.parametrize("declared", ["11", "0011", "9" * 30])
    def test_is_held_against_what_a_body_says_of_itself(self, declared: str) -> None:
        with pytest.raises(PayloadTooLarge):
            LimitedBody(Sender(), 10).check_declared(Headers({"content-length": declared}))

    # What is no number is for the server to refuse. Of the last, digits to `isdigit`, `int` makes an exception.
    @pytest.mark.parametrize("declared", ["10", "0", "", "-11", "+11", "1_1", "\u00b9\u00b9"])
    def test_is_not_met_by_what_declares_no_more(self, declared: str) -> None:
        headers = Headers(raw=[(b"content-length", declared.encode("latin-1"))])
        LimitedBody(Sender(), 10).check_declared(headers)
        LimitedBody(Sender(), 10).check_declared(Headers({}))


class TestDraining:
    def left_of(self, sizes: Iterable[int], read_before: int = 0, *, ends: bool = True) -> int:
        sender = Sender(*sizes, ends=ends)
        body = LimitedBody(sender, 10)
        read(body, read_before)
        asyncio.run(body.drain())
        return sender.left

    def test_goes_on_to_the_end(self) -> None:
        assert self.left_of([5, 5, 100, 0, 7]) == 0

    def test_asks_for_nothing_once_the_body_has_ended(self) -> None:
        for read_before in (0, 1, 2):
            sender = Sender(5, 5)
            body = LimitedBody(sender, 10)
            read(body, read_before)
            asyncio.run(body.drain())
            # Once more would be to wait for nothing.
            assert sender.asked == 2

    def test_ends_with_so_many_bytes_over_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reader, "DRAIN_BYTES", 20)
        # Those that were read before count: 30 are reached with the fourth piece.
        assert self.left_of([5, 5, 10, 10, 1, 1], read_before=2) == 2

    def test_ends_when_nothing_comes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reader, "DRAIN_SECONDS", 0.01)
        assert self.left_of([5, 5], ends=False) == 0

    def test_is_that_of_much_and_for_long(self) -> None:
        assert (reader.DRAIN_BYTES, reader.DRAIN_SECONDS) == (67_108_864, 5.0)


JSON, FORM = "application/json", "multipart/form-data"
SETTINGS = load_settings(
    {
        "ECHO_MAX_BODY_BYTES": "100",
        "ECHO_MAX_UPLOAD_BYTES": "200",
        "CONVERSATION_IMPORT_MAX_FILE_SIZE_BYTES": "300",
    }
)
MIB = 1024 * 1024


PARAMETERS = [
    {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}
    for name, place in (("id", "path"), ("search", "query"), ("x-name", "header"))
]


def operation(
    media_type: str | None = None,
    limit: str | None = None,
    parameters: Sequence[Any] = (),
    **properties: dict[str, str],
) -> Operation:
    content = {"content": {media_type: {"schema": {"type": "object", "properties": properties}}}}
    described = {
        "operationId": "do",
        "x-openapi-router-controller": "handlers.x",
        "responses": {},
        "parameters": parameters,
        **({"requestBody": content} if media_type else {}),
        **({"x-echo-body-limit": limit} if limit else {}),
    }
    (compiled,) = Contract.load({"paths": {"/x": {"post": described}}}).operations
    return compiled


class Limiter:
    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    async def check_arguments(self, *asked: Any) -> None:
        self.asked.append(asked)


class Behind:
    """The application behind the reader."""

    def __init__(self) -> None:
        self.given: list[tuple[Any, ...]] = []

    async def __call__(self, *given: Any) -> None:
        self.given.append(given)


async def send(_message: Message) -> None:
    raise AssertionError("nothing is answered here")


def ask(
    wanted: Operation,
    receive: Receive,
    limiter: Limiter,
    behind: ASGIApp,
    context: Any = None,
    *,
    query: bytes = b"",
    **headers: str,
) -> dict[str, Any]:
    scope = {
        "type": "http",
        "query_string": query,
        "path_params": {"id": "i-1"},
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "extensions": {"connexion_context": context} if context else {},
        "echo.operation": wanted,
        "echo.client": ClientInfo("192.0.2.7", secure=False),
    }
    made = RequestReader(behind, settings=SETTINGS, limiter=limiter)  # type: ignore[arg-type]
    asyncio.run(made(scope, receive, send))
    return scope


async def one_body() -> Message:
    return {"type": "http.request", "body": b'{"text": "x"}'}


class TestReading:
    def test_hands_on_the_arguments_and_the_caller(self) -> None:
        limiter, behind, wanted = Limiter(), Behind(), operation(JSON)
        token = {"caller": "the caller", "arguments": {"refresh_token": "t"}}
        context = {"user": "ada", "token_info": token}
        scope = ask(wanted, one_body, limiter, behind, context, content_type=JSON)
        assert scope["echo.arguments"] == {"body": {"text": "x"}, "refresh_token": "t"}
        assert scope["echo.caller"] == "the caller"
        assert behind.given == [(scope, one_body, send)]
        assert limiter.asked == [(wanted, {"body": {"text": "x"}}, "192.0.2.7", "ada")]

    def test_hands_on_what_stands_in_the_path_the_query_and_the_headers(self) -> None:
        limiter, wanted = Limiter(), operation(parameters=PARAMETERS)
        scope = ask(wanted, one_body, limiter, Behind(), query=b"search=x", x_name="ada")
        read = {"id_": "i-1", "search": "x", "x_name": "ada"}
        assert scope["echo.arguments"] == read
        assert limiter.asked == [(wanted, read, "192.0.2.7", None)]

    def test_knows_nobody_where_nobody_has_logged_in(self) -> None:
        limiter, wanted = Limiter(), operation()
        scope = ask(wanted, one_body, limiter, Behind())
        assert (scope["echo.arguments"], scope["echo.caller"]) == ({}, None)
        assert limiter.asked == [(wanted, {}, "192.0.2.7", None)]

    @pytest.mark.parametrize("context", [{"user": "ada"}, {"token_info": {}}, {}])
    def test_knows_of_whom_only_what_is_told(self, context: dict[str, Any]) -> None:
        limiter, wanted = Limiter(), operation()
        scope = ask(wanted, one_body, limiter, Behind(), context)
        assert (scope["echo.arguments"], scope["echo.caller"]) == ({}, None)
        assert limiter.asked == [(wanted, {}, "192.0.2.7", context.get("user"))]

    @pytest.mark.parametrize(
        ("fails", "left"),
        [
            (ServiceUnavailable("full", code="disk_full"), 0),
            (OSError("disk"), 0),
            (PayloadTooLarge(), 0),
            # Who sent nonsense is not read on to the end.
            (BadRequest(), 2),
        ],
    )
    def test_that_fails_for_the_servers_sake_reads_on_to_the_end(
        self, fails: Exception, left: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def read_arguments(*_: Any) -> dict[str, Any]:
            raise fails

        monkeypatch.setattr(reader, "read_arguments", read_arguments)
        sender, behind, limiter = Sender(10, 10), Behind(), Limiter()
        with pytest.raises(type(fails)) as caught:
            ask(operation(JSON), sender, limiter, behind, content_type=JSON)
        assert caught.value is fails
        assert (sender.left, behind.given, limiter.asked) == (left, [], [])

    def test_leaves_what_is_no_request_alone(self) -> None:
        behind, scope = Behind(), {"type": "lifespan"}
        made = RequestReader(behind, settings=SETTINGS, limiter=Limiter())  # type: ignore[arg-type]
        asyncio.run(made(scope, one_body, send))
        assert (behind.given, scope) == ([(scope, one_body, send)], {"type": "lifespan"})

    @pytest.mark.parametrize(
        ("wanted", "most"),
        [
            (operation(JSON), 100),
            (operation(FORM), 200 + MIB),
            (operation(FORM, "import"), 300 + MIB),
            (operation(JSON, "import"), 300 + MIB),
        ],
    )
    def test_has_the_limit_of_what_is_sent(self, wanted: Operation, most: int) -> None:
        """A body that declares too much is refused unread, and then read on to its end."""
        for declared, refused in ((most + 1, True), (most, False)):
            sender, behind = Sender(10, 10), Behind()
            # That is no form and no JSON.
            expected = PayloadTooLarge if refused else ApiError
            with pytest.raises(expected) as caught:
                ask(wanted, sender, Limiter(), behind, content_type=JSON, content_length=str(declared))
            assert isinstance(caught.value, PayloadTooLarge) is refused
            assert (behind.given, sender.left) == ([], 0 if refused else sender.left)

    def test_of_no_body_asks_for_none_however_large(self) -> None:
        behind, sender = Behind(), Sender(10)
        ask(operation(), sender, Limiter(), behind, content_length="999999999")
        assert (len(behind.given), sender.left) == (1, 1)


class TestUploads:
    def test_are_let_go_of_wherever_they_stand_among_the_arguments(self) -> None:
        files = [Upload(BytesIO(), f"{number}.txt", "text/plain", 0) for number in range(3)]
        close_uploads(
            {"file": files[0], "images": files[1:], "text": "x", "numbers": [1, None], "none": None}
        )
        assert [file.stream.closed for file in files] == [True] * 3

    @pytest.mark.parametrize("refused", [False, True])
    def test_are_let_go_of_once_they_are_handed_on_or_refused(self, refused: bool) -> None:
        seen: list[bool] = []
        files: list[Upload] = []

        class Limits(Limiter):
            async def check_arguments(self, *asked: Any) -> None:
                files.append(asked[1]["file"])
                seen.append(files[0].stream.closed)
                if refused:
                    raise TooManyRequests(1)

        async def behind(*_given: Any) -> None:
            seen.append(files[0].stream.closed)
            raise NotFound

        async def receive() -> Message:
            disposition = b'Content-Disposition: form-data; name="file"; filename="a.txt"'
            return {"type": "http.request", "body": b"--b\r\n" + disposition + b"\r\n\r\nx\r\n--b--\r\n"}

        wanted = operation(FORM, file={"type": "string", "format": "binary"})
        with pytest.raises(TooManyRequests if refused else NotFound):
            ask(wanted, receive, Limits(), behind, content_type=f"{FORM}; boundary=b")
        assert seen == ([False] if refused else [False, False])
        assert files[0].stream.closed
