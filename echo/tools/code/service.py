"""LibreChat's code interpreter, as far as Echo asks it: programs, and the files that they find and leave.

Its paths and fields are those of LibreChat 0.8.8: `/exec`, `/upload`, `/sessions/<session>/objects/<file>` and
`/download/<session>/<file>`. Where older ones have `session_id`, newer ones have `storage_session_id`: both are sent,
and either is read. Everything that it answers is bounded and checked.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import aiohttp
import structlog

from echo.settings.tools import CodeSettings
from echo.tools.outbound import Outbound, Request
from echo.tools.tool import ToolFailure

log = structlog.get_logger(__name__)

Json = dict[str, Any]
RUN_SECONDS, UPLOAD_SECONDS, DOWNLOAD_SECONDS, INFO_SECONDS = 120.0, 120.0, 15.0, 5.0
MAX_OUTPUT = 100_000
# LibreChat's: the service keeps a file for a day.
GOOD_FOR = timedelta(hours=23)
MAX_FILES = 100
IDENTIFIER = re.compile(r"[A-Za-z0-9_.-]{1,128}")
# A third kind, of skills, Echo does not have there.
KINDS = ("agent", "user")
# LibreChat's words for the service whose programs leave nothing but files, and for the one whose sessions last.
PROFILE, LASTING = "default", "stateful"
# How a service says that it does not have a path: older ones have another.
OLDER = (404, 405)


@dataclass(frozen=True)
class CodeRef:
    """Where the service has a file: whose it is there (an agent's, shared by all who use it, or a user's), and which
    service that is."""

    kind: str
    id: str
    session: str
    file_id: str
    profile: str = PROFILE

    @property
    def stored(self) -> Json:
        """As LibreChat stores it (`metadata.codeEnvRef`)."""
        return {
            "kind": self.kind,
            "id": self.id,
            "storage_session_id": self.session,
            "file_id": self.file_id,
            "executionProfile": self.profile,
        }

    @property
    def about(self) -> dict[str, str]:
        """What the service is told of whose it is."""
        return {"kind": self.kind, "id": self.id}

    def given(self, name: str) -> Json:
        """As an input of a program, under a name."""
        sessions = {"storage_session_id": self.session, "session_id": self.session}
        return {"id": self.file_id, "resource_id": self.id, **sessions, "name": name, "kind": self.kind}


@dataclass(frozen=True)
class Left:
    """A file that a program has left."""

    name: str
    session: str
    file_id: str


@dataclass(frozen=True)
class Ran:
    """What a program came to."""

    stdout: str = ""
    stderr: str = ""
    files: tuple[Left, ...] = ()

    @property
    def printed(self) -> str:
        """What a model is told that it printed."""
        printed = f"stdout:\n{self.stdout}" if self.stdout else "Nothing was printed."
        return f"{printed}\nstderr:\n{self.stderr}" if self.stderr else printed


@dataclass(frozen=True)
class Program:
    """What is to run: `files` are what it finds in /mnt/data, `session` names one that lasts."""

    lang: str
    code: str = field(repr=False)
    args: Sequence[str] = ()
    files: Sequence[Json] = ()
    session: str | None = None


class CodeService:
    """Asks the service by the operator's key. Everything raises `ToolFailure`, in words for models and people.

    `sign` makes tokens that say for which user a request is; for threads. `lasting` is the one whose sessions last.
    """

    def __init__(
        self,
        settings: CodeSettings,
        outbound: Outbound,
        sign: Callable[[str], str] | None = None,
        *,
        profile: str = PROFILE,
    ) -> None:
        self.profile = profile
        self.lasting: CodeService | None = None
        self._settings = settings
        self._outbound = outbound
        self._sign = sign
        self._url = settings.url
        if profile == LASTING:
            self._url = settings.lasting_url or settings.url
        elif settings.lasting_url:
            self.lasting = CodeService(settings, outbound, sign, profile=LASTING)

    def of(self, profile: str) -> "CodeService | None":
        """The one of LibreChat's two that this word names."""
        return self if profile == self.profile else self.lasting

    async def run(self, owner: str, program: Program) -> Ran:
        """Run a program to its end, for a user: what it leaves is theirs at the service."""
        body = {
            "lang": program.lang,
            "code": program.code,
            "user_id": owner,
            **({"args": list(program.args)} if program.args else {}),
            **({"files": list(program.files)} if program.files else {}),
            **({"runtime_session_hint": program.session} if program.session else {}),
        }
        request = await self._request("exec", "POST", body=body, seconds=RUN_SECONDS, owner=owner)
        result = await self._outbound.json(request)
        if not isinstance(result, Mapping):
            raise ToolFailure("The service gave no result.")
        out, wrong = (str(result.get(name) or "")[:MAX_OUTPUT] for name in ("stdout", "stderr"))
        return Ran(out, wrong, tuple(_left(result)))

    async def upload(self, owner: str, kind: str, of: str, name: str, stream: BinaryIO) -> CodeRef:
        """Give the service a file, for programs of whoever `kind` and `of` name."""
        form = aiohttp.FormData()
        form.add_field("kind", kind)
        form.add_field("id", of)
        form.add_field("file", stream, filename=name, content_type="application/octet-stream")
        request = await self._request("upload", "POST", body=form, seconds=UPLOAD_SECONDS, owner=owner)
        result = await self._outbound.json(request)
        session, file_id = _uploaded(result)
        if session is None or file_id is None:
            raise ToolFailure("The service did not take the file.")
        return CodeRef(kind, of, session, file_id, self.profile)

    async def is_there(self, owner: str, ref: CodeRef) -> bool:
        """Whether the service still has a file, and will for a while. Raises nothing."""
        path = f"sessions/{ref.session}/objects/{ref.file_id}"
        try:
            found = await self._outbound.json(
                await self._request(path, query=ref.about, seconds=INFO_SECONDS, owner=owner)
            )
            changed = datetime.fromisoformat(str(found["lastModified"]))
        except (ToolFailure, KeyError, TypeError, ValueError):
            return False
        changed = changed if changed.tzinfo else changed.replace(tzinfo=UTC)
        return datetime.now(UTC) - changed < GOOD_FOR

    async def delete(self, owner: str, ref: CodeRef) -> None:
        """Have the service forget a file. Raises nothing: it forgets it by itself after a day."""
        for path in (f"sessions/{ref.session}/objects/{ref.file_id}", f"files/{ref.session}/{ref.file_id}"):
            request = await self._request(
                path, "DELETE", query=ref.about, seconds=DOWNLOAD_SECONDS, owner=owner
            )
            try:
                reply = await self._outbound.send(request)
            except ToolFailure as error:
                log.info("the code interpreter keeps a deleted file for now", why=str(error)[:200])
                return
            if reply.status not in OLDER:
                return

    async def download(self, owner: str, session: str, file_id: str, into: BinaryIO, most: int) -> None:
        """Write a file that a program of the user's has left, of no more than `most` bytes."""
        about = {"kind": "user", "id": owner}
        request = await self._request(
            f"download/{session}/{file_id}", query=about, seconds=DOWNLOAD_SECONDS, owner=owner, most=most
        )
        reply = await self._outbound.receive(request, into)
        if not reply.ok:
            raise ToolFailure(reply.failure)

    async def _request(self, path: str, method: str = "GET", *, owner: str, **more: Any) -> Request:
        headers = {"User-Id": owner, "X-CodeAPI-Expected-Profile": self.profile}
        if self._settings.key:
            headers["X-API-Key"] = self._settings.key
        if self._sign is not None:
            headers["Authorization"] = f"Bearer {await asyncio.to_thread(self._sign, owner)}"
        return Request(f"{self._url}/{path}", method, headers=headers, trusted=True, **more)


def ref_of(record: Mapping[str, Any], profile: str = PROFILE) -> CodeRef | None:
    """Where a service had a file, by its record; None for one that it never had, or that says nonsense.

    Records of older LibreChats have `metadata.fileIdentifier`, "<session>/<file>?<whose>".
    """
    about = record.get("metadata")
    if not isinstance(about, Mapping):
        return None
    by_profile = about.get("codeEnvRefs")
    found = by_profile.get(profile) if isinstance(by_profile, Mapping) else None
    found = found or about.get("codeEnvRef")
    if isinstance(found, Mapping):
        if found.get("executionProfile", PROFILE) != profile:
            return None
        names = (found.get(name) for name in ("kind", "id", "storage_session_id", "file_id"))
        kind, of, session, file_id = (each if isinstance(each, str) else "" for each in names)
        fits = kind in KINDS and _is_id(of) and _is_id(session) and _is_id(file_id)
        return CodeRef(kind, of, session, file_id, profile) if fits else None
    if profile != PROFILE:
        return None
    session, _, file_id = str(about.get("fileIdentifier") or "").partition("?")[0].partition("/")
    fits = _is_id(session) and _is_id(file_id)
    return CodeRef("user", str(record.get("user")), session, file_id) if fits else None


def metadata_of(record: Mapping[str, Any], ref: CodeRef) -> Json:
    """What a record says beside itself, with where the service has its file now."""
    about = record.get("metadata")
    others = about.get("codeEnvRefs") if isinstance(about, Mapping) else None
    other = LASTING if ref.profile == PROFILE else PROFILE
    before = ref_of(record, other)
    return {
        **(about if isinstance(about, Mapping) else {}),
        "codeEnvRef": ref.stored,
        "codeEnvRefs": {
            **(others if isinstance(others, Mapping) else {}),
            **({other: before.stored} if before else {}),
            ref.profile: ref.stored,
        },
    }


def _left(result: Mapping[str, Any]) -> list[Left]:
    """The files of an answer that are new; what was only passed through is the caller's already."""
    listed = result.get("files")
    found = []
    for each in (listed if isinstance(listed, list) else [])[:MAX_FILES]:
        if not isinstance(each, Mapping) or each.get("inherited"):
            continue
        session = each.get("storage_session_id") or each.get("session_id") or result.get("session_id")
        name, file_id = each.get("name"), each.get("id")
        if isinstance(name, str) and name and _is_id(session) and _is_id(file_id):
            found.append(Left(name, str(session), str(file_id)))
    return found


def _uploaded(result: Any) -> tuple[str | None, str | None]:
    if not isinstance(result, Mapping) or result.get("message") != "success":
        return None, None
    session, files = result.get("storage_session_id") or result.get("session_id"), result.get("files")
    first = files[0] if isinstance(files, list) and files and isinstance(files[0], Mapping) else {}
    file_id = first.get("fileId")
    return (session if _is_id(session) else None), (file_id if _is_id(file_id) else None)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and IDENTIFIER.fullmatch(value) is not None and value.strip(".") != ""
