"""The documents of a chat: what begins, what a model is sent of it, and what may be written of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.conversations.conversations import UNTITLED
from storage.core.database import Document

# What a branch of a conversation is found by, and how much of it a model can be sent.
SKELETON = {"messageId": 1, "parentMessageId": 1, "tokenCount": 1, "isCreatedByUser": 1, "sender": 1}
# What a model is sent of a message, and what a client gets back of a question that is asked again.
CONTENT = {
    **SKELETON,
    "text": 1,
    "content.type": 1,
    "content.text": 1,
    "content.think": 1,
    "content.agentId": 1,
    "content.groupId": 1,
    "content.steer": 1,
    "content.content.text": 1,
    "content.coverage": 1,
    "content.tool_call.id": 1,
    "content.tool_call.name": 1,
    "content.tool_call.args": 1,
    "content.tool_call.output": 1,
    "content.tool_call.runStepStatus": 1,
    "quotes": 1,
    "files": 1,
    "attachments.file_id": 1,
    "error": 1,
    "unfinished": 1,
}
# What an answer or a conversation may be given: everything else in a document is the server's, or of another time.
ANSWER = (
    "attachments",
    "content",
    "error",
    "finish_reason",
    "metadata",
    "model",
    "sender",
    "text",
    "tokenCount",
    "unfinished",
)
SETTINGS = (
    "agent_id",
    "assistant_id",
    "chatGptLabel",
    "disableStreaming",
    "effort",
    "endpoint",
    "endpointType",
    "fileTokenLimit",
    "frequency_penalty",
    "greeting",
    "iconURL",
    "imageDetail",
    "instructions",
    "maxContextTokens",
    "maxOutputTokens",
    "maxTokens",
    "max_tokens",
    "model",
    "modelLabel",
    "presence_penalty",
    "promptCache",
    "promptPrefix",
    "reasoning_effort",
    "reasoning_summary",
    "region",
    "resendFiles",
    "spec",
    "stop",
    "system",
    "temperature",
    "thinking",
    "thinkingBudget",
    "thinkingLevel",
    "topK",
    "topP",
    "top_p",
    "url_context",
    "useResponsesApi",
    "verbosity",
    "web_search",
)


@dataclass(frozen=True)
class Begun:
    """What begins: a question (None if one that is there is asked again) and its answer.

    `continues` says that the answer is there already and goes on; `new` that the conversation is not there yet.
    `expires_at` is for a temporary conversation that is new, `project_id` for a new one that belongs to a project;
    a project that is not there is none.
    """

    question: Mapping[str, Any] | None
    answer: Mapping[str, Any]
    settings: Mapping[str, Any]
    file_ids: Sequence[str] = ()
    continues: bool = False
    new: bool = False
    expires_at: datetime | None = None
    project_id: str | None = None


def answer_fields(fields: Mapping[str, Any]) -> Document:
    """Those of the fields that an answer may be given."""
    return {name: fields[name] for name in ANSWER if name in fields}


def new_messages(begun: Begun) -> list[Mapping[str, Any]]:
    """The messages that are not there yet: the question first."""
    answers = [] if begun.continues else [begun.answer]
    return answers if begun.question is None else [begun.question, *answers]


def chat_message(mine: Document, fields: Mapping[str, Any], life: Document, moment: datetime) -> Document:
    """A document of `messages`, with everything that LibreChat gives one."""
    return {
        "unfinished": False,
        "error": False,
        **fields,
        **mine,
        **life,
        "_meiliIndex": False,
        "createdAt": moment,
        "updatedAt": moment,
        "__v": 0,
    }


def chat_conversation(begun: Begun, life: Document, moment: datetime) -> Document:
    """What a conversation begins with, besides the filter's fields and what each run sets."""
    return {
        "title": UNTITLED,
        "isArchived": False,
        **life,
        "tags": [],
        **({} if begun.file_ids else {"files": []}),
        "createdAt": moment,
        "__v": 0,
    }
