"""Pictures from words, and from pictures with words: https://platform.openai.com/docs/api-reference/images."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from echo.providers.constants import MAX_PICTURES_BYTES
from echo.providers.errands import Errand, read_json
from echo.providers.failures import unusable
from echo.providers.forms import FormFile
from echo.providers.operations import Wanted, operations_of
from echo.providers.provider import Access
from echo.providers.reading import count, dig
from echo.providers.transport import Call
from echo.settings import ProviderSettings

NAME = "images"
MOST = 10
BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
ADDRESS = re.compile(r"https?://[\x21-\x7e]{1,8000}", re.ASCII)
MAX_PROMPT = 100_000
# What an answer says of all pictures.
TOLD = ("background", "output_format", "quality", "size")
COUNTS = ("input_tokens", "output_tokens", "total_tokens")
MAX_TOLD = 64


@dataclass(frozen=True)
class ImageRequest:
    """What to draw; with `files` from these. `parameters` are OpenAI's, None for what is left to the provider."""

    wanted: Wanted
    prompt: str = field(repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[FormFile] = ()

    @property
    def asks_for_content(self) -> bool:
        """Whether the pictures are wanted in the answer, and not as addresses."""
        return self.parameters.get("response_format") == "b64_json"


@dataclass(frozen=True)
class Pictures:
    """Pictures as OpenAI's objects, and what the answer says beside them."""

    items: Sequence[Mapping[str, Any]] = field(repr=False)
    more: Mapping[str, Any]


def openai_images(settings: ProviderSettings, request: ImageRequest) -> Errand[Pictures]:
    """How an endpoint is asked that speaks OpenAI's protocol. Raises `Unprocessable` (`not_offered`) for others."""
    operations = operations_of(settings, "images")

    def call(access: Access) -> Call:
        if request.files:
            fields = (("prompt", request.prompt), *request.parameters.items())
            return operations.form("images/edits", request.wanted, access, fields, request.files)
        # The newer models give nothing else than the content, and refuse to be asked for it.
        optional = ("response_format",) if request.asks_for_content else ()
        given = {"prompt": request.prompt, **request.parameters}
        return operations.json("images/generations", request.wanted, access, given, optional)

    return Errand(NAME, request.wanted.model, call, _read_openai, MAX_PICTURES_BYTES)


def _read_openai(content: bytes) -> Pictures:
    answer = read_json(content)
    data = dig(answer, "data")
    items = [picture_of(each) for each in data] if isinstance(data, list) else []
    more: dict[str, Any] = {"created": count(dig(answer, "created")) or int(time.time())}
    for name in TOLD:
        told = dig(answer, name)
        if isinstance(told, str) and len(told) <= MAX_TOLD:
            more[name] = told
    if isinstance(dig(answer, "usage"), dict):
        more["usage"] = {name: count(dig(answer, "usage", name)) for name in COUNTS}
    return made_of(items, more)


def made_of(items: Sequence[Mapping[str, Any]], more: Mapping[str, Any]) -> Pictures:
    """Pictures that have come; raises `ProviderFailure` where there are none, or too many."""
    if not 0 < len(items) <= MOST:
        raise unusable("no_picture")
    return Pictures(items, more)


def picture_of(value: Any) -> dict[str, Any]:
    """One picture: its content, or an address that the client may go to."""
    content, address, prompt = (dig(value, name) for name in ("b64_json", "url", "revised_prompt"))
    made: dict[str, Any] = {}
    if isinstance(content, str) and BASE64.fullmatch(content):
        made["b64_json"] = content
    elif isinstance(address, str) and ADDRESS.fullmatch(address):
        made["url"] = address
    else:
        raise unusable("no_picture")
    if isinstance(prompt, str):
        made["revised_prompt"] = prompt[:MAX_PROMPT]
    return made
