"""Links for others: `/api/share` of LibreChat's contract."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from echo.settings import Settings
from tests.conftest import Client, UserClient
from tests.files import samples
from tests.handlers.conftest import Stored

SHARE = "/chat/api/share"
NO_PARENT = "00000000-0000-0000-0000-000000000000"
PNG = samples.picture("PNG", (31, 17))


@pytest.fixture
def anyone(make_application: Callable[..., Client], settings: Settings) -> Client:
    """The same server, where public links are for everybody."""
    return make_application(ALLOW_SHARED_LINKS_PUBLIC="true", ECHO_DATA_DIR=str(settings.data_dir))


class Talk:
    """A conversation as LibreChat would have stored it."""

    def __init__(self, user: UserClient, stored: Stored) -> None:
        self.id = str(uuid.uuid4())
        self._user, self._stored = user, stored
        self._count = 0
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        stored.conversations.insert_one(
            {"conversationId": self.id, "user": user.id, "title": "A talk", "createdAt": moment}
        )

    def say(self, text: str, parent: str = NO_PARENT, **more: Any) -> str:
        self._count += 1
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._count)
        message_id = str(uuid.uuid4())
        self._stored.messages.insert_one(
            {
                "messageId": message_id,
                "conversationId": self.id,
                "user": self._user.id,
                "parentMessageId": parent,
                "sender": "User",
                "text": text,
                "isCreatedByUser": True,
                "model": "secret-model",
                "endpoint": "secret-endpoint",
                "metadata": {"secret": 1},
                "createdAt": moment,
                "updatedAt": moment,
                **more,
            }
        )
        return message_id


@pytest.fixture
def talk(ada: UserClient, stored: Stored) -> Talk:
    return Talk(ada, stored)


def publish(user: UserClient, talk: Talk, **wanted: Any) -> dict[str, Any]:
    response = user.post(f"{SHARE}/{talk.id}", json=wanted)
    assert response.status_code == 200, response.text
    made: dict[str, Any] = response.json()
    return made


def keep_private(user: UserClient, link: dict[str, Any]) -> None:
    body = {"updated": [], "removed": [], "public": False}
    assert user.put(f"/chat/api/permissions/sharedLink/{link['_id']}", json=body).status_code == 200


def read(client: Client, link: dict[str, Any]) -> dict[str, Any]:
    response = client.get(f"{SHARE}/{link['shareId']}")
    assert response.status_code == 200, response.text
    shown: dict[str, Any] = response.json()
    return shown


def texts(shown: dict[str, Any]) -> list[str]:
    return [each["text"] for each in shown["messages"]]


def picture_of(user: UserClient) -> dict[str, Any]:
    response = user.post("/chat/api/files/images", files={"file": ("a.png", PNG, "image/png")})
    assert response.status_code == 200, response.text
    return {name: response.json()[name] for name in ("file_id", "filepath", "type", "filename", "user")}


class TestCreate:
    def test_stores_what_librechat_would(self, ada: UserClient, stored: Stored, talk: Talk) -> None:
        first = talk.say("one")
        second = talk.say("two", first)
        link = publish(ada, talk, targetMessageId=first, snapshotFiles=True)
        assert re.fullmatch("[A-Za-z0-9_-]{21}", link["shareId"])
        assert (link["conversationId"], link["targetMessageId"]) == (talk.id, first)
        document = stored.sharedlinks.find_one({"shareId": link["shareId"]})
        assert document is not None
        assert document.pop("createdAt") == document.pop("updatedAt")
        keys = [stored.messages.find_one({"messageId": each})["_id"] for each in (first, second)]  # type: ignore[index]
        assert document == {
            "_id": ObjectId(link["_id"]),
            "shareId": link["shareId"],
            "conversationId": talk.id,
            "user": ada.id,
            "title": "A talk",
            "messages": keys,
            "targetMessageId": first,
            "snapshotFiles": True,
            "fileSnapshots": [],
            "__v": 0,
        }
        grants = stored.aclentries.find({"resourceId": ObjectId(link["_id"])}).sort("permBits")
        assert [(each["principalType"], each["permBits"]) for each in grants] == [("public", 1), ("user", 15)]

    def test_again_is_a_conflict(self, ada: UserClient, talk: Talk) -> None:
        first = talk.say("one")
        publish(ada, talk)
        again = ada.post(f"{SHARE}/{talk.id}", json={})
        assert (again.status_code, again.json()["code"]) == (409, "already_shared")
        publish(ada, talk, targetMessageId=first)

    def test_of_nothing_is_refused(self, ada: UserClient, bob: UserClient, talk: Talk) -> None:
        empty = ada.post(f"{SHARE}/{talk.id}", json={})
        assert (empty.status_code, empty.json()["code"]) == (422, "nothing_to_share")
        talk.say("one")
        assert ada.post(f"{SHARE}/{talk.id}", json={"targetMessageId": "x"}).status_code == 422
        assert bob.post(f"{SHARE}/{talk.id}", json={}).status_code == 404

    def test_of_a_temporary_chat_ends_with_it(self, ada: UserClient, stored: Stored, talk: Talk) -> None:
        talk.say("one")
        end = datetime(2999, 1, 1, tzinfo=UTC)
        stored.conversations.update_one({"conversationId": talk.id}, {"$set": {"expiredAt": end}})
        link = publish(ada, talk)
        document = stored.sharedlinks.find_one({"shareId": link["shareId"]})
        assert document is not None
        assert document["expiredAt"] == end
        grants = stored.aclentries.find({"resourceId": ObjectId(link["_id"])})
        assert [each["expiredAt"] for each in grants] == [end, end]
        stored.sharedlinks.update_one(
            {"_id": document["_id"]}, {"$set": {"expiredAt": datetime(2020, 1, 1, tzinfo=UTC)}}
        )
        assert ada.get(f"{SHARE}/{link['shareId']}").status_code == 404


class TestRead:
    def test_shows_messages_without_what_is_not_for_strangers(
        self, ada: UserClient, bob: UserClient, talk: Talk
    ) -> None:
        first = talk.say("one")
        talk.say("", first, content=[{"type": "text", "text": "two"}], isCreatedByUser=False, sender="Fake")
        link = publish(ada, talk)
        shown = read(bob, link)
        question, answer = shown["messages"]
        assert (shown["title"], shown["shareId"]) == ("A talk", link["shareId"])
        assert re.fullmatch("convo_[A-Za-z0-9_-]{21}", shown["conversationId"])
        assert question.pop("createdAt") == question.pop("updatedAt") == "2026-01-01T00:00:01.000Z"
        assert re.fullmatch("msg_[A-Za-z0-9_-]{21}", question["messageId"])
        assert answer["parentMessageId"] == question["messageId"]
        assert (answer["content"], answer["sender"]) == ([{"type": "text", "text": "two"}], "Fake")
        assert question == {
            "messageId": question["messageId"],
            "parentMessageId": NO_PARENT,
            "conversationId": shown["conversationId"],
            "sender": "User",
            "text": "one",
            "isCreatedByUser": True,
            "unfinished": False,
            "error": False,
        }
        again = read(bob, link)
        assert again["conversationId"] != shown["conversationId"]
        assert again["messages"][0]["messageId"] != question["messageId"]
        assert ada.id not in str(again)
        assert first not in str(again)

    def test_names_an_assistant_anew(self, ada: UserClient, talk: Talk) -> None:
        talk.say("one", model="asst_secret")
        talk.say("two", model="asst_secret")
        one, two = (each["model"] for each in read(ada, publish(ada, talk))["messages"])
        assert one == two
        assert re.fullmatch("a_[A-Za-z0-9_-]{21}", one)

    def test_shows_what_was_let_out_as_it_is_now(
        self, ada: UserClient, bob: UserClient, stored: Stored, talk: Talk
    ) -> None:
        first = talk.say("one")
        second = talk.say("two", first)
        link = publish(ada, talk)
        talk.say("later", second)
        stored.messages.update_one({"messageId": first}, {"$set": {"text": "edited"}})
        assert texts(read(bob, link)) == ["edited", "two"]
        stored.messages.delete_one({"messageId": second})
        assert texts(read(bob, link)) == ["edited"]
        renewed = ada.patch(f"{SHARE}/{link['shareId']}", json={})
        assert renewed.json() == {name: link[name] for name in ("_id", "shareId", "conversationId")}
        assert texts(read(bob, link)) == ["edited", "later"]

    def test_of_a_branch_shows_the_levels_down_to_its_end(
        self, ada: UserClient, bob: UserClient, talk: Talk
    ) -> None:
        root = talk.say("root")
        end = talk.say("end", root)
        beside = talk.say("beside", root)
        talk.say("below beside", beside)
        link = publish(ada, talk, targetMessageId=end)
        assert texts(read(bob, link)) == ["root", "end", "beside"]
        leaf = talk.say("leaf", end)
        renewed = ada.patch(f"{SHARE}/{link['shareId']}", json={}).json()
        assert renewed["targetMessageId"] == leaf
        assert texts(read(bob, link)) == ["root", "end", "beside", "below beside", "leaf"]

    def test_of_a_branch_whose_end_is_gone_shows_nothing(
        self, ada: UserClient, bob: UserClient, stored: Stored, talk: Talk
    ) -> None:
        root = talk.say("root")
        end = talk.say("end", root)
        link = publish(ada, talk, targetMessageId=end)
        stored.messages.delete_one({"messageId": end})
        assert texts(read(bob, link)) == []

    def test_never_shows_messages_of_somebody_else(
        self, ada: UserClient, bob: UserClient, stored: Stored, talk: Talk
    ) -> None:
        talk.say("one")
        link = publish(ada, talk)
        other = Talk(bob, stored)
        foreign = stored.messages.find_one({"messageId": other.say("secret")})
        assert foreign is not None
        stored.sharedlinks.update_one({"shareId": link["shareId"]}, {"$push": {"messages": foreign["_id"]}})
        assert texts(read(ada, link)) == ["one"]

    def test_large_conversations_are_sent_piece_by_piece(
        self, ada: UserClient, bob: UserClient, talk: Talk
    ) -> None:
        parent = NO_PARENT
        for number in range(6):
            parent = talk.say(f"{number}" * 400_000, parent)
        shown = read(bob, publish(ada, talk))
        assert [each[0] for each in texts(shown)] == ["0", "1", "2", "3", "4", "5"]
        ids = [each["messageId"] for each in shown["messages"]]
        assert [each["parentMessageId"] for each in shown["messages"]] == [NO_PARENT, *ids[:-1]]


class TestWhoMayRead:
    @pytest.fixture
    def link(self, ada: UserClient, talk: Talk) -> dict[str, Any]:
        talk.say("one")
        return publish(ada, talk)

    def test_everybody_who_has_logged_in(self, bob: UserClient, api: Client, link: dict[str, Any]) -> None:
        assert texts(read(bob, link)) == ["one"]
        for path in ("", "/config"):
            assert api.get(f"{SHARE}/{link['shareId']}{path}").status_code == 401

    def test_anyone_where_the_server_allows_it(self, anyone: Client, link: dict[str, Any]) -> None:
        assert texts(read(anyone, link)) == ["one"]
        said = anyone.get(f"{SHARE}/{link['shareId']}/config").json()
        assert said["appTitle"]
        assert set(said) <= {"appTitle", "customFooter", "interface"}

    def test_only_the_owner_of_a_private_one(
        self, ada: UserClient, bob: UserClient, anyone: Client, link: dict[str, Any]
    ) -> None:
        keep_private(ada, link)
        assert texts(read(ada, link)) == ["one"]
        unknown = bob.get(f"{SHARE}/{'x' * 21}")
        for path in ("", "/config", "/files/x", "/files/x/download", "/files/x/preview"):
            refused = bob.get(f"{SHARE}/{link['shareId']}{path}")
            assert (refused.status_code, refused.json()["code"]) == (404, unknown.json()["code"])
            assert anyone.get(f"{SHARE}/{link['shareId']}{path}").status_code == 401

    def test_whom_it_was_shared_with(
        self, ada: UserClient, bob: UserClient, stored: Stored, link: dict[str, Any]
    ) -> None:
        keep_private(ada, link)
        stored.aclentries.insert_one(
            {
                "principalType": "user",
                "principalId": ObjectId(bob.id),
                "principalModel": "User",
                "resourceType": "sharedLink",
                "resourceId": ObjectId(link["_id"]),
                "permBits": 1,
            }
        )
        assert texts(read(bob, link)) == ["one"]
        # To read is not to change.
        assert bob.patch(f"{SHARE}/{link['shareId']}", json={}).status_code == 404
        assert bob.delete(f"{SHARE}/{link['shareId']}").status_code == 404

    def test_nobody_where_links_are_off(
        self, make_application: Callable[..., Client], ada: UserClient, link: dict[str, Any]
    ) -> None:
        off = make_application(ALLOW_SHARED_LINKS="false")
        off.headers = ada.headers
        assert off.get(f"{SHARE}/{link['shareId']}").status_code == 404
        assert off.delete(f"{SHARE}/{link['shareId']}").status_code == 200

    @pytest.mark.parametrize(("is_public", "status"), [(True, 200), (None, 200), (False, 404)])
    def test_old_ones_say_it_themselves(  # noqa: PLR0917 - pytest gives them by name
        self,
        ada: UserClient,
        bob: UserClient,
        stored: Stored,
        link: dict[str, Any],
        is_public: bool | None,
        status: int,
    ) -> None:
        """LibreChat's links from before there were grants."""
        stored.aclentries.delete_many({"resourceId": ObjectId(link["_id"])})
        stored.sharedlinks.update_one({"shareId": link["shareId"]}, {"$set": {"isPublic": is_public}})
        assert texts(read(ada, link)) == ["one"]
        assert bob.get(f"{SHARE}/{link['shareId']}").status_code == status
        assert ada.patch(f"{SHARE}/{link['shareId']}", json={}).status_code == 200
        document = stored.sharedlinks.find_one({"shareId": link["shareId"]})
        assert document is not None
        assert "isPublic" not in document
        assert bob.get(f"{SHARE}/{link['shareId']}").status_code == status


def test_documents_that_lack_what_they_should_have_harm_nobody(ada: UserClient, stored: Stored) -> None:
    stored.sharedlinks.insert_one({"shareId": f"odd-{ada.id}", "user": ada.id})
    path = f"{SHARE}/odd-{ada.id}"
    [listed] = ada.get(SHARE).json()["links"]
    assert listed == {"shareId": f"odd-{ada.id}", "title": "Untitled", "conversationId": ""}
    assert ada.get(path).json()["messages"] == []
    assert ada.patch(path, json={}).json()["code"] == "nothing_to_share"
    assert ada.delete(path).status_code == 200


class TestFiles:
    def test_a_picture_is_shown_by_the_link_alone(
        self, ada: UserClient, bob: UserClient, api: Client, anyone: Client, talk: Talk
    ) -> None:
        picture = picture_of(ada)
        talk.say("look", files=[picture], content=[{"type": "image_file", "image_file": picture}])
        link = publish(ada, talk)
        [message] = read(bob, link)["messages"]
        path = f"/api/share/{link['shareId']}/files/{picture['file_id']}"
        shown = {"file_id": picture["file_id"], "filepath": path, "type": "image/png", "filename": "a.png"}
        assert message["files"] == [shown]
        assert message["content"] == [{"type": "image_file", "image_file": shown}]
        cookie = {"Cookie": f"refreshToken={bob.refresh_token}"}
        for answer in (
            bob.get(f"/chat{path}"),
            api.get(f"/chat{path}", headers=cookie),
            anyone.get(f"/chat{path}"),
        ):
            assert (answer.status_code, answer.content) == (200, PNG)
            assert answer.headers["content-disposition"].startswith("inline")
            assert answer.headers["cache-control"] == "private, no-cache"
            assert "sandbox" in answer.headers["content-security-policy"]
        assert api.get(f"/chat{path}").status_code == 401
        download = bob.get(f"/chat{path}/download")
        assert download.headers["content-disposition"].startswith("attachment")
        preview = bob.get(f"/chat{path}/preview").json()
        assert preview == {"file_id": picture["file_id"], "status": "ready"}
        # The address in the owner's own directory stays the owner's.
        assert bob.get(picture["filepath"]).status_code == 404

    def test_the_link_keeps_what_librechat_would_of_each(
        self, ada: UserClient, stored: Stored, talk: Talk
    ) -> None:
        picture = picture_of(ada)
        talk.say("look", files=[picture])
        document = stored.sharedlinks.find_one({"shareId": publish(ada, talk)["shareId"]})
        assert document is not None
        named = {name: picture[name] for name in ("file_id", "filepath", "type", "filename")}
        size = {"bytes": len(PNG), "width": 31, "height": 17}
        assert document["fileSnapshots"] == [{**named, **size, "source": "local"}]

    def test_no_other_file_is_there(
        self, ada: UserClient, bob: UserClient, stored: Stored, talk: Talk
    ) -> None:
        other, foreign = picture_of(ada), picture_of(bob)
        talk.say("look", files=[foreign])
        link = publish(ada, talk)
        for file in (other, foreign, {"file_id": "x"}):
            assert bob.get(f"{SHARE}/{link['shareId']}/files/{file['file_id']}").status_code == 404
        [message] = read(bob, link)["messages"]
        assert "filepath" not in message["files"][0]

    def test_nor_one_that_is_gone_or_another_by_now(
        self, ada: UserClient, stored: Stored, talk: Talk
    ) -> None:
        picture = picture_of(ada)
        talk.say("look", files=[picture])
        link = publish(ada, talk)
        path = f"{SHARE}/{link['shareId']}/files/{picture['file_id']}"
        assert ada.get(path).status_code == 200
        stored.files.update_one({"file_id": picture["file_id"]}, {"$inc": {"bytes": 1}})
        assert ada.get(path).status_code == 404
        body = {"files": [{"file_id": picture["file_id"]}]}
        assert ada.request("DELETE", "/chat/api/files", json=body).status_code == 200
        assert ada.get(path).status_code == 404

    def test_none_where_the_owner_said_so(self, ada: UserClient, bob: UserClient, talk: Talk) -> None:
        picture = picture_of(ada)
        talk.say("look", files=[picture])
        link = publish(ada, talk, snapshotFiles=False)
        assert "files" not in read(bob, link)["messages"][0]
        assert bob.get(f"{SHARE}/{link['shareId']}/files/{picture['file_id']}").status_code == 404
        ada.patch(f"{SHARE}/{link['shareId']}", json={"snapshotFiles": True})
        assert bob.get(f"{SHARE}/{link['shareId']}/files/{picture['file_id']}").status_code == 200

    def test_none_where_the_operator_said_so(
        self, ada: UserClient, talk: Talk, make_application: Callable[..., Client], tmp_path: Path
    ) -> None:
        """In LibreChat's file it is about new links; the variable closes the files of old ones too."""
        picture = picture_of(ada)
        talk.say("look", files=[picture])
        link = publish(ada, talk)
        file = f"{SHARE}/{link['shareId']}/files/{picture['file_id']}"
        path = tmp_path / "librechat.yaml"
        path.write_text(
            "version: 1.3.5\ninterface: {sharedLinks: {snapshotFiles: false}}\n", encoding="utf-8"
        )
        by_file = make_application(CONFIG_PATH=str(path))
        by_variable = make_application(SHARED_LINKS_SNAPSHOT_FILES="false")
        by_file.headers = by_variable.headers = ada.headers
        # The files of this test lie elsewhere: what is known of one is asked for.
        assert by_file.get(f"{file}/preview").status_code == 200
        assert by_variable.get(f"{file}/preview").status_code == 404
        assert "files" not in by_variable.get(f"{SHARE}/{link['shareId']}").json()["messages"][0]
        for client in (by_file, by_variable):
            assert client.get("/chat/api/config").json()["sharedLinksSnapshotFilesEnabled"] is False
        renewed = by_file.patch(f"{SHARE}/{link['shareId']}", json={"snapshotFiles": True})
        assert renewed.is_success
        assert "files" not in read(ada, link)["messages"][0]

    def test_markup_is_never_shown_in_its_place(self, ada: UserClient, bob: UserClient, talk: Talk) -> None:
        sent = ada.post("/chat/api/files", files={"file": ("a.html", samples.HTML, "text/html")}).json()
        talk.say("look", files=[{"file_id": sent["file_id"]}])
        link = publish(ada, talk)
        answer = bob.get(f"{SHARE}/{link['shareId']}/files/{sent['file_id']}")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["content-disposition"].startswith("attachment")


class TestDelete:
    def test_ends_it_with_all_grants(
        self, ada: UserClient, bob: UserClient, stored: Stored, talk: Talk
    ) -> None:
        talk.say("one")
        link = publish(ada, talk)
        assert bob.delete(f"{SHARE}/{link['shareId']}").status_code == 404
        answer = ada.delete(f"{SHARE}/{link['shareId']}").json()
        assert answer == {
            "_id": link["_id"],
            "success": True,
            "shareId": link["shareId"],
            "message": "Share deleted successfully",
        }
        assert bob.get(f"{SHARE}/{link['shareId']}").status_code == 404
        assert stored.aclentries.count_documents({"resourceId": ObjectId(link["_id"])}) == 0

    def test_goes_with_the_conversation(self, ada: UserClient, stored: Stored, talk: Talk) -> None:
        talk.say("one")
        link = publish(ada, talk)
        body = {"arg": {"conversationId": talk.id}}
        assert ada.request("DELETE", "/chat/api/convos", json=body).is_success
        assert stored.sharedlinks.count_documents({"shareId": link["shareId"]}) == 0
        assert stored.aclentries.count_documents({"resourceId": ObjectId(link["_id"])}) == 0


class TestList:
    def test_is_paged_and_sorted_and_ones_own(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        made = []
        for title in ("b", "a", "c"):
            talk = Talk(ada, stored)
            talk.say("one")
            stored.conversations.update_one({"conversationId": talk.id}, {"$set": {"title": title}})
            made.append(publish(ada, talk))
        first = ada.get(SHARE, params={"pageSize": 2}).json()
        assert [each["title"] for each in first["links"]] == ["c", "a"]
        assert first["hasNextPage"] is True
        second = ada.get(SHARE, params={"pageSize": 2, "cursor": first["nextCursor"]}).json()
        assert second["hasNextPage"] is False
        assert "nextCursor" not in second
        [last] = second["links"]
        assert last.pop("createdAt")
        assert last == {
            "shareId": made[0]["shareId"],
            "title": "b",
            "conversationId": made[0]["conversationId"],
        }
        by_title = ada.get(SHARE, params={"sortBy": "title", "sortDirection": "asc"}).json()
        assert [each["title"] for each in by_title["links"]] == ["a", "b", "c"]
        assert [each["title"] for each in ada.get(SHARE, params={"search": "C"}).json()["links"]] == ["c"]
        assert bob.get(SHARE).json() == {"links": [], "hasNextPage": False}

    def test_the_link_of_a_conversation_is_its_owners(
        self, ada: UserClient, bob: UserClient, talk: Talk
    ) -> None:
        talk.say("one")
        none = {"success": False, "shareId": None, "conversationId": talk.id}
        assert ada.get(f"{SHARE}/link/{talk.id}").json() == none
        link = publish(ada, talk)
        assert ada.get(f"{SHARE}/link/{talk.id}").json() == {
            "success": True,
            "_id": link["_id"],
            "shareId": link["shareId"],
            "snapshotFiles": True,
            "conversationId": talk.id,
        }
        assert bob.get(f"{SHARE}/link/{talk.id}").json() == none
