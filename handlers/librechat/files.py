"""Files, and the pictures of users and agents, as LibreChat's client sends and shows them."""

import json
from typing import Any
from urllib.parse import quote

from echo.contract.operations import unpack
from echo.errors import NoDownloadUrl
from echo.files import Upload
from echo.files.downloads import Download
from echo.handling.caller import Caller
from echo.handling.file_body import FileBody
from echo.handling.pending import Pending
from echo.handling.stream_body import JsonItems
from echo.library.uploads import Purpose
from echo.services import Services
from handlers import files
from handlers.librechat.schemas import agents
from handlers.librechat.schemas import files as schemas
from handlers.paging import all_items
from handlers.schemas.files import named

Json = dict[str, Any]
# LibreChat's: so long an upload waits with its message in a queue.
HOLD_SECONDS = 24 * 3600
PICTURE_HEADERS = {
    # Another picture has another name. After an hour it is asked again who may see this one.
    "Cache-Control": "private, max-age=3600, immutable",
    # Opened by itself, a picture may run nothing either.
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
}


def list_files(services: Services, caller: Caller) -> list[Json] | JsonItems:
    """All files of the caller, the last changed first, without the texts of those that are kept as text."""
    return all_items(schemas.file, services.library.files.list(caller.id))


def list_agent_files(services: Services, caller: Caller, *, agent_id: str) -> list[Json] | JsonItems:
    """The files of an agent, for who may change it; others see none."""
    return all_items(schemas.file, services.library.uploads.of_agent(caller, agent_id))


def upload_file(
    services: Services,
    caller: Caller,
    *,
    file: Upload,
    file_id: str | None = None,
    agent_id: str | None = None,
    tool_resource: str | None = None,
    message_file: str | None = None,
) -> Json:
    """Keep a file for a message or an agent, or its text alone."""
    purpose = Purpose(file_id, agent_id, tool_resource, message_file == "true")
    return _kept("Agent file", services.library.uploads.keep(caller, file, purpose))


def upload_image(
    services: Services,
    caller: Caller,
    *,
    file: Upload,
    file_id: str | None = None,
    agent_id: str | None = None,
    tool_resource: str | None = None,
    message_file: str | None = None,
) -> Json:
    """Keep a picture for a message or an agent."""
    purpose = Purpose(file_id, agent_id, tool_resource, message_file == "true")
    return _kept("File", services.library.uploads.keep(caller, file, purpose, image=True))


def delete_files(services: Services, caller: Caller, *, body: Json) -> Json:
    """Delete the caller's files, or take files from an agent; what is not there is as good as gone."""
    agent_id = body.get("agent_id")
    if agent_id and body.get("tool_resource"):
        services.library.uploads.take_from_agent(caller, agent_id, named(body))
        return {"message": "File associations removed successfully from agent"}
    services.library.uploads.delete(caller.id, named(body))
    return {"message": "Files deleted successfully"}


def hold_files(services: Services, caller: Caller, *, body: Json) -> Json:
    """Keep unused uploads while they wait with a message."""
    return {"held": services.library.files.hold(caller.id, body["file_ids"], HOLD_SECONDS)}


def download_file(
    services: Services, caller: Caller, *, user_id: str, file_id: str
) -> tuple[FileBody | str, int, dict[str, str]]:
    """The content of a file of the caller, as an attachment, with its record, which LibreChat's client reads."""
    content, status, headers = unpack(
        files.download_file(services, caller, user_id=user_id, file_id=file_id), 200
    )
    record = schemas.file.dump_one(services.library.files.get(caller.id, file_id))
    record.pop("text", None)
    return content, status, {**headers, "X-File-Metadata": quote(json.dumps(record))}


def download_code_output(
    services: Services, caller: Caller, *, session_id: str, code_file_id: str
) -> Download | Pending:
    """What a program left for the caller, from the service that ran it where it is nowhere else."""
    return services.code.downloads.find(caller.id, session_id, code_file_id)


def get_file_download_url(services: Services, caller: Caller, *, user_id: str, file_id: str) -> Json:
    """An address at the service that has a file of the caller's; none for one on the server's disk."""
    record = services.library.uploads.find(caller, user_id, file_id)
    url = services.library.file_store.sign(record)
    if url is None:
        raise NoDownloadUrl
    return schemas.download_url(record, url)


def preview_file(services: Services, caller: Caller, *, file_id: str) -> Json:
    """The text of a file, where it is kept as text."""
    return schemas.preview.dump_one(services.library.files.get(caller.id, file_id))


def get_file_config(services: Services, caller: Caller) -> Json:
    """What may be uploaded."""
    return schemas.limits(services.administration.live.settings(caller.id))


def get_speech_config(services: Services, caller: Caller) -> Json:
    """Whether this server understands speech, and whether it speaks."""
    speaks = services.programs.audio.reads_aloud
    return {"sttExternal": services.transcriber.is_there, "ttsExternal": speaks}


def upload_avatar(services: Services, caller: Caller, *, file: Upload, manual: str | None = None) -> Json:
    """Keep a picture of the caller."""
    return {"url": services.library.pictures.draw_avatar(caller, file, chosen=manual == "true")}


def upload_agent_avatar(
    services: Services, caller: Caller, *, agent_id: str, file: Upload, avatar: str | None = None
) -> Json:
    """Give an agent a picture; where the one before is, the server knows."""
    return agents.agent.dump_one(services.library.pictures.draw_agent(caller, agent_id, file))


def get_image(
    services: Services, caller: Caller, *, user_id: str, file_name: str, manual: str | None = None
) -> tuple[FileBody, int, dict[str, str]]:
    """A picture, shown in its place."""
    return services.library.pictures.find(caller, user_id, file_name), 200, PICTURE_HEADERS


def _kept(what: str, document: Json) -> Json:
    return {"message": f"{what} uploaded and processed successfully", **schemas.file.dump_one(document)}
