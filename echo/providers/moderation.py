"""Asking OpenAI's moderation service, or one that speaks its protocol, before a model gets a text.

As in LibreChat (`OPENAI_MODERATION`): a text that the service flags is refused, and so is every text while the
service does not answer. Otherwise whoever can keep it from answering could say anything.
"""

from typing import Any

import structlog

from echo.errors import ServiceUnavailable, Unprocessable
from echo.providers.calls import calling
from echo.providers.failures import ProviderFailure
from echo.providers.retries import Attempts
from echo.providers.transport import Call, Transport
from echo.settings import ModerationSettings, ProviderLimits

log = structlog.get_logger(__name__)

# As metrics and traces call the service.
PROVIDER = "moderation"


class Moderation:
    """Checks texts on the event loop; without settings it lets everything pass."""

    def __init__(self, settings: ModerationSettings | None, limits: ProviderLimits) -> None:
        self._settings = settings
        self._limits = limits
        self._transport = Transport(limits)

    @property
    def enabled(self) -> bool:
        """Whether anything is checked."""
        return self._settings is not None

    async def check(self, *texts: str) -> None:
        """Return if a model may get the texts.

        Raises `Unprocessable` when one is flagged, `ServiceUnavailable` where the service does not say.
        """
        asked = [text for text in texts if text.strip()]
        if self._settings is None or not asked:
            return
        try:
            with calling(PROVIDER, "moderation"):
                flagged = is_flagged(await self._ask(self._settings, asked))
        except (ProviderFailure, ValueError) as error:
            log.warning("a text could not be checked by the moderation service", cause=str(error))
            raise ServiceUnavailable(
                "The message could not be checked, so it was not sent; try again later.",
                code="moderation_unavailable",
            ) from error
        if flagged:
            raise Unprocessable(
                "The message was flagged by the moderation service, so it was not sent.",
                code="message_flagged",
            )

    async def _ask(self, settings: ModerationSettings, texts: list[str]) -> Any:
        headers = {"Content-Type": "application/json"}
        if settings.api_key:
            headers["Authorization"] = f"Bearer {settings.api_key}"
        body = {"input": texts[0] if len(texts) == 1 else texts}
        attempts = Attempts(self._limits.attempts, self._limits.pause_seconds)
        while True:
            try:
                return await self._transport.json(Call(settings.url, headers, body))
            except ProviderFailure as failure:
                await attempts.wait(failure)

    async def close(self) -> None:
        """Close every connection; called on the event loop that used them."""
        await self._transport.close()


def is_flagged(answer: Any) -> bool:
    """Whether any result says so; raises `ValueError` for an answer that does not say it either way."""
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or not results:
        raise ValueError("no_results")
    said = [each.get("flagged") if isinstance(each, dict) else None for each in results]
    if not all(isinstance(each, bool) for each in said):
        raise ValueError("no_verdict")
    return any(said)
