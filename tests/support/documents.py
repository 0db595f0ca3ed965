"""Real documents of every kind, made by the programs that make them, and hostile ones."""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence

OPEN_XML = "application/vnd.openxmlformats-officedocument."
WORD = f"{OPEN_XML}wordprocessingml.document"
SLIDES = f"{OPEN_XML}presentationml.presentation"
SHEET = f"{OPEN_XML}spreadsheetml.sheet"
OPEN_TEXT = "application/vnd.oasis.opendocument.text"
PDF = "application/pdf"


def word(*paragraphs: str, rows: Sequence[Sequence[str]] = ()) -> bytes:
    from docx import Document  # noqa: PLC0415 - they take long to import

    document = Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    if rows:
        table = document.add_table(len(rows), len(rows[0]))
        for row, texts in zip(table.rows, rows, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def slides(*texts: str, notes: str = "") -> bytes:
    from pptx import Presentation  # noqa: PLC0415

    presentation = Presentation()
    for text in texts:
        slide = presentation.slides.add_slide(presentation.slide_layouts[5])
        slide.shapes.title.text = text
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    out = io.BytesIO()
    presentation.save(out)
    return out.getvalue()


def sheet(cells: Mapping[tuple[int, int], str | float], name: str = "Costs") -> bytes:
    import xlsxwriter  # noqa: PLC0415

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        page = book.add_worksheet(name)
        for (row, column), value in cells.items():
            page.write(row, column, value)
    return out.getvalue()


def pdf(*pages: str) -> bytes:
    """A PDF with a line of text on each page, written by hand: it needs no more than this."""
    kids = " ".join(f"{3 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>",
    ]
    font = "<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
    for n, text in enumerate(pages):
        content = f"BT /F 12 Tf 20 100 Td ({text}) Tj ET"
        size = "/MediaBox[0 0 600 200]"
        objects.append(f"<</Type/Page/Parent 2 0 R/Resources{font}{size}/Contents {4 + 2 * n} 0 R>>")
        objects.append(f"<</Length {len(content)}>>stream\n{content}\nendstream")
    body, places = "%PDF-1.4\n", []
    for n, each in enumerate(objects, 1):
        places.append(len(body))
        body += f"{n} 0 obj{each}endobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    return (
        f"{body}{head}trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF".encode()
    )


def archive(**members: str | bytes) -> bytes:
    """A ZIP archive; `_` in a member's name stands for its point."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name.replace("_", "."), content)
    return out.getvalue()


def open_text(body: str, doctype: str = "") -> bytes:
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{kind}:1.0"'
        for name, kind in (("office", "office"), ("text", "text"), ("draw", "drawing"))
    )
    content = (
        f'<?xml version="1.0"?>{doctype}<office:document-content {names}>{body}</office:document-content>'
    )
    return archive(mimetype=OPEN_TEXT, content_xml=content)


def bomb(size: int, says: int | None = None) -> bytes:
    """An archive that unpacks to far more than it has; `says` is what its list of members says."""
    content = archive(word_document_xml=bytes(size))
    if says is None:
        return content
    return content.replace(size.to_bytes(4, "little"), says.to_bytes(4, "little"))


def changed(content: bytes, name: str, change: Callable[[str], str]) -> bytes:
    """The archive with another text in one of its members."""
    with zipfile.ZipFile(io.BytesIO(content)) as before:
        members = {each: before.read(each) for each in before.namelist()}
    members[name] = change(members[name].decode()).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as after:
        for each, data in members.items():
            after.writestr(each, data)
    return out.getvalue()
