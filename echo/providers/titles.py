"""Titles of conversations: asked of a provider, or made from the first words."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from echo.background import Background
from echo.errors import ApiError
from echo.providers.chat import ChatRequest, Credentials, Providers, Turn, Usage
from echo.providers.title_text import clean, title_in
from echo.settings import ProviderSettings
from echo.settings.model_access import EVERYTHING, Opened

log = structlog.get_logger(__name__)

UNTITLED = "New Chat"
MAX_FALLBACK = 40
MAX_TITLE = 80
MAX_EXCERPT = 2000
# Far more than a title needs: models that think spend most of it on that.
MAX_TOKENS = 1000
# For a thread to wait; the transport's own limit comes first, unless the event loop is late.
WAIT_SECONDS = 20.0
# LibreChat's word for the model that the conversation is held with.
CURRENT_MODEL = "current_model"
INSTRUCTION = (
    "Write a title of at most five words for the following conversation, in its own language. "
    "Answer with the title only, without quotation marks."
)


@dataclass(frozen=True)
class Titled:
    """What a title is for: a conversation, and the answer that it was made after, if there is one at this moment."""

    owner: str
    conversation_id: str
    message_id: str | None = None


@dataclass(frozen=True)
class AskedTitle:
    """A title that a model has made: what it was asked and answered, and the tokens, if the provider counts them."""

    titled: Titled
    endpoint: str
    model: str
    usage: Usage | None
    asked: str
    answered: str


class TitleService:
    """Makes titles; never fails: what a provider does not give is made from the first message."""

    def __init__(
        self,
        settings: Sequence[ProviderSettings],
        providers: Providers,
        *,
        enabled: bool = True,
        asked: Callable[[AskedTitle], None] | None = None,
    ) -> None:
        self._settings = {each.name: each for each in settings if each.name in providers}
        self._silent = {each.name for each in settings if not (enabled and each.title_conversations)}
        self._providers = providers
        self._asked = asked

    async def title_for(
        self,
        first_user_message: str,
        first_answer: str | None = None,
        *,
        endpoint: str | None = None,
        model: str | None = None,
        credentials: Credentials | None = None,
        placeholders: Mapping[str, str] | None = None,
        opened: Opened = EVERYTHING,
        titled: Titled | None = None,
    ) -> str:
        """A short title of one line.

        Asked of the provider of the conversation's endpoint, under the user's `credentials` if there are some, and of
        nobody else: who was not chosen is not told what was said. Only without an endpoint it is the first that the
        server has a key for. Where titles are off, nobody is asked. The model is the one that the operator names for
        titles, else the conversation's own `model`, as in LibreChat; only without one it is the endpoint's first.
        `placeholders` fill in the operator's headers, as in the request for the answer. An endpoint of which nothing
        is `opened` is not asked, nor is a model that is not, unless the operator has named it for titles. `titled`
        is whose account it goes on; nobody's without it.
        """
        chosen = self._choose(endpoint, credentials, opened)
        if chosen is not None:
            own = bool(endpoint)
            excerpt = f"{first_user_message[:MAX_EXCERPT]}\n\n{(first_answer or '')[:MAX_EXCERPT]}".strip()
            request = self._request(chosen, excerpt, model if own else None, placeholders or {}, opened)
            asked = await self._ask(chosen, request, credentials if own else None, titled) if request else ""
            if title := title_in(asked, MAX_TITLE):
                return title
        return made_of(first_user_message)

    def wait_for(
        self,
        background: Background,
        first_user_message: str,
        first_answer: str | None = None,
        *,
        endpoint: str | None = None,
        model: str | None = None,
        credentials: Credentials | None = None,
        placeholders: Mapping[str, str] | None = None,
        opened: Opened = EVERYTHING,
        titled: Titled | None = None,
    ) -> str:
        """The same for a thread, which waits for no longer than a provider may take.

        For a conversation as it is stored, which an import or another program may have written: a model that the
        endpoint does not offer is not asked.
        """

        async def title() -> str:
            offered = endpoint and model and opened.may_ask(endpoint, model)
            asked = model if offered and await self._offers(endpoint, model, credentials) else None
            return await self.title_for(
                first_user_message,
                first_answer,
                endpoint=endpoint,
                model=asked,
                credentials=credentials,
                placeholders=placeholders,
                opened=opened,
                titled=titled,
            )

        try:
            return background.wait(title(), WAIT_SECONDS)
        except (TimeoutError, ApiError):
            return made_of(first_user_message)

    def _choose(
        self, endpoint: str | None, credentials: Credentials | None, opened: Opened
    ) -> ProviderSettings | None:
        asked = (
            (name, each)
            for name, each in self._settings.items()
            if name not in self._silent and opened.reaches(name, each.models, all_known=not each.fetch_models)
        )
        if not endpoint:
            return next((each for _, each in asked if each.available), None)
        own = dict(asked).get(endpoint)
        return own if own is not None and (own.available or credentials is not None) else None

    def _request(
        self,
        chosen: ProviderSettings,
        excerpt: str,
        model: str | None,
        placeholders: Mapping[str, str],
        opened: Opened,
    ) -> ChatRequest | None:
        named = chosen.title_model if chosen.title_model != CURRENT_MODEL else None
        wanted = named or model or next(iter(opened.among(chosen.name, chosen.models)), None)
        if not wanted:
            return None
        turns = [Turn.of_text("user", excerpt)]
        return ChatRequest(
            wanted, turns, system=INSTRUCTION, max_tokens=MAX_TOKENS, placeholders=placeholders
        )

    async def _ask(
        self,
        chosen: ProviderSettings,
        request: ChatRequest,
        credentials: Credentials | None,
        titled: Titled | None,
    ) -> str:
        told: list[Usage] = []
        try:
            title = await self._providers[chosen.name].complete(request, credentials, told.append)
        except ApiError as error:
            log.warning("a title could not be asked for", provider=chosen.name, code=error.code)
            return ""
        if titled is not None and self._asked is not None:
            text = f"{INSTRUCTION}{request.turns[0].text}"
            usage = told[-1] if told else None
            asked = AskedTitle(titled, chosen.name, request.model, usage, text, title)
            await asyncio.to_thread(self._asked, asked)
        return title

    async def _offers(self, endpoint: str | None, model: str | None, credentials: Credentials | None) -> bool:
        """Whether a chat could have the model: one that is listed, or that the provider lists."""
        settings = self._settings.get(endpoint or "")
        if settings is None or model is None or model in settings.models:
            return settings is not None and model is not None
        try:
            return settings.fetch_models and model in await self._providers[settings.name].models(credentials)
        except ApiError:
            return False


def made_of(text: str) -> str:
    """A title from the first words of a text."""
    return clean(text, MAX_FALLBACK) or UNTITLED
