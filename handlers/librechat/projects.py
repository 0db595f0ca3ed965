"""Projects: list, make, read, change, delete, and put conversations into them."""

from typing import Any

from echo.handling.caller import Caller
from echo.services import Services
from handlers.librechat.schemas import projects as schemas
from handlers.librechat.schemas.conversations import conversation as conversation_schema
from handlers.paging import clamp

Json = dict[str, Any]


def list_projects(
    services: Services,
    caller: Caller,
    *,
    limit: int,
    sort_by: str,
    sort_direction: str,
    cursor: str | None = None,
    search: str | None = None,
) -> Json:
    """One page of the caller's projects, by default those with the newest conversations first."""
    found = services.conversations.projects.list_page(
        caller.id,
        limit=clamp(limit),
        cursor=cursor,
        sort_by=sort_by,
        newest_first=sort_direction == "desc",
        search=(search or "").strip() or None,
    )
    return {"projects": schemas.project.dump_all(found.items), "nextCursor": found.next_cursor}


def create_project(services: Services, caller: Caller, *, body: Json) -> Json:
    """Make an empty project."""
    fields = schemas.project_fields.load(body)
    return schemas.project.dump_one(services.conversations.projects.create(caller.id, **fields))


def get_project(services: Services, caller: Caller, *, project_id: str) -> Json:
    """One project."""
    return schemas.project.dump_one(services.conversations.projects.get(caller.id, project_id))


def update_project(services: Services, caller: Caller, *, project_id: str, body: Json) -> Json:
    """Rename or describe a project."""
    fields = schemas.project_fields.load(body)
    return schemas.project.dump_one(services.conversations.projects.update(caller.id, project_id, **fields))


def delete_project(services: Services, caller: Caller, *, project_id: str) -> Json:
    """Delete a project; its conversations stay, and are in none."""
    return {
        "deletedCount": 1,
        "modifiedCount": services.conversations.projects.delete(caller.id, project_id),
    }


def move_conversation(services: Services, caller: Caller, *, conversation_id: str, body: Json) -> Json:
    """Put a conversation into a project, or into none."""
    moved = services.conversations.projects.assign(caller.id, conversation_id, body.get("projectId") or None)
    return {
        "conversation": conversation_schema.dump_one(moved.conversation),
        "previousProjectId": moved.before,
        "projectId": moved.after,
    }
