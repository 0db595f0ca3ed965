"""Files that go with a message: whose they are, what a model can be sent of them, and how much."""

import io
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from echo.chat.attachments import (
    Attachments,
    for_model,
    ids_in,
    purposes_of,
    shown,
    shown_files,
    tokens_of,
)
from echo.errors import NotFound, PayloadTooLarge, Unprocessable
from echo.providers.chat import Attachment
from storage.core.errors import NotFound as NotStored

MIB = 1024 * 1024


class Files:
    """The records of owners, and the contents; what has no content is gone from the disk."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.asked_for_code: list[tuple[str, Sequence[str]]] = []

    def put(
        self, file_id: str, content: bytes | None = b"text", owner: str = "ada", **more: Any
    ) -> dict[str, Any]:
        record = {"file_id": file_id, "filename": f"{file_id}.txt", "type": "text/plain", **more}
        self.records[owner, file_id] = record
        if content is not None:
            self.contents[file_id] = content
        return record

    def get(self, owner: str, file_id: str) -> dict[str, Any]:
        if (owner, file_id) not in self.records:
            raise NotStored
        return self.records[owner, file_id]

    def for_code(self, owner: str, file_ids: Sequence[str]) -> list[Any]:
        self.asked_for_code.append((owner, file_ids))
        return []

    @contextmanager
    def opened(self, record: dict[str, Any]) -> Any:
        if record["file_id"] not in self.contents:
            raise NotFound
        yield io.BytesIO(self.contents[record["file_id"]])


@pytest.fixture
def files() -> Files:
    return Files()


def of(files: Any, owner: str = "ada") -> Attachments:
    return Attachments(files, files, owner)


def text(name: str, content: bytes = b"text") -> Attachment:
    return Attachment(f"{name}.txt", "text/plain", content)


class TestRecords:
    def test_are_the_owners_each_once(self, files: Files) -> None:
        one, two = files.put("one"), files.put("two")
        assert of(files).records(["two", "one", "two"]) == [two, one]

    def test_of_others_are_not_there(self, files: Files) -> None:
        files.put("one")
        files.put("two", owner="bob")
        with pytest.raises(Unprocessable, match=r": A file of the message is not there\.$") as refused:
            of(files).records(["one", "two"])
        [error] = refused.value.errors
        assert (refused.value.code, error.field, error.message) == (
            "unknown_file",
            "files.1.file_id",
            "names no file",
        )


class TestLoading:
    def test_reads_texts_and_pictures(self, files: Files) -> None:
        records = [
            files.put("a", b"a"),
            files.put("b", b"b", type="application/json"),
            files.put("c", b"c", type="text/x-odd"),
            files.put("d", b"d", type="image/png"),
            files.put("e", None, type="application/pdf", source="text", text="read before"),
            files.put("f", b"f", filename=None),
        ]
        assert of(files).load(records) == (
            text("a", b"a"),
            text("b", b"b"),
            text("c", b"c"),
            Attachment("d.txt", "image/png", b"d"),
            text("e", b"read before"),
            Attachment("file", "text/plain", b"f"),
        )

    @pytest.mark.parametrize(
        "record",
        [{"type": "application/pdf"}, {"type": "image/tiff"}, {"type": "application/pdf", "text": "x"}],
    )
    def test_refuses_what_a_model_cannot_be_sent(self, files: Files, record: dict[str, Any]) -> None:
        with pytest.raises(Unprocessable) as refused:
            of(files).load([files.put("a", **record)])
        assert refused.value.code == "unsupported_attachment"
        assert refused.value.message == "A model can be sent pictures and text files only."

    def test_refuses_what_is_gone(self, files: Files) -> None:
        with pytest.raises(Unprocessable, match=r": A file of the message is not there\.$") as refused:
            of(files).load([files.put("a", None)])
        assert refused.value.code == "unknown_file"

    def test_takes_twenty(self, files: Files) -> None:
        records = [files.put(f"f{number}") for number in range(21)]
        assert len(of(files).load(records[:20])) == 20
        with pytest.raises(PayloadTooLarge) as refused:
            of(files).load(records)
        assert (refused.value.code, refused.value.message) == (
            "too_many_attachments",
            "A message may have 20 files of 20971520 bytes in all.",
        )

    def test_takes_twenty_mebibytes(self, files: Files) -> None:
        half, rest, more = (
            files.put(name, b"x" * size) for name, size in (("a", MIB), ("b", 19 * MIB), ("c", 1))
        )
        made = of(files)
        assert len(made.load([half, rest])) == 2
        with pytest.raises(PayloadTooLarge):
            made.load([more])


class TestEarlier:
    def test_are_loaded_as_far_as_they_are_there_and_there_is_room(self, files: Files) -> None:
        files.put("a")
        files.put("gone", None)
        files.put("searched", embedded=True)
        files.put("pdf", type="application/pdf")
        files.put("theirs", owner="bob")
        files.put("large", b"x" * (20 * MIB))
        files.put("b")
        names = ("a", "gone", "searched", "pdf", "theirs", "missing", "large", "b")
        message = {"files": [{"file_id": each} for each in names]}
        assert of(files).load_earlier(message) == (text("a"), text("b"))
        assert of(files).load_earlier({}) == ()

    def test_leave_so_much_room_to_each_of_several_requests(self, files: Files) -> None:
        made = of(files)
        made.load([files.put("a", b"x" * (19 * MIB))])
        message = {"files": [{"file_id": "b"}]}
        files.put("b", b"x" * MIB)
        other = made.again()
        assert (len(other.load_earlier(message)), len(made.again().load_earlier(message))) == (1, 1)
        assert other.load_earlier(message) == ()
        files.put("c", b"x" * (MIB + 1))
        assert made.again().load_earlier({"files": [{"file_id": "c"}]}) == ()

    def test_count_among_the_twenty_in_all_requests(self, files: Files) -> None:
        made = of(files)
        made.load([files.put(f"f{number}") for number in range(20)])
        assert made.again().load_earlier({"files": [{"file_id": "f1"}]}) == ()


class TestForPrograms:
    def test_are_the_last_hundred_that_messages_name(self, files: Files) -> None:
        messages = [
            {"files": [{"file_id": f"f{number}"} for number in range(60)]},
            {
                "attachments": [{"file_id": f"a{number}"} for number in range(60)],
                "files": [{"file_id": "f59"}],
            },
        ]
        of(files).for_code(messages)
        expected = [*(f"f{number}" for number in range(20, 60)), *(f"a{number}" for number in range(60))]
        assert files.asked_for_code == [("ada", expected)]


class TestTexts:
    def test_are_those_that_are_there_and_not_too_large(self, files: Files) -> None:
        records = [
            files.put("a", b"one \xff", bytes=20 * MIB),
            files.put("large", bytes=20 * MIB + 1),
            files.put("gone", None),
            files.put("picture", type="image/png"),
            files.put("pdf", type="application/pdf"),
            files.put("b", b"two", bytes="odd"),
        ]
        assert list(of(files).texts(records)) == [("a.txt", "one \ufffd"), ("b.txt", "two")]


@pytest.mark.parametrize(
    ("record", "purposes"),
    [
        ({}, []),
        ({"embedded": True}, ["file_search"]),
        ({"embedded": "yes"}, []),
        ({"metadata": {"fileIdentifier": "x"}}, ["execute_code"]),
        ({"metadata": {"codeEnvRef": "x"}}, ["execute_code"]),
        ({"metadata": {"codeEnvRef": ""}}, []),
        ({"metadata": "odd"}, []),
        ({"embedded": True, "metadata": {"codeEnvRef": "x"}}, ["file_search", "execute_code"]),
    ],
)
def test_a_file_for_tools_is_not_for_the_model(record: dict[str, Any], purposes: list[str]) -> None:
    assert purposes_of(record) == purposes
    assert for_model([record]) == ([] if purposes else [record])


class TestStored:
    """What messages say of their files may be anything."""

    def test_files_are_those_with_ids(self) -> None:
        listed = [{"file_id": "a"}, {"file_id": 5}, {}, "b", {"file_id": "c"}]
        assert list(ids_in(listed)) == ["a", "c"]
        assert shown_files({"files": listed}) == [{"file_id": "a"}, {"file_id": "c"}]
        for odd in (None, "a", {"file_id": "a"}):
            assert list(ids_in(odd)) == shown_files({"files": odd}) == []

    def test_files_are_twenty_at_most(self) -> None:
        listed = [{"file_id": str(number)} for number in range(21)]
        assert list(ids_in(listed)) == [str(number) for number in range(20)]
        assert shown_files({"files": listed}) == listed[:20]
        assert list(ids_in(listed, 2)) == ["0", "1"]

    def test_a_message_keeps_what_is_shown_of_a_file(self) -> None:
        kept = {
            "type": "image/png",
            "file_id": "a",
            "filepath": "/images/a.png",
            "filename": "a.png",
            "embedded": False,
            "height": 2,
            "width": 3,
        }
        assert shown({**kept, "user": "ada", "bytes": 5, "text": "secret"}) == kept
        assert shown({"file_id": "a", "width": None}) == {"file_id": "a"}


def test_files_cost_by_their_tiles_or_their_words() -> None:
    attachments = [Attachment("a.png", "image/png", b"xxxxx"), text("b", b"four"), text("c", b"\xff")]
    records = [{"width": 512, "height": 512}, {}, {}]
    assert tokens_of(attachments, records, len) == 255 + 4 + 1
