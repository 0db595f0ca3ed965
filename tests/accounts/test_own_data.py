"""The file with everything about a user: what is in it, under which names, and in which pieces it is made."""

import io
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from echo.accounts import own_data
from echo.accounts.own_data import OwnData
from echo.errors import NotFound
from echo.files import FileStore
from echo.handling.caller import Caller
from storage.operator.account_data import NOT_EXPORTED, SECRET, AccountData

ADA = Caller("a" * 24, "s", "ada@example.com", "ada", "local", "USER")


class Stored:
    """What is stored of a user: lines by collection, and files by their ids."""

    def __init__(self, collections: dict[str, list[bytes]], files: dict[str, bytes | None]) -> None:
        self.collections = collections
        self.contents = files

    def names(self) -> tuple[str, ...]:
        return tuple(self.collections)

    def lines(self, owner: str, name: str) -> Iterator[bytes]:
        assert owner == ADA.id
        yield from self.collections[name]

    def files(self, owner: str) -> Iterator[dict[str, Any]]:
        assert owner == ADA.id
        for file_id in self.contents:
            named = {} if file_id == "nameless" else {"filename": f"../{file_id}.txt"}
            yield {"file_id": file_id, **named}

    @contextmanager
    def opened(self, record: dict[str, Any]) -> Iterator[io.BytesIO]:
        content = self.contents[record["file_id"]]
        if content is None:
            raise NotFound
        yield io.BytesIO(content)


def export(collections: dict[str, list[bytes]], files: dict[str, bytes | None]) -> tuple[Any, list[bytes]]:
    stored = Stored(collections, files)
    body = OwnData(cast("AccountData", stored), cast("FileStore", stored)).export(ADA)
    return body, list(body.pieces)


def archive_of(pieces: list[bytes]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(pieces)))


def test_holds_lines_and_files_and_says_what_is_left_out() -> None:
    before = datetime.now(UTC)
    collections = {"users": [b'{"a":1}\n'], "presets": [b"1\n", b"2\n"], "empty": []}
    body, pieces = export(
        collections, {"one": b"words", "gone": None, "nameless": b"2", "large": b"x" * 200_000}
    )
    named = {f"account-{day:%Y-%m-%d}.zip" for day in (before, datetime.now(UTC))}
    assert body.filename in named
    assert (body.content_type, body.held) == ("application/octet-stream", 4 * 1024 * 1024)
    with archive_of(pieces) as archive:
        assert archive.testzip() is None
        # A record whose file is not to be had is no file; the others follow it.
        assert archive.namelist() == [
            "README.txt",
            "data/users.jsonl",
            "data/presets.jsonl",
            "data/empty.jsonl",
            "files/one/one.txt",
            "files/nameless/file",
            "files/large/large.txt",
        ]
        assert archive.read("data/users.jsonl") == b'{"a":1}\n'
        assert archive.read("data/presets.jsonl") == b"1\n2\n"
        assert archive.read("files/one/one.txt") == b"words"
        assert archive.read("files/large/large.txt") == b"x" * 200_000
        readme = archive.read("README.txt").decode()
        for entry in archive.infolist():
            # Of what is written bit by bit nobody knows beforehand that it stays below 2 GiB: version 4.5 is ZIP64.
            assert entry.extract_version == (20 if entry.filename == "README.txt" else 45)
            # Nobody else may read them where they are unpacked.
            assert (entry.external_attr >> 16, entry.compress_type) == (0o600, zipfile.ZIP_DEFLATED)
            made = datetime(*entry.date_time, tzinfo=UTC)
            assert before - timedelta(seconds=3) < made <= datetime.now(UTC)
    assert readme.startswith("This is everything that is stored about your account.\n")
    lines = readme.splitlines()
    assert "- sessions: refreshTokenHash" in lines
    assert "- agentapikeys: keyHash, key" in lines
    assert "- echo_mails: mails that wait to be sent, of which you get each" in lines
    assert len([line for line in lines if line.startswith("- ")]) == len(SECRET) + len(NOT_EXPORTED)
    assert readme.endswith("\n")


@pytest.fixture
def _far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server whose clock shows half a day more than the world's."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "FAR-12")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_far_away")
def test_its_times_are_the_same_wherever_the_server_stands() -> None:
    before = datetime.now(UTC)
    body, pieces = export({"users": [b"1\n"]}, {"one": b"words"})
    after = datetime.now(UTC)
    assert datetime.now().astimezone().utcoffset() == timedelta(hours=12)
    assert body.filename in {f"account-{day:%Y-%m-%d}.zip" for day in (before, after)}
    with archive_of(pieces) as archive:
        for entry in archive.infolist():
            made = datetime(*entry.date_time, tzinfo=UTC)
            assert before - timedelta(seconds=3) < made <= after


def test_is_made_in_pieces_that_are_neither_empty_nor_small() -> None:
    # What does not become smaller, in more than one piece.
    noise = bytes((number * number * 7919 + number // 251) % 251 for number in range(300_000))
    _, pieces = export({"users": [b"x\n"] * 100}, {"noise": noise})
    assert own_data.PIECE_BYTES == 64 * 1024
    assert len(pieces) > 1
    assert all(len(each) >= 64 * 1024 for each in pieces[:-1])
    assert pieces[-1]
    with archive_of(pieces) as archive:
        assert archive.read("files/noise/noise.txt") == noise


@pytest.mark.parametrize(
    ("sizes", "sent"),
    [
        ([], []),
        ([0, 0], []),
        ([1], [1]),
        ([65_535], [65_535]),
        # As soon as there are so many, and nothing after them.
        ([65_536], [65_536]),
        ([65_535, 1, 0], [65_536]),
        ([0, 65_535, 2, 3], [65_537, 3]),
        ([65_536, 65_536, 5], [65_536, 65_536, 5]),
    ],
)
def test_small_pieces_are_sent_together_in_their_order(sizes: list[int], sent: list[int]) -> None:
    pieces = [bytes([number]) * size for number, size in enumerate(sizes)]
    gathered = list(own_data._gathered(iter(pieces)))
    assert [len(each) for each in gathered] == sent
    assert b"".join(gathered) == b"".join(pieces)
