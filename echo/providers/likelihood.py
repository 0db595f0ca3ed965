"""What a provider tells beside the words, in OpenAI's form: likelihoods, sources, sounds."""

import math
from typing import Any

from echo.providers.events import AudioDelta, Cited, Logprobs
from echo.providers.parts import Citation
from echo.providers.reading import dig, text_at, whole_text_at

MAX_TOP = 20


def logprobs_of(value: Any, choice: int) -> Logprobs | None:
    """How likely the tokens of a chunk were; None where it does not say."""
    content, refusal = (_with_others(dig(value, name)) for name in ("content", "refusal"))
    return Logprobs(content, refusal, choice) if content or refusal else None


def spoken_aloud(value: Any, choice: int) -> list[AudioDelta]:
    """A further piece of a spoken answer; none where nothing of it has come."""
    expires = dig(value, "expires_at")
    piece = AudioDelta(
        text_at(value, "id") or None,
        text_at(value, "data"),
        whole_text_at(value, "transcript"),
        expires if type(expires) is int else None,
        choice,
    )
    return [piece] if piece != AudioDelta(choice=choice) else []


def _with_others(value: Any) -> list[dict[str, Any]]:
    """Tokens, each with those that the model might have written in its place."""
    return [
        {**token, "top_logprobs": [top for _, top in _tokens(dig(each, "top_logprobs"))[:MAX_TOP]]}
        for each, token in _tokens(value)
    ]


def _tokens(value: Any) -> list[tuple[Any, dict[str, Any]]]:
    found = ((each, _token(each)) for each in value) if isinstance(value, list) else ()
    return [(each, token) for each, token in found if token is not None]


def _token(value: Any) -> dict[str, Any] | None:
    likely = dig(value, "logprob")
    is_number = isinstance(likely, int | float) and not isinstance(likely, bool)
    if not is_number or not math.isfinite(likely) or not isinstance(dig(value, "token"), str):
        return None
    told = dig(value, "bytes")
    is_bytes = isinstance(told, list) and all(type(each) is int and 0 <= each <= 255 for each in told)
    return {"token": whole_text_at(value, "token"), "logprob": likely, "bytes": told if is_bytes else None}


def cited(said: Any, choice: int) -> list[Cited]:
    """The sources that a delta names."""
    listed = dig(said, "annotations")
    found = (dig(each, "url_citation") for each in listed) if isinstance(listed, list) else ()
    return [
        Cited(
            Citation(
                whole_text_at(each, "url"),
                whole_text_at(each, "title"),
                _place(dig(each, "start_index")),
                _place(dig(each, "end_index")),
            ),
            choice,
        )
        for each in found
        if text_at(each, "url")
    ]


def _place(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**53 else None
