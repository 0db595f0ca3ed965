from typing import Any

import pytest

from echo.errors import NotFound
from echo.files import FileStore
from echo.files.downloads import download
from echo.handling.file_body import FileBody
from tests.files import samples
from tests.files.samples import ADA, record_of


def kept(store: FileStore, content: bytes, **changes: Any) -> dict[str, Any]:
    return {**record_of(store.save(ADA, samples.upload(content, "a.bin"))), **changes}


class TestDownload:
    @pytest.mark.parametrize(
        ("content", "content_type"),
        [
            (samples.picture("PNG"), "image/png"),
            (samples.PDF, "application/pdf"),
            (samples.HTML, "text/plain; charset=utf-8"),
            (samples.SVG, "text/plain; charset=utf-8"),
            (b"words", "text/plain; charset=utf-8"),
        ],
    )
    def test_is_an_attachment_of_a_type_that_nothing_runs(
        self, store: FileStore, content: bytes, content_type: str
    ) -> None:
        record = kept(store, content)
        assert download(store, record) == FileBody(store.path(record), content_type, "a.bin", inline=False)

    def test_a_recorded_type_is_not_believed(self, store: FileStore) -> None:
        body = download(store, kept(store, samples.picture("PNG"), type="application/xhtml+xml"))
        assert isinstance(body, FileBody)
        assert body.content_type == "application/octet-stream"

    @pytest.mark.parametrize(
        ("recorded", "shown"), [("../../x\r\n.txt", "x.txt"), ("\u202e", "file"), ("", "file")]
    )
    def test_a_recorded_name_is_cleaned(self, store: FileStore, recorded: str, shown: str) -> None:
        body = download(store, kept(store, b"words", filename=recorded))
        assert isinstance(body, FileBody)
        assert body.filename == shown

    def test_of_a_text_that_librechat_keeps_in_the_record_is_that_text(self, store: FileStore) -> None:
        record = {
            "user": ADA,
            "source": "text",
            "filepath": f"/app/uploads/temp/{ADA}/note.txt",
            "filename": "nöte.txt",
            "text": "words",
        }
        headers = {"Content-Disposition": "attachment; filename*=UTF-8''n%C3%B6te.txt"}
        assert download(store, record) == ("words", 200, headers)

    @pytest.mark.parametrize(
        "record",
        [
            {},
            {"source": "text", "text": None},
            {"source": "s3", "filepath": "https://bucket.example/a", "text": "words"},
            {"source": "local", "filepath": f"/uploads/{ADA}/gone"},
        ],
    )
    def test_of_what_is_not_here_is_not_found(self, store: FileStore, record: dict[str, Any]) -> None:
        with pytest.raises(NotFound):
            download(store, {"user": ADA, "filename": "a", **record})
