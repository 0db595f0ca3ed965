"""`python -m tests.bench.toolmaker`: a model that calls tools, and an MCP server with one of them, in one process.

The model speaks OpenAI's protocol. It asks for a calculation and a question to the server at once, then for one more
of those, and then says `--words` words. The server is of streamable HTTP, without sessions.
"""

import argparse
import asyncio
import json
from typing import Any

from aiohttp import web

from tests.bench.provider import USAGE, event

SERVER = "bench"
CALLS = (
    (("calculator", {"input": "6*7"}), (f"ask_mcp_{SERVER}", {"text": "first"})),
    ((f"ask_mcp_{SERVER}", {"text": "second"}),),
)
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
# What a result has: that of a small page.
RESULT = "word " * 400


def calls_of(results: int, seed: int) -> list[dict[str, Any]]:
    """The calls of the round after so many results; none when there is nothing left to ask."""
    made = 0
    for wanted in CALLS:
        if made == results:
            return [
                {
                    "index": place,
                    "id": f"call_{seed}_{made}_{place}",
                    "type": "function",
                    "function": {"name": name, "arguments": json.dumps(arguments)},
                }
                for place, (name, arguments) in enumerate(wanted)
            ]
        made += len(wanted)
    return []


class Maker:
    """The model and the server. `pause` is how long each of both takes, in seconds."""

    def __init__(self, words: int, pause: float) -> None:
        self._words, self._pause, self._asked = words, pause, 0

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        results = sum(each["role"] == "tool" for each in body["messages"])
        self._asked += 1
        calls = calls_of(results, self._asked)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await asyncio.sleep(self._pause)
        if calls:
            await response.write(event(delta={"content": "Let me see. "}))
            await response.write(event(delta={"tool_calls": calls}))
        else:
            for number in range(self._words):
                await response.write(event(delta={"content": f"word{number} "}))
                await asyncio.sleep(self._pause / 10)
        end = event(finish_reason="tool_calls" if calls else "stop")
        usage = {"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": USAGE}
        await response.write(end + f"data: {json.dumps(usage)}\n\ndata: [DONE]\n\n".encode())
        return response

    async def serve_tool(self, request: web.Request) -> web.StreamResponse:
        message = await request.json()
        method, given = message.get("method"), message.get("params") or {}
        if "id" not in message:
            return web.Response(status=202)
        result: dict[str, Any] = {}
        if method == "initialize":
            result = {
                "protocolVersion": given["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": SERVER, "version": "1"},
            }
        elif method == "tools/list":
            result = {"tools": [{"name": "ask", "description": "Answers.", "inputSchema": SCHEMA}]}
        elif method == "tools/call":
            await asyncio.sleep(self._pause)
            text = f"{given['arguments']['text']} {RESULT}"
            result = {"content": [{"type": "text", "text": text}], "isError": False}
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": result})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--words", type=int, default=30)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds before an answer, and of a call")
    parsed = parser.parse_args()
    maker = Maker(parsed.words, parsed.pause)
    application = web.Application()
    application.router.add_post("/v1/chat/completions", maker.complete)
    application.router.add_post("/mcp", maker.serve_tool)
    web.run_app(application, host="127.0.0.1", port=parsed.port, print=None, access_log=None, backlog=4096)
