"""`echo-api agent run`: one answer of an agent for a user, with that user's rights, keys and credits."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from echo.cli.accounts import find_account, refusals_end
from echo.cli.chatting import EXIT_INTERRUPTED, printable
from echo.cli.common import EXIT_NO, EXIT_UNAVAILABLE, data_dir_option, fail, json_option, opened
from echo.cli.output import print_json

SECONDS = 600
# Of a tool's output, on a terminal.
SHOWN = 500


@dataclass(frozen=True)
class Asking:
    """Who asks which agent what; whether the conversation is kept, and how long the run may take."""

    owner: str
    agent_id: str
    text: str
    keep: bool
    seconds: int


@dataclass
class Outcome:
    """What a run came to."""

    conversation_id: str | None = None
    message_id: str | None = None
    text: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    is_whole: bool = False

    @property
    def told(self) -> dict[str, Any]:
        """As JSON."""
        about = {"conversationId": self.conversation_id, "messageId": self.message_id, "text": self.text}
        return {**about, "toolCalls": self.calls, "attachments": self.attachments, "error": self.error}


@click.command()
@click.argument("agent_id", metavar="AGENT")
@click.argument("text", required=False)
@click.option(
    "--user", "who", metavar="USER", required=True, help="For whom: by e-mail address, id or username."
)
@click.option(
    "--keep", is_flag=True, help="Keep the conversation; else it is a temporary chat of the user's."
)
@click.option(
    "--events", is_flag=True, help="Print each event of the run as a line of JSON, as clients get them."
)
@click.option(
    "--seconds",
    type=click.IntRange(1, 3600),
    default=SECONDS,
    show_default=True,
    help="End it after so long.",
)
@json_option
@data_dir_option
def run(
    *,
    agent_id: str,
    text: str | None,
    who: str,
    keep: bool,
    events: bool,
    seconds: int,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Run an agent for a user, and print its answer as it comes.

    TEXT is what the user says; without it the standard input is read. Calls of tools go to stderr. The agent must be
    one that the user may use; tools, keys and credits are the user's, as in a chat. Ctrl-C ends the run.

    \b
    echo-api agent run agent_4ZOpNA4AeUuyNAuf6bG3X "What is new?" --user ada@example.com
    """
    # What builds all services takes a second to load.
    import structlog  # noqa: PLC0415

    from echo.observation.logs import configure_logging  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory  # noqa: PLC0415

    said = sys.stdin.read() if text is None else text
    if not said.strip():
        fail("There is no message.", EXIT_NO)
    with opened(data_dir) as (settings, database), refusals_end():
        if not structlog.is_configured():
            # Its default is the standard output, where the answer goes.
            configure_logging(settings)
        owner = str(find_account(AccountDirectory(database), who)["_id"])
        told = Told(events=events, quiet=as_json or events)
        try:
            outcome = asyncio.run(
                answer(settings, database, Asking(owner, agent_id, said, keep, seconds), told)
            )
        except KeyboardInterrupt:
            click.echo(err=True)
            sys.exit(EXIT_INTERRUPTED)
    if as_json:
        print_json(outcome.told)
    if outcome.error or not outcome.is_whole:
        fail(printable(outcome.error or f"The run was ended after {seconds} seconds."), EXIT_UNAVAILABLE)


async def answer(settings: Any, database: Any, asking: Asking, told: "Told") -> Outcome:
    """Start the run in this process, and tell it until it ends; after so long, or with this task, it is ended."""
    from echo.chat.request import Asked  # noqa: PLC0415
    from echo.handling.caller import ClientInfo  # noqa: PLC0415
    from echo.handling.pending import Pending  # noqa: PLC0415
    from echo.services import build_services, running  # noqa: PLC0415

    services = build_services(settings, database)
    owner = asking.owner
    asked = Asked(text=asking.text, agent_id=asking.agent_id, is_temporary=not asking.keep, protocol=2)
    client = ClientInfo("127.0.0.1", secure=True, device="echo-api")
    async with running(services):
        begun: Any = await asyncio.to_thread(services.chat.starting.begin, owner, "agents", asked, client)
        if isinstance(begun, Pending):
            begun = await begun.make()
        stream_id = begun["streamId"]
        frames = await asyncio.to_thread(services.chat.follow, owner, stream_id, protocol=2)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(asking.seconds):
                    await told.all_of(frames)
        finally:
            if not told.outcome.is_whole:
                with suppress(Exception):
                    await services.chat.abort(owner, stream_id)
    return told.outcome


class Told:
    """Prints what a run says: words to stdout and calls of tools to stderr, or every event, or nothing."""

    def __init__(self, *, events: bool, quiet: bool) -> None:
        self.outcome = Outcome()
        self._events = events
        self._quiet = quiet

    async def all_of(self, frames: AsyncGenerator[bytes, None]) -> None:
        """Take a stream to its end."""
        from echo.providers.sse import EventParser  # noqa: PLC0415

        # They are the server's own: whatever it says is told.
        parser = EventParser(max_line=sys.maxsize, max_event=sys.maxsize)
        async with aclosing(frames):
            async for piece in frames:
                for event in parser.feed(piece):
                    self._take(event.type.decode() or "message", json.loads(event.data))
        if not self._quiet:
            click.echo()

    def _take(self, name: str, payload: dict[str, Any]) -> None:
        if self._events:
            click.echo(json.dumps({"event": name, "data": payload}))
        if name == "attachment":
            self.outcome.attachments.append(payload)
            if payload.get("filename"):
                self._note(f"[file] {payload['filename']}")
        elif name == "error":
            self.outcome.error = str(payload.get("error") or payload.get("text") or payload.get("message"))
        elif payload.get("final"):
            self._end(payload)
        elif isinstance(payload.get("data"), dict):
            self._event(payload.get("event"), payload["data"])

    def _event(self, kind: Any, data: dict[str, Any]) -> None:
        if kind == "on_message_delta":
            words = "".join(part.get("text", "") for part in data["delta"]["content"])
            self._say(words)
        elif kind == "on_run_step" and data.get("type") == "tool_calls":
            for call in data["stepDetails"]["tool_calls"]:
                self._note(f"[{call['name']}]")
        elif kind == "on_run_step_completed":
            call = data["result"]["tool_call"]
            self.outcome.calls.append({name: call.get(name) for name in ("id", "name", "args", "output")})
            self._note(f"[{call['name']}] {str(call.get('output'))[:SHOWN]}")

    def _end(self, payload: dict[str, Any]) -> None:
        message = payload.get("responseMessage") or {}
        self.outcome.is_whole = True
        self.outcome.message_id = message.get("messageId")
        self.outcome.conversation_id = message.get("conversationId")
        parts = message.get("content") or []
        texts = [part.get("text", "") for part in parts if part.get("type") == "text"]
        self.outcome.text = "".join(texts) or str(message.get("text") or "")
        errors = [part.get("error") for part in parts if part.get("type") == "error"]
        if errors or message.get("error"):
            self.outcome.error = str(errors[0] if errors else message.get("text"))

    def _say(self, words: str) -> None:
        if not self._quiet:
            click.echo(printable(words), nl=False)

    def _note(self, line: str) -> None:
        if not self._quiet:
            click.echo(printable(line), err=True)
