"""Code that models write, run by LibreChat's code interpreter: never on this machine.

Pictures that it makes become files of the user; other files stay with the service, and only their names are told.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

from echo.access.permissions import Needs
from echo.providers.chat import Tool
from echo.settings.model import AgentSettings
from echo.settings.tools import CodeSettings
from echo.tools.arguments import one_of, text, texts
from echo.tools.builtin.shelf import MAX_PICTURE_BYTES, PictureShelf
from echo.tools.outbound import Outbound, Request
from echo.tools.tool import Called, Offer, RunPlace, RunTool, ToolFailure, ToolOutput, Wanted

NAME = CAPABILITY = "execute_code"
PERMISSION: Needs = {"RUN_CODE": ("USE",)}
LANGUAGES = ("py", "js", "ts", "c", "cpp", "java", "php", "rs", "go", "d", "f90", "r", "bash")
SECONDS = 120.0
MAX_CODE, MAX_OUTPUT = 200_000, 100_000
MAX_FILES = 10
PICTURE = re.compile(r"[^/\\]{1,200}\.(png|jpe?g|gif|webp)", re.IGNORECASE)
IDENTIFIER = re.compile(r"[A-Za-z0-9_.-]{1,128}")
SPEC = Tool(
    NAME,
    "Runs a whole program and gives what it prints. Nothing stays from one run to the next. What is to be seen has to"
    " be printed. Pictures that it writes into /mnt/data are shown to the user.",
    {
        "type": "object",
        "properties": {
            "lang": {"type": "string", "enum": list(LANGUAGES)},
            "code": {"type": "string", "description": "The whole program."},
            "args": {"type": "array", "items": {"type": "string"}, "description": "Its arguments."},
        },
        "required": ["lang", "code"],
    },
)


class CodeRunner:
    """A `ToolSource`, for who may run code, where the operator has set a service."""

    def __init__(
        self,
        settings: CodeSettings | None,
        agents: AgentSettings,
        *,
        may: Callable[[str, Needs], bool],
        outbound: Outbound,
        shelf: PictureShelf,
    ) -> None:
        self._settings = settings if agents.can(CAPABILITY) else None
        self._may = may
        self._outbound = outbound
        self._shelf = shelf

    async def offer(self, wanted: Wanted, place: RunPlace) -> Offer:
        """See `ToolSource`."""
        if self._settings is None or NAME not in wanted.names:
            return Offer()
        if not await asyncio.to_thread(self._may, place.owner, PERMISSION):
            return Offer()
        settings = self._settings

        async def call(called: Called) -> ToolOutput:
            return await self._call(settings, place, called)

        return Offer((RunTool(SPEC, call),))

    async def _call(self, settings: CodeSettings, place: RunPlace, called: Called) -> ToolOutput:
        given = called.arguments
        body = {
            "lang": one_of(given, "lang", LANGUAGES, "py"),
            "code": text(given, "code", MAX_CODE),
            **({"args": args} if (args := texts(given, "args", 50)) else {}),
        }
        request = Request(
            f"{settings.url}/exec", "POST", None, _key(settings), body, trusted=True, seconds=SECONDS
        )
        result = await self._outbound.json(request)
        if not isinstance(result, Mapping):
            raise ToolFailure("The service gave no result.")
        files = [each for each in result.get("files") or () if isinstance(each, Mapping)][:MAX_FILES]
        found = [await self._picture(settings, place, result, each) for each in files]
        names = [str(each.get("name"))[:200] for each in files]
        listed = f"\nFiles: {', '.join(names)}" if names else ""
        return ToolOutput.of_text(_printed(result) + listed, attachments=[each for each in found if each])

    async def _picture(
        self, settings: CodeSettings, place: RunPlace, result: Mapping[str, Any], file: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """A picture as a file of the user; None for another file, or one that cannot be had."""
        session = file.get("storage_session_id") or file.get("session_id") or result.get("session_id")
        name, identifier = str(file.get("name")), str(file.get("id"))
        fits = IDENTIFIER.fullmatch(str(session)) and IDENTIFIER.fullmatch(identifier)
        if not fits or not PICTURE.fullmatch(name):
            return None
        url = f"{settings.url}/download/{session}/{identifier}"
        try:
            reply = await self._outbound.send(
                Request(url, headers=_key(settings), trusted=True, most=MAX_PICTURE_BYTES)
            )
            return await self._shelf.keep(place, name, reply.content) if reply.ok else None
        except ToolFailure:
            return None


def _key(settings: CodeSettings) -> dict[str, str]:
    return {"X-API-Key": settings.key} if settings.key else {}


def _printed(result: Mapping[str, Any]) -> str:
    out, wrong = (str(result.get(name) or "")[:MAX_OUTPUT] for name in ("stdout", "stderr"))
    printed = f"stdout:\n{out}" if out else "Nothing was printed."
    return f"{printed}\nstderr:\n{wrong}" if wrong else printed
