"""Which endpoint a request means, whether its user may have it, and which of its models."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from echo.background import Background
from echo.errors import FieldError, Unprocessable
from echo.providers.chat import ChatProvider, Credentials, Providers
from echo.settings import ProviderSettings
from echo.settings.endpoints import BESIDE, normal_name
from echo.settings.model_access import EVERYTHING, Opened

# A thread's patience with a provider that is asked for its models.
MODELS_SECONDS = 15.0

FindCredentials = Callable[[str, str], Credentials | None]


@dataclass(frozen=True)
class Chosen:
    """An endpoint that the user may chat with."""

    name: str
    settings: ProviderSettings
    provider: ChatProvider = field(repr=False)
    credentials: Credentials | None
    opened: Opened = EVERYTHING


class Endpoints:
    """The endpoints that can chat; `credentials` finds a user's own key for one, `opened` what is open to a user.

    What is not open to a user is answered as what is not there.
    """

    def __init__(
        self,
        settings: Sequence[ProviderSettings],
        providers: Providers,
        credentials: FindCredentials,
        background: Background,
        opened: Callable[[str], Opened] = lambda _owner: EVERYTHING,
    ) -> None:
        self._settings: Mapping[str, ProviderSettings] = {each.name: each for each in settings}
        self._providers = providers
        self._credentials = credentials
        self._background = background
        self._opened = opened

    def choose(self, owner: str, name: str) -> Chosen:
        """The endpoint of that name.

        Raises `Unprocessable`: `endpoint_unavailable` for one that is not there or that nobody has a key for,
        `provider_key_missing` for one that needs a key of the user's.
        """
        name = normal_name(name)
        found = name if name in self._providers else BESIDE.get(name, name)
        settings, provider, opened = (
            self._settings.get(found),
            self._providers.get(found),
            self._opened(owner),
        )
        if settings is None or provider is None or not reached(settings, opened):
            raise Unprocessable(
                "This server does not offer that endpoint, or has no key for it.", code="endpoint_unavailable"
            )
        credentials = self._credentials(owner, found)
        if credentials is None and (
            settings.user_provides_key or settings.user_provides_url or not settings.available
        ):
            raise Unprocessable("This endpoint needs a key of your own.", code="provider_key_missing")
        return Chosen(found, settings, provider, credentials, opened)

    def model(self, chosen: Chosen, wanted: str | None) -> str:
        """The model to ask: the wanted one, or the endpoint's first. Raises `Unprocessable` (`unknown_model`)."""
        models = chosen.opened.among(chosen.name, chosen.settings.models)
        if chosen.settings.fetch_models and (not models or wanted not in models):
            work = chosen.provider.models(chosen.credentials)
            listed = self._background.wait(work, MODELS_SECONDS)
            models = (*models, *chosen.opened.among(chosen.name, listed))
        if wanted is None and models:
            return models[0]
        if wanted is None or wanted not in models:
            raise Unprocessable(
                "The endpoint has no such model.",
                code="unknown_model",
                errors=(FieldError("model", "is none of the endpoint's models"),),
            )
        return wanted


def reached(settings: ProviderSettings, opened: Opened) -> bool:
    """Whether something of an endpoint is open."""
    return opened.reaches(settings.name, settings.models, all_known=not settings.fetch_models)
