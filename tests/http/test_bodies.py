"""How large a request's body may be, and that a HEAD's answer has none."""

from collections.abc import Callable

import pytest

from tests.conftest import Client, UserClient
from tests.support.asgi import exchange

MIB = 1024 * 1024
LIMITS = {
    "ECHO_MAX_BODY_BYTES": "100000",
    "ECHO_MAX_UPLOAD_BYTES": "200000",
    "CONVERSATION_IMPORT_MAX_FILE_SIZE_BYTES": "300000",
}
FORM = "multipart/form-data; boundary=b"
# A form has a mebibyte around its file.
BODIES = {
    "/api/auth/login": ("application/json", 100_000),
    "/api/presets": ("application/json", 100_000),
    "/api/files": (FORM, 200_000 + MIB),
    "/api/files/images": (FORM, 200_000 + MIB),
    "/api/files/speech/stt": (FORM, 200_000 + MIB),
    "/api/convos/import": (FORM, 300_000 + MIB),
}


@pytest.fixture
def limited(make_application: Callable[..., Client], ada: UserClient) -> Client:
    client = make_application(**LIMITS)
    client.headers = ada.headers
    return client


@pytest.mark.parametrize("path", BODIES)
def test_a_body_that_says_it_is_too_large_is_refused_by_that(path: str, limited: Client) -> None:
    """The body itself is small here: what it says of its size is all that there is to refuse."""
    content_type, most = BODIES[path]

    def status(declared: int) -> int:
        headers = {**limited.headers, "Content-Type": content_type, "Content-Length": str(declared)}
        return exchange(limited._http, "POST", path, headers=headers, body=b"{}").status

    assert status(most + 1) == 413
    assert status(most) in (400, 401, 422)


@pytest.mark.parametrize("path", BODIES)
def test_a_body_that_says_nothing_is_refused_once_it_is_too_large(path: str, limited: Client) -> None:
    content_type, most = BODIES[path]
    headers = {**limited.headers, "Content-Type": content_type}

    def status(size: int) -> int:
        return exchange(limited._http, "POST", path, headers=headers, body=b" " * size).status

    assert status(most + 1) == 413
    assert status(most) == 400


class TestHead:
    @pytest.mark.parametrize(
        "path", ["/health", "/api/convos", "/api/convos/export", "/openapi.json", "/gone"]
    )
    def test_has_the_headers_of_get_and_no_body(self, path: str, ada: UserClient) -> None:
        got, head = (exchange(ada._http, method, path, headers=ada.headers) for method in ("GET", "HEAD"))
        assert got.body
        assert head.body == b""
        assert (head.status, head.headers.get("content-type")) == (
            got.status,
            got.headers.get("content-type"),
        )

    def test_of_a_file_has_no_body(self, ada: UserClient) -> None:
        content = b"some words " * 100_000
        stored = ada.post("/api/files", files={"file": ("a.txt", content, "text/plain")}).json()
        path = f"/api/files/download/{ada.id}/{stored['file_id']}"
        got, head = (exchange(ada._http, method, path, headers=ada.headers) for method in ("GET", "HEAD"))
        assert (got.status, got.body) == (200, content)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == got.headers["content-length"] == "1100000"
        assert head.headers["content-disposition"] == got.headers["content-disposition"]
