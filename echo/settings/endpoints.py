"""What endpoints of models are, once read: their keys, addresses, models and limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# As a key or an address: each user brings their own, as in LibreChat.
USER_PROVIDED = "user_provided"


# LibreChat's endpoints of assistants, whose models are those of the endpoint beside them.
BESIDE = {"assistants": "openAI", "azureAssistants": "azureOpenAI"}


def normal_name(endpoint: str) -> str:
    """The name of an endpoint as LibreChat compares and stores it: this one in lower case, however it is written."""
    return "ollama" if endpoint.lower() == "ollama" else endpoint


@dataclass(frozen=True)
class HeaderTemplate:
    """A header with placeholders: its texts, one more than there are placeholders, and those between them."""

    texts: tuple[str, ...] = field(repr=False)
    placeholders: tuple[str, ...]

    def filled(self, values: Mapping[str, str]) -> str:
        """The header's value; every placeholder must have one."""
        between = (values[name] for name in self.placeholders)
        return "".join(part for pair in zip(self.texts, (*between, ""), strict=True) for part in pair)


@dataclass(frozen=True)
class AzureDeployment:
    """Where Azure OpenAI has one model; `others` are further deployments of the same one."""

    base_url: str
    api_version: str
    api_key: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    personal_headers: Mapping[str, HeaderTemplate] = field(default_factory=dict)
    others: tuple["AzureDeployment", ...] = ()

    @property
    def all(self) -> tuple["AzureDeployment", ...]:
        """This one and the others."""
        return (self, *self.others)


@dataclass(frozen=True)
class ProviderSettings:
    """One endpoint of models: its key or keys, its models, and where and how it is reached.

    `type` is "openai", "azure", "anthropic", "google", "custom" (anything that speaks OpenAI's protocol),
    "assistants" or "bedrock"; `custom` says that the operator added the endpoint, whatever its type. With
    `user_provides_key` and `user_provides_url` each user brings their own. `fetch_models` asks the provider for its
    models, with `models` for when it does not answer. Parameters named in `drop_parameters` are not sent, those of
    `add_parameters` always; `headers` go with every request, `personal_headers` with those for a user.
    With `think_tags` a compatible server may mark reasoning in the text. `tool_result_chars` is the most of one
    result of a tool that its models are told. `prices` are in US dollars per million tokens, by LibreChat's names in
    `tokenConfig`; `context` among them is how many the model takes.
    """

    name: str
    type: str
    models: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)
    # Beside the first one: all are used in turn.
    further_keys: tuple[str, ...] = field(default=(), repr=False)
    base_url: str | None = None
    title_model: str | None = None
    title_conversations: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    personal_headers: Mapping[str, HeaderTemplate] = field(default_factory=dict)
    fetch_models: bool = False
    user_provides_key: bool = False
    user_provides_url: bool = False
    model_display_label: str | None = None
    icon_url: str | None = None
    drop_parameters: tuple[str, ...] = ()
    add_parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    deployments: Mapping[str, AzureDeployment] = field(default_factory=dict)
    custom: bool = False
    think_tags: bool = True
    # Echo's own model, within the process.
    offline: bool = False
    tool_result_chars: int | None = None
    # By model.
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def api_keys(self) -> tuple[str, ...]:
        """All keys that the server has for it, but those of deployments."""
        return () if self.api_key is None else (self.api_key, *self.further_keys)

    @property
    def available(self) -> bool:
        """Whether the server has a key for it."""
        return self.api_key is not None or any(each.api_key for each in self._places)

    @cached_property
    def _places(self) -> tuple[AzureDeployment, ...]:
        return tuple(each for first in self.deployments.values() for each in first.all)

    @cached_property
    def is_personal(self) -> bool:
        """Whether requests say for whom they are made."""
        return bool(self.personal_headers) or any(each.personal_headers for each in self._places)


@dataclass(frozen=True)
class ProviderLimits:
    """How long a provider may take, and how much it may send, before it is given up.

    `first_seconds` runs until the first byte of an answer, connecting included; `chunk_seconds` between two pieces
    of it; `stream_seconds` over all of it; `short_seconds` over a whole short answer, such as a title or a list of
    models. `attempts` count the first one; before each further one `pause_seconds` pass, doubling. A user's own base
    URL may not lead to a private address, unless it is one of `allowed_addresses`, as `host:port`.
    """

    connect_seconds: float = 10.0
    first_seconds: float = 180.0
    chunk_seconds: float = 90.0
    stream_seconds: float = 1800.0
    short_seconds: float = 10.0
    attempts: int = 3
    pause_seconds: float = 0.5
    allowed_addresses: tuple[str, ...] = ()
