"""What the servers answer beside chats, as each provider's reference writes it: embeddings, sound, pictures."""

import base64
import json
import re
import struct
from typing import Any

from tests.support.providers.server import Answer, Received, json_answer

GOOGLE_CALL = re.compile(r"/v1beta/models/([^/:]+):(batchEmbedContents|predict)")


def vector(text: Any, dimensions: int | None) -> list[float]:
    """Of a text or a list of tokens: each number can be had exactly in 32 bits."""
    return [len(text) / 4, *(-0.5 for _ in range((dimensions or 3) - 1))]


def openai_answer(received: Received, operation: str) -> Answer | None:
    """OpenAI's answer for what stands below the base, None for what it does not have."""
    answers = {
        "embeddings": embeddings,
        "audio/speech": speech,
        "audio/transcriptions": transcription,
        "audio/translations": transcription,
        "images/generations": images,
        "images/edits": images,
    }
    return answers[operation](received) if operation in answers else None


def embeddings(received: Received) -> Answer:
    asked = received.json
    given = asked["input"]
    inputs = [given] if isinstance(given, str) or isinstance(given[0], int) else given
    vectors = [vector(each, asked.get("dimensions")) for each in inputs]
    if asked.get("encoding_format") == "base64":
        values: list[Any] = [base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in vectors]
    else:
        values = vectors
    data = [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(values)]
    usage = {"prompt_tokens": 4 * len(inputs), "total_tokens": 4 * len(inputs)}
    return json_answer({"object": "list", "data": data, "model": asked["model"], "usage": usage})


def speech(received: Received) -> Answer:
    """Two pieces of sound: the first says what was asked for."""
    asked = received.json
    head = json.dumps({name: value for name, value in asked.items() if name != "input"}).encode()
    kind = {"mp3": "audio/mpeg", "wav": "audio/x-wav"}.get(asked["response_format"], "audio/other")
    return Answer([head, asked["input"].encode()], 200, {"Content-Type": kind})


def parts(received: Received) -> list[tuple[str, str, bytes]]:
    """The parts of a form in their order: name, filename, content."""
    boundary = received.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    found = []
    for part in received.body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        names = dict(re.findall(r'(name|filename)="([^"]*)"', head.decode()))
        found.append((names["name"], names.get("filename", ""), content.removesuffix(b"\r\n")))
    return found


def transcription(received: Received) -> Answer:
    """In the format that was asked for; the text tells what came."""
    given = {name: content.decode() for name, filename, content in parts(received) if not filename}
    [(filename, content)] = [(filename, content) for _, filename, content in parts(received) if filename]
    said = f"{received.path.rpartition('/')[2].partition('?')[0]} {filename} {len(content)}"
    if given["response_format"] not in ("json", "verbose_json"):
        return Answer([f"{given['response_format']}: {said}\n".encode()], 200, {"Content-Type": "text/plain"})
    if given.get("stream") == "true" and given["model"] != "whisper-1":
        usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59}
        events = [
            *({"type": "transcript.text.delta", "delta": piece} for piece in re.findall(r"\S+ ?", said)),
            {"type": "transcript.text.done", "text": said, "usage": {**usage, "input_token_details": {}}},
        ]
        pieces = [f"data: {json.dumps(each)}\n\n".encode() for each in events]
        return Answer(pieces, 200, {"Content-Type": "text/event-stream; charset=utf-8"})
    body: dict[str, Any] = {"text": said, "usage": {"type": "duration", "seconds": 2}}
    if given["response_format"] == "verbose_json":
        segment = {"id": 0, "start": 0, "end": 1.5, "text": said, "tokens": [1], "odd": "left out"}
        body |= {"task": "transcribe", "language": "english", "duration": 1.5, "segments": [segment]}
        body["words"] = [{"word": "one", "start": 0.0, "end": 0.5}]
    return json_answer(body)


def images(received: Received) -> Answer:
    """As many pictures as were asked for; each is the prompt in base64, or stands at an address."""
    if received.path.partition("?")[0].endswith("edits"):
        asked: dict[str, Any] = {name: content.decode("latin-1") for name, _, content in parts(received)}
    else:
        asked = received.json
    content = base64.b64encode(asked["prompt"].encode()).decode()
    one = {"b64_json": content}
    if asked.get("response_format") == "url":
        one = {"url": "https://pictures.test/1.png", "revised_prompt": "Better."}
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "input_tokens_details": {}}
    data = [one] * int(asked.get("n") or 1)
    return json_answer({"created": 1_741_569_952, "data": data, "size": "1024x1024", "usage": usage})


def google_answer(received: Received) -> Answer | None:
    """Google's answer, None for what is no such request."""
    called = GOOGLE_CALL.fullmatch(received.path)
    if called is None:
        return None
    if called[2] == "predict":
        return predictions(received)
    requests = received.json["requests"]
    assert len(requests) <= 100
    assert {each["model"] for each in requests} == {f"models/{called[1]}"}
    values = [
        {"values": vector(each["content"]["parts"][0]["text"], each.get("outputDimensionality"))}
        for each in requests
    ]
    return json_answer({"embeddings": values})


def drawn(received: Received) -> Answer:
    """Gemini's picture, with a word beside it."""
    prompt = received.json["contents"][0]["parts"][-1]["text"]
    picture = {"mimeType": "image/png", "data": base64.b64encode(prompt.encode()).decode()}
    parts = [{"text": "Here it is."}, {"inlineData": picture}]
    usage = {"promptTokenCount": 4, "candidatesTokenCount": 1290, "totalTokenCount": 1294}
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    return json_answer({"candidates": [candidate], "usageMetadata": usage})


def predictions(received: Received) -> Answer:
    """Imagen's pictures."""
    parameters = received.json["parameters"]
    [instance] = received.json["instances"]
    content = base64.b64encode(instance["prompt"].encode()).decode()
    one = {"mimeType": "image/png", "bytesBase64Encoded": content}
    return json_answer({"predictions": [one] * parameters["sampleCount"]})
