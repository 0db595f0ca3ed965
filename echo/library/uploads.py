"""Files of users, kept for messages and for agents."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

from echo.agents.service import Agents
from echo.errors import NotFound, PayloadTooLarge, Unprocessable
from echo.files import FileStore
from echo.files.kinds import allowed_types, find_type, unsupported
from echo.files.names import shown_name
from echo.handling.caller import Caller
from echo.handling.upload import Upload
from echo.indexing.assembly import Indexing
from echo.library.upload_texts import UploadTexts
from echo.providers.chat import Attachment
from echo.settings.overrides import SettingsOf
from storage.core.portions import Reading
from storage.library.files import FileRepository

Document = dict[str, Any]
# What a file of an agent may be for.
CONTEXT, IMAGE_EDIT, FILE_SEARCH, CODE = "context", "image_edit", "file_search", "execute_code"
RESOURCES = {
    CONTEXT: CONTEXT,
    "ocr": CONTEXT,
    IMAGE_EDIT: IMAGE_EDIT,
    FILE_SEARCH: FILE_SEARCH,
    CODE: CODE,
}
# Gives a file to the service that runs code: owner, agent, name and bytes; the `metadata` of its record.
PlaceCode = Callable[[str, str | None, str, BinaryIO], Document]
# Tells it of a file that was deleted, by owner and record.
ForgetCode = Callable[[str, Mapping[str, Any]], None]
# What of a record goes with a message.
SHOWN = ("file_id", "filename", "filepath", "type", "bytes", "width", "height", "source", "object", "context")
# All other agents are made for one message, and stored nowhere.
AGENT_PREFIX = "agent_"


@dataclass(frozen=True)
class Purpose:
    """What an upload is for, in LibreChat's words: `temp_id` is the client's own name for it.

    With `tool_resource` "context" its text is kept, and no file; with "file_search" it is a file that is searched,
    with "execute_code" one that programs find. An agent gets the file, unless a message has it.
    """

    temp_id: str | None = None
    agent_id: str | None = None
    tool_resource: str | None = None
    of_message: bool = False

    @property
    def of_agent(self) -> str | None:
        """The agent that gets the file."""
        is_one = self.agent_id is not None and self.agent_id.startswith(AGENT_PREFIX)
        return self.agent_id if is_one and not self.of_message else None


class Uploads:
    """Keeps and removes files with their records."""

    def __init__(
        self,
        store: FileStore,
        files: FileRepository,
        agents: Agents,
        indexing: Indexing,
        *,
        can_search: bool = True,
        live: SettingsOf | None = None,
        place_code: PlaceCode | None = None,
        forget_code: ForgetCode | None = None,
    ) -> None:
        self._place_code = place_code
        self._forget_code = forget_code
        self._live = live
        self._store = store
        self._files = files
        self._agents = agents
        self._texts = UploadTexts(store, indexing.texts)
        self._index = indexing.index
        self._can_search = can_search

    def keep(
        self, caller: Caller, upload: Upload, purpose: Purpose = Purpose(), *, image: bool = False
    ) -> Document:
        """Keep a file; its record. All or nothing is kept.

        Raises as `FileStore.save` does; for an agent also `NotFound`, `Forbidden` and `Unprocessable`
        (`too_many_agent_files`, `unsupported_tool_resource`); `UnsupportedMediaType` where there is no text to keep
        or to search; for a text also as `UploadTexts.record`, for a search as `Index.add`, and for
        programs `BadGateway` (`code_interpreter_failed`).
        """
        self._check_rules(caller, upload)
        resource = self._resource(purpose)
        if purpose.of_agent:
            self._agents.check_change(caller, purpose.of_agent)
        more: Document = {"context": "agents" if purpose.of_agent else "message_attachment"}
        if purpose.temp_id:
            more["temp_file_id"] = purpose.temp_id
        if resource == CONTEXT:
            document = self._files.insert(caller.id, {**self._texts.record(caller.id, upload), **more})
        elif resource == FILE_SEARCH:
            document = self._keep_searched(caller, upload, purpose.of_agent, more)
        else:
            with self._store.received(caller.id, upload, image=image) as stored:
                if resource == CODE and self._place_code:
                    more["metadata"] = self._place_code(
                        caller.id, purpose.of_agent, stored.filename, upload.stream
                    )
                document = self._files.insert(caller.id, {**stored.record, **more})
        if purpose.of_agent and resource:
            self._give(caller, purpose.of_agent, resource, document)
        return document

    def _check_rules(self, caller: Caller, upload: Upload) -> None:
        """What administrators allow this user now, which can be less than what the server takes at all."""
        rules = self._live(caller.id).file_rules if self._live else {}
        default = rules.get("default")
        if default is None:
            return
        if default.max_bytes is not None and upload.size > default.max_bytes:
            raise PayloadTooLarge(f"Files may have at most {default.max_bytes} bytes.")
        if default.media_types is not None:
            found = find_type(upload.stream, shown_name(upload.filename))
            upload.stream.seek(0)
            if found not in allowed_types(rules):
                raise unsupported()

    def keep_made(self, owner: str, picture: Attachment) -> Document:
        """Keep a picture that a tool has made for the owner; its record, as LibreChat's clients show it."""
        upload = Upload(BytesIO(picture.content), picture.filename, picture.media_type, len(picture.content))
        with self._store.received(owner, upload, image=True) as stored:
            document = self._files.insert(owner, {**stored.record, "context": "image_generation"})
        return {name: document[name] for name in SHOWN if document.get(name) is not None}

    def find(self, caller: Caller, owner: str, file_id: str) -> Document:
        """The record of a file whose address names its owner. Raises `NotFound` unless that is the caller."""
        if owner != caller.id:
            raise NotFound
        return self._files.get(caller.id, file_id)

    def delete(self, owner: str, file_ids: Iterable[str]) -> int:
        """Delete those of these files that are the owner's, with their bytes; how many there were.

        No agent has them any more, as in LibreChat.
        """
        gone = [file_id for file_id in file_ids if self._delete(owner, file_id)]
        self._agents.forget_files(owner, gone)
        return len(gone)

    def take_from_agent(self, caller: Caller, agent_id: str, file_ids: Collection[str]) -> None:
        """Take files from an agent; they stay their owners'. Raises `NotFound` and `Forbidden`."""
        self._agents.remove_files(caller, agent_id, file_ids)

    def of_agent(self, caller: Caller, agent_id: str) -> Reading:
        """The files of an agent, without their texts, for who may change it; of others' there are none.

        Raises `NotFound` for one that the caller may not see.
        """
        return self._files.of_agent_listed(self._agents.file_ids(caller, agent_id))

    def _give(self, caller: Caller, agent_id: str, resource: str, document: Document) -> None:
        try:
            self._agents.add_file(caller, agent_id, resource, document["file_id"])
        except BaseException:
            self._delete(caller.id, document["file_id"])
            raise

    def _delete(self, owner: str, file_id: str) -> bool:
        # On the disk the record first: a crash in between leaves bytes that nobody sees, not a record of bytes that
        # are gone. A service may refuse: then the record stays, so that the user can try again.
        record = self._files.find(owner, file_id)
        if record is None:
            return False
        if record.get("embedded"):
            self._index.forget(owner, [record])
        self._store.delete_elsewhere(record)
        document = self._files.delete(owner, file_id)
        if document is not None:
            self._store.delete(document)
            if self._forget_code:
                self._forget_code(owner, document)
        return document is not None

    def _keep_searched(
        self, caller: Caller, upload: Upload, agent_id: str | None, more: Mapping[str, Any]
    ) -> Document:
        if not self._index.takes(find_type(upload.stream, upload.filename)):
            raise unsupported("Of files of this type no text can be searched.")
        # As in LibreChat the record says so from the beginning: a chat takes the file for its search, not as it is.
        searched = {"embedded": True, "status": "pending" if self._index.is_slow else "ready"}
        with self._store.received(caller.id, upload) as stored:
            document = self._files.insert(caller.id, {**stored.record, **searched, **more})
        try:
            self._index.add(document, agent_id)
        except BaseException:
            self._files.delete(caller.id, document["file_id"])
            self._store.delete(document)
            raise
        return document

    def _resource(self, purpose: Purpose) -> str | None:
        if purpose.tool_resource is None and not purpose.of_agent:
            return None
        resource = RESOURCES.get(purpose.tool_resource or "")
        lacks = {FILE_SEARCH: not self._can_search, CODE: self._place_code is None}
        if resource is None or lacks.get(resource):
            raise Unprocessable(
                "This server has no use for files of this kind.", code="unsupported_tool_resource"
            )
        return resource
