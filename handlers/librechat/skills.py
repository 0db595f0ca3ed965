"""Skills: instructions by name, which are shared by grants."""

from typing import Any

from echo.files import Upload
from echo.handling.caller import Caller
from echo.handling.file_body import FileBody
from echo.services import Services
from handlers.librechat.schemas import skills as schemas
from handlers.paging import clamp, given

Json = dict[str, Any]


def list_skills(
    services: Services,
    caller: Caller,
    *,
    limit: int,
    cursor: str | None = None,
    category: str | None = None,
    search: str | None = None,
) -> Json:
    """One page of the skills that the caller may see."""
    page = services.library.skills.list_page(
        caller, category=category, text=search, limit=clamp(limit), cursor=given(cursor)
    )
    return {
        "skills": schemas.skill.dump_all(page.skills),
        "has_more": page.next_cursor is not None,
        "after": page.next_cursor,
    }


def create_skill(services: Services, caller: Caller, *, body: Json) -> Json:
    """Keep a skill."""
    return schemas.skill.dump_one(services.library.skills.create(caller, schemas.saved_skill.load(body)))


def get_skill(services: Services, caller: Caller, *, skill_id: str) -> Json:
    """One skill."""
    return schemas.skill.dump_one(services.library.skills.get(caller, skill_id))


def update_skill(services: Services, caller: Caller, *, skill_id: str, body: Json) -> Json:
    """Change the version of a skill that the caller has read."""
    changes = schemas.saved_skill.load(body)
    return schemas.skill.dump_one(
        services.library.skills.update(caller, skill_id, body["expectedVersion"], changes)
    )


def delete_skill(services: Services, caller: Caller, *, skill_id: str) -> Json:
    """Delete a skill."""
    services.library.skills.delete(caller, skill_id)
    return {"id": skill_id, "deleted": True}


def list_skill_files(services: Services, caller: Caller, *, skill_id: str) -> Json:
    """What is known of the files of a skill."""
    return {"files": schemas.skill_file.dump_all(services.library.skills.list_files(caller, skill_id))}


def import_skill(services: Services, caller: Caller, *, file: Upload) -> Json:
    """Make a skill of a file."""
    return schemas.imported_skill.dump_one(services.library.skill_files.import_file(caller, file))


def upload_skill_file(
    services: Services, caller: Caller, *, skill_id: str, file: Upload, relative_path: str
) -> Json:
    """Keep a file beside a skill."""
    kept = services.library.skill_files.put(caller, skill_id, relative_path, file)
    return schemas.skill_file.dump_one(kept)


def get_skill_file(
    services: Services, caller: Caller, *, skill_id: str, relative_path: str, raw: str | None = None
) -> Json | FileBody:
    """A file of a skill: what it says, or with `raw` the file itself."""
    if raw == "true":
        return services.library.skill_files.download(caller, skill_id, relative_path)
    return schemas.skill_file_content.dump_one(
        services.library.skill_files.read(caller, skill_id, relative_path)
    )


def delete_skill_file(services: Services, caller: Caller, *, skill_id: str, relative_path: str) -> Json:
    """Delete a file of a skill."""
    services.library.skill_files.delete(caller, skill_id, relative_path)
    return {"skillId": skill_id, "relativePath": relative_path, "deleted": True}


def get_active_skills(services: Services, caller: Caller) -> dict[str, bool]:
    """Which skills the caller has switched on or off."""
    return services.library.skills.states(caller)


def set_active_skills(services: Services, caller: Caller, *, body: Json) -> dict[str, bool]:
    """Switch skills on or off."""
    return services.library.skills.set_states(caller, body["skillStates"])
