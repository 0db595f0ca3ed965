"""Zips of exports: found by content, read file by file, and never a danger."""

import io
import struct
import zipfile
from typing import Any

import pytest

from echo.errors import ApiError, PayloadTooLarge, Unprocessable
from echo.transfer.archive import BrokenArchive, documents
from echo.transfer.limits import Limits

LIMITS = Limits(text=1000, values=1000, directory=10_000, unpacked=100_000)


def archive(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def read(content: bytes, limits: Limits = LIMITS) -> list[tuple[str | None, bytes]]:
    found: list[Any] = []
    for name, stream in documents(io.BytesIO(content), limits):
        chunks = []
        while chunk := stream.read(4096):
            chunks.append(chunk)
        found.append((name, b"".join(chunks)))
    return found


class TestDocuments:
    def test_a_file_that_is_no_zip_is_one(self) -> None:
        assert read(b"[1]") == [(None, b"[1]")]

    def test_a_zip_has_its_json_files_in_the_order_of_their_names(self) -> None:
        files = {"conversations-001.json": b"[2]", "a.png": b"x", "conversations-000.JSON": b"[1]"}
        content = archive({**files, "__MACOSX/conversations-000.json": b"?"})
        assert read(content) == [("conversations-000.JSON", b"[1]"), ("conversations-001.json", b"[2]")]

    def test_names_are_never_paths(self) -> None:
        names = {"../../etc/cron.d/evil.json": b"[1]", "/etc/passwd.json": b"[2]", "C:\\x.json": b"[3]"}
        assert [content for _, content in read(archive(names))] == [b"[1]", b"[2]", b"[3]"]

    def test_an_empty_zip_has_none(self) -> None:
        assert read(archive({})) == []


class TestRefused:
    def refusal(self, content: bytes) -> tuple[int, str]:
        with pytest.raises(ApiError) as refused:
            read(content)
        return refused.value.status, refused.value.code

    def test_an_empty_file(self) -> None:
        assert self.refusal(b"") == (422, "empty_file")

    @pytest.mark.parametrize("cut", [10, 40, 100, -1, -5])
    def test_a_damaged_zip(self, cut: int) -> None:
        content = archive({"a.json": bytes(range(256))})
        with pytest.raises((Unprocessable, BrokenArchive)):
            read(content[:cut])

    def test_a_zip_with_a_damaged_file(self) -> None:
        content = bytearray(archive({"a.json": bytes(range(256)) * 10}, zipfile.ZIP_STORED))
        content[100] ^= 0xFF
        with pytest.raises(BrokenArchive):
            read(bytes(content))

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_packings_that_take_much_memory(self, method: int) -> None:
        with pytest.raises(BrokenArchive, match="packed"):
            read(archive({"a.json": b"[1]"}, method))

    def test_an_encrypted_one(self) -> None:
        content = archive({"a.json": b"[1]"})
        central = content.index(b"PK\x01\x02")
        with pytest.raises(BrokenArchive, match="packed"):
            read(content[: central + 8] + struct.pack("<H", 1) + content[central + 10 :])

    def test_one_that_cannot_be_read_does_not_hide_the_next(self) -> None:
        content = bytearray(archive({"a.json": b"[1]" * 100, "b.json": b"[2]"}, zipfile.ZIP_STORED))
        content[60] ^= 0xFF
        left = documents(io.BytesIO(content), LIMITS)
        _, broken = next(left)
        with pytest.raises(BrokenArchive, match="damaged"):
            broken.read(4096)
        name, whole = next(left)
        assert (name, whole.read(4096)) == ("b.json", b"[2]")

    def test_what_unpacks_to_more_than_is_allowed(self) -> None:
        content = archive({"a.json": b" " * 10_000_000})
        assert len(content) < 20_000
        with pytest.raises(PayloadTooLarge):
            read(content)

    def test_many_files_that_do_so_together(self) -> None:
        with pytest.raises(PayloadTooLarge):
            read(archive({f"{number}.json": b" " * 30_000 for number in range(4)}))

    def test_a_list_of_files_that_fills_the_memory(self) -> None:
        content = archive({f"{number}.json": b"" for number in range(200)})
        with pytest.raises(PayloadTooLarge):
            read(content)

    def test_a_list_whose_size_is_a_lie(self) -> None:
        content = bytearray(archive({"a.json": b"[1]"}))
        struct.pack_into("<L", content, content.index(b"PK\x05\x06") + 12, 0x7FFFFFFF)
        with pytest.raises((Unprocessable, PayloadTooLarge)):
            read(bytes(content))

    def test_random_damage_is_an_error_of_ours_or_none(self) -> None:
        whole = archive({"a.json": b"[1,2,3]" * 20, "b.json": b"{}"})
        for place in range(len(whole)):
            for value in (0, 0x7F, 0xFF):
                content = bytearray(whole)
                content[place] = value
                try:
                    read(bytes(content))
                except (ApiError, BrokenArchive):
                    continue
