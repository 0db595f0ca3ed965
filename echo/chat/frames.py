"""The events of a chat's stream, in the shapes that LibreChat's clients read."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from echo.conversations.message_text import plain_text

Json = dict[str, Any]
MESSAGE, ERROR = "message", "error"
ATTACHMENT = "attachment"
TEXT, THINK, TOOL_CALL, STEER, SUMMARY = "text", "think", "tool_call", "steer", "summary"
AGENT_UPDATE = "agent_update"
KEEP_ALIVE = b": keep-alive\n\n"
# The server stops: the stream ends without its last event, and a client that comes back finds the run or its message.
COME_BACK = b": the server is stopping\nretry: 2000\n\n"
# The same for LibreChat's client, which waits for ever after a stream that just ends: by an error that says nothing
# it takes the connection for broken, and connects anew in 1, 2, 4, 8 and 16 seconds, and then every half minute.
BROKEN = b"event: error\ndata:\n\n"
INTERRUPTED = "interrupted"
# What JSON has as it is: nearly all values are of these very types.
AS_THEY_ARE = frozenset((str, int, bool, type(None)))
# Of a stored conversation, what a client gets: LibreChat sends the whole document.
CONVERSATION_HIDDEN = ("_meiliIndex", "subagent", "agentEvent", "initial_agent_id", "tenantId")


def encode(name: str, payload: Mapping[str, Any]) -> bytes:
    """The bytes of one event."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(payload) + b"\n\n"


def milliseconds() -> int:
    """The time as LibreChat's events have it."""
    return int(time.time() * 1000)


def created(question: Mapping[str, Any], stream_id: str) -> Json:
    """The first event: the question under the id that it has from now on."""
    shown = ("messageId", "parentMessageId", "conversationId", "sender", "text", "isCreatedByUser", "files")
    message = {name: question[name] for name in shown if question.get(name) not in (None, [])}
    return {"created": True, "message": {"text": "", **message}, "streamId": stream_id}


def context_usage(run_id: str, agent_id: str, counts: Mapping[str, int]) -> Json:
    """How much of the model's context the request takes; see `echo.chat.context.Fit`.

    With tools `counts` have also `tool_tokens` and `tools`, how many there are.
    """
    return {"event": "on_context_usage", "data": usage_of_context(run_id, agent_id, counts)}


def usage_of_context(run_id: str, agent_id: str, counts: Mapping[str, int]) -> Json:
    """The same without its envelope, as it is stored with the answer."""
    said, budget = counts["messages"], counts["budget"]
    tools = counts.get("tool_tokens", 0)
    instructions = counts["system"]
    system = instructions + tools
    return {
        "runId": run_id,
        "agentId": agent_id,
        "breakdown": {
            "maxContextTokens": counts["window"],
            "instructionTokens": system,
            "systemMessageTokens": instructions,
            "dynamicInstructionTokens": 0,
            "toolSchemaTokens": tools,
            "summaryTokens": 0,
            "toolCount": counts.get("tools", 0),
            "messageCount": counts["count"],
            "messageTokens": said,
            "availableForMessages": max(0, budget - system),
            "toolTokenCounts": {},
        },
        "contextBudget": budget,
        "effectiveInstructionTokens": system,
        "prePruneContextTokens": counts["before"],
        "remainingContextTokens": max(0, budget - system - said),
        "calibrationRatio": 1,
    }


def agent_update(run_id: str, index: int, agent_id: str) -> Json:
    """Another agent goes on with the answer; the data is a part of the answer, too."""
    about = {"index": index, "runId": run_id, "agentId": agent_id}
    return {"event": "on_agent_update", "data": {"type": AGENT_UPDATE, AGENT_UPDATE: about}}


def subagent_update(run_id: str, about: Mapping[str, Any]) -> Json:
    """What has become of a task that an agent gave to another one."""
    return {"event": "on_subagent_update", "data": {"runId": run_id, **about, "timestamp": milliseconds()}}


def steer_applied(part: Mapping[str, Any], index: int, run_id: str, conversation_id: str) -> Json:
    """A message that came during the run is before the model now, at this place of the answer."""
    ids = {name: part[name] for name in ("steerId", "clientSteerId") if name in part}
    place = {"index": index, "part": part, "responseMessageId": run_id, "conversationId": conversation_id}
    return {"event": "on_steer_applied", "data": {**ids, **place}}


def title(conversation_id: str, text: str) -> Json:
    """The conversation has a title."""
    return {"event": "title", "data": {"conversationId": conversation_id, "title": text}}


def step(step_id: str, run_id: str, index: int, kind: str) -> Json:
    """A part of the answer begins: text, or reasoning."""
    creation = {"message_id": run_id, "content_type": kind}
    return {
        "event": "on_run_step",
        "data": {
            "stepIndex": index,
            "id": step_id,
            "type": "message_creation",
            "index": index,
            "stepDetails": {"type": "message_creation", "message_creation": creation},
            "usage": None,
            "status": "in_progress",
            "runId": run_id,
            "created_at": milliseconds(),
        },
    }


def call_step(step_id: str, run_id: str, index: int, call_id: str, name: str) -> Json:
    """The model begins to call a tool; the arguments follow as pieces."""
    call = {"id": call_id, "name": name, "args": "", "type": TOOL_CALL}
    details = {"type": "tool_calls", "tool_calls": [call]}
    data = step_of_tool({"id": step_id, "type": "tool_calls", "stepDetails": details}, run_id, index)
    return {"event": "on_run_step", "data": data}


def step_of_tool(about: Mapping[str, Any], run_id: str, index: int) -> Json:
    """The data of a step that says `about` itself: with its place and its time."""
    return {
        "usage": None,
        "status": "in_progress",
        "created_at": milliseconds(),
        **about,
        "runId": run_id,
        "index": index,
        "stepIndex": index,
    }


def call_completed(begun: Mapping[str, Any], arguments: str, output: str) -> Json:
    """A call has come to something; `begun` is the data of its step."""
    call = {**begun["stepDetails"]["tool_calls"][0], "args": arguments, "output": output, "progress": 1}
    result = {"id": begun["id"], "index": begun["index"], "type": TOOL_CALL, TOOL_CALL: call}
    return {"event": "on_run_step_completed", "data": {"result": result}}


def step_closed(begun: Mapping[str, Any], status: str) -> Json:
    """A part of the answer has ended; `begun` is the data of its beginning."""
    kept = {name: begun[name] for name in ("id", "index", "type", "created_at", "runId", "stepIndex")}
    return {
        "event": "on_run_step_closed",
        "data": {**kept, "status": status, "closed_at": milliseconds()},
    }


def delta(step_id: str, kind: str, text: str) -> Json:
    """A further piece of a part, or of the arguments of a call."""
    if kind == TOOL_CALL:
        piece = {"type": "tool_calls", "tool_calls": [{"args": text, "index": 0}]}
        return {"event": "on_run_step_delta", "data": {"id": step_id, "delta": piece}}
    name = "on_message_delta" if kind == TEXT else "on_reasoning_delta"
    return {"event": name, "data": {"id": step_id, "delta": {"content": [{"type": kind, kind: text}]}}}


def error_part(message: str, shown: Mapping[str, Any]) -> Json:
    """The part of an answer in place of what a model failed to say beside others."""
    return {"type": "error", "error": message, **shown}


def token_usage(
    run_id: str,
    used: tuple[int, int],
    model: str,
    provider: str,
    number: int = 1,
    *,
    cost: float | None = None,
) -> Json:
    """What the provider counted: tokens that went in, and that came out; `number` counts the models of a run.

    `cost` is in US dollars, for clients that are to show it.
    """
    incoming, outgoing = used
    return {
        "event": "on_token_usage",
        "data": {
            "input_tokens": incoming,
            "output_tokens": outgoing,
            "total_tokens": incoming + outgoing,
            "model": model,
            "provider": provider,
            "runId": run_id,
            "seq": number,
            **({} if cost is None else {"cost": cost}),
        },
    }


def final(
    conversation: Mapping[str, Any], question: Mapping[str, Any], answer: Mapping[str, Any], *, aborted: bool
) -> Json:
    """The last event: everything is stored."""
    shown = conversation_of(conversation)
    return {
        "final": True,
        **({"aborted": True} if aborted else {}),
        "conversation": shown,
        "title": shown.get("title"),
        "requestMessage": plain(question),
        "responseMessage": plain(answer),
        "generationProtocolVersion": 1,
    }


def failed(message: str, code: str, retry_after: int | None = None) -> Json:
    """The last event of a run that failed; `message` is for people, LibreChat's clients show it.

    `retry_after` is for a limit: after how many seconds to ask again.
    """
    return {"error": message, "code": code, **({} if retry_after is None else {"retryAfter": retry_after})}


def sync(state: Mapping[str, Any]) -> Json:
    """The first event for a reader who has been here before."""
    return {"sync": True, "resumeState": state, "pendingEvents": []}


def conversation_of(document: Mapping[str, Any]) -> Json:
    """A stored conversation as its owner gets it."""
    shown: Json = plain(
        {name: value for name, value in document.items() if not name.startswith(CONVERSATION_HIDDEN)}
    )
    return shown


def parts(content: Iterable[Mapping[str, Any]]) -> list[Json]:
    """The parts of an answer as clients get them.

    Those of an answer that goes on are what LibreChat or an import has stored, which may be anything.
    """
    shown: list[Json] = []
    for part in content:
        if isinstance(part.get("type"), str):
            texts = {name: plain_text(part[name]) for name in (TEXT, THINK) if name in part}
            missing = {name for name, text in texts.items() if text is None}
            told = plain({**part, **texts})
            shown.append({name: value for name, value in told.items() if name not in missing})
    return shown


def plain(value: Any) -> Any:
    """A stored value as JSON has it: times as LibreChat writes them, ids as text."""
    if type(value) in AS_THEY_ARE or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return f"{moment.isoformat('T', 'milliseconds')[:23]}Z"
    if isinstance(value, Mapping):
        return {str(name): each if type(each) in AS_THEY_ARE else plain(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(each) for each in value]
    return str(value)
