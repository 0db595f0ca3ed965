import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from echo.handling.caller import Caller
from echo.library.uploads import Uploads
from echo.services import Services
from echo.settings import Settings
from handlers.files import upload_file, upload_image
from storage.core.database import Database
from storage.core.errors import Unavailable
from storage.library.files import FileRepository
from tests.conftest import Client, UserClient
from tests.files import samples

TEXT = b"some words\n"
BOTH = pytest.mark.parametrize("path", ["/api/files", "/api/files/images"])


def part(content: bytes, name: str = "note.txt", content_type: str = "text/plain") -> dict[str, Any]:
    return {"file": (name, content, content_type)}


def send(client: Client, content: bytes = TEXT, name: str = "note.txt", path: str = "/api/files") -> Any:
    return client.post(path, files=part(content, name))


@pytest.fixture
def on_disk(settings: Settings) -> Callable[[UserClient], list[Path]]:
    """The files of a user, partial ones included."""
    return lambda user: [
        path for path in (settings.data_dir / "files").glob(f"*/{user.id}/*") if path.is_file()
    ]


class TestListFiles:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get("/api/files").status_code == 401

    def test_another_owners_are_not_listed(self, ada: UserClient, bob: UserClient) -> None:
        send(ada)
        assert bob.get("/api/files").json() == []

    def test_the_newest_comes_first(self, ada: UserClient) -> None:
        sent = [send(ada, name=f"{number}.txt").json() for number in range(3)]
        assert ada.get("/api/files").json() == sent[::-1]


class TestUploadFile:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert send(api).status_code == 401

    def test_answers_with_the_file(self, ada: UserClient) -> None:
        response = send(ada)
        assert response.status_code == 201
        file = response.json()
        assert datetime.fromisoformat(file.pop("createdAt")).tzinfo == UTC
        assert file == {
            "file_id": file["file_id"],
            "filename": "note.txt",
            "type": "text/plain",
            "filepath": f"/api/files/download/{ada.id}/{file['file_id']}",
            "bytes": len(TEXT),
            "user": ada.id,
        }

    def test_filepath_is_an_address_that_works(self, ada: UserClient) -> None:
        assert ada.get(send(ada).json()["filepath"]).content == TEXT

    def test_the_record_is_librechats(self, ada: UserClient, stored: MongoDatabase[dict[str, Any]]) -> None:
        file = send(ada, samples.picture("PNG", (31, 17)), "a.png").json()
        record = stored.files.find_one({"file_id": file["file_id"]})
        assert record is not None
        assert isinstance(record.pop("_id"), ObjectId)
        assert record.pop("createdAt") == record.pop("updatedAt")
        assert record == {
            "file_id": file["file_id"],
            "user": ObjectId(ada.id),
            "filename": "a.png",
            "filepath": f"/uploads/{ada.id}/{file['file_id']}",
            "object": "file",
            "bytes": file["bytes"],
            "type": "image/png",
            "source": "local",
            "context": "message_attachment",
            "usage": 0,
            "embedded": False,
            "width": 31,
            "height": 17,
            "__v": 0,
        }

    def test_takes_nothing_that_the_contract_does_not_name(
        self, ada: UserClient, bob: UserClient, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        forged = {"user": bob.id, "_id": "x", "file_id": str(uuid.uuid4()), "filepath": "/etc/passwd"}
        more = {"source": "text", "text": "forged", "type": "image/png", "bytes": "1", "metadata": "a note"}
        file = ada.post("/api/files", files=part(TEXT), data={**forged, **more}).json()
        assert (file["user"], file["type"], file["bytes"]) == (ada.id, "text/plain", len(TEXT))
        assert file["file_id"] != forged["file_id"]
        record = stored.files.find_one({"file_id": file["file_id"]})
        assert record is not None
        assert record["user"] == ObjectId(ada.id)
        assert record["filepath"] == f"/uploads/{ada.id}/{file['file_id']}"
        assert "text" not in record
        assert bob.get("/api/files").json() == []

    def test_a_form_without_the_file_is_invalid(self, ada: UserClient) -> None:
        for options in (
            {"files": {"other": ("a", TEXT)}},
            {"data": {"file": "text"}, "files": {"x": ("a", b"b")}},
        ):
            response = ada.post("/api/files", **options)
            assert response.status_code == 400
            assert response.json()["errors"][0]["field"] == "file"

    @pytest.mark.parametrize("path", ["/api/files", "/api/files/images"])
    def test_two_files_at_once_are_refused(self, ada: UserClient, path: str) -> None:
        two = [("file", ("a.txt", TEXT)), ("file", ("b.txt", TEXT))]
        assert ada.post(path, files=two).status_code == 400
        assert ada.get("/api/files").json() == []


@BOTH
class TestWhatIsRefused:
    """Each refusal has its code and leaves neither record nor file."""

    @pytest.mark.parametrize(
        ("content", "status_and_code"),
        [
            (b"", (422, "empty_file")),
            (b"\x7fELF" + bytes(60), (415, "unsupported_file")),
            (samples.huge_png(20_000, 20_000), (413, "image_too_large")),
            (samples.picture("PNG", (90, 90))[:80], (415, "unsupported_file")),
        ],
        ids=["empty", "program", "bomb", "cut off"],
    )
    def test_for_its_content(
        self, path: str, content: bytes, status_and_code: tuple[int, str], ada: UserClient, on_disk: Any
    ) -> None:
        response = ada.post(path, files=part(content, "a.png", "image/png"))
        assert (response.status_code, response.json()["code"]) == status_and_code
        assert ada.get("/api/files").json() == []
        assert on_disk(ada) == []

    @pytest.mark.parametrize("extra", [1, 2 * 1024 * 1024], ids=["by a byte", "by far"])
    def test_for_its_size(
        self, path: str, extra: int, ada: UserClient, settings: Settings, on_disk: Any
    ) -> None:
        response = ada.post(path, files=part(b"x" * (settings.max_upload_bytes + extra)))
        assert response.status_code == 413
        assert ada.get("/api/files").json() == []
        assert on_disk(ada) == []


@pytest.mark.parametrize("handler", [upload_file, upload_image])
def test_without_a_record_there_is_no_file(
    handler: Callable[..., Any], ada: UserClient, services: Services, on_disk: Any
) -> None:
    """The database is away when the file is on the disk already."""
    database = Database("mongodb://127.0.0.1:1/none", timeout_ms=100)
    caller = Caller(ada.id, ada.session_id, ada.email, "ada", "local", "USER")
    file = samples.upload(samples.picture("PNG"))
    library = services.library
    away = Uploads(library.file_store, FileRepository(database), services.agents, library.indexing)
    with pytest.raises(Unavailable):
        handler(replace(services, library=replace(library, uploads=away)), caller, file=file)
    database.close()
    assert on_disk(ada) == []


class TestUploadImage:
    def test_anonymous_is_refused(self, api: Client) -> None:
        response = api.post("/api/files/images", files=part(samples.picture("PNG"), "a.png", "image/png"))
        assert response.status_code == 401

    @pytest.mark.parametrize("content", [TEXT, samples.SVG, samples.PDF], ids=["text", "SVG", "PDF"])
    def test_what_is_no_picture_is_refused(self, ada: UserClient, content: bytes) -> None:
        response = ada.post("/api/files/images", files=part(content, "a.png", "image/png"))
        assert (response.status_code, response.json()["code"]) == (415, "unsupported_file")

    @pytest.mark.parametrize("kind", ["GIF", "JPEG", "PNG", "WEBP"])
    def test_answers_with_its_true_size_and_type(self, ada: UserClient, kind: str) -> None:
        content = samples.picture(kind, (31, 17))
        response = ada.post(
            "/api/files/images",
            files=part(content, "a.txt", "text/plain"),
            data={"width": "9999", "height": "1"},
        )
        assert response.status_code == 201
        file = response.json()
        assert (file["width"], file["height"], file["type"]) == (31, 17, f"image/{kind.lower()}")
        assert ada.get(file["filepath"]).content == content


class TestDownloadFile:
    def test_anonymous_is_refused(self, api: Client, ada: UserClient) -> None:
        assert api.get(send(ada).json()["filepath"]).status_code == 401

    def test_another_owner_does_not_find_it(self, ada: UserClient, bob: UserClient) -> None:
        file = send(ada).json()
        for owner in (ada.id, bob.id):
            assert bob.get(f"/api/files/download/{owner}/{file['file_id']}").status_code == 404
        assert ada.get(f"/api/files/download/{bob.id}/{file['file_id']}").status_code == 404

    @pytest.mark.parametrize(
        "file_id", ["unknown", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%00", "x" * 3000, "%24ne", "%F0%9F%98%80"]
    )
    def test_what_does_not_exist_is_not_found(self, ada: UserClient, file_id: str) -> None:
        assert ada.get(f"/api/files/download/{ada.id}/{file_id}").status_code in (400, 404)

    def test_is_whole_and_says_its_length(self, ada: UserClient) -> None:
        content = samples.archive({"a": bytes(range(256)) * 4000}, 0)
        response = ada.get(send(ada, content, "a.zip").json()["filepath"])
        assert response.content == content
        assert response.headers["content-length"] == str(len(content))
        assert response.headers["content-type"] == "application/zip"

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (samples.HTML, "page.html"),
            (samples.SVG, "a.svg"),
            (samples.picture("GIF") + samples.HTML, "a.html"),
            (b'{"a": 1}', "a.json"),
        ],
    )
    def test_is_never_shown_in_place(self, ada: UserClient, content: bytes, name: str) -> None:
        response = ada.get(send(ada, content, name).json()["filepath"])
        assert response.content == content
        assert response.headers["content-disposition"].startswith("attachment;")
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "html" not in response.headers["content-type"]
        assert "svg" not in response.headers["content-type"]

    @pytest.mark.parametrize(
        ("name", "sent_back"),
        [
            ("../../Größe.txt", "Gr%C3%B6%C3%9Fe.txt"),
            ("a\u202etxt.exe", "atxt.exe"),
            ("a'; filename=b.txt", "a%27%3B%20filename%3Db.txt"),
        ],
    )
    def test_carries_the_cleaned_name(self, ada: UserClient, name: str, sent_back: str) -> None:
        response = ada.get(send(ada, name=name).json()["filepath"])
        assert response.headers["content-disposition"] == f"attachment; filename*=UTF-8''{sent_back}"

    def test_of_a_file_that_is_gone_from_the_disk_is_not_found(self, ada: UserClient, on_disk: Any) -> None:
        filepath = send(ada).json()["filepath"]
        for path in on_disk(ada):
            path.unlink()
        assert ada.get(filepath).status_code == 404


class TestDeleteFiles:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.request("DELETE", "/api/files", json={"files": []}).status_code == 401

    def test_another_owners_are_passed_over(self, ada: UserClient, bob: UserClient, on_disk: Any) -> None:
        file = send(ada).json()
        foreign = bob.request("DELETE", "/api/files", json={"files": [file]})
        unknown = bob.request("DELETE", "/api/files", json={"files": [{"file_id": "unknown"}]})
        assert (
            foreign.json() == unknown.json() == {"message": "Files deleted successfully", "deletedCount": 0}
        )
        assert ada.get("/api/files").json() == [file]
        assert len(on_disk(ada)) == 1

    @pytest.mark.parametrize(
        "body",
        [{}, {"files": "all"}, {"files": [{}]}, {"files": [{"file_id": {"$ne": ""}}]}, {"files": ["a"]}],
    )
    def test_a_body_of_another_form_is_invalid(self, ada: UserClient, body: dict[str, Any]) -> None:
        send(ada)
        assert ada.request("DELETE", "/api/files", json=body).status_code == 400
        assert len(ada.get("/api/files").json()) == 1

    def test_removes_record_and_file(self, ada: UserClient, on_disk: Any) -> None:
        first, second, third = (send(ada, name=f"{number}.txt").json() for number in range(3))
        response = ada.request(
            "DELETE", "/api/files", json={"files": [first, third, first, {"file_id": "x"}]}
        )
        assert response.status_code == 200
        assert response.json()["deletedCount"] == 2
        assert ada.get("/api/files").json() == [second]
        assert [path.name for path in on_disk(ada)] == [second["file_id"]]
        assert ada.get(first["filepath"]).status_code == 404

    def test_only_the_id_counts(self, ada: UserClient, tmp_path: Path) -> None:
        bystander = tmp_path / "bystander"
        bystander.write_text("x")
        file = {**send(ada).json(), "filepath": str(bystander), "source": "local", "user": "x"}
        assert ada.request("DELETE", "/api/files", json={"files": [file]}).json()["deletedCount"] == 1
        assert bystander.exists()

    def test_of_nothing_deletes_nothing(self, ada: UserClient) -> None:
        send(ada)
        assert ada.request("DELETE", "/api/files", json={"files": []}).json()["deletedCount"] == 0
        assert len(ada.get("/api/files").json()) == 1


class TestFilesOfLibreChat:
    """Records and bytes as LibreChat leaves them, moved below Echo's own directory as the guide says."""

    def insert(self, stored: MongoDatabase[dict[str, Any]], owner: str, **fields: Any) -> str:
        file_id = str(uuid.uuid4())
        moment = datetime(2026, 11, 23, tzinfo=UTC)
        stored.files.insert_one(
            {
                "file_id": file_id,
                "user": ObjectId(owner),
                "createdAt": moment,
                "updatedAt": moment,
                "object": "file",
            }
            | {
                "filename": "note.txt",
                "type": "text/plain",
                "bytes": 5,
                "source": "local",
                "usage": 0,
                "__v": 0,
            }
            | {name: value.replace("<id>", file_id) for name, value in fields.items()}
        )
        return file_id

    def test_are_downloaded_and_deleted(
        self, ada: UserClient, stored: MongoDatabase[dict[str, Any]], settings: Settings
    ) -> None:
        file_id = self.insert(stored, ada.id, filepath=f"/uploads/{ada.id}/<id>__note.txt")
        path = settings.data_dir / "files" / "uploads" / ada.id / f"{file_id}__note.txt"
        path.parent.mkdir(parents=True)
        path.write_text("hello")
        (file,) = ada.get("/api/files").json()
        assert ada.get(file["filepath"]).text == "hello"
        assert ada.request("DELETE", "/api/files", json={"files": [file]}).json()["deletedCount"] == 1
        assert not path.exists()

    def test_that_are_text_only_are_downloaded_from_the_record(
        self, ada: UserClient, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        self.insert(
            stored, ada.id, source="text", text="words", filepath=f"/app/uploads/temp/{ada.id}/note.txt"
        )
        (file,) = ada.get("/api/files").json()
        response = ada.get(file["filepath"])
        assert response.text == "words"
        assert response.headers["content-disposition"] == "attachment; filename*=UTF-8''note.txt"
        assert "/app" not in str(file)

    def test_that_lack_fields_are_listed(
        self, ada: UserClient, stored: MongoDatabase[dict[str, Any]]
    ) -> None:
        stored.files.insert_one({"file_id": f"file-{ada.id}", "user": ObjectId(ada.id)})
        assert ada.get("/api/files").json() == [
            {
                "file_id": f"file-{ada.id}",
                "filename": "file",
                "type": "application/octet-stream",
                "filepath": f"/api/files/download/{ada.id}/file-{ada.id}",
                "bytes": 0,
                "user": ada.id,
            }
        ]

    def test_elsewhere_are_not_found(self, ada: UserClient, stored: MongoDatabase[dict[str, Any]]) -> None:
        self.insert(stored, ada.id, source="s3", filepath="https://bucket.example/note.txt")
        (file,) = ada.get("/api/files").json()
        assert ada.get(file["filepath"]).status_code == 404


class TestFileConfig:
    """`fileConfig` of librechat.yaml."""

    @pytest.fixture
    def limited(self, make_application: Callable[..., Client], tmp_path: Path) -> Callable[[str], Client]:
        def limited(rules: str) -> Client:
            path = tmp_path / "librechat.yaml"
            path.write_text(f"version: 1.3.5\nfileConfig: {rules}\n")
            return make_application(CONFIG_PATH=str(path))

        return limited

    @pytest.mark.parametrize(
        "rules", ["{serverFileSizeLimit: 0.001}", "{endpoints: {default: {fileSizeLimit: 0.001}}}"]
    )
    def test_limits_sizes(self, limited: Callable[[str], Client], ada: UserClient, rules: str) -> None:
        client = limited(rules)
        client.headers = ada.headers
        assert client.post("/api/files", files=part(b"x" * 1048)).status_code == 201
        refused = client.post("/api/files", files=part(b"x" * 1049))
        assert refused.status_code == 413
        assert refused.json()["code"] == "payload_too_large"

    def test_limits_types_by_what_the_content_is(
        self, limited: Callable[[str], Client], ada: UserClient
    ) -> None:
        client = limited("{endpoints: {default: {supportedMimeTypes: ['^image/png$', 'text/.*']}}}")
        client.headers = ada.headers
        png, gif = samples.picture("PNG"), samples.picture("GIF")
        assert client.post("/api/files", files=part(png, "a.png", "image/png")).status_code == 201
        assert client.post("/api/files", files=part(TEXT)).status_code == 201
        for path in ("/api/files", "/api/files/images"):
            refused = client.post(path, files=part(gif, "a.png", "image/png"))
            assert refused.status_code == 415
            assert refused.json()["code"] == "unsupported_file"

    def test_can_refuse_all(self, limited: Callable[[str], Client], ada: UserClient) -> None:
        client = limited("{endpoints: {default: {disabled: true}}}")
        client.headers = ada.headers
        assert client.post("/api/files", files=part(TEXT)).status_code == 415

    def test_what_no_type_of_ours_fits_adds_none(
        self, limited: Callable[[str], Client], ada: UserClient
    ) -> None:
        client = limited("{endpoints: {default: {supportedMimeTypes: ['.*']}}}")
        client.headers = ada.headers
        assert client.post("/api/files", files=part(b"MZ\x90\x00\x03", "a.exe")).status_code == 415
        assert client.post("/api/files", files=part(TEXT)).status_code == 201
