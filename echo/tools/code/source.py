"""Code that models and people write, run by LibreChat's code interpreter: never on this machine.

It finds the files of the agent and of the chat that whoever runs it may read. What it leaves becomes files of theirs.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

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


LASTING_SPEC = replace(
    SPEC,
    description="Runs a whole program and gives what it prints. Its machine mostly stays from one run to the next,"
    " with what was installed and written there, but may be a new one at any time; only files in /mnt/data are sure"
    " to be kept. What is to be seen has to be printed. Files that it writes into /mnt/data are shown to the user,"
    " who needs no link.",
)
NO_LASTING = "This agent's programs need sessions that last, and there is no service for them here."


@dataclass(frozen=True)
class CodeParts:
    """The service, and how files come to it and from it."""

    service: CodeService
    files: CodeFiles
    outputs: Outputs


class CodeRunner:
    """A `ToolSource`, for who may run code, where the operator has set a service: then there are `parts`.

    `lasting` are those of the service whose sessions last. Of these `environments` say who may share one, None that
    all of LibreChat's may be.
    """

    def __init__(
        self,
        parts: CodeParts | None,
        lasting: CodeParts | None = None,
        *,
        environments: tuple[str, ...] | None = None,
        may: Callable[[str, Needs], bool],
        rights: Rights,
    ) -> None:
        self._parts = parts
        self._lasting = lasting
        self._environments = environments
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
        shared = wanted.code_environment
        parts = self._parts if shared is None else self._lasting
        refusal = None if shared is None else self._refusal(shared)
        if not await asyncio.to_thread(self._may, place.owner, PERMISSION):
            return Offer()
        ids = wanted.files.get(NAME, ())
        files = await asyncio.to_thread(self._rights.searchable, place.owner, wanted.agent_id, ids)
        inputs = Inputs((parts or self._parts).files, place.owner, wanted.agent_id, files)
        session = None if shared is None else session_of(shared, place, wanted.agent_id)

        async def call(called: Called) -> ToolOutput:
            if parts is None or refusal:
                raise ToolFailure(refusal or NO_LASTING)
            return await self._run(parts, place, called.arguments, inputs, session)

        spec = SPEC if shared is None else LASTING_SPEC
        return Offer((RunTool(spec, call, SECONDS),), tuple(_note(inputs.names)))

    def _refusal(self, shared: str) -> str | None:
        if self._environments is None or shared in self._environments:
            return None
        return f'The programs of this agent are to share a session by "{shared}", which is not allowed here.'

    async def run(self, place: RunPlace, arguments: Mapping[str, Any]) -> ToolOutput:
        """Run a program that a person has chosen, and keep what it leaves. Raises `ToolFailure`."""
        if self._parts is None:
            raise ToolFailure("No code is run here.")
        return await self._run(self._parts, place, arguments)

    async def _run(
        self,
        parts: CodeParts,
        place: RunPlace,
        arguments: Mapping[str, Any],
        inputs: Inputs | None = None,
        session: str | None = None,
    ) -> ToolOutput:
        lang, code = one_of(arguments, "lang", LANGUAGES, "py"), text(arguments, "code", MAX_CODE)
        args = texts(arguments, "args", MAX_ARGUMENTS)
        given, missing = await inputs.given() if inputs else ([], [])
        ran = await parts.service.run(place.owner, Program(lang, code, args, given, session))
        if inputs:
            inputs.add(ran.files)
        attachments = await parts.outputs.keep(place, ran.files)
        told = "\n".join([ran.printed, *_about_files(ran.files, missing)])
        return ToolOutput.of_text(told, attachments=attachments)


def session_of(shared: str, place: RunPlace, agent_id: str | None) -> str:
    """LibreChat's name of the session that lasts, for those who share it."""
    by = {"agent-user": [agent_id or ""], "conversation": [place.conversation_id]}.get(shared, [])
    fingerprint = hashlib.sha256(orjson.dumps([place.owner, *by])).hexdigest()[:32]
    return f"v2:{shared}:{fingerprint}"


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
