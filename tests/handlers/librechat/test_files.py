"""Files and pictures: `/api/files` and `/images` of LibreChat's contract."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from urllib.parse import unquote

import pytest
from bson import ObjectId
from PIL import Image

from echo.errors import Unprocessable
from echo.extraction import Unreadable
from echo.handling.caller import Caller
from echo.library.upload_texts import refused
from echo.library.uploads import Purpose, Uploads
from echo.services import Services
from echo.settings import Settings
from tests.conftest import Client, UserClient
from tests.files import samples
from tests.handlers.conftest import Stored
from tests.support import documents
from tests.support.waiting import until

FILES = "/chat/api/files"
NOTE = b"some words\n"
PNG = samples.picture("PNG", (31, 17))
AGENT = {"name": "Helper", "provider": "openAI", "model": "gpt-4o"}
REASONS = {
    "unsupported": (415, "unsupported_file"),
    "missing": (415, "unsupported_file"),
    "too_large": (413, "payload_too_large"),
    "busy": (503, "overloaded"),
    **dict.fromkeys(("broken", "locked", "empty", "too_slow"), (422, "unreadable_document")),
}
NOTHING = {"message": "There is no such object.", "code": "not_found"}


def upload(
    user: Client, content: bytes = NOTE, name: str = "note.txt", path: str = FILES, **form: str
) -> Any:
    return user.post(path, files={"file": (name, content, "text/plain")}, data=form)


def kept(user: Client, content: bytes = NOTE, name: str = "note.txt", path: str = FILES, **form: str) -> Any:
    response = upload(user, content, name, path, **form)
    assert response.status_code == 200, response.text
    return response.json()


def agent_of(user: UserClient) -> str:
    made = user.post("/chat/api/agents", json=AGENT)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def cookie(user: UserClient) -> dict[str, str]:
    return {"Cookie": f"refreshToken={user.refresh_token}"}


@pytest.fixture
def share(stored: Stored) -> Callable[[str, int], None]:
    """Lets everybody do so much with an agent."""

    def grant(agent_id: str, bits: int) -> None:
        agent = stored.agents.find_one({"id": agent_id})
        assert agent is not None
        entry = {"resourceType": "agent", "resourceId": agent["_id"], "principalType": "public"}
        stored.aclentries.insert_one({**entry, "permBits": bits})

    return grant


class TestUpload:
    def test_answers_as_librechat_does(self, ada: UserClient) -> None:
        file = kept(ada, endpoint="Fake", file_id="mine", message_file="true")
        assert file.pop("_id")
        assert file.pop("createdAt") == file.pop("updatedAt")
        assert file == {
            "message": "Agent file uploaded and processed successfully",
            "user": ada.id,
            "file_id": file["file_id"],
            "temp_file_id": "mine",
            "filename": "note.txt",
            "filepath": f"/uploads/{ada.id}/{file['file_id']}",
            "object": "file",
            "bytes": len(NOTE),
            "type": "text/plain",
            "source": "local",
            "context": "message_attachment",
            "usage": 0,
            "embedded": False,
            "__v": 0,
        }
        path = f"{FILES}/download/{ada.id}/{file['file_id']}"
        answer = ada.get(path)
        assert answer.content == NOTE
        assert json.loads(unquote(answer.headers["X-File-Metadata"])) == ada.get(FILES).json()[0]

    def test_of_a_picture_is_where_pages_show_it(self, ada: UserClient) -> None:
        file = kept(ada, PNG, "Ein Bild (1).png", f"{FILES}/images", width="99", height="99")
        assert file["filepath"] == f"/images/{ada.id}/{file['file_id']}__Ein_Bild__1_.png"
        assert (file["width"], file["height"], file["type"]) == (31, 17, "image/png")

    def test_as_text_keeps_the_text_alone(self, ada: UserClient, stored: Stored) -> None:
        file = kept(ada, "\ufeffWörter".encode(), tool_resource="context", message_file="true")
        assert (file["source"], file["text"], file["type"]) == ("text", "Wörter", "text/plain")
        record = stored.files.find_one({"file_id": file["file_id"]})
        assert record is not None
        assert (record["text"], record["user"]) == ("Wörter", ObjectId(ada.id))
        assert "text" not in ada.get(FILES).json()[0]
        preview = ada.get(f"{FILES}/{file['file_id']}/preview").json()
        assert preview == {"file_id": file["file_id"], "status": "ready", "text": "Wörter"}
        answer = ada.get(f"{FILES}/download/{ada.id}/{file['file_id']}")
        assert answer.text == "Wörter"
        assert "text" not in json.loads(unquote(answer.headers["X-File-Metadata"]))

    def test_as_text_of_what_is_none_is_refused(self, ada: UserClient) -> None:
        response = upload(ada, PNG, "a.png", tool_resource="context", message_file="true")
        assert (response.status_code, response.json()["code"]) == (415, "unsupported_file")
        assert ada.get(FILES).json() == []

    @pytest.mark.parametrize(
        ("name", "stream"), [("a.doc", "WordDocument"), ("a.ppt", "PowerPoint Document")], ids=["doc", "ppt"]
    )
    def test_to_be_searched_whose_text_nobody_reads_is_refused(
        self, ada: UserClient, name: str, stream: str
    ) -> None:
        """Old Word and PowerPoint: with a sentence, instead of a file without a text."""
        old = samples.compound(stream)
        for purpose, told in (
            ("file_search", "Of files of this type no text can be searched."),
            ("context", "Only of texts, in UTF-8, and of documents can the text be kept."),
        ):
            response = upload(ada, old, name, tool_resource=purpose, message_file="true")
            assert (response.status_code, response.json()["message"]) == (415, told)
        assert ada.get(FILES).json() == []

    def test_for_what_there_is_not_is_refused(self, ada: UserClient) -> None:
        response = upload(ada, tool_resource="magic", message_file="true")
        assert (response.status_code, response.json()["code"]) == (422, "unsupported_tool_resource")
        assert ada.get(FILES).json() == []


class TestTextsOfDocuments:
    def test_a_document_is_kept_as_its_text(self, ada: UserClient) -> None:
        content = documents.pdf("28 days", "Tea")
        file = kept(ada, content, "rules.pdf", tool_resource="context", message_file="true")
        assert (file["text"], file["bytes"], file["type"]) == ("28 days\n\nTea", 12, "text/plain")
        assert (file["source"], file["filename"]) == ("text", "rules.pdf")

    @pytest.mark.parametrize(
        ("content", "code"),
        [(b"%PDF-1.4\n%%EOF", "unreadable_document"), (documents.archive(a="x"), "unsupported_file")],
    )
    def test_one_without_text_is_refused(self, ada: UserClient, content: bytes, code: str) -> None:
        response = upload(ada, content, "a.pdf", tool_resource="context", message_file="true")
        assert response.json()["code"] == code
        assert ada.get(FILES).json() == []

    def test_every_reason_has_an_answer(self) -> None:
        answers = {reason: refused(Unreadable(reason)) for reason in REASONS}
        assert {reason: (each.status, each.code) for reason, each in answers.items()} == REASONS


class TestFilesThatAreSearched:
    def test_are_made_ready_in_the_background(
        self, ada: UserClient, services: Services, stored: Stored
    ) -> None:
        agent_id = agent_of(ada)
        file = kept(ada, b"28 days", agent_id=agent_id, tool_resource="file_search")
        assert (file["embedded"], file["status"], file["context"]) == (True, "pending", "agents")
        agent = ada.get(f"/chat/api/agents/{agent_id}/expanded").json()
        assert agent["tool_resources"] == {"file_search": {"file_ids": [file["file_id"]]}}
        until(lambda: ada.get(f"{FILES}/{file['file_id']}/preview").json()["status"] == "ready")
        mine = {"user": ObjectId(ada.id)}
        [chunk] = stored.echo_file_chunks.find(mine)
        assert (chunk["file_id"], chunk["text"]) == (file["file_id"], "28 days")
        body = {"files": [{"file_id": file["file_id"]}]}
        assert ada.request("DELETE", FILES, json=body).status_code == 200
        assert stored.echo_file_chunks.find_one(mine) is stored.echo_file_indexes.find_one(mine) is None

    def test_are_texts(self, ada: UserClient) -> None:
        for content in (PNG, documents.archive(a="x")):
            response = upload(ada, content, "a.txt", tool_resource="file_search", message_file="true")
            assert (response.status_code, response.json()["code"]) == (415, "unsupported_file")
        assert ada.get(FILES).json() == []

    def test_of_an_agent_are_its_editors(
        self, ada: UserClient, bob: UserClient, share: Callable[[str, int], None]
    ) -> None:
        agent_id = agent_of(ada)
        share(agent_id, 1)
        assert upload(bob, agent_id=agent_id, tool_resource="file_search").status_code == 403
        assert bob.get(FILES).json() == []

    def test_are_refused_where_that_is_switched_off(self, ada: UserClient, services: Services) -> None:
        library = services.library
        off = Uploads(library.file_store, library.files, services.agents, library.indexing, can_search=False)
        caller = Caller(ada.id, ada.session_id, ada.email, "ada", "local", "USER")
        with pytest.raises(Unprocessable) as refusal:
            off.keep(caller, samples.upload(NOTE), Purpose(tool_resource="file_search", of_message=True))
        assert refusal.value.code == "unsupported_tool_resource"


class TestFilesOfAgents:
    def test_are_given_listed_and_taken(self, ada: UserClient) -> None:
        agent_id = agent_of(ada)
        file = kept(ada, agent_id=agent_id, tool_resource="context")
        assert file["context"] == "agents"
        [listed] = ada.get(f"{FILES}/agent/{agent_id}").json()
        assert (listed["file_id"], "text" in listed) == (file["file_id"], False)
        body = {"files": [{"file_id": file["file_id"]}], "agent_id": agent_id, "tool_resource": "context"}
        assert ada.request("DELETE", FILES, json=body).status_code == 200
        assert ada.get(f"{FILES}/agent/{agent_id}").json() == []
        assert [each["file_id"] for each in ada.get(FILES).json()] == [file["file_id"]]

    def test_of_an_agent_that_is_not_ones_own_leave_nothing(
        self, ada: UserClient, bob: UserClient, share: Callable[[str, int], None]
    ) -> None:
        agent_id = agent_of(ada)
        assert upload(bob, agent_id=agent_id, tool_resource="context").status_code == 404
        share(agent_id, 1)
        assert upload(bob, agent_id=agent_id, tool_resource="context").status_code == 403
        assert bob.get(f"{FILES}/agent/{agent_id}").json() == []
        assert bob.get(FILES).json() == []

    def test_a_file_of_a_message_goes_to_no_agent(self, ada: UserClient) -> None:
        agent_id = agent_of(ada)
        kept(ada, agent_id=agent_id, message_file="true")
        assert ada.get(f"{FILES}/agent/{agent_id}").json() == []


class TestDelete:
    def test_removes_what_is_the_callers(self, ada: UserClient, bob: UserClient) -> None:
        file = kept(ada)
        named = {"file_id": file["file_id"], "filepath": file["filepath"], "source": "local"}
        answer = {"message": "Files deleted successfully"}
        assert bob.request("DELETE", FILES, json={"files": [named]}).json() == answer
        assert len(ada.get(FILES).json()) == 1
        assert ada.request("DELETE", FILES, json={"files": [named]}).json() == answer
        assert ada.get(FILES).json() == []


class TestHold:
    def test_lengthens_what_librechat_marked(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        file = kept(ada)
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        marked = {"createdAt": moment, "expiresAt": moment + timedelta(hours=1)}
        stored.files.update_one({"file_id": file["file_id"]}, {"$set": marked})
        body = {"file_ids": [file["file_id"]]}
        assert bob.post(f"{FILES}/usage", json=body).json() == {"held": 0}
        assert ada.post(f"{FILES}/usage", json=body).json() == {"held": 1}
        record = stored.files.find_one({"file_id": file["file_id"]})
        assert record is not None
        assert record["expiresAt"].replace(tzinfo=UTC) == moment + timedelta(days=1)

    def test_of_ones_own_finds_no_mark(self, ada: UserClient) -> None:
        assert ada.post(f"{FILES}/usage", json={"file_ids": [kept(ada)["file_id"]]}).json() == {"held": 0}


def test_a_path_of_librechats_server_is_not_shown(ada: UserClient, stored: Stored) -> None:
    file = kept(ada)
    stored.files.update_one({"file_id": file["file_id"]}, {"$set": {"filepath": "/app/uploads/temp/x"}})
    [listed] = ada.get(FILES).json()
    assert listed["filepath"] == f"/api/files/download/{ada.id}/{file['file_id']}"


def test_the_limits_are_the_servers(ada: UserClient, settings: Settings) -> None:
    said = ada.get(f"{FILES}/config").json()
    mib = settings.max_upload_bytes / 1024**2
    assert (said["serverFileSizeLimit"], said["avatarSizeLimit"]) == (mib, 2)
    assert said["endpoints"]["default"] == {"fileLimit": 20, "fileSizeLimit": mib, "totalSizeLimit": 20}


def test_of_speech_it_is_said_what_there_is(ada: UserClient) -> None:
    said = ada.get(f"{FILES}/speech/config/get").json()
    assert said == {"sttExternal": True, "ttsExternal": False}


class TestImage:
    @pytest.fixture
    def address(self, ada: UserClient) -> str:
        return str(kept(ada, PNG, "a.png", f"{FILES}/images")["filepath"])

    def test_is_shown_to_its_owner_by_the_cookie_alone(
        self, ada: UserClient, api: Client, address: str
    ) -> None:
        for path in (address, f"/chat{address}"):
            response = api.get(path, headers=cookie(ada))
            assert (response.status_code, response.content) == (200, PNG)
            assert response.headers["content-type"] == "image/png"
            assert response.headers["content-disposition"].startswith("inline")
            assert response.headers["cache-control"] == "private, max-age=3600, immutable"
            assert response.headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in response.headers["content-security-policy"]
            assert "set-cookie" not in response.headers

    def test_looking_exchanges_nothing(self, ada: UserClient, api: Client, address: str) -> None:
        for _ in range(2):
            assert api.get(address, headers=cookie(ada)).status_code == 200
        assert api.post("/chat/api/auth/refresh", headers=cookie(ada)).status_code == 200

    def test_a_token_will_do(self, ada: UserClient, address: str) -> None:
        assert ada.get(address).content == PNG
        assert ada.request("HEAD", address).headers["content-length"] == str(len(PNG))

    def test_of_another_is_as_if_it_were_not_there(self, bob: UserClient, api: Client, address: str) -> None:
        for answer in (bob.get(address), api.get(address, headers=cookie(bob))):
            assert answer.status_code == 404
            assert answer.json()["code"] == "not_found"

    def test_without_a_session_is_refused(self, ada: UserClient, api: Client, address: str) -> None:
        assert api.get(address).status_code == 401
        assert api.get(address, headers={"Cookie": "refreshToken=x.y.z"}).status_code == 401
        assert ada.post("/api/auth/logout").is_success
        assert api.get(address, headers=cookie(ada)).status_code == 401

    def test_the_cookie_opens_nothing_else(self, ada: UserClient, api: Client) -> None:
        assert api.get(FILES, headers=cookie(ada)).status_code == 401

    @pytest.mark.parametrize("name", ["..", "..%2f..%2fsecret.png", "none.png", "a.svg", "a.html", "x" * 300])
    def test_there_is_nothing_else_at_these_paths(self, ada: UserClient, name: str) -> None:
        assert ada.get(f"/images/{ada.id}/{name}").status_code == 404

    def test_what_is_no_picture_by_its_name_is_not_shown(self, ada: UserClient, settings: Settings) -> None:
        directory = settings.data_dir / "files" / "images" / ada.id
        directory.mkdir(parents=True)
        (directory / "page.html").write_bytes(samples.HTML)
        assert ada.get(f"/images/{ada.id}/page.html").status_code == 404


class TestAvatar:
    def test_is_a_square_and_becomes_the_users(self, ada: UserClient, bob: UserClient, api: Client) -> None:
        wide = samples.picture("JPEG", (1500, 900))
        url = upload(ada, wide, "me.jpg", f"{FILES}/images/avatar", manual="true").json()["url"]
        assert url.startswith(f"/images/{ada.id}/avatar-")
        assert url.endswith(".png?manual=true")
        assert ada.get("/chat/api/user").json()["avatar"] == url
        shown = api.get(url, headers=cookie(bob))
        assert shown.status_code == 200
        with Image.open(BytesIO(shown.content)) as picture:
            assert (picture.format, picture.size) == ("PNG", (512, 512))

    def test_nothing_that_a_photograph_says_besides_is_kept(self, ada: UserClient) -> None:
        photograph = samples.turned_jpeg((40, 40), 6)
        url = upload(ada, photograph, "me.jpg", f"{FILES}/images/avatar", manual="true").json()["url"]
        content = ada.get(url).content
        with Image.open(BytesIO(content)) as picture:
            assert dict(picture.getexif()) == {}

    def test_the_one_before_goes(self, ada: UserClient, bob: UserClient) -> None:
        first, second = (
            upload(ada, PNG, "me.png", f"{FILES}/images/avatar", manual="true").json()["url"]
            for _ in range(2)
        )
        assert ada.get(second).status_code == 200
        if first != second:
            assert ada.get(first).status_code == 404

    def test_one_that_is_not_chosen_is_seen_by_nobody_else(self, ada: UserClient, bob: UserClient) -> None:
        url = upload(ada, PNG, "me.png", f"{FILES}/images/avatar").json()["url"]
        assert (
            "avatar" not in ada.get("/chat/api/user").json()
            or ada.get("/chat/api/user").json()["avatar"] != url
        )
        assert ada.get(url).status_code == 200
        assert bob.get(url).status_code == 404

    def test_of_a_login_by_librechat_is_seen_whatever_its_name(
        self, ada: UserClient, bob: UserClient, settings: Settings, stored: Stored
    ) -> None:
        """LibreChat names it by a hash of the login."""
        assert upload(ada, PNG, "me.png", f"{FILES}/images/avatar", manual="true").is_success
        name = "ab" * 32 + ".png"
        directory = settings.data_dir / "files" / "images" / ada.id
        (directory / name).write_bytes(PNG)
        shown = f"/images/{ada.id}/{name}"
        assert bob.get(shown).status_code == 404
        stored.users.update_one({"_id": ObjectId(ada.id)}, {"$set": {"avatar": shown}})
        assert bob.get(shown).status_code == 200

    @pytest.mark.parametrize(
        ("content", "status"), [(NOTE, 415), (PNG[:60], 415), (b"x" * (2 * 1024**2 + 1), 413)]
    )
    def test_of_what_is_none_is_refused(self, ada: UserClient, content: bytes, status: int) -> None:
        response = upload(ada, content, "me.png", f"{FILES}/images/avatar", manual="true")
        assert response.status_code == status

    def test_of_too_many_pixels_is_refused(self, ada: UserClient) -> None:
        response = upload(ada, samples.huge_png(50_000, 50_000), "me.png", f"{FILES}/images/avatar")
        assert (response.status_code, response.json()["code"]) == (413, "image_too_large")


class TestAgentAvatar:
    def test_is_seen_by_who_may_see_the_agent(
        self, ada: UserClient, bob: UserClient, share: Callable[[str, int], None]
    ) -> None:
        agent_id = agent_of(ada)
        response = upload(ada, PNG, "it.png", f"{FILES}/images/agents/{agent_id}/avatar")
        assert response.status_code == 201
        picture = response.json()["avatar"]
        assert picture["source"] == "local"
        assert picture["filepath"].startswith(f"/images/{ada.id}/agent-{agent_id}-avatar-")
        assert bob.get(picture["filepath"]).status_code == 404
        share(agent_id, 1)
        assert bob.get(picture["filepath"]).status_code == 200

    def test_of_anothers_agent_is_refused(
        self, ada: UserClient, bob: UserClient, share: Callable[[str, int], None]
    ) -> None:
        agent_id = agent_of(ada)
        path = f"{FILES}/images/agents/{agent_id}/avatar"
        assert upload(bob, PNG, "it.png", path).status_code == 404
        share(agent_id, 1)
        assert upload(bob, PNG, "it.png", path).status_code == 403


def test_no_file_has_an_address_elsewhere(ada: UserClient, bob: UserClient) -> None:
    file_id = kept(ada)["file_id"]
    refused = ada.get(f"{FILES}/download-url/{ada.id}/{file_id}")
    assert (refused.status_code, refused.json()["code"]) == (501, "no_download_url")
    for user, path in ((ada, f"{ada.id}/none"), (ada, f"{bob.id}/{file_id}"), (bob, f"{ada.id}/{file_id}")):
        assert user.get(f"{FILES}/download-url/{path}").status_code == 404


def test_a_deleted_file_is_no_agents_any_more(ada: UserClient, bob: UserClient, stored: Stored) -> None:
    agent_id, other = agent_of(ada), agent_of(bob)
    form = {"agent_id": agent_id, "tool_resource": "context"}
    file, stays = (kept(ada, NOTE, name, **form) for name in ("goes.txt", "stays.txt"))
    shared = {"context": {"file_ids": [file["file_id"]]}, "ocr": {"file_ids": file["file_id"]}}
    stored.agents.update_one({"id": other}, {"$set": {"tool_resources": shared}})
    before = ada.get(f"/chat/api/agents/{agent_id}").json()["version"]
    named = {"files": [{name: file[name] for name in ("file_id", "filepath")}]}
    # Not bob's to delete: nothing changes.
    assert bob.request("DELETE", FILES, json=named).is_success
    assert stored.agents.find_one({"id": other})["tool_resources"] == shared  # type: ignore[index]
    assert ada.request("DELETE", FILES, json=named).is_success
    agent = ada.get(f"/chat/api/agents/{agent_id}").json()
    assert agent["tool_resources"]["context"]["file_ids"] == [stays["file_id"]]
    assert agent["version"] == before
    # A text in the place of a list is not ours to repair.
    assert stored.agents.find_one({"id": other})["tool_resources"] == {  # type: ignore[index]
        "context": {"file_ids": []},
        "ocr": {"file_ids": file["file_id"]},
    }
