"""The endpoint of the offline model: whether it is there, and what its models are for."""

from collections.abc import Sequence

from echo.settings.endpoints import ProviderSettings
from echo.settings.reader import Reader

NAME = "Offline"
# What each does is in docs/providers.md.
MODELS = (
    "echo",
    "echo-slow",
    "echo-long",
    "echo-reasoning",
    "echo-tools",
    "echo-json",
    "echo-refusal",
    "echo-cut",
    "echo-limit",
    "echo-broken",
    "echo-silent",
)
# Never resolved (RFC 6761, section 6.4): its connections stay within the process.
BASE_URL = "http://offline.invalid/v1"


def with_offline_model(
    reader: Reader, providers: Sequence[ProviderSettings], *, embedded: bool
) -> tuple[ProviderSettings, ...]:
    """The endpoints, with the offline one at the end if it is asked for.

    Where nobody says whether, it is there with the embedded database, if no endpoint has a key or lets users bring
    theirs: what a user believes to be a model's answer is one.
    """
    wanted = reader.flag("ECHO_OFFLINE_MODEL", None)
    if wanted is None:
        wanted = embedded and not any(each.available or each.user_provides_key for each in providers)
    if not wanted or any(each.name == NAME for each in providers):
        return tuple(providers)
    offline = ProviderSettings(
        name=NAME,
        type="custom",
        models=MODELS,
        api_key="offline",
        base_url=BASE_URL,
        # A title would be the question for one, repeated.
        title_conversations=False,
        model_display_label="Offline model",
        custom=True,
        offline=True,
    )
    return (*providers, offline)
