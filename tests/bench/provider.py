"""`python -m tests.bench.provider`: a model that says one word a second (or each `--pause`), to as many as ask.

It speaks OpenAI's protocol. Each word is the time at which it was sent, so that a reader knows how long it took.
"""

import argparse
import asyncio
import json
import time

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: close\r\n\r\n"
)
USAGE = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}


def event(**choice: object) -> bytes:
    """A chunk of a chat completion."""
    body = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "bench",
        "choices": [{"index": 0, "delta": {}, "finish_reason": None, **choice}],
        "usage": None,
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, words: int, pause: float
) -> None:
    """One request, and its answer in so many words."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        await reader.readexactly(length)
        writer.write(HEAD)
        start = time.monotonic()
        for number in range(words):
            await asyncio.sleep(max(0.0, start + (number + 1) * pause - time.monotonic()))
            writer.write(chunk(event(delta={"content": f"{time.monotonic_ns()} "})))
        usage = json.dumps({"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": USAGE})
        writer.write(chunk(event(finish_reason="stop")) + chunk(f"data: {usage}\n\n".encode()))
        writer.write(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def serve(port: int, words: int, pause: float) -> None:
    """Answer until the process ends."""
    server = await asyncio.start_server(
        lambda r, w: answer(r, w, words, pause), "127.0.0.1", port, backlog=4096
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--words", type=int, default=30)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds before each word")
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.words, given.pause))
