"""Things that can be shared, put into the database as LibreChat has them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bson import ObjectId

from echo.access import Access, ResourceType
from storage.core.database import Database

COLLECTIONS = {
    ResourceType.AGENT: "agents",
    ResourceType.REMOTE_AGENT: "agents",
    ResourceType.PROMPT_GROUP: "promptgroups",
    ResourceType.MCP_SERVER: "mcpservers",
    ResourceType.SKILL: "skills",
    ResourceType.SHARED_LINK: "sharedlinks",
}


def put_thing(database: Database, access: Access, owner: str, kind: ResourceType) -> str:
    """The id of a new thing without any content, which the user owns."""
    thing = ObjectId()
    fields: dict[str, Any] = {"_id": thing, "name": f"private-{thing}"}
    if kind == ResourceType.SHARED_LINK:
        fields |= {"shareId": str(thing), "user": owner}
    else:
        fields |= {"id": str(thing), "author": ObjectId(owner), "serverName": str(thing)}
    if kind == ResourceType.MCP_SERVER:
        # Nobody is there.
        fields |= {"config": {"type": "sse", "url": "http://127.0.0.1:1/", "requiresOAuth": False}}
    database.collection(COLLECTIONS[kind]).insert_one(fields)
    access.own(owner, kind, thing)
    return str(thing)


@contextmanager
def no_grants_left(database: Database) -> Iterator[None]:
    """Nobody but users has more rights after it than before: what all may see is in the lists of every test."""
    entries = database.collection("aclentries")
    to_many = {"principalType": {"$in": ["public", "role"]}}
    before = [each["_id"] for each in entries.find(to_many, {"_id": 1})]
    yield
    entries.delete_many({**to_many, "_id": {"$nin": before}})


def grant(database: Database, kind: str, resource: str, bits: int, principal: dict[str, Any]) -> None:
    """A grant as a script of an operator would write it."""
    entry = {"resourceType": kind, "resourceId": ObjectId(resource), "permBits": bits, **principal}
    database.collection("aclentries").insert_one(entry)
