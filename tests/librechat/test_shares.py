"""Links and pictures that LibreChat's users have: readable here as they are."""

import pytest

from tests.conftest import Client
from tests.support.librechat import Content, Document, LogIn, difference


@pytest.fixture
def ada(log_in: LogIn) -> Client:
    return log_in("ada")


@pytest.fixture
def link(content: Content) -> Document:
    [found] = content()["sharedlinks"].values()
    return found


def test_a_link_shows_its_messages_to_everybody_and_changes_nothing(
    ada: Client, log_in: LogIn, content: Content, link: Document
) -> None:
    bob, before = log_in("bob"), content()
    shown = bob.get(f"/chat/api/share/{link['shareId']}").json()
    assert (shown["title"], len(shown["messages"])) == (link["title"], len(link["messages"]))
    assert str(link["conversationId"]) not in str(shown)
    assert difference(before, content()) == {}


def test_it_is_in_its_owners_list_alone(ada: Client, log_in: LogIn, link: Document) -> None:
    [listed] = ada.get("/chat/api/share").json()["links"]
    assert (listed["shareId"], listed["conversationId"]) == (link["shareId"], link["conversationId"])
    assert log_in("bob").get("/chat/api/share").json()["links"] == []


def test_it_is_renewed_and_withdrawn_by_its_owner(ada: Client, content: Content, link: Document) -> None:
    path = f"/chat/api/share/{link['shareId']}"
    renewed = ada.patch(path, json={})
    assert renewed.status_code == 200
    assert renewed.json()["conversationId"] == link["conversationId"]
    assert ada.delete(path).status_code == 200
    assert content()["sharedlinks"] == {}
    grants = content()["aclentries"].values()
    assert link["_id"] not in [each["resourceId"] for each in grants]


def test_a_picture_is_where_its_record_says(ada: Client, log_in: LogIn, content: Content) -> None:
    [picture] = [each for each in content()["files"].values() if each["filename"] == "dot.png"]
    answer = ada.get(picture["filepath"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert len(answer.content) == picture["bytes"]
    assert log_in("bob").get(picture["filepath"]).status_code == 404
