"""What a request asks of a file beside the file itself."""

import os
from pathlib import Path
from typing import Any

import pytest

from echo.handling.conditions import conditions, etag, is_range, is_same


def scope(method: str = "GET", *, is_head: bool = False, **headers: str) -> dict[str, Any]:
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "headers": lines} | ({"echo.is_head": True} if is_head else {})


class TestRange:
    @pytest.mark.parametrize(
        "value", ["bytes=0-0", "bytes=2-4", "bytes=2-", "bytes=-3", "bytes = 2 - 4", f"bytes=0-{'9' * 15}"]
    )
    def test_is_one_of_bytes(self, value: str) -> None:
        assert is_range(value) is True

    @pytest.mark.parametrize(
        "value",
        [
            "bytes=4-2",
            "bytes=0-1,3-4",
            "bytes=-",
            "bytes=",
            "bytes=a-b",
            "items=0-1",
            "xbytes=0-1",
            "bytes=0-1x",
            f"bytes=0-{'9' * 16}",
            f"bytes={'9' * 16}-",
            f"bytes=-{'9' * 16}",
            "",
        ],
    )
    def test_is_no_other(self, value: str) -> None:
        assert is_range(value) is False


class TestTag:
    def test_changes_with_the_time_the_size_and_the_encoding(self, tmp_path: Path) -> None:
        path = tmp_path / "a.txt"
        path.write_bytes(b"a" * 31)
        os.utime(path, ns=(0, 0x17A6B2C3D4E5F600))
        assert etag(path.stat()) == '"17a6b2c3d4e5f600-1f"'
        assert etag(path.stat(), "gzip") == '"17a6b2c3d4e5f600-1f-gzip"'

    def test_of_what_the_client_has(self) -> None:
        assert is_same({"HTTP_IF_NONE_MATCH": '"a", W/"b"', "REQUEST_METHOD": "GET"}, '"b"') is True
        assert is_same({"HTTP_IF_NONE_MATCH": '"a"', "REQUEST_METHOD": "GET"}, '"b"') is False
        assert is_same({"REQUEST_METHOD": "GET"}, '"b"') is False


class TestConditions:
    def test_are_none_without_headers(self) -> None:
        assert conditions(scope()) == {"REQUEST_METHOD": "GET"}
        assert conditions(scope("POST")) == {"REQUEST_METHOD": "POST"}

    def test_are_those_of_the_headers(self) -> None:
        asked = scope(if_none_match='"a"', range="bytes = 2-4", if_range='"a"')
        assert conditions(asked) == {
            "REQUEST_METHOD": "GET",
            "HTTP_IF_NONE_MATCH": '"a"',
            "HTTP_RANGE": "bytes=2-4",
            "HTTP_IF_RANGE": '"a"',
        }
        assert conditions(scope(range="bytes=2-")) == {"REQUEST_METHOD": "GET", "HTTP_RANGE": "bytes=2-"}

    @pytest.mark.parametrize(("method", "is_head", "known"), [("GET", True, "HEAD"), ("POST", False, "POST")])
    def test_have_a_range_only_of_a_get(self, method: str, is_head: bool, known: str) -> None:
        asked = scope(method, is_head=is_head, if_none_match='"a"', range="bytes=2-4", if_range='"a"')
        assert conditions(asked) == {"REQUEST_METHOD": known, "HTTP_IF_NONE_MATCH": '"a"'}

    @pytest.mark.parametrize(
        "headers",
        [
            {"if_range": '"a"'},
            {"range": "bytes=0-1,3-4", "if_range": '"a"'},
            {"range": "bytes=0-1", "if_range": 'W/"a"'},
        ],
    )
    def test_have_no_range_that_is_none_or_of_a_tag_that_names_no_bytes(
        self, headers: dict[str, Any]
    ) -> None:
        assert conditions(scope(**headers)) == {"REQUEST_METHOD": "GET"}
