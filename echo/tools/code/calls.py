"""A block of code of an answer that a person has run: LibreChat's button beside it."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

from echo.errors import BadGateway, NotFound
from echo.handling.caller import Caller
from echo.providers.chat import Text
from echo.tools.code.source import NAME, CodeRunner
from echo.tools.tool import RunPlace, ToolFailure
from storage.conversations.messages import MessageRepository
from storage.conversations.tool_calls import ToolCallRepository

Json = dict[str, Any]
GIVEN = ("lang", "code", "args")
PLACES = ("partIndex", "blockIndex")


class CodeCalls:
    """Runs code for people, and keeps what it gave (`toolcalls`)."""

    def __init__(self, runner: CodeRunner, messages: MessageRepository, calls: ToolCallRepository) -> None:
        self._runner = runner
        self._messages = messages
        self._calls = calls

    @property
    def is_there(self) -> bool:
        """Whether code is run here."""
        return self._runner.is_there

    def check(self, caller: Caller, tool: str, body: Mapping[str, Any]) -> RunPlace:
        """Where the code stands. Raises `NotFound`: another tool (`unknown_tool`), no message of the caller's."""
        if tool != NAME or not self._runner.is_there:
            raise unknown_tool()
        message = self._messages.get(caller.id, body["conversationId"], body["messageId"])
        self._calls.check_room(caller.id, message["conversationId"])
        return RunPlace(caller.id, message["conversationId"], message["messageId"])

    async def run(self, place: RunPlace, body: Mapping[str, Any]) -> Json:
        """Run it; LibreChat's `result` and `attachments`. Raises `BadGateway` (`code_interpreter_failed`)."""
        call_id = f"{place.owner}_{secrets.token_urlsafe(16)[:21]}"
        try:
            output = await self._runner.run(place, {name: body[name] for name in GIVEN if name in body})
        except ToolFailure as error:
            raise BadGateway(str(error), code="code_interpreter_failed") from error
        told = {
            "toolCallId": call_id,
            "messageId": place.answer_id,
            "conversationId": place.conversation_id,
        }
        attachments = [{**each, **told} for each in output.attachments]
        gave: Json = {"result": "".join(part.text for part in output.content if isinstance(part, Text))}
        if attachments:
            gave["attachments"] = attachments
        about = {name: body[name] for name in PLACES if body.get(name) is not None}
        await asyncio.to_thread(
            self._calls.insert, place.owner, place.conversation_id, place.answer_id, NAME, {**about, **gave}
        )
        return gave


def unknown_tool() -> NotFound:
    """The error for a tool that cannot be called so."""
    return NotFound("This server does not have that tool.", code="unknown_tool")
