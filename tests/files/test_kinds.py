import io
import re
import tracemalloc
import zipfile
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


WORD, SHEET, SLIDES = (
    f"{OPEN_XML}{kind}"
    for kind in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")
)
DOCTYPE = b'<?xml version="1.0"?><!DOCTYPE Types [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


def package(*entries: str, parts: tuple[str, ...] = ("word/document.xml",), **options: str) -> bytes:
    """An archive with these content types and parts."""
    types = samples.content_types(*entries, **options)
    return samples.archive({"[Content_Types].xml": types, **dict.fromkeys(parts, b"<x/>")})


class TestOfficeDocuments:
    """The main part is the one that `[Content_Types].xml` gives its type to."""

    WORD_MAIN, SHEET_MAIN, SLIDES_MAIN = (samples.MAIN_TYPES[each] for each in ("word", "xl", "ppt"))

    @pytest.mark.parametrize(
        ("part", "main", "kind"),
        [
            ("word/document2.xml", WORD_MAIN, WORD),
            ("document.xml", WORD_MAIN, WORD),
            ("xl/workbook2.xml", SHEET_MAIN, SHEET),
            ("ppt/presentation1.xml", SLIDES_MAIN, SLIDES),
            ("word/document.xml", f"{OPEN_XML}wordprocessingml.template.main+xml", WORD),
            ("xl/workbook.xml", f"{OPEN_XML}spreadsheetml.template.main+xml", SHEET),
            ("ppt/presentation.xml", f"{OPEN_XML}presentationml.slideshow.main+xml", SLIDES),
        ],
    )
    def test_are_known_whatever_their_main_part_is_called(self, part: str, main: str, kind: str) -> None:
        assert type_of(package(f"/{part} {main}", parts=(part,))) == kind

    def test_a_part_that_only_has_the_name_makes_none(self) -> None:
        for part in (
            "word/document.xml",
            "word/document.xml.bak",
            "old/word/document.xml",
            "xl/workbook.xml",
        ):
            assert type_of(samples.archive({part: b"<x/>"})) == "application/zip"
            assert type_of(package("xml application/xml", parts=(part,))) == "application/zip"

    def test_a_main_part_that_is_not_there_makes_none(self) -> None:
        assert type_of(package(f"/word/document.xml {self.WORD_MAIN}", parts=("a.txt",))) == "application/zip"
        assert type_of(package(f"xml {self.WORD_MAIN}", parts=("a.txt",))) == "application/zip"

    @pytest.mark.parametrize(
        "content",
        [
            package(f"xml {WORD_MAIN}"),
            package(f"/Word/Document.XML {WORD_MAIN}"),
            package(f"/word/document.xml {WORD_MAIN}", parts=("word\\document.xml",)),
            package(f"/word/document.xml {WORD_MAIN}", prefix="ct"),
            package(f"/word/document.xml {WORD_MAIN}", encoding="UTF-16"),
            b"".join((b"PK\x03\x04 left by a program in front", package(f"/word/document.xml {WORD_MAIN}"))),
        ],
        ids=["by extension", "case", "backslashes", "prefix", "UTF-16", "behind something"],
    )
    def test_are_known_however_it_is_written(self, content: bytes) -> None:
        assert type_of(content) == WORD

    @pytest.mark.parametrize(
        "entry",
        [
            "/word/document.xml application/vnd.ms-word.document.macroEnabled.main+xml",
            "/word/other.bin application/vnd.ms-office.vbaProject",
            "bin application/vnd.ms-office.vbaProject",
        ],
    )
    def test_with_macros_under_any_name_are_refused(self, entry: str) -> None:
        content = package(f"/word/document.xml {self.WORD_MAIN}", entry)
        with pytest.raises(UnsupportedMediaType):
            type_of(content)

    @pytest.mark.parametrize(
        "types",
        [
            b"",
            b"<Types",
            b"\xff\xfe\x00",
            DOCTYPE + samples.content_types(f"/word/document.xml {WORD_MAIN}").partition(b"?>")[2],
            samples.content_types(f"/word/document.xml {WORD_MAIN}") + b" " * 2_000_000,
        ],
        ids=["empty", "cut off", "no XML", "with entities", "too long"],
    )
    def test_whose_types_cannot_be_read_are_archives(self, types: bytes) -> None:
        members = {"[Content_Types].xml": types, "word/document.xml": b"<x/>"}
        assert type_of(samples.archive(members)) == "application/zip"

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_packed_in_costly_ways_are_archives(self, method: int) -> None:
        members = {"[Content_Types].xml": samples.content_types(f"xml {self.WORD_MAIN}"), "a.xml": b"<x/>"}
        assert type_of(samples.archive(members, method)) == "application/zip"

    def test_no_more_of_the_types_is_unpacked_than_is_allowed(self) -> None:
        bomb = samples.archive({"[Content_Types].xml": bytes(300_000_000), "word/document.xml": b"<x/>"})
        tracemalloc.start()
        try:
            assert type_of(bomb) == "application/zip"
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()


class TestOtherDocuments:
    @pytest.mark.parametrize(
        "declared",
        [b"application/epub+zip\r\n", b"application/epub+zip\n", b"  application/epub+zip"],
    )
    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_a_declared_type_may_be_packed_and_end_its_line(self, declared: bytes, method: int) -> None:
        assert type_of(samples.archive({"mimetype": declared, "a": b"b"}, method)) == "application/epub+zip"

    def test_a_declared_type_need_not_come_first(self) -> None:
        content = samples.archive({"a": b"b", "mimetype": b"application/vnd.oasis.opendocument.text"})
        assert type_of(content) == "application/vnd.oasis.opendocument.text"

    @pytest.mark.parametrize(
        "declared", [b"text/html", b"application/epub+zip and more", b"", bytes(5_000_000)]
    )
    def test_another_declared_type_is_not_taken_over(self, declared: bytes) -> None:
        assert type_of(samples.archive({"mimetype": declared})) == "application/zip"

    def test_excel_95_calls_its_stream_book(self) -> None:
        book = "Book".encode("utf-16-le").ljust(64, b"\x00") + b"\x0a\x00\x02"
        assert type_of(samples.compound("") + book + bytes(61)) == "application/vnd.ms-excel"

    def test_a_compound_file_that_mentions_a_book_is_none(self) -> None:
        with pytest.raises(UnsupportedMediaType):
            type_of(samples.compound("Book of the installer"))


BINARY_PDF = samples.PDF[:9] + b"%\xe2\xe3\xcf\xd3\n" + bytes(20) + samples.PDF[9:]


class TestPdf:
    @pytest.mark.parametrize("pdf", [samples.PDF, BINARY_PDF], ids=["text", "binary"])
    @pytest.mark.parametrize(
        "before",
        [
            b"\xef\xbb\xbf",
            b"\n",
            b"\r\n\r\n",
            b" \t\n",
            b"\xef\xbb\xbf\r\n",
            b"%!PS-Adobe-3.0 PDF-1.4\n",
            b"\x1b%-12345X@PJL JOB\r\n@PJL ENTER LANGUAGE=PDF\r\n",
            b"Content-Type: application/pdf\r\nContent-Length: 5\r\n\r\n",
            b"x" * 1015 + b"\n",
        ],
    )
    def test_may_stand_behind_a_banner(self, before: bytes, pdf: bytes) -> None:
        assert type_of(before + pdf, "a.html") == "application/pdf"

    def test_must_begin_within_the_first_1024_bytes(self) -> None:
        assert type_of(b"x" * 1016 + b"\n" + samples.PDF) == "text/plain"
        with pytest.raises(UnsupportedMediaType):
            type_of(b"x" * 1016 + b"\n" + BINARY_PDF)

    @pytest.mark.parametrize(
        "content",
        [
            b"A PDF begins with %PDF-1.4 and ends with\n%%EOF\n",
            b"A PDF begins with\n%PDF-1.4\nas everybody knows",
            b"A PDF begins with\n%PDF-1.4\nand ends with\n%%EOF\nwhich is all",
            b"#!/bin/sh\ncat <<END\n%PDF-1.4\n%%EOF\n",
            b"\n%PDF-x.y\n%%EOF\n",
        ],
    )
    def test_a_text_that_mentions_one_is_text(self, content: bytes) -> None:
        assert type_of(content, "a.py") == "text/x-python"

    @pytest.mark.parametrize(
        ("before", "kind"),
        [
            (samples.HTML, "text/html"),
            (samples.SVG, "image/svg+xml"),
            (b"<?xml version='1.0'?>", "application/xml"),
            (b"hello <script>alert(1)</script>", "text/plain"),
            (b"hello <?php evil() ?>", "text/plain"),
            (b"#!/bin/sh", "text/plain"),
        ],
    )
    def test_behind_what_can_be_run_is_none(self, before: bytes, kind: str) -> None:
        assert type_of(before + b"\n" + samples.PDF, "a") == kind
        with pytest.raises(UnsupportedMediaType):
            type_of(before + b"\n" + BINARY_PDF, "a.pdf")

    @pytest.mark.parametrize(
        "before", [b"MZ", b"MZ\x90\x00\x03", b"\x7fELF\x02\x01\x01", b"\xca\xfe\xba\xbe\x00"]
    )
    def test_behind_a_program_is_none(self, before: bytes) -> None:
        with pytest.raises(UnsupportedMediaType):
            type_of(before + b"\n" + BINARY_PDF, "a.pdf")

    def test_a_picture_with_one_in_it_is_a_picture(self) -> None:
        assert type_of(samples.picture("PNG")[:60] + BINARY_PDF) == "image/png"
        assert type_of(b"GIF89a" + bytes(7) + BINARY_PDF) == "image/gif"


class TestSoundAndFilm:
    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (b"RF64\xff\xff\xff\xffWAVEds64" + bytes(40), "audio/wav"),
            (b"BW64\xff\xff\xff\xffWAVEds64" + bytes(40), "audio/wav"),
            (b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat" + bytes(40), "video/quicktime"),
            (b"\x00\x00\x10\x00moov\x00\x00\x00\x6cmvhd" + bytes(40), "video/quicktime"),
            (b"\x00\x00\x00\x18ftyp3g2a" + bytes(40), "video/mp4"),
            (
                bytes.fromhex("1a45dfa3 0100000000000024 42860101 4282 0100000000000004")
                + b"webm"
                + bytes(40),
                "video/webm",
            ),
        ],
    )
    def test_as_other_programs_write_them(self, content: bytes, kind: str) -> None:
        assert type_of(content) == kind


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
