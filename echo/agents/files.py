"""The files of an agent: whoever edits it may put in their own."""

from collections.abc import Collection, Mapping
from typing import Any

from echo.errors import Unprocessable
from storage.agents.shapes import files_of
from storage.library.files import FileRepository

Json = dict[str, Any]
MAX_FILES = 1000


def with_own_files(
    files: FileRepository, editor: str, resources: Mapping[str, Any], present: Collection[str]
) -> Json:
    """Resources without the files that are neither the editor's nor the agent's already.

    Without this an id would be enough to have another's file read to oneself by an agent.
    """
    named = {each for resource in resources.values() for each in ids_of(resource)}
    allowed = files.owned(editor, named - set(present)) | set(present)
    return {
        name: {**resource, "file_ids": [each for each in ids_of(resource) if each in allowed]}
        for name, resource in resources.items()
        if isinstance(resource, Mapping)
    }


def with_file(agent: Mapping[str, Any], *, name: str, file_id: str) -> Json:
    """The resources of an agent with one more file. Raises `Unprocessable` (`too_many_agent_files`)."""
    if len(files_of(agent)) >= MAX_FILES:
        raise Unprocessable(f"An agent may have {MAX_FILES} files.", code="too_many_agent_files")
    known = _resources(agent)
    before = known.get(name, {})
    ids = [each for each in ids_of(before) if each != file_id]
    return {**known, name: {**before, "file_ids": [*ids, file_id]}}


def without_files(agent: Mapping[str, Any], *, file_ids: Collection[str]) -> Json:
    """The resources of an agent without these files."""
    return {
        name: {**resource, "file_ids": [each for each in ids_of(resource) if each not in file_ids]}
        for name, resource in _resources(agent).items()
    }


def _resources(agent: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    stored = agent.get("tool_resources")
    known = stored if isinstance(stored, Mapping) else {}
    return {name: each for name, each in known.items() if isinstance(each, Mapping)}


def ids_of(resource: Any) -> list[str]:
    """The ids that one resource names; old documents may hold anything."""
    ids = resource.get("file_ids") if isinstance(resource, Mapping) else None
    return [each for each in ids if isinstance(each, str)] if isinstance(ids, list) else []
