"""A server without the SDK, which starts at once: a program that speaks over its standard input and output."""

import json
import os
import sys
from typing import Any

NAMES = ("echo", "environment", "die", "huge", "slow", "state", "broken", "learn")
STATES: dict[Any, str] = {}
LEARNED: list[str] = []


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def tools() -> list[dict[str, Any]]:
    return [{"name": name, "inputSchema": {"type": "object"}} for name in (*NAMES, *LEARNED)]


def call(identifier: Any, name: str, given: dict[str, Any]) -> str | None:
    """What the tool says; None for what is not answered."""
    if name == "die":
        os._exit(3)
    if name == "slow":
        STATES[identifier] = "begun"
        return None
    if name == "learn":
        LEARNED.append("learned")
        say({"method": "notifications/tools/list_changed"})
    said = {"echo": given.get("text"), "environment": json.dumps(dict(os.environ))}
    said |= {"huge": "x" * given.get("size", 0), "state": next(iter(STATES.values()), "never")}
    return said.get(name) or name


def answer(message: dict[str, Any]) -> None:
    method, given = message.get("method"), message.get("params", {})
    if method == "notifications/cancelled":
        STATES[given["requestId"]] = "cancelled"
    if "id" not in message:
        return
    result: dict[str, Any] = {}
    if method == "initialize":
        about = {"name": "tiny", "version": "1"}
        result = {
            "protocolVersion": given["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": about,
        }
        result["instructions"] = "Use echo for words."
    elif method == "tools/list":
        result = {"tools": tools()}
    elif method == "tools/call":
        said = call(message["id"], given["name"], given.get("arguments") or {})
        if said is None:
            return
        result = {"content": [{"type": "text", "text": said}], "isError": given["name"] == "broken"}
    say({"id": message["id"], "result": result})


if __name__ == "__main__":
    for line in sys.stdin:
        answer(json.loads(line))
