"""The process that reads a document: what it may, and how it ends."""

import io
from pathlib import Path

import pytest

from echo.extraction import Extractor, Unreadable
from tests.support import documents


def reason(extractor: Extractor, content: bytes, kind: str) -> str:
    with pytest.raises(Unreadable) as refused:
        extractor.extract(io.BytesIO(content), kind)
    return refused.value.reason


def test_a_file_is_read_by_pages_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(documents.pdf("One page", "And two"))
    with path.open("rb") as stream:
        stream.read(10)
        extracted = Extractor().extract(stream, documents.PDF)
    assert extracted.text == "One page\n\nAnd two"
    assert [page.number for page in extracted.pages] == [1, 2]


def test_a_sheet_with_two_cells_far_apart_takes_no_memory_of_ours() -> None:
    """Its reader wants 17 billion cells, gets none, and dies."""
    far = documents.sheet({(0, 0): "x", (1_048_575, 16_383): "y"})
    assert reason(Extractor(), far, documents.SHEET) == "too_large"


def test_what_its_reader_says_comes_back() -> None:
    extractor = Extractor()
    assert reason(extractor, b"<p> </p>", "text/html") == "empty"
    assert reason(extractor, b"%PDF-1.4", documents.PDF) == "broken"


def test_one_that_takes_too_long_is_ended() -> None:
    assert reason(Extractor(seconds=0), documents.word("x"), documents.WORD) == "too_slow"


def test_what_nobody_reads_starts_nothing() -> None:
    assert reason(Extractor(), b"x", "image/png") == "unsupported"
    assert not Extractor.reads("image/png")
    assert Extractor.reads(documents.PDF)
