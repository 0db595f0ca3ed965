"""Files and pictures that a client has already, or wants a part of."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Client, UserClient
from tests.files import samples

FILES = "/chat/api/files"
TEXT = b"0123456789"
PNG = samples.picture("PNG", (31, 17))
WRONG = '"0-0"'


def kept(user: UserClient) -> str:
    response = user.post(FILES, files={"file": ("digits.txt", TEXT, "text/plain")})
    assert response.status_code == 200, response.text
    return str(response.json()["file_id"])


@pytest.fixture(params=["/api/files/download/{}/{}", "/chat/api/files/download/{}/{}"])
def address(request: pytest.FixtureRequest, ada: UserClient) -> str:
    return str(request.param.format(ada.id, kept(ada)))


@pytest.fixture
def ask(ada: UserClient, address: str) -> Callable[..., Any]:
    """Asks for the file with these headers."""

    def asked(method: str = "GET", **headers: str) -> Any:
        return ada.request(
            method, address, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    return asked


class TestDownload:
    def test_has_a_tag_and_says_that_it_has_ranges(self, ask: Callable[..., Any]) -> None:
        response = ask()
        assert (response.status_code, response.content) == (200, TEXT)
        assert response.headers["etag"].startswith('"')
        assert response.headers["accept-ranges"] == "bytes"
        assert response.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("sent", ["{}", "W/{}", '"other", {}', "*"])
    def test_that_the_client_has_is_not_sent(self, ask: Callable[..., Any], sent: str) -> None:
        tag = ask().headers["etag"]
        for more in ({}, {"Range": "bytes=0-1"}):
            response = ask(If_None_Match=sent.format(tag), **more)
            assert (response.status_code, response.content) == (304, b"")
            assert response.headers["etag"] == tag
        # They would take the place of the stored answer's own.
        own = {"content-security-policy", "cache-control", "content-type", "content-disposition"}
        assert own.isdisjoint(response.headers)
        assert len(response.headers.get_list("date")) < 2

    def test_that_the_client_lacks_is_sent(self, ask: Callable[..., Any]) -> None:
        assert ask(If_None_Match=WRONG).status_code == 200

    @pytest.mark.parametrize(
        ("asked", "sent", "said"),
        [
            ("bytes=0-3", b"0123", "bytes 0-3/10"),
            ("bytes=7-", b"789", "bytes 7-9/10"),
            ("bytes=-2", b"89", "bytes 8-9/10"),
            ("bytes=8-99", b"89", "bytes 8-9/10"),
            ("bytes=9-9", b"9", "bytes 9-9/10"),
        ],
    )
    def test_is_sent_in_part(self, ask: Callable[..., Any], asked: str, sent: bytes, said: str) -> None:
        response = ask(Range=asked)
        assert (response.status_code, response.content) == (206, sent)
        assert response.headers["content-range"] == said
        assert response.headers["content-length"] == str(len(sent))
        assert response.headers["content-disposition"].startswith("attachment")
        assert len(response.headers.get_list("date")) < 2

    @pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
    def test_has_nothing_behind_its_end(self, ask: Callable[..., Any], asked: str) -> None:
        response = ask(Range=asked)
        assert (response.status_code, response.json()["code"]) == (416, "range_not_satisfiable")
        assert response.headers["content-range"] == "bytes */10"

    @pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "lines=1-2", "bytes=5-2", "bytes=x", "bytes=", "7"])
    def test_is_whole_for_what_is_not_one_range(self, ask: Callable[..., Any], asked: str) -> None:
        response = ask(Range=asked)
        assert (response.status_code, response.content) == (200, TEXT)

    def test_goes_on_only_with_the_same_file(self, ask: Callable[..., Any]) -> None:
        tag = ask().headers["etag"]
        assert ask(Range="bytes=5-", If_Range=tag).content == b"56789"
        for other in (WRONG, f"W/{tag}", "Thu, 26 Nov 2099 00:00:00 GMT"):
            response = ask(Range="bytes=5-", If_Range=other)
            assert (response.status_code, response.content) == (200, TEXT)

    def test_of_a_head_is_nothing_but_the_head(self, ask: Callable[..., Any]) -> None:
        response = ask("HEAD", Range="bytes=0-1")
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["content-length"] == "10"
        assert ask("HEAD", If_None_Match=response.headers["etag"]).status_code == 304


def test_what_is_anothers_is_not_unchanged_either(
    ada: UserClient, bob: UserClient, api: Client, address: str
) -> None:
    for headers in ({"If-None-Match": "*"}, {"Range": "bytes=99-"}):
        assert bob.get(address, headers=headers).status_code == 404
        assert api.get(address, headers=headers).status_code == 401


def test_pictures_are_checked_before_it_is_said_that_they_are_the_same(
    ada: UserClient, bob: UserClient, api: Client
) -> None:
    picture = {"file": ("a.png", PNG, "image/png")}
    address = ada.post(f"{FILES}/images", files=picture).json()["filepath"]
    by_cookie = {"Cookie": f"refreshToken={ada.refresh_token}"}
    tag = api.get(address, headers=by_cookie).headers["etag"]
    same = api.get(address, headers={**by_cookie, "If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    # The picture's own, not that of every other answer.
    assert same.headers["content-security-policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert same.headers["cache-control"] == "private, max-age=3600, immutable"
    part = api.get(address, headers={**by_cookie, "Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"PNG")
    assert part.headers["content-type"] == "image/png"
    assert bob.get(address, headers={"If-None-Match": tag}).status_code == 404
    assert api.get(address, headers={"If-None-Match": tag}).status_code == 401
    assert ada.post("/api/auth/logout").is_success
    assert api.get(address, headers={**by_cookie, "If-None-Match": tag}).status_code == 401


@pytest.mark.parametrize("name", ["index.css", "favicon-32x32.png"])
def test_files_of_the_page_of_documents_too(api: Client, name: str) -> None:
    tag = api.get(f"/docs/assets/{name}").headers["etag"]
    assert api.get(f"/docs/assets/{name}", headers={"If-None-Match": tag}).status_code == 304
