"""A tool that a model may call while it answers, whatever kind it is of, and what a call gives.

What a tool returns was said by somebody else than the user: it goes to the model as the result of its call, and never
decides what may be read, asked or spent. That is decided by the place in which the call is made.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from echo.providers.chat import Attachment, PictureAddress, Text, Tool

Json = dict[str, Any]
# An event of the run: its name in the stream ("message", "attachment"), and what it says.
Tell = Callable[[str, Mapping[str, Any]], None]


def tell_nobody(_name: str, _payload: Mapping[str, Any]) -> None:
    """For who has no stream."""


@dataclass(frozen=True)
class Wanted:
    """What an agent, or a chat with tools switched on, asks for.

    `names` are LibreChat's texts in an agent's `tools` ("file_search", "<tool>_mcp_<server>",
    "<operation>_action_<domain>"). `files` are the ids of files by purpose ("file_search", "execute_code").
    `agent_id` is None for a mere model; `author` is the id of the user whose agent it is. `code_environment` says who
    shares the session of its programs that lasts ("user", "agent-user", "conversation"), None for none that lasts.
    """

    names: tuple[str, ...] = ()
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    agent_id: str | None = None
    author: str | None = None
    code_environment: str | None = None


# A mere model, without tools.
NOTHING = Wanted()


@dataclass(frozen=True)
class RunPlace:
    """For whom and where tools work: the user who runs them, who is asked for rights, keys and files.

    `answer_id` is the id of the message that is being made, `placeholders` are LibreChat's, by name, for this user
    and this request (see `echo.providers.personal`). `tell` adds an event to the run's stream.
    """

    owner: str
    conversation_id: str
    answer_id: str
    placeholders: Mapping[str, str] = field(default_factory=dict, repr=False)
    tell: Tell = tell_nobody


@dataclass(frozen=True)
class Called:
    """One call. `arguments` are an object, as the model wrote it: nothing of it is checked against the schema.

    `step_id` is the step of the run's events that the call is part of.
    """

    id: str
    arguments: Mapping[str, Any]
    step_id: str = ""


@dataclass(frozen=True)
class ToolOutput:
    """What a call came to: what the model is told, and what people are shown beside the answer.

    `attachments` have LibreChat's form: `type` and, under its name, what it is; the run adds `toolCallId`,
    `messageId` and `conversationId`, tells them as events `attachment` and stores them with the message.
    """

    content: tuple[Text | Attachment | PictureAddress, ...] = ()
    is_error: bool = False
    attachments: tuple[Json, ...] = ()

    @classmethod
    def of_text(cls, text: str, *, is_error: bool = False, attachments: Sequence[Json] = ()) -> "ToolOutput":
        """An output that is one text."""
        return cls((Text(text),), is_error, tuple(attachments))


class ToolFailure(Exception):
    """A call that came to nothing; the message is for the model, and for the people who read the answer."""


@dataclass(frozen=True)
class RunTool:
    """One tool of one run, ready to be called.

    `spec` is what the model is told. `call` raises `ToolFailure`; whatever else it raises is logged, and told as a
    failure without words of its own. It runs on the event loop and may be cancelled at any `await`. `seconds` is how
    long a call may take, where that is not left to the loop.
    """

    spec: Tool
    call: Callable[[Called], Awaitable[ToolOutput]]
    seconds: float | None = None


@dataclass(frozen=True)
class Offer:
    """The tools of one kind for one run, and what the model is told about their use, as texts of its instructions."""

    tools: tuple[RunTool, ...] = ()
    instructions: tuple[str, ...] = ()


class ToolSource(Protocol):
    """A kind of tools."""

    async def offer(self, wanted: Wanted, place: RunPlace) -> Offer:
        """Its tools among those that are wanted, for this user and as far as the user's role may use them.

        What is wanted and not there, or not the user's to use, is left out. Raises nothing for a service that does
        not answer: its tools are left out, or fail when they are called.
        """
