"""Code that models and people write, run by LibreChat's code interpreter: never on this machine.

It finds the files of the agent and of the chat that whoever runs it may read. What it leaves becomes files of theirs.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echo.access.permissions import Needs
from echo.providers.chat import Tool
from echo.tools.arguments import one_of, text, texts
from echo.tools.code.inputs import CodeFiles, Inputs
from echo.tools.code.outputs import Outputs
from echo.tools.code.service import CodeService, Left, Program
from echo.tools.file_search.rights import Rights
from echo.tools.tool import Called, Offer, RunPlace, RunTool, ToolFailure, ToolOutput, Wanted

NAME = "execute_code"
PERMISSION: Needs = {"RUN_CODE": ("USE",)}
LANGUAGES = ("py", "js", "ts", "c", "cpp", "java", "php", "rs", "go", "d", "f90", "r", "bash")
MAX_CODE, MAX_ARGUMENTS = 200_000, 50
# Files to it, the program, and files from it.
SECONDS = 360.0
MOST_NAMED = 100
SPEC = Tool(
    NAME,
    "Runs a whole program and gives what it prints. Files in /mnt/data stay from one run to the next; nothing else"
    " does. What is to be seen has to be printed. Files that it writes into /mnt/data are shown to the user, who"
    " needs no link.",
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


@dataclass(frozen=True)
class CodeParts:
    """The service, and how files come to it and from it."""

    service: CodeService
    files: CodeFiles
    outputs: Outputs


class CodeRunner:
    """A `ToolSource`, for who may run code, where the operator has set a service: then there are `parts`."""

    def __init__(self, parts: CodeParts | None, *, may: Callable[[str, Needs], bool], rights: Rights) -> None:
        self._parts = parts
        self._may = may
        self._rights = rights

    @property
    def is_there(self) -> bool:
        """Whether code is run at all."""
        return self._parts is not None

    async def offer(self, wanted: Wanted, place: RunPlace) -> Offer:
        """See `ToolSource`."""
        if self._parts is None or NAME not in wanted.names:
            return Offer()
        if not await asyncio.to_thread(self._may, place.owner, PERMISSION):
            return Offer()
        ids = wanted.files.get(NAME, ())
        files = await asyncio.to_thread(self._rights.searchable, place.owner, wanted.agent_id, ids)
        inputs = Inputs(self._parts.files, place.owner, wanted.agent_id, files)

        async def call(called: Called) -> ToolOutput:
            return await self.run(place, called.arguments, inputs)

        return Offer((RunTool(SPEC, call, SECONDS),), tuple(_note(inputs.names)))

    async def run(
        self, place: RunPlace, arguments: Mapping[str, Any], inputs: Inputs | None = None
    ) -> ToolOutput:
        """Run a program, and keep what it leaves. Raises `ToolFailure`."""
        if (parts := self._parts) is None:
            raise ToolFailure("No code is run here.")
        lang, code = one_of(arguments, "lang", LANGUAGES, "py"), text(arguments, "code", MAX_CODE)
        args = texts(arguments, "args", MAX_ARGUMENTS)
        given, missing = await inputs.given() if inputs else ([], [])
        ran = await parts.service.run(place.owner, Program(lang, code, args, given))
        if inputs:
            inputs.add(ran.files)
        attachments = await parts.outputs.keep(place, ran.files)
        told = "\n".join([ran.printed, *_about_files(ran.files, missing)])
        return ToolOutput.of_text(told, attachments=attachments)


def _about_files(left: Sequence[Left], missing: Iterable[str]) -> Iterable[str]:
    if left:
        yield f"Files: {', '.join(each.name[:200] for each in left[:MOST_NAMED])}"
    if names := [*missing]:
        yield f"Not there, as they could not be brought: {', '.join(names[:MOST_NAMED])}"


def _note(names: Sequence[str]) -> Iterable[str]:
    if names:
        lines = [f"- /mnt/data/{name}" for name in names[:MOST_NAMED]]
        more = len(names) - MOST_NAMED
        yield "\n".join(
            [f"Programs of the tool {NAME} find these files:", *lines]
            + ([f"- and {more} more"] if more > 0 else [])
        )
