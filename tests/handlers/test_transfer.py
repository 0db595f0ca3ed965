"""Import and export over HTTP."""

import io
import json
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from echo.errors import Unauthorized
from echo.files import Upload
from echo.services import Services
from storage.conversations.exports import ExportRepository
from storage.core.database import Database
from storage.core.errors import Unavailable
from tests.conftest import Client, MakeUser, UserClient
from tests.transfer.conftest import SAMPLES, sample

IMPORT, EXPORT = "/api/convos/import", "/api/convos/export"


def send(client: Client, content: Any, name: str = "export.json") -> Any:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.post(IMPORT, files={"file": (name, body, "application/json")})


def titles(client: Client, **params: Any) -> list[str]:
    return [each["title"] for each in client.get("/api/convos", params=params).json()["conversations"]]


class TestImport:
    def test_needs_a_token(self, api: Client) -> None:
        assert send(api, []).status_code == 401

    def test_answers_what_it_did(self, ada: UserClient) -> None:
        answer = send(ada, sample("claude.json"))
        assert answer.status_code == 201
        assert answer.json() == {
            "message": "Conversations imported.",
            "created": 2,
            "completed": 0,
            "unchanged": 0,
            "skipped": 0,
            "messagesAdded": 5,
            "messagesPresent": 0,
            "problems": [],
        }

    def test_its_conversations_are_listed_and_read(self, ada: UserClient) -> None:
        send(ada, sample("claude.json"))
        send(ada, sample("chatgpt.json"))
        assert titles(ada) == ["Bread without yeast", "Imported Chat", "Imported Chat"]
        assert titles(ada, isArchived="true") == ["Tides on the moon"]
        (bread,) = ada.get("/api/convos", params={"search": "Three recipes"}).json()["conversations"] or [
            None
        ]
        assert bread is None
        (bread,) = ada.get("/api/convos", params={"search": "without yeast?"}).json()["conversations"]
        messages = ada.get(f"/api/messages/{bread['conversationId']}").json()
        assert [each["sender"] for each in messages] == ["user", "assistant", "user"]
        assert messages[1]["text"] == "Use soda."

    def test_again_adds_nothing(self, ada: UserClient) -> None:
        send(ada, sample("chatgpt.json"))
        before = ada.get("/api/convos").json()
        assert send(ada, sample("chatgpt.json")).json()["unchanged"] == 2
        assert ada.get("/api/convos").json() == before

    def test_takes_a_zip(self, ada: UserClient) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.write(SAMPLES / "chatgpt.json", "conversations-000.json")
            packed.writestr("chat.html", "<html>")
        assert send(ada, buffer.getvalue(), "chatgpt.zip").json()["created"] == 2

    def test_names_what_it_leaves_out(self, ada: UserClient) -> None:
        answer = send(ada, [*sample("claude.json"), {"title": "\u202eevil"}]).json()
        assert (answer["created"], answer["skipped"]) == (2, 1)
        assert answer["problems"][0]["reason"]

    @pytest.mark.parametrize(
        ("content", "status", "code"),
        [
            (b"", 422, "empty_file"),
            (b"[]", 422, "unsupported_import"),
            (b'{"a": 1}', 422, "unsupported_import"),
            (b"not json", 422, "unreadable_import"),
            (b"\x89PNG\r\n\x1a\n", 422, "unreadable_import"),
            (b"PK\x03\x04 and no more", 422, "unreadable_import"),
            (b"[" * 1_000_000, 422, "unreadable_import"),
            (b"[" + b"9" * 5000 + b"]", 422, "unreadable_import"),
            (b"[" * 100_000 + b"]" * 100_000, 422, "unsupported_import"),
        ],
        ids=lambda value: repr(value)[:20],
    )
    def test_refuses(self, content: bytes, status: int, code: str, ada: UserClient) -> None:
        refused = send(ada, content)
        assert (refused.status_code, refused.json()["code"]) == (status, code)

    def test_needs_a_file(self, ada: UserClient) -> None:
        assert ada.post(IMPORT, data={"file": "text"}).status_code in (400, 415)
        assert ada.post(IMPORT, json={}).status_code == 415
        assert ada.post(IMPORT, files={"other": ("x.json", b"[]")}).status_code == 400

    def test_has_a_limit_of_its_own(self, make_application: Callable[..., Client], ada: UserClient) -> None:
        client = make_application(
            CONVERSATION_IMPORT_MAX_FILE_SIZE_BYTES="2000000", ECHO_MAX_UPLOAD_BYTES="1000"
        )
        client.headers = ada.headers
        value = {"conversationId": "c", "messages": [{"messageId": "m", "text": "x" * 1_900_000}]}
        assert send(client, value).status_code == 201
        value["messages"][0]["text"] = "x" * 2_000_000
        assert send(client, value).json()["code"] == "payload_too_large"
        assert send(client, b" " * 4_000_000).status_code == 413
        assert (
            client.post("/api/files", files={"file": ("x.txt", b"x" * 2000, "text/plain")}).status_code == 413
        )

    def test_a_zip_may_not_unpack_to_more(
        self, make_application: Callable[..., Client], ada: UserClient
    ) -> None:
        client = make_application(CONVERSATION_IMPORT_MAX_FILE_SIZE_BYTES="100000")
        client.headers = ada.headers
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("a.json", b" " * 50_000_000)
        assert send(client, buffer.getvalue()).json()["code"] == "payload_too_large"

    def test_is_limited(self, make_application: Callable[..., Client], ada: UserClient) -> None:
        client = make_application(ECHO_RATE_LIMITS="on", IMPORT_USER_MAX="2")
        client.headers = ada.headers
        assert [send(client, []).status_code for _ in range(3)] == [422, 422, 429]

    def test_one_of_an_account_runs_at_a_time(
        self, services: Services, ada: UserClient, bob: UserClient
    ) -> None:
        with services.conversations.transfers._alone(ada.id):
            refused = send(ada, sample("claude.json"))
            assert (refused.status_code, refused.json()["code"]) == (409, "import_running")
            assert send(bob, sample("claude.json")).status_code == 201
        assert send(ada, sample("claude.json")).status_code == 201

    @pytest.mark.parametrize("ending", [b"", b", broken"])
    def test_leaves_nothing_for_an_account_that_is_erased_meanwhile(
        self, services: Services, app_database: Database, make_user: MakeUser, ending: bytes
    ) -> None:
        user = make_user("eve")
        conversations = json.dumps(sample("claude.json")).encode()
        content = conversations + ending
        upload = Upload(io.BytesIO(content), "a.json", "application/json", len(content))
        app_database.collection("users").delete_one({"_id": ObjectId(user.id)})
        with pytest.raises(Unauthorized):
            services.conversations.transfers.import_file(user.id, upload)
        for name in ("conversations", "messages"):
            assert app_database.collection(name).count_documents({"user": user.id}) == 0

    def test_a_refused_one_lets_the_next_in(self, ada: UserClient) -> None:
        send(ada, b"not json")
        assert send(ada, sample("claude.json")).status_code == 201


class TestExport:
    def test_needs_a_token(self, api: Client) -> None:
        assert api.get(EXPORT).status_code == 401

    def test_is_a_file_of_all_conversations(self, ada: UserClient, bob: UserClient) -> None:
        send(bob, sample("claude.json"))
        send(ada, sample("chatgpt.json"))
        ada.post("/api/messages/mine", json={"text": "Hello", "sender": "user"})
        answer = ada.get(EXPORT)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''conversations-")
        assert {each["title"] for each in answer.json()} == {"Tides on the moon", "Imported Chat", "New Chat"}

    def test_is_a_zip_if_asked(self, ada: UserClient) -> None:
        send(ada, sample("claude.json"))
        answer = ada.get(EXPORT, params={"format": "zip"})
        assert answer.headers["content-type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
            assert packed.testzip() is None
            assert len(packed.namelist()) == 2

    def test_knows_no_other_form(self, ada: UserClient) -> None:
        assert ada.get(EXPORT, params={"format": "xml"}).status_code == 400

    def test_goes_back_into_another_account(self, ada: UserClient, make_user: MakeUser) -> None:
        send(ada, sample("chatgpt.json"))
        other = make_user("other")
        assert send(other, ada.get(EXPORT).content).json()["created"] == 2
        assert titles(other) == titles(ada)

    def test_head_has_no_body(self, ada: UserClient) -> None:
        assert ada.request("HEAD", EXPORT).status_code == 200

    def test_is_limited(self, make_application: Callable[..., Client], ada: UserClient) -> None:
        client = make_application(ECHO_RATE_LIMITS="on", ECHO_EXPORT_USER_MAX="1")
        client.headers = ada.headers
        assert [client.get(EXPORT).status_code for _ in range(2)] == [200, 429]

    def test_a_database_that_fails_before_it_is_a_503(
        self, services: Services, ada: UserClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any) -> None:
            raise Unavailable("gone")

        monkeypatch.setattr(ExportRepository, "conversation_keys", fail)
        assert ada.get(EXPORT).status_code == 503

    def test_a_database_that_fails_before_the_first_piece_has_a_status(
        self, ada: UserClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send(ada, sample("claude.json"))

        def fail(*_: Any) -> None:
            raise Unavailable("gone")

        monkeypatch.setattr(ExportRepository, "messages", fail)
        assert ada.get(EXPORT).status_code == 503

    def test_a_database_that_fails_in_the_middle_breaks_it_off(
        self, ada: UserClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Better no answer than a file that looks whole. (Starlette's test client shows this as an empty one.)"""
        conversation_id, real, calls = str(uuid.uuid4()), ExportRepository.messages, list[int]()
        for _ in range(4):
            body = {"text": "x" * 1_500_000, "sender": "user"}
            assert ada.post(f"/api/messages/{conversation_id}", json=body).status_code == 201

        def fail(repository: ExportRepository, *arguments: Any) -> Any:
            calls.append(1)
            if len(calls) > 1:
                raise Unavailable("gone")
            return real(repository, *arguments)

        monkeypatch.setattr(ExportRepository, "messages", fail)
        with pytest.raises(ValueError, match="Expecting value"):
            json.loads(ada._http.get(EXPORT, headers=ada.headers).text)
