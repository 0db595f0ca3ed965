import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from echo.errors import UnsupportedMediaType
from echo.files.kinds import ALLOWED_TYPES, IMAGE_TYPES, find_type, served_type
from echo.files.text import TEXT_TYPES
from tests.files import samples

OPEN_XML = "application/vnd.openxmlformats-officedocument."

BINARIES: dict[str, Callable[[], bytes]] = {
    "application/pdf": lambda: samples.PDF,
    "image/png": lambda: samples.picture("PNG"),
    "image/jpeg": lambda: samples.picture("JPEG"),
    "image/gif": lambda: samples.picture("GIF"),
    "image/webp": lambda: samples.picture("WEBP"),
    "audio/wav": samples.wav,
    "audio/mpeg": lambda: samples.sound("mp3", "libmp3lame"),
    "audio/aac": lambda: samples.sound("adts", "aac"),
    "audio/mp4": lambda: samples.sound("ipod", "aac"),
    "audio/flac": lambda: samples.sound("flac", "flac"),
    "audio/ogg": lambda: samples.sound("ogg", "libopus"),
    "audio/webm": lambda: samples.sound("webm", "libopus"),
    "video/webm": lambda: samples.film("webm", "libvpx"),
    "video/x-matroska": lambda: samples.film("matroska", "libvpx"),
    "video/mp4": lambda: samples.film("mp4", "mpeg4"),
    "video/quicktime": lambda: samples.film("mov", "mpeg4"),
    "video/x-msvideo": lambda: samples.film("avi", "mpeg4"),
    "video/ogg": lambda: b"OggS\x00\x02" + bytes(20) + b"\x01\x2a\x80theora" + bytes(40),
    "application/zip": lambda: samples.archive({"a.txt": b"hello"}),
    "application/x-tar": samples.tarball,
    "application/vnd.apache.parquet": lambda: b"PAR1\x15\x04" + bytes(30) + b"\x0a\x00\x00\x00PAR1",
    f"{OPEN_XML}wordprocessingml.document": lambda: samples.open_xml("word/document.xml"),
    f"{OPEN_XML}spreadsheetml.sheet": lambda: samples.open_xml("xl/workbook.xml"),
    f"{OPEN_XML}presentationml.presentation": lambda: samples.open_xml("ppt/presentation.xml"),
    **{
        kind: lambda kind=kind: samples.open_document(kind)  # type: ignore[misc]
        for kind in (
            *(samples.OPEN_DOCUMENT + kind for kind in ("text", "spreadsheet", "presentation", "graphics")),
            "application/epub+zip",
        )
    },
    "application/msword": lambda: samples.compound("WordDocument"),
    "application/vnd.ms-excel": lambda: samples.compound("Workbook"),
    "application/vnd.ms-powerpoint": lambda: samples.compound("PowerPoint Document"),
}
REFUSED: dict[str, bytes] = {
    "program for Linux": b"\x7fELF\x02\x01\x01" + bytes(60),
    "program for Windows": b"MZ\x90\x00\x03" + bytes(60),
    "Java class": bytes.fromhex("cafebabe00000034") + bytes(30),
    "bytes that mean nothing": bytes(range(128, 256)),
    "one NUL": b"\x00",
    "text with a NUL": b"plain text\x00",
    "text in Latin-1": "Größe".encode("latin-1"),
    "text in UTF-16": "text".encode("utf-16"),
    "text cut inside a character": "text ü".encode()[:-1],
    "gzip": bytes.fromhex("1f8b080000000000"),
    "HEIC": b"\x00\x00\x00\x20ftypheic\x00\x00\x00\x00mif1heic" + bytes(30),
    "AVIF": b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00avifmif1" + bytes(30),
    "BMP": samples.picture("BMP"),
    "TIFF": samples.picture("TIFF"),
    "SQLite": b"SQLite format 3\x00" + bytes(40),
    "ZIP without its end": samples.archive({"a.txt": b"hello" * 100})[:-30],
    "Word document with macros": samples.open_xml("word/document.xml", **{"word/vbaProject.bin": b"x"}),
    "installer for Windows": samples.compound("Installer"),
    "PDF of no version": b"%PDF-x.y and more",
    "MPEG frame without a bit rate": b"\xff\xfb\x0c\xc4" + bytes(60),
}


def type_of(content: bytes, name: str = "sent") -> str:
    return find_type(io.BytesIO(content), name)


class TestBinaryFiles:
    @pytest.mark.parametrize("kind", BINARIES)
    def test_are_known_by_their_content(self, kind: str) -> None:
        assert type_of(BINARIES[kind]()) == kind

    def test_of_every_allowed_type_are_tried_here(self) -> None:
        assert set(BINARIES) == ALLOWED_TYPES - TEXT_TYPES

    @pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
    def test_of_other_types_are_refused(self, content: bytes) -> None:
        with pytest.raises(UnsupportedMediaType) as caught:
            type_of(content, "innocent.txt")
        assert caught.value.code == "unsupported_file"

    @pytest.mark.parametrize("name", ["page.html", "note.txt", "tool.exe", "data.json", ""])
    def test_do_not_become_another_type_by_their_name(self, name: str) -> None:
        assert type_of(samples.picture("PNG"), name) == "image/png"

    def test_mp3_is_known_without_a_tag(self) -> None:
        bare = samples.sound("mp3", "libmp3lame", options={"id3v2_version": "0", "write_xing": "0"})
        assert bare[:2] == b"\xff\xfb"
        assert type_of(bare) == "audio/mpeg"

    def test_the_stream_may_stand_anywhere(self) -> None:
        stream = io.BytesIO(samples.PDF)
        stream.seek(20)
        assert find_type(stream, "") == "application/pdf"

    def test_a_large_zip_directory_is_not_read_whole(self) -> None:
        names = {f"{number}/{'x' * 200}": b"" for number in range(6000)}
        assert type_of(samples.archive(names)) == "application/zip"

    def test_a_zip_with_a_comment_is_known(self) -> None:
        content = bytearray(samples.archive({"a": b"b"}))
        content[-2:] = (5).to_bytes(2, "little")
        assert type_of(bytes(content) + b"hello") == "application/zip"

    def test_a_stream_name_is_found_across_chunks(self) -> None:
        name = "WordDocument".encode("utf-16-le")
        for cut in (0, 1, 12, 23, 24):
            content = samples.compound("").ljust(1024 * 1024 - cut, b"\x00") + name + bytes(100)
            assert type_of(content) == "application/msword"


class TestPolyglots:
    """A file that is two things at once counts as what a program that trusts its first bytes takes it for."""

    @pytest.mark.parametrize("tail", [samples.HTML, samples.SVG, samples.archive({"a": b"b"}), b"<?php ?>"])
    def test_an_image_with_something_behind_it_is_an_image(self, tail: bytes) -> None:
        for kind in ("PNG", "GIF", "JPEG"):
            assert type_of(samples.picture(kind) + tail, "page.html") in IMAGE_TYPES

    def test_a_script_that_begins_like_a_gif_is_text(self) -> None:
        assert type_of(b"GIF89a=1;/* */alert(1)", "a.gif") == "text/plain"

    def test_a_pdf_that_is_also_an_archive_is_a_pdf(self) -> None:
        assert type_of(samples.PDF + samples.archive({"a": b"b"}), "a.zip") == "application/pdf"

    def test_a_program_that_ends_in_an_archive_is_refused(self) -> None:
        with pytest.raises(UnsupportedMediaType):
            type_of(b"MZ\x90\x00" + bytes(60) + samples.archive({"a": b"b"}), "a.zip")


class TestText:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("note.txt", "text/plain"),
            ("note", "text/plain"),
            ("py", "text/plain"),
            ("main.go", "text/plain"),
            ("main.py", "text/x-python"),
            ("MAIN.PY", "text/x-python"),
            ("data.csv", "text/csv"),
            ("data.json", "application/json"),
            ("readme.md", "text/markdown"),
            ("run.sh", "application/x-sh"),
            ("a.svg", "image/svg+xml"),
            ("a.html", "text/html"),
        ],
    )
    def test_is_of_the_kind_that_its_suffix_names(self, name: str, kind: str) -> None:
        assert type_of(b"some words", name) == kind

    @pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.pdf", "a.docx", "a.zip", "a.exe", "a.mp3"])
    def test_is_not_taken_for_binary_by_its_name(self, name: str) -> None:
        assert type_of(b"some words", name) == "text/plain"

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (samples.HTML, "text/html"),
            (b"\xef\xbb\xbf \n<html lang=en>", "text/html"),
            (b"<!-- one --><!-- two -->\n<HTML>", "text/html"),
            (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>', "text/html"),
            (samples.SVG, "image/svg+xml"),
            (b'<?xml version="1.0"?><!DOCTYPE svg><svg/>', "image/svg+xml"),
            (b'<?xml version="1.0"?><feed/>', "application/xml"),
            (b"svg is a format", "text/plain"),
            (b"<p>A fragment", "text/plain"),
        ],
    )
    def test_markup_shows_itself_whatever_the_name(self, content: bytes, kind: str) -> None:
        assert type_of(content, "innocent.txt") == kind

    def test_all_of_it_is_read(self) -> None:
        long = "ü".encode() * 2_000_000
        assert type_of(b"x" + long) == "text/plain"
        with pytest.raises(UnsupportedMediaType):
            type_of(long + b"\x00")

    def test_a_head_of_comments_costs_no_time(self) -> None:
        assert type_of(b"<!---->" * 600 + b"<!--", "a.txt") == "text/plain"


class TestServedType:
    @pytest.mark.parametrize("kind", [*sorted(TEXT_TYPES), "text/x-unheard-of"])
    def test_text_of_every_kind_is_plain(self, kind: str) -> None:
        assert served_type(kind) == "text/plain; charset=utf-8"

    @pytest.mark.parametrize("kind", ["image/png", "application/pdf", "audio/mpeg"])
    def test_what_was_recognised_keeps_its_type(self, kind: str) -> None:
        assert served_type(kind) == kind

    @pytest.mark.parametrize(
        "kind", ["", "x", "image/heic", "application/xhtml+xml", "a/b\r\nSet-Cookie: c=d"]
    )
    def test_anything_else_is_plain_bytes(self, kind: str) -> None:
        assert served_type(kind) == "application/octet-stream"


def test_the_guide_lists_every_allowed_type() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "files.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`((?:application|audio|image|message|text|video)/[^`]+)`", guide))
    assert listed >= ALLOWED_TYPES
