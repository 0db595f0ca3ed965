"""Operations on files that lie in S3, from upload to the end of the account."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from bson import ObjectId
from starlette.testclient import TestClient

from echo.app import Application, assemble
from echo.files.cloud import object_stores
from tests.conftest import PASSWORD, Client, UserClient, make_settings
from tests.files import samples
from tests.handlers.conftest import Stored
from tests.support.asgi import QuickClient
from tests.support.clouds import S3Server
from tests.support.contract import ProjectChecker

TEXT = b"some words\n" * 1000
AT_ONCE = 0.3


@pytest.fixture(scope="module")
def in_s3(
    application_uri: str, tmp_path_factory: pytest.TempPathFactory, s3: S3Server
) -> Iterator[TestClient]:
    """An Echo whose new files all go to S3, and that is not patient with it."""
    environ = {**s3.environ, "CDN_PROVIDER": "s3"}
    settings = make_settings(application_uri, tmp_path_factory.mktemp("s3"), **environ)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(object_stores, "REQUEST_SECONDS", AT_ONCE)
        application: Application = assemble(settings)
        application.services.library.file_store.probe_clouds()
    with QuickClient(application.asgi, raise_server_exceptions=False, client=("127.0.0.1", 50000)) as http:
        yield http


@pytest.fixture
def client(in_s3: TestClient, checker: ProjectChecker, ada: UserClient) -> Client:
    """Ada, at that Echo."""
    client = Client(in_s3, checker)
    client.headers = ada.headers
    return client


def sent(client: Client, content: bytes = TEXT, name: str = "note.txt", path: str = "/chat/api/files") -> Any:
    response = client.post(path, files={"file": (name, content, "text/plain")})
    assert response.is_success, response.text
    return response.json()


class TestAFile:
    def test_is_sent_from_the_service(self, client: Client, ada: UserClient, s3: S3Server) -> None:
        file = sent(client)
        key = f"uploads/{ada.id}/{file['file_id']}"
        assert s3.get(key).content == TEXT
        assert file["source"] == "s3"
        path = f"/api/files/download/{ada.id}/{file['file_id']}"
        whole = client.get(path)
        assert (whole.status_code, whole.content) == (200, TEXT)
        assert whole.headers["Content-Disposition"] == "attachment; filename*=UTF-8''note.txt"
        part = client.get(path, headers={"Range": "bytes=5-9", "If-Range": whole.headers["ETag"]})
        assert (part.status_code, part.content) == (206, TEXT[5:10])
        assert part.headers["Content-Range"] == f"bytes 5-9/{len(TEXT)}"
        assert client.get(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
        assert client.get(path, headers={"Range": "bytes=99999-"}).status_code == 416
        head = client.request("HEAD", path)
        assert (head.headers["Content-Length"], head.content) == (str(len(TEXT)), b"")

    def test_has_an_address_there_for_its_owner(
        self, client: Client, ada: UserClient, bob: UserClient
    ) -> None:
        file = sent(client)
        path = f"/chat/api/files/download-url/{ada.id}/{file['file_id']}"
        found = client.get(path).json()
        assert (found["filename"], found["type"]) == ("note.txt", "text/plain")
        assert "X-Amz-Expires=120&" in found["url"]
        assert requests.get(found["url"], timeout=10).content == TEXT
        client.headers = bob.headers
        assert client.get(path).status_code == 404

    def test_goes_there_too(self, client: Client, ada: UserClient, s3: S3Server, stored: Stored) -> None:
        file = sent(client)
        body = {"files": [{"file_id": file["file_id"], "filepath": file["filepath"]}]}
        assert client.delete("/api/files", json=body).json()["deletedCount"] == 1
        assert s3.get(f"uploads/{ada.id}/{file['file_id']}").status_code == 404
        assert stored.files.count_documents({"user": ObjectId(ada.id)}) == 0

    def test_of_librechats_is_found(
        self, client: Client, ada: UserClient, s3: S3Server, stored: Stored
    ) -> None:
        """A record as its server writes it: the address has run out, and the key is in it."""
        s3.put(f"images/{ada.id}/f1__old.png", samples.picture("PNG"))
        address = f"https://old.s3.amazonaws.com/images/{ada.id}/f1__old.png?X-Amz-Signature=0"
        record = {"file_id": "f1", "filename": "old.png", "type": "image/png", "source": "s3", "bytes": 1}
        stored.files.insert_one({**record, "user": ObjectId(ada.id), "filepath": address, "object": "file"})
        (file,) = client.get("/chat/api/files").json()
        assert file["filepath"] == f"/images/{ada.id}/f1__old.png"
        assert client.get(f"/api/files/download/{ada.id}/f1").content == samples.picture("PNG")
        cookie = {"Cookie": f"refreshToken={ada.refresh_token}"}
        shown = client.get(f"/chat{file['filepath']}", headers=cookie)
        assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/png")


class TestPictures:
    def test_of_a_user_are_shown_from_there(
        self, client: Client, ada: UserClient, s3: S3Server, stored: Stored
    ) -> None:
        for _ in range(2):
            files = {"file": ("me.png", samples.picture("PNG", (40, 30)), "image/png")}
            answer = client.post("/chat/api/files/images/avatar", files=files, data={"manual": "true"})
            assert answer.is_success, answer.text
        url = answer.json()["url"]
        assert re.fullmatch(rf"/images/{ada.id}/avatar-\d+\.png", url)
        # LibreChat finds the key by leaving out the slash.
        assert stored.users.find_one({"_id": ObjectId(ada.id)})["avatar"] == url
        assert [key for key in s3.listed() if ada.id in key] == [url[1:]]
        assert client.get("/chat/api/user").json()["avatar"] == url
        cookie = {"Cookie": f"refreshToken={ada.refresh_token}"}
        assert client.get(f"/chat{url}", headers=cookie).status_code == 200


class TestAServiceThatHangs:
    def test_is_answered_for_with_503_and_keeps_the_record(
        self, client: Client, ada: UserClient, s3: S3Server, stored: Stored
    ) -> None:
        file = sent(client)
        with s3.hanging():
            answers = [
                client.get(f"/api/files/download/{ada.id}/{file['file_id']}"),
                client.post("/api/files", files={"file": ("a.txt", TEXT, "text/plain")}),
                client.delete(
                    "/api/files",
                    json={"files": [{"file_id": file["file_id"], "filepath": file["filepath"]}]},
                ),
            ]
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (503, "file_service_failed")
            assert answer.headers["Retry-After"] == "10"
        assert stored.files.count_documents({"user": ObjectId(ada.id)}) == 1

    def test_leaves_an_account_as_it_is_that_is_to_go(
        self, client: Client, s3: S3Server, stored: Stored, ada: UserClient
    ) -> None:
        sent(client)
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"role": "USER"}})
        with s3.hanging():
            answer = client.post("/api/user/delete", json={"password": PASSWORD})
        assert (answer.status_code, answer.json()["code"]) == (503, "file_service_failed")
        # Nobody is locked out, and it can be asked for again.
        assert client.get("/api/user").status_code == 200
        assert stored.files.count_documents({"user": ObjectId(ada.id)}) == 1

    def test_makes_the_process_unready(self, in_s3: TestClient, s3: S3Server) -> None:
        readiness = in_s3.get("/ready")
        assert readiness.text == "database: ok\nfiles: ok\ncloud: ok\n"
