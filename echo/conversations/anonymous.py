"""Messages as strangers read them: with ids that are made anew each time, and nothing of where files lie."""

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from storage.conversations.messages import NO_PARENT

Json = dict[str, Any]
# What of a file is the server's business, as LibreChat has it.
HIDDEN = frozenset(
    (
        *("_id", "__v", "user", "tenantId", "storageRegion", "storageKey", "temp_file_id", "message"),
        *("source", "filterSource", "context", "embedded", "usage", "metadata"),
    )
)
# Where a file may say where it lies.
PLACES = ("filepath", "preview")
IMAGE_FILE, STEER, UI_RESOURCES = "image_file", "steer", "ui_resources"
ASSISTANT = "asst_"
# What of a message strangers take along into a conversation of their own: all that is shown, but for its ids.
TAKEN = (
    *("sender", "text", "content", "iconURL", "isCreatedByUser", "tokenCount", "unfinished", "error"),
    *("finish_reason", "quotes", "manualSkills", "alwaysAppliedSkills", "files", "attachments"),
)


class Anonymous:
    """One reading of a link: the same id becomes the same new one throughout, and another one at the next reading.

    `files` are the ids of the files that the link shows; None hides that there are any.
    """

    def __init__(self, share_id: str, files: frozenset[str] | None) -> None:
        self._share_id = share_id
        self._files = files
        self._known: dict[tuple[str, str], str] = {}
        self.conversation_id = _new("convo")

    def message(self, message: Mapping[str, Any]) -> Json:
        """A message without what is not for strangers; who sent it, and what tools said, stays as it is."""
        new_id = self._message_id(message.get("messageId"))
        model = message.get("model")
        return {
            **message,
            "messageId": new_id,
            "parentMessageId": self._message_id(message.get("parentMessageId")),
            "conversationId": self.conversation_id,
            # The model is nobody's business; whether two answers have the same assistant is seen.
            "model": self._renamed("a", model)
            if isinstance(model, str) and model.startswith(ASSISTANT)
            else None,
            "content": self._content(message.get("content"), new_id),
            "files": self._listed(message.get("files"), new_id),
            "attachments": [
                each
                for each in self._listed(message.get("attachments"), new_id) or []
                if each.get("type") != UI_RESOURCES
            ]
            or None,
        }

    def taken(self, message: Mapping[str, Any]) -> Json:
        """What of a message may stand in another person's conversation.

        Its files stay those of the link, and are read there; without ids, nothing takes them for that person's own.
        """
        shown = self.message(message)
        parts, listed = shown["content"], ("files", "attachments")
        without = {name: [_without_id(each) for each in shown[name] or ()] or None for name in listed}
        if isinstance(parts, list):
            without["content"] = [_part_without_ids(part) for part in parts]
        return {
            name: value for name, value in (shown | without).items() if name in TAKEN and value is not None
        }

    def _message_id(self, message_id: Any) -> str:
        if not isinstance(message_id, str) or message_id in ("", NO_PARENT):
            return NO_PARENT
        return self._renamed("msg", message_id)

    def _renamed(self, kind: str, name: str) -> str:
        return self._known.setdefault((kind, name), _new(kind))

    def _content(self, content: Any, new_id: str) -> Any:
        if not isinstance(content, list):
            return content
        return [self._part(part, new_id) if isinstance(part, Mapping) else part for part in content]

    def _part(self, part: Mapping[str, Any], new_id: str) -> Json:
        changed = dict(part)
        if part.get("type") == STEER and "files" in part:
            changed["files"] = self._listed(part["files"], new_id)
        if isinstance(part.get(IMAGE_FILE), Mapping):
            changed[IMAGE_FILE] = self._file(part[IMAGE_FILE], new_id)
        return {name: value for name, value in changed.items() if value is not None}

    def _listed(self, files: Any, new_id: str) -> list[Json] | None:
        if self._files is None or not isinstance(files, list):
            return None
        shown = [self._file(each, new_id) for each in files if isinstance(each, Mapping)]
        return [each for each in shown if each] or None

    def _file(self, file: Mapping[str, Any], new_id: str) -> Json:
        shown = {name: value for name, value in file.items() if name not in HIDDEN}
        if "conversationId" in shown:
            shown["conversationId"] = self.conversation_id
        if "messageId" in shown:
            shown["messageId"] = new_id
        file_id = shown.get("file_id")
        is_there = isinstance(file_id, str) and file_id in (self._files or ())
        path = f"/api/share/{self._share_id}/files/{quote(str(file_id), safe='')}"
        for name in PLACES:
            if name in shown and is_there:
                shown[name] = path
            elif name in shown:
                del shown[name]
        if is_there:
            shown["filepath"] = path
        return shown


def _new(kind: str) -> str:
    return f"{kind}_{secrets.token_urlsafe(16)[:21]}"


def _part_without_ids(part: Any) -> Any:
    if not isinstance(part, Mapping):
        return part
    changed = dict(part)
    if isinstance(part.get(IMAGE_FILE), Mapping):
        changed[IMAGE_FILE] = _without_id(part[IMAGE_FILE])
    if isinstance(part.get("files"), list):
        changed["files"] = [_without_id(each) for each in part["files"]]
    return changed


def _without_id(file: Any) -> Any:
    hidden = ("file_id", "temp_file_id", "messageId", "conversationId")
    if not isinstance(file, Mapping):
        return file
    return {name: value for name, value in file.items() if name not in hidden}
