"""OpenDocument's texts and presentations (OASIS OpenDocument 1.3, part 3), by lxml."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from lxml import etree

from echo.extraction.archives import check_archive, member
from echo.extraction.pages import Page, Unreadable

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_SLIDE = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}page"
_PARAGRAPHS = (f"{_TEXT}p", f"{_TEXT}h")
# What stands in the file for blanks, of which XML keeps only one, and what is no part of the text.
_BLANKS = {f"{_TEXT}tab": "\t", f"{_TEXT}line-break": "\n"}
_SPACES = f"{_TEXT}s"
_HIDDEN = (f"{_TEXT}tracked-changes", f"{_OFFICE}annotation")
MOST_SPACES = 100


def read(stream: BinaryIO) -> Iterator[Page]:
    """A text as one page, a presentation as its slides."""
    check_archive(stream)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, recover=False)
    try:
        root = etree.parse(member(stream, "content.xml"), parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable("broken") from error
    if root.docinfo.internalDTD is not None:
        # No program writes one, and entities are of no good use.
        raise Unreadable("broken")
    slides = list(root.iter(_SLIDE))
    if slides:
        for number, slide in enumerate(slides, 1):
            yield Page("\n".join(_paragraphs(slide)), number)
    else:
        yield Page("\n".join(_paragraphs(root.getroot())))


def _paragraphs(root: Any) -> Iterator[str]:
    for hidden in list(root.iter(*_HIDDEN)):
        hidden.clear()
    for paragraph in root.iter(*_PARAGRAPHS):
        yield "".join(_pieces(paragraph))


def _pieces(paragraph: Any) -> Iterator[str]:
    for event, element in etree.iterwalk(paragraph, events=("start", "end")):
        if event == "start":
            yield _own(element)
            if element.text:
                yield element.text
        elif element is not paragraph and element.tail:
            yield element.tail


def _own(element: Any) -> str:
    if element.tag == _SPACES:
        count = element.get(f"{_TEXT}c", "1")
        return " " * min(int(count) if count.isdecimal() else 1, MOST_SPACES)
    return _BLANKS.get(element.tag, "")
