"""What steers an answer: parameters, tools, and the form of the answer, in OpenAI's terms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from echo.errors import FieldError, Unprocessable


@dataclass(frozen=True)
class Tool:
    """A function that the model may call; `parameters` is the JSON Schema of its arguments."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None


@dataclass(frozen=True)
class NamedTool:
    """The choice of one tool that must be called."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool


@dataclass(frozen=True)
class ResponseFormat:
    """The form of the answer; `name`, `description`, `schema` and `strict` belong to "json_schema"."""

    type: Literal["text", "json_object", "json_schema"]
    name: str = ""
    description: str | None = None
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None


# Whether a model is to think before it answers. "unsaid" leaves it to the model, whatever the effort.
Thinking = Literal["on", "off", "unsaid"]
# Up to how many tokens to think with an effort goes, for providers that take no number.
EFFORTS = ((4096, "low"), (16_384, "medium"))


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What steers an answer; None leaves it to the provider.

    Without `thinking` a `reasoning_effort` asks for it. `thinking_tokens` are the most to think with.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    top_k: int | None = None
    reasoning_effort: str | None = None
    thinking: Thinking | None = None
    thinking_tokens: int | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    seed: int | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: Mapping[str, float] | None = None
    prediction: Mapping[str, Any] | None = field(default=None, repr=False)
    service_tier: str | None = None
    verbosity: str | None = None
    modalities: tuple[str, ...] = ()
    audio: Mapping[str, Any] | None = None
    web_search_options: Mapping[str, Any] | None = None

    @property
    def effort(self) -> str | None:
        """How much to reason, for providers that know nothing but an effort."""
        if self.thinking == "off":
            return "none"
        if self.reasoning_effort or self.thinking != "on":
            return self.reasoning_effort
        tokens = self.thinking_tokens
        # Anthropic's own, where nothing is said.
        return next((effort for most, effort in EFFORTS if tokens and tokens <= most), "high")

    def set_names(self) -> frozenset[str]:
        """The parameters that ask for something beyond what a provider does anyhow."""
        return frozenset(
            name
            for name in Parameters.__dataclass_fields__
            if (value := getattr(self, name)) not in (None, (), {}) and (name, value) not in _USUAL
        )


# What says no more than leaving it out does.
_USUAL = (
    ("n", 1),
    ("logprobs", False),
    ("top_logprobs", 0),
    ("modalities", ("text",)),
    ("parallel_tool_calls", True),
    ("response_format", ResponseFormat("text")),
)
# What an answer would mean something else without: a provider that has it not is not asked.
MEANINGFUL = frozenset(
    {
        *("tools", "tool_choice", "parallel_tool_calls", "response_format", "n", "logprobs", "top_logprobs"),
        *("logit_bias", "modalities", "audio", "web_search_options"),
    }
)


def refuse_missing(parameters: Parameters, missing: Iterable[str], provider: str) -> None:
    """Raise `Unprocessable` if the request sets something meaningful that a provider has not."""
    if found := sorted(parameters.set_names().intersection(missing) & MEANINGFUL):
        reason = f"is not something that {provider} has"
        raise Unprocessable(
            f"{provider} does not have what the request asks for: {', '.join(found)}.",
            code="unsupported_parameter",
            errors=tuple(FieldError(name, reason) for name in found),
        )
