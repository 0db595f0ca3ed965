"""Prompts: groups with versions, which are shared by grants."""

from typing import Any

from echo.handling.caller import Caller
from echo.handling.stream_body import JsonItems
from echo.services import Services
from handlers.librechat.schemas import prompts as schemas
from handlers.paging import all_items, clamp, given

Json = dict[str, Any]
# What LibreChat says where it does not know how many pages there are.
MANY_PAGES, ONE_PAGE = "9999", "1"


def create_prompt_group(services: Services, caller: Caller, *, body: Json) -> Json:
    """Keep a prompt with its first version."""
    made = services.library.prompts.create(
        caller, schemas.new_prompt.load(body["prompt"]), schemas.changed_prompt_group.load(body["group"])
    )
    return {
        "prompt": schemas.prompt.dump_one(made.prompt),
        "group": schemas.prompt_group.dump_one(made.group),
    }


def list_prompts(
    services: Services, caller: Caller, *, group_id: str | None = None
) -> list[Json] | JsonItems:
    """All versions of a prompt, or all that the caller wrote."""
    return all_items(schemas.prompt, services.library.prompts.list_versions(caller, group_id))


def list_all_prompt_groups(
    services: Services, caller: Caller, *, name: str | None = None, category: str | None = None
) -> list[Json] | JsonItems:
    """All prompts that the caller may see."""
    found = services.library.prompts.list_all(caller, name=name, category=category)
    return all_items(schemas.prompt_group, found)


def list_prompt_groups(
    services: Services,
    caller: Caller,
    *,
    limit: int | None = None,
    page_size: int = 10,
    cursor: str | None = None,
    name: str | None = None,
    category: str | None = None,
) -> Json:
    """One page of the prompts that the caller may see."""
    size = clamp(page_size if limit is None else limit)
    page = services.library.prompts.list_page(
        caller, name=name, category=category, limit=size, cursor=given(cursor)
    )
    return {
        "promptGroups": schemas.prompt_group.dump_all(page.groups),
        "pageNumber": "1",
        "pageSize": str(size),
        "pages": MANY_PAGES if page.next_cursor else ONE_PAGE,
        "has_more": page.next_cursor is not None,
        "after": page.next_cursor,
    }


def get_prompt_group(services: Services, caller: Caller, *, group_id: str) -> Json:
    """One prompt with its version in use."""
    return schemas.prompt_group.dump_one(services.library.prompts.get(caller, group_id))


def update_prompt_group(services: Services, caller: Caller, *, group_id: str, body: Json) -> Json:
    """Change what a prompt is called."""
    changes = schemas.changed_prompt_group.load(body)
    return schemas.prompt_group.dump_one(services.library.prompts.update(caller, group_id, changes))


def delete_prompt_group(services: Services, caller: Caller, *, group_id: str) -> Json:
    """Delete a prompt with all versions."""
    services.library.prompts.delete(caller, group_id)
    return {"message": "Prompt group deleted successfully"}


def use_prompt_group(services: Services, caller: Caller, *, group_id: str) -> Json:
    """Count a use."""
    return {"numberOfGenerations": services.library.prompts.use(caller, group_id)}


def add_prompt(services: Services, caller: Caller, *, group_id: str, body: Json) -> Json:
    """Keep another version, which is not in use yet."""
    version = schemas.new_prompt.load(body["prompt"])
    return {
        "prompt": schemas.prompt.dump_one(services.library.prompts.add_version(caller, group_id, version))
    }


def get_prompt(services: Services, caller: Caller, *, prompt_id: str) -> Json:
    """One version."""
    return schemas.prompt.dump_one(services.library.prompts.get_version(caller, prompt_id))


def delete_prompt(services: Services, caller: Caller, *, prompt_id: str, group_id: str | None = None) -> Json:
    """Delete a version, and with the last one the prompt."""
    deleted = services.library.prompts.delete_version(caller, prompt_id, group_id)
    said: Json = {"prompt": "Prompt deleted successfully"}
    if deleted.group_id is not None:
        said["promptGroup"] = {"message": "Prompt group deleted successfully", "id": deleted.group_id}
    return said


def set_production_prompt(services: Services, caller: Caller, *, prompt_id: str) -> Json:
    """Make a version the one in use."""
    services.library.prompts.put_in_production(caller, prompt_id)
    return {"message": "Prompt production made successfully"}
