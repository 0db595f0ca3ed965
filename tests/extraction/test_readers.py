"""The text of each kind of document, and what is no document."""

import io

import pytest

from echo.extraction import Page, Unreadable, archives
from echo.extraction.pages import bounded, tidy
from echo.extraction.readers import READERS, read
from tests.support import documents

OPEN_SLIDES = "application/vnd.oasis.opendocument.presentation"
XLS = "application/vnd.ms-excel"
MAIL = b"""From: Ada <ada@example.com>
To: bob@example.com
Subject: =?utf-8?q?R=C3=A9sum=C3=A9?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/html; charset=utf-8

<p>See the <b>plan</b>.</p>
--x
Content-Type: application/pdf; name=plan.pdf
Content-Disposition: attachment; filename=plan.pdf

--x--
"""


def pages(content: bytes, kind: str) -> list[Page]:
    return list(bounded(read(io.BytesIO(content), kind)))


def test_every_kind_has_a_reader_of_its_own() -> None:
    assert {kind.rpartition(".")[2].rpartition("/")[2]: name for kind, (name, _) in READERS.items()} == {
        "pdf": "pdf",
        "document": "word",
        "presentation": "open_document",
        "sheet": "sheets",
        "ms-excel": "sheets",
        "spreadsheet": "sheets",
        "text": "open_document",
        "html": "markup",
        "rfc822": "mail",
    }
    assert READERS[documents.SLIDES][0] == "slides"


DOCTYPE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def with_entity(text: str) -> str:
    """A document type, and its entity in the place of the text."""
    start = text.index("?>") + 2
    return text[:start] + DOCTYPE + text[start:].replace(">x<", ">&a;<")


SAID = {
    "PDF": (documents.PDF, lambda: documents.pdf("One page", "And two"), [("One page", 1), ("And two", 2)]),
    "Word": (
        documents.WORD,
        lambda: documents.word("Holidays", "28 days", rows=[("a", "b")]),
        [("Holidays\n28 days\na | b", None)],
    ),
    "slides": (
        documents.SLIDES,
        lambda: documents.slides("First", "Second", notes="say it"),
        [("First\nsay it", 1), ("Second\nsay it", 2)],
    ),
    "sheet": (
        documents.SHEET,
        lambda: documents.sheet({(0, 0): "Item", (0, 1): "Price", (3, 0): "Tea", (3, 1): 3.0}),
        [("Costs\nItem\tPrice\nTea\t3", 1)],
    ),
    "OpenDocument": (
        documents.OPEN_TEXT,
        lambda: documents.open_text(
            "<text:h>Title</text:h>"
            "<text:p>a<text:s text:c='2'/>b<text:tab/>c<text:span>d</text:span>e</text:p>"
        ),
        [("Title\na  b\tcde", None)],
    ),
    "OpenDocument slides": (
        OPEN_SLIDES,
        lambda: documents.open_text("".join(f"<draw:page><text:p>{n}</text:p></draw:page>" for n in "ab")),
        [("a", 1), ("b", 2)],
    ),
    "HTML": (
        "text/html",
        lambda: b"<html><style>p{}</style><h1>Hi</h1><script>a(1)</script><p>you <i>two</i></p></html>",
        [("Hi\n\nyou two", None)],
    ),
    "mail": (
        "message/rfc822",
        lambda: MAIL,
        [
            (
                "From: Ada <ada@example.com>\nTo: bob@example.com\nSubject: Résumé\nAttachment: plan.pdf\n\n"
                "See the plan.",
                None,
            )
        ],
    ),
    "nothing": ("text/html", lambda: b"", []),
}
REFUSED = {
    "PDF": (documents.PDF, lambda: b"%PDF-1.4 and no more", "broken"),
    "cut off": (documents.WORD, lambda: documents.word("x")[:400], "broken"),
    "no content": (documents.OPEN_TEXT, lambda: documents.archive(a_xml="<a/>"), "broken"),
    "no XML": (documents.OPEN_TEXT, lambda: documents.open_text("<text:p>"), "broken"),
    "entity": (
        documents.OPEN_TEXT,
        lambda: documents.open_text("<text:p>&a;</text:p>", DOCTYPE),
        "broken",
    ),
    "bomb": (documents.WORD, lambda: documents.bomb(2_000_000), "too_large"),
    "bomb that lies": (documents.WORD, lambda: documents.bomb(2_000_000, says=10), "broken"),
    "old sheet": (XLS, lambda: b"\xd0\xcf\x11\xe0 and no more", "broken"),
}


@pytest.mark.parametrize("name", SAID)
def test_what_it_says(name: str) -> None:
    kind, make, expected = SAID[name]
    assert [(page.text, page.number) for page in pages(make(), kind)] == expected


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_none_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_UNPACKED", 1_000_000)
    kind, make, reason = REFUSED[name]
    with pytest.raises(Unreadable) as refused:
        pages(make(), kind)
    assert refused.value.reason == reason


def test_the_limit_is_what_a_workbook_needs() -> None:
    assert (archives.MOST_UNPACKED, archives.MOST_MEMBERS) == (268_435_456, 20_000)


def test_an_entity_in_word_is_no_file_of_ours() -> None:
    hostile = documents.changed(documents.word("x"), "word/document.xml", with_entity)
    assert "root:" not in "".join(page.text for page in pages(hostile, documents.WORD))


def test_more_text_than_a_record_holds_is_too_large() -> None:
    with pytest.raises(Unreadable, match="too_large"):
        list(bounded([Page("x" * 10), Page("y" * 10)], 19))
    assert list(bounded([Page("x" * 10), Page(" \n"), Page("y" * 9)], 19)) == [Page("x" * 10), Page("y" * 9)]


def test_control_characters_and_many_blank_lines_go() -> None:
    assert tidy("\ufeffa\x00\x1b[1m\r\nb\u2028c\n\n \n\n\nd\ud800") == "a[1m\nb\nc\n\nd"
