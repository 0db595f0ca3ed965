"""What agents may be, and what goes on around their answers: memories, searched files, summaries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from echo.settings.endpoints import normal_name

# What agents have where the operator says nothing: LibreChat's `defaultAgentCapabilities`.
USUAL_CAPABILITIES = (
    *("deferred_tools", "execute_code", "file_search", "web_search", "artifacts", "subagents", "actions"),
    *("context", "skills", "memory", "ask_user_question", "tools", "chain", "ocr"),
)


@dataclass(frozen=True)
class AgentSettings:
    """What agents may be: of which endpoints, with what; None is no limit. The builder is clients' to show or not.

    `steps` is how many an answer may take (LibreChat's `recursionLimit`) where an agent says nothing else,
    `most_steps` how many none may exceed. The arguments of one call have at most `call_bytes` (0 is no limit), those
    of the named tools their own; one request's answer has at most so many `events`. `code_environments` are by whom
    sessions of programs may be shared that last.
    """

    show_builder: bool = True
    providers: tuple[str, ...] | None = None
    capabilities: tuple[str, ...] | None = None
    steps: int | None = None
    most_steps: int | None = None
    call_bytes: int | None = None
    call_bytes_of: Mapping[str, int] = field(default_factory=dict)
    events: int | None = None
    code_environments: tuple[str, ...] | None = None

    def may_ask(self, provider: str) -> bool:
        """Whether agents may be of this endpoint."""
        return self.providers is None or normal_name(provider) in self.providers

    def can(self, capability: str) -> bool:
        """Whether agents have a capability, by LibreChat's name."""
        return capability in (USUAL_CAPABILITIES if self.capabilities is None else self.capabilities)


# The model of the server's own, in place of one of an endpoint.
OFFLINE_EMBEDDINGS = "offline"


@dataclass(frozen=True)
class FileSearchSettings:
    """`embeddings` is a model as `endpoint/model`, or `OFFLINE_EMBEDDINGS`, None where files are searched by words.

    `rag_url` is the address of LibreChat's RAG service, where it is used in place of Echo's own index.

    An answer names at most `citations` places, `citations_per_file` of one file, and none that is less relevant than
    `least_relevance`, from 0 to 1.
    """

    embeddings: str | None = None
    rag_url: str | None = None
    citations: int = 30
    citations_per_file: int = 7
    least_relevance: float = 0.45


@dataclass(frozen=True)
class PruningSettings:
    """Which old results of tools are shortened: LibreChat's `contextPruning`.

    Those of the newest `kept_answers` stay whole, and those of fewer than `least_chars` characters. Of the others the
    ones beyond `trimmed_from` of the way back are cut, and beyond `cleared_from` left out.
    """

    kept_answers: int = 3
    trimmed_from: float = 0.3
    cleared_from: float = 0.5
    least_chars: int = 50_000


@dataclass(frozen=True)
class SummarySettings:
    """Whether what a model has no room for is summarised, and how: by which endpoint's model, in how many tokens.

    None leaves it to the model that answers. `parameters` go with the request, `update_prompt` is for one that has an
    older summary. `trigger` is one of LibreChat's with its value. `reserve` is the share of a window that stays free.
    Of the chat so many turns stay as they are, and so many tokens of those before the newest one.
    """

    enabled: bool = False
    endpoint: str | None = None
    model: str | None = None
    prompt: str | None = None
    max_tokens: int | None = None
    update_prompt: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    trigger: tuple[str, float] | None = None
    reserve: float | None = None
    retained_turns: int | None = None
    retained_tokens: int | None = None
    pruning: PruningSettings | None = None


@dataclass(frozen=True)
class MemoryAgent:
    """Who writes memories beside each answer: an agent by its id, or a model of an endpoint."""

    agent_id: str | None = None
    endpoint: str | None = None
    model: str | None = None
    instructions: str | None = None
    temperature: float | None = None


@dataclass(frozen=True)
class MemorySettings:
    """What may be remembered of a user, and whether chats are told it; None is no limit.

    `asked_for` says that the file switches it on, where LibreChat's has to name it.
    """

    enabled: bool = True
    asked_for: bool = False
    char_limit: int = 10_000
    token_limit: int | None = None
    # Under which names models may remember something; empty is no limit.
    keys: tuple[str, ...] = ()
    # None where nobody writes them but users, and models that have the tools.
    agent: MemoryAgent | None = None
    # How many messages that agent is shown, and how many tokens of them.
    window: int = 5
    input_tokens: int = 12_000
