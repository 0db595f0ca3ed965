"""Turns as OpenAI's messages: https://platform.openai.com/docs/api-reference/chat/create."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from echo.providers.chat import ChatRequest, Turn
from echo.providers.content import file_text, hoisted, in_base64, is_audio, is_picture, is_text_file
from echo.providers.parts import (
    Attachment,
    Part,
    PictureAddress,
    Refusal,
    SpokenBefore,
    Text,
    ToolCall,
    ToolResult,
)

Json = dict[str, Any]
# Mistral takes no other ids of calls, and servers with its templates neither.
NINE = re.compile(r"[a-zA-Z0-9]{9}")
MISTRAL = re.compile(r"(?:mis|minis|mix|codes|magis|devs|pix)tral", re.IGNORECASE)
# How OpenAI names the sounds that it takes.
AUDIO_FORMATS = {"audio/wav": "wav", "audio/mpeg": "mp3", "audio/flac": "flac", "audio/ogg": "ogg"}


@dataclass(frozen=True)
class Manner:
    """How one server wants messages.

    `instructs_anywhere` if an instruction may stand in the middle, `signs_calls` if a call's signature is sent back
    (Google's servers, in the place where they put it), `refuses` if a refusal has a field of its own.
    """

    instructs_anywhere: bool = True
    signs_calls: bool = False
    refuses: bool = True


def messages(request: ChatRequest, manner: Manner) -> list[Json]:
    """The system prompt and the turns."""
    system, turns = (request.system, list(request.turns)) if manner.instructs_anywhere else hoisted(request)
    first = [{"role": "system", "content": system}] if system else []
    call_id = nine_letters if MISTRAL.search(request.model) else str
    return [*first, *_of_turns(turns, manner, call_id)]


def nine_letters(call_id: str) -> str:
    """An id of a call as Mistral takes them: the same for the same one."""
    return call_id if NINE.fullmatch(call_id) else hashlib.sha256(call_id.encode()).hexdigest()[:9]


def _of_turns(turns: Sequence[Turn], manner: Manner, call_id: Callable[[str], str]) -> Iterator[Json]:
    pictures: list[Part] = []
    for turn in turns:
        if pictures and turn.role != "tool":
            yield {"role": "user", "content": content_of(pictures)}
            pictures = []
        if turn.role == "assistant":
            yield _of_assistant(turn, manner, call_id)
            continue
        for result in turn.results:
            yield {"role": "tool", "tool_call_id": call_id(result.call_id), "content": _result_text(result)}
            pictures += _pictures_of(result)
        rest = [part for part in turn.parts if not isinstance(part, ToolResult)]
        if rest or turn.role != "tool":
            yield {"role": "user" if turn.role == "tool" else turn.role, "content": content_of(rest)}
    if pictures:
        yield {"role": "user", "content": content_of(pictures)}


def _result_text(result: ToolResult) -> str:
    """The text of a result. OpenAI's protocol has no mark of an error: the text must say so."""
    files = [
        file_text(part) for part in result.content if isinstance(part, Attachment) and is_text_file(part)
    ]
    text = "\n\n".join(filter(None, (*files, result.text)))
    return f"Error: {text}" if result.is_error and "error" not in text.lower() else text


def _pictures_of(result: ToolResult) -> list[Part]:
    """What a result holds beside text: it follows as the user's, as no result of OpenAI's can hold it."""
    found: list[Part] = [
        part
        for part in result.content
        if isinstance(part, PictureAddress) or (isinstance(part, Attachment) and not is_text_file(part))
    ]
    return [Text(f"What the call {result.call_id} of a tool came to:"), *found] if found else []


def _of_assistant(turn: Turn, manner: Manner, call_id: Callable[[str], str]) -> Json:
    refusal = "".join(part.text for part in turn.parts if isinstance(part, Refusal))
    texts = [part for part in turn.parts if isinstance(part, Text | Attachment) and _is_said(part)]
    if refusal and not manner.refuses:
        texts, refusal = [*texts, Text(refusal)], ""
    calls = [_call(each, manner, call_id) for each in turn.calls]
    said = content_of(texts)
    spoken = [part.id for part in turn.parts if isinstance(part, SpokenBefore)]
    return {
        "role": "assistant",
        "content": said or (None if calls or refusal or spoken else ""),
        **({"audio": {"id": spoken[-1]}} if spoken else {}),
        **({"refusal": refusal} if refusal else {}),
        **({"tool_calls": calls} if calls else {}),
    }


def _is_said(part: Part) -> bool:
    """Whether a part of the model's own goes back to it: no provider takes its pictures."""
    return not isinstance(part, Attachment) or is_text_file(part)


def _call(call: ToolCall, manner: Manner, call_id: Callable[[str], str]) -> Json:
    signed = call.signature is not None and manner.signs_calls
    return {
        "id": call_id(call.id),
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
        **({"extra_content": {"google": {"thought_signature": call.signature}}} if signed else {}),
    }


def content_of(parts: Iterable[Part]) -> str | list[Json]:
    """Parts as a content: a text where they are nothing else, as not every server takes a list."""
    found: list[Part] = [part for part in parts if not (isinstance(part, Text) and not part.text)]
    files = [part for part in found if isinstance(part, Attachment) and is_text_file(part)]
    said = [part for part in found if part not in files]
    if all(isinstance(part, Text) for part in said):
        return "\n\n".join(filter(None, (*map(file_text, files), _joined(said))))
    made: list[Json] = []
    texts: list[Part] = []
    for part in said:
        if isinstance(part, Text):
            texts.append(part)
        elif shown := shown_part(part):
            made += [*_text_parts(texts, files), shown]
            texts, files = [], []
    return [*made, *_text_parts(texts, files)]


def _joined(texts: Iterable[Part]) -> str:
    return "\n".join(part.text for part in texts if isinstance(part, Text))


def _text_parts(texts: Sequence[Part], files: Sequence[Attachment]) -> list[Json]:
    text = "\n\n".join(filter(None, (*map(file_text, files), _joined(texts))))
    return [{"type": "text", "text": text}] if text else []


def shown_part(part: Part) -> Json | None:
    """A picture, a sound or a PDF as a part of a content; None for what is none of them."""
    if isinstance(part, PictureAddress):
        return _picture(part.url, part.detail)
    if not isinstance(part, Attachment):
        return None
    data = in_base64(part)
    if is_picture(part):
        return _picture(f"data:{part.media_type};base64,{data}", part.detail)
    if is_audio(part):
        kind = AUDIO_FORMATS.get(part.media_type, part.media_type.partition("/")[2])
        return {"type": "input_audio", "input_audio": {"data": data, "format": kind}}
    file = {"filename": part.filename, "file_data": f"data:{part.media_type};base64,{data}"}
    return {"type": "file", "file": file}


def _picture(url: str, detail: str | None) -> Json:
    return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if detail else {})}}
