"""How many tokens a model would read, where its provider counts them before."""

from echo.providers.anthropic import AnthropicDialect
from echo.providers.chat import ChatRequest
from echo.providers.errands import Errand, read_json
from echo.providers.failures import unusable
from echo.providers.reading import count, dig
from echo.settings import ProviderSettings

MOST_BYTES = 64 * 1024


def counting_errand(settings: ProviderSettings, request: ChatRequest) -> Errand[int] | None:
    """The errand of counting what a request says; None where the provider has no such operation.

    https://platform.claude.com/docs/en/api/messages-count-tokens.
    """
    if settings.type != "anthropic":
        return None
    dialect = AnthropicDialect(settings)
    return Errand(
        "count_tokens", request.model, lambda access: dialect.count(request, access), read_count, MOST_BYTES
    )


def read_count(content: bytes) -> int:
    """The number in an answer. Raises `ProviderFailure` where there is none."""
    found = count(dig(read_json(content), "input_tokens"))
    if not found:
        raise unusable("no_count")
    return found
