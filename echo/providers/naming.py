"""Which of a request's parameters a refusal names, and whether it is their name or their value that is refused.

Providers say so in many ways: in `param` (OpenAI), in `loc` (Mistral, vLLM and others that check with pydantic), or
in a sentence only.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

# Where words of the provider's own stand. `input` and the like repeat what was sent, which may say anything.
WORDS = frozenset(
    {
        *("error", "errors", "detail", "details", "message", "msg", "title", "reason"),
        *("description", "error_description", "fieldViolations"),
    }
)
PLACES = frozenset({"param", "loc", "field", "parameter"})
MAX_VALUES = 1000
# A name that could be a word of a sentence must be marked as a name.
CODE = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+|[a-z]+(?:[A-Z][a-z]*)+|temperature")
MARKED = (
    r"(?:['\"`]|\b(?:parameters?|arguments?|fields?|propert(?:y|ies)|names?|keys?|supplied|unknown|unsupported)\b"
    r":?\s+|\A)"
)
# What is said of a value, and not of the parameter: another value might do.
OF_VALUE = re.compile(
    r"\b(?:must|should) be\b|\bat (?:least|most)\b|\bbetween\b|\bthan\b|\btoo \w+|\bexceed|\brange\b"
    r"|\bm(?:ax|in)imum\b|\bboth\b|\binvalid value\b",
    re.IGNORECASE,
)
BOTH = re.compile(r"\bboth\b", re.IGNORECASE)


class Named(NamedTuple):
    """The parameters that a refusal names; `lasting` if any value of them would be refused."""

    names: frozenset[str] = frozenset()
    lasting: bool = False


def named_in(answer: Any, parameters: Iterable[str]) -> Named:
    """What the body of a refusal, parsed or as text, names of these parameters."""
    places: set[str] = set()
    sentences: list[str] = []
    for key, text in _texts(answer):
        places.update(re.split(r"[.\[\]]", text)) if key in PLACES else sentences.append(text)
    names = {
        name
        for name in parameters
        if not places.isdisjoint({name, snake(name)}) or any(_says(each, name) for each in sentences)
    }
    if len(names) > 1 and any(map(BOTH.search, sentences)):
        # Either would do without the other: temperature rather than top_p.
        names = {max(names)}
    return Named(frozenset(names), not any(map(OF_VALUE.search, sentences)))


def _texts(answer: Any) -> Iterator[tuple[str, str]]:
    """The texts of an error, with the key that each stands under."""
    waiting: list[tuple[str, Any]] = [("message", answer)]
    for _ in range(MAX_VALUES):
        if not waiting:
            return
        key, value = waiting.pop()
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, list):
            waiting += [(key, each) for each in value]
        elif isinstance(value, dict):
            waiting += [(name, each) for name, each in value.items() if name in WORDS or name in PLACES]


def _says(sentence: str, name: str) -> bool:
    return any(re.search(pattern, sentence) for pattern in _patterns(name))


def _patterns(name: str) -> Iterator[str]:
    for each in {name, snake(name)}:
        if CODE.fullmatch(each):
            yield rf"(?<!\w){re.escape(each)}(?!\w)"
        else:
            yield rf"{MARKED}['\"`]?{re.escape(each)}(?:['\"`]|:|\s*\Z|\b[^\w\s])"


def snake(name: str) -> str:
    """Google's names as its messages have them at times: `top_p` for `topP`."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: f"_{found[1].lower()}", name)
