"""Things that can be shared, put into the database as LibreChat has them."""

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
    fields: dict[str, Any] = {"_id": thing, "name": f"private thing {thing}"}
    if kind == ResourceType.SHARED_LINK:
        fields |= {"shareId": str(thing), "user": owner}
    else:
        fields |= {"id": str(thing), "author": ObjectId(owner), "serverName": str(thing)}
    database.collection(COLLECTIONS[kind]).insert_one(fields)
    access.own(owner, kind, thing)
    return str(thing)


def grant(database: Database, kind: str, resource: str, bits: int, principal: dict[str, Any]) -> None:
    """A grant as a script of an operator would write it."""
    entry = {"resourceType": kind, "resourceId": ObjectId(resource), "permBits": bits, **principal}
    database.collection("aclentries").insert_one(entry)
