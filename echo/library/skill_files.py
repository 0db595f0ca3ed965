"""Files beside skills, and skills out of files."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from echo.access import EDIT, VIEW
from echo.errors import ApiError, PayloadTooLarge, Unprocessable
from echo.files import FileStore
from echo.files.kinds import IMAGE_TYPES, served_type, unsupported
from echo.files.names import shown_name
from echo.handling.caller import Caller
from echo.handling.file_body import FileBody
from echo.handling.upload import Upload
from echo.library.skill_archives import MAX_FILE_BYTES, SkillArchive, Unusable, is_path, opened
from echo.library.skill_markdown import SKILL_MD, read_skill, refused
from echo.library.skills import Skills
from storage.access.principals import StoredId
from storage.library.skills import MAX_FILES, SkillFileRepository, SkillRepository

Document = dict[str, Any]
# LibreChat's: what is answered as text; of a larger file only what is known of it.
MAX_SHOWN_BYTES = 1024 * 1024
# How far is looked for what no text has.
LOOKED_AT_BYTES = 8192
BYTES = "application/octet-stream"
MARKDOWN, ARCHIVES = "md", ("zip", "skill")
CATEGORIES = {"scripts": "script", "references": "reference", "assets": "asset"}
MAX_NAMED_ERROR = 200


class SkillFiles:
    """What callers do with files of skills; raises as `Skills` does.

    A file lies among the uploads of who sent it. Its path in the skill is only a name in the database.
    """

    def __init__(
        self, skills: Skills, stored: SkillRepository, files: SkillFileRepository, store: FileStore
    ) -> None:
        self._skills = skills
        self._stored = stored
        self._files = files
        self._store = store

    def put(self, caller: Caller, skill_id: str, path: str, upload: Upload) -> Document:
        """Keep a file at this path, in place of one that is there; what is known of it.

        Raises `InvalidRequest` for a path that cannot be, `Unprocessable` (`too_many_skill_files`, `empty_file`),
        `PayloadTooLarge`, `UnsupportedMediaType`.
        """
        skill = self._skills.demanded(caller, skill_id, EDIT)["_id"]
        if not is_path(path):
            raise refused("relativePath", f"is no path of a file beside {SKILL_MD}")
        document, is_new = self._keep(caller, skill, path, upload)
        self._stored.note_files(skill, int(is_new))
        return document

    def read(self, caller: Caller, skill_id: str, path: str) -> Document:
        """What is known of a file, with `isBinary`, and its `content` where that is text and not too long."""
        skill = self._skills.demanded(caller, skill_id, VIEW)
        if path == SKILL_MD:
            body = str(skill.get("body") or "")
            known = {"relativePath": SKILL_MD, "filename": SKILL_MD, "mimeType": "text/markdown"}
            return {**known, "bytes": len(body.encode()), "isBinary": False, "content": body}
        record = self._files.get(skill["_id"], path)
        return {**record, **self._shown(record)}

    def download(self, caller: Caller, skill_id: str, path: str) -> FileBody:
        """The content of a file, as an attachment; only of a picture is said what it is."""
        skill = self._skills.demanded(caller, skill_id, VIEW)
        record = owned(self._files.get(skill["_id"], path))
        media_type = served_type(str(record["type"]))
        return FileBody(
            self._store.find(record),
            media_type if media_type in IMAGE_TYPES else BYTES,
            shown_name(str(record.get("filename", ""))),
        )

    def delete(self, caller: Caller, skill_id: str, path: str) -> None:
        """Delete a file."""
        skill = self._skills.demanded(caller, skill_id, EDIT)["_id"]
        self._store.delete_elsewhere(owned(self._files.get(skill, path)))
        self._store.delete(owned(self._files.delete(skill, path)))
        self._stored.note_files(skill, -1)

    def import_file(self, caller: Caller, upload: Upload) -> Document:
        """A new skill from `SKILL.md` or an archive with it; with `_importSummary` of the files beside it.

        A file that cannot be kept is named there, and does not hinder the others. Raises `UnsupportedMediaType` for
        other kinds of files, `InvalidRequest` for what is no skill, and what `Skills.create` raises.
        """
        stem, _, suffix = upload.filename.rpartition(".")
        if suffix.lower() in ARCHIVES:
            with opened(upload.stream) as archive:
                skill = self._skills.create(caller, read_skill(archive.skill(), stem).fields)
                return self._unpack(caller, skill, archive)
        if suffix.lower() != MARKDOWN:
            raise unsupported("Only .md, .zip and .skill files are skills.")
        # The longest body in UTF-8, and one byte more.
        content = upload.stream.read(400_001)
        return self._skills.create(caller, read_skill(content, stem).fields)

    def _unpack(self, caller: Caller, skill: Document, archive: SkillArchive) -> Document:
        errors: list[Document] = []
        paths, kept = archive.files(), 0
        for path in paths:
            try:
                inner, content = archive.read(path)
                name = PurePosixPath(inner).name
                file = Upload(BytesIO(content), name, BYTES, len(content))
                kept += self._keep(caller, skill["_id"], inner, file)[1]
            except (Unusable, ApiError) as error:
                said = error.message if isinstance(error, ApiError) else str(error)
                errors.append({"path": path[:MAX_NAMED_ERROR], "status": "error", "error": said})
        if kept:
            self._stored.note_files(skill["_id"], kept)
        summary = {
            "filesProcessed": len(paths),
            "filesSucceeded": len(paths) - len(errors),
            "filesFailed": len(errors),
            "errors": errors,
        }
        return {**skill, **self._stored.get(skill["_id"]), "_importSummary": summary}

    def _keep(self, caller: Caller, skill: StoredId, path: str, upload: Upload) -> tuple[Document, bool]:
        if upload.size > MAX_FILE_BYTES:
            raise PayloadTooLarge(f"Files of skills may have at most {MAX_FILE_BYTES} bytes.")
        if self._files.is_full(skill, path):
            raise Unprocessable(
                f"A skill may have no more than {MAX_FILES} files.", code="too_many_skill_files"
            )
        with self._store.received(caller.id, upload) as stored:
            fields = {
                "file_id": stored.file_id,
                "filename": stored.filename,
                **stored.kept.fields,
                "mimeType": stored.type,
                "bytes": stored.bytes,
                "category": CATEGORIES.get(path.partition("/")[0], "other"),
                "isExecutable": False,
            }
            document, before = self._files.put(caller.id, skill, path, fields)
        if before is not None:
            self._store.delete(owned(before))
        return document, before is None

    def _shown(self, record: Mapping[str, Any]) -> Document:
        if record.get("isBinary") is True or isinstance(record.get("content"), str):
            return {"isBinary": record.get("isBinary") is True}
        with self._store.opened(owned(record)) as file:
            content = file.read(MAX_SHOWN_BYTES + 1)
        if b"\x00" in content[:LOOKED_AT_BYTES]:
            return {"isBinary": True}
        if len(content) > MAX_SHOWN_BYTES:
            return {"isBinary": False}
        try:
            return {"isBinary": False, "content": content.decode("utf-8")}
        except UnicodeDecodeError:
            return {"isBinary": True}


def owned(record: Mapping[str, Any]) -> Document:
    """A record of a skill's file as `FileStore` knows records: `user` is who sent it."""
    return {**record, "user": str(record.get("author")), "type": record.get("mimeType")}
