"""The events of a summary that is made while an answer is, in LibreChat's order and shapes.

A step of the answer begins (`begun`), the summary begins (`started`), pieces of it come (`delta`), it is there
(`complete`) or cannot be made (`failed`), and its step ends. `shown` is what a part says of its maker: type, model,
provider.
"""

from collections.abc import Mapping
from typing import Any

from echo.chat.frames import SUMMARY, TEXT, step

Json = dict[str, Any]
DELTA, COMPLETE = "on_summarize_delta", "on_summarize_complete"
FAILED = "No summary could be made."


def begun(step_id: str, run_id: str, index: int, shown: Mapping[str, Any]) -> Json:
    """A part of the answer begins that is a summary."""
    opened = step(step_id, run_id, index, TEXT)
    return {**opened, "data": {**opened["data"], SUMMARY: shown}}


def started(agent_id: str, shown: Mapping[str, Any], messages: int, version: int) -> Json:
    """A model is asked for a summary of so many messages; `version` counts with the one that they begin with."""
    by = {name: shown[name] for name in ("provider", "model")}
    about = {"agentId": agent_id, **by, "messagesToRefineCount": messages, "summaryVersion": version}
    return {"event": "on_summarize_start", "data": about}


def delta(step_id: str, text: str, shown: Mapping[str, Any]) -> Json:
    """A further piece of it."""
    piece = {**shown, "content": [{"type": TEXT, TEXT: text}]}
    return {"event": DELTA, "data": {"id": step_id, "delta": {SUMMARY: piece}}}


def complete(step_id: str, agent_id: str, part: Mapping[str, Any]) -> Json:
    """The summary is made; the part takes the place of all pieces."""
    return {"event": COMPLETE, "data": {"id": step_id, "agentId": agent_id, SUMMARY: part}}


def failed(step_id: str, agent_id: str) -> Json:
    """It cannot be made; clients take its pieces away."""
    return {"event": COMPLETE, "data": {"id": step_id, "agentId": agent_id, "error": FAILED}}
