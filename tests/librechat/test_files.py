"""The files that LibreChat's users uploaded: where it left them, and as it left them."""

from pathlib import Path

import pytest

from tests.conftest import Client
from tests.support.librechat import Content, Document, LogIn, difference

NOTE = b"synthetic text file\n" * 20


@pytest.fixture
def ada(log_in: LogIn) -> Client:
    return log_in("ada")


def record(content: Content, **like: str) -> Document:
    [found] = [
        each
        for each in content()["files"].values()
        if all(each.get(name) == value for name, value in like.items())
    ]
    return found


def on_disk(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if path.is_file())


class TestDownload:
    def test_of_an_upload(self, ada: Client, content: Content) -> None:
        stored = record(content, source="local", filename="note.txt")
        answer = ada.get(f"/api/files/download/{stored['user']}/{stored['file_id']}")
        assert (answer.status_code, answer.content) == (200, NOTE)
        assert "note.txt" in answer.headers["content-disposition"]

    def test_of_a_picture(self, ada: Client, content: Content) -> None:
        stored = record(content, filename="dot.png")
        answer = ada.get(f"/api/files/download/{stored['user']}/{stored['file_id']}")
        assert answer.status_code == 200
        assert answer.content.startswith(b"\x89PNG")
        assert len(answer.content) == stored["bytes"]

    def test_of_a_text_whose_path_is_absolute_is_the_text_of_its_record(
        self, ada: Client, content: Content
    ) -> None:
        stored = record(content, source="text")
        assert stored["filepath"].startswith("/app/")
        answer = ada.get(f"/api/files/download/{stored['user']}/{stored['file_id']}")
        assert (answer.status_code, answer.content) == (200, NOTE)

    def test_by_somebody_else_is_refused(self, log_in: LogIn, content: Content) -> None:
        bob = log_in("bob")
        for stored in content()["files"].values():
            path = f"/api/files/download/{stored['user']}/{stored['file_id']}"
            assert bob.get(path).status_code == 404

    def test_the_list_says_no_path_of_the_server(self, ada: Client) -> None:
        for file in ada.get("/api/files").json():
            assert file["filepath"].startswith("/api/files/download/")
            assert ada.get(file["filepath"]).status_code == 200


class TestDelete:
    def test_removes_record_and_file_and_nothing_else(
        self, ada: Client, content: Content, librechat_dir: Path
    ) -> None:
        stored = record(content, source="local", filename="note.txt")
        before = content()
        answer = ada.delete("/api/files", json={"files": [{"file_id": stored["file_id"]}]})
        assert answer.json()["deletedCount"] == 1
        assert difference(before, content()) == {"files": (0, 1, [])}
        assert [name.partition("__")[2] for name in on_disk(librechat_dir)] == ["dot.png"]

    def test_of_a_text_removes_its_record(self, ada: Client, content: Content, librechat_dir: Path) -> None:
        stored = record(content, source="text")
        files = on_disk(librechat_dir)
        answer = ada.delete("/api/files", json={"files": [{"file_id": stored["file_id"]}]})
        assert answer.json()["deletedCount"] == 1
        assert on_disk(librechat_dir) == files


def test_a_new_file_goes_to_echos_own_directory(ada: Client, content: Content, librechat_dir: Path) -> None:
    files, before = on_disk(librechat_dir), content()
    answer = ada.post("/api/files", files={"file": ("new.txt", b"new", "text/plain")})
    assert answer.status_code == 201
    assert ada.get(answer.json()["filepath"]).content == b"new"
    assert difference(before, content()) == {"files": (1, 0, [])}
    assert on_disk(librechat_dir) == files
