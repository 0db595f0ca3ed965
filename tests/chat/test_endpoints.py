"""Which endpoints and models a user may chat with."""

import asyncio
from typing import Any

import pytest

from echo.chat.endpoints import Endpoints, reached
from echo.errors import Unprocessable
from echo.providers.chat import Credentials
from echo.settings import ProviderSettings
from echo.settings.model_access import Opened

OWN = Credentials("own")


class Provider:
    """Lists two models to each user who asks with the right key."""

    def __init__(self) -> None:
        self.asked: list[Credentials | None] = []

    async def models(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        self.asked.append(credentials)
        return ("listed", "second")


class Waiting:
    """Does what is waited for at once; notes for how long it may take."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def wait(self, work: Any, seconds: float) -> Any:
        self.seconds.append(seconds)
        return asyncio.run(work)


def settings(name: str = "openAI", **more: Any) -> ProviderSettings:
    return ProviderSettings(
        **{"name": name, "type": "openai", "models": ("first", "other"), "api_key": "k", **more}
    )


class Scene:
    """Endpoints with one provider behind all of them, and one user, `ada`."""

    def __init__(
        self,
        *endpoints: ProviderSettings,
        credentials: Credentials | None = None,
        opened: frozenset[str] | None = None,
        absent: tuple[str, ...] = (),
    ) -> None:
        self.provider, self.background = Provider(), Waiting()
        providers: Any = {each.name: self.provider for each in endpoints if each.name not in absent}
        background: Any = self.background
        self.endpoints = Endpoints(
            endpoints,
            providers,
            lambda owner, name: credentials if (owner, name) == ("ada", endpoints[0].name) else None,
            background,
            lambda owner: Opened(opened if owner == "ada" else None),
        )

    def refusal(self, name: str, owner: str = "ada") -> str:
        with pytest.raises(Unprocessable) as refused:
            self.endpoints.choose(owner, name)
        return refused.value.code

    def model(self, wanted: str | None) -> str:
        return self.endpoints.model(self.endpoints.choose("ada", "openAI"), wanted)


class TestChoosing:
    def test_finds_what_the_user_brings_and_what_is_open_to_them(self) -> None:
        scene = Scene(settings(), credentials=OWN, opened=frozenset({"first"}))
        chosen = scene.endpoints.choose("ada", "openAI")
        assert (chosen.name, chosen.settings, chosen.credentials) == ("openAI", settings(), OWN)
        assert (chosen.provider, chosen.opened) == (scene.provider, Opened(frozenset({"first"})))

    def test_everything_is_open_where_nobody_says_otherwise(self) -> None:
        provider: Any = Provider()
        background: Any = Waiting()
        endpoints = Endpoints([settings()], {"openAI": provider}, lambda *_: None, background)
        assert endpoints.choose("ada", "openAI").opened == Opened(None)

    @pytest.mark.parametrize(
        ("asked", "name"),
        [
            ("assistants", "openAI"),
            ("azureAssistants", "azureOpenAI"),
            ("OLLAMA", "ollama"),
            ("Mine", "Mine"),
        ],
    )
    def test_goes_by_librechats_names(self, asked: str, name: str) -> None:
        found = Scene(*map(settings, ("openAI", "azureOpenAI", "ollama", "Mine"))).endpoints.choose(
            "ada", asked
        )
        assert (found.name, found.settings.name) == (name, name)

    def test_an_endpoint_of_that_very_name_wins(self) -> None:
        scene = Scene(settings("openAI"), settings("assistants"))
        assert scene.endpoints.choose("ada", "assistants").name == "assistants"

    def test_refuses_what_is_not_there_and_what_is_not_open_alike(self) -> None:
        scene = Scene(
            settings(), settings("Lost"), opened=frozenset({"Lost/first", "other/*"}), absent=("Lost",)
        )
        assert [scene.refusal(name) for name in ("none", "Lost", "openAI")] == ["endpoint_unavailable"] * 3
        assert scene.endpoints.choose("bob", "openAI").name == "openAI"
        with pytest.raises(
            Unprocessable, match=r": This server does not offer that endpoint, or has no key for it\.$"
        ):
            scene.endpoints.choose("ada", "openAI")

    @pytest.mark.parametrize(
        "needs",
        [
            {"user_provides_key": True},
            {"user_provides_url": True},
            {"api_key": None},
        ],
    )
    def test_needs_a_key_of_the_users_where_the_server_has_none(self, needs: dict[str, Any]) -> None:
        assert Scene(settings(**needs)).refusal("openAI") == "provider_key_missing"
        scene = Scene(settings(**needs), credentials=OWN)
        assert scene.endpoints.choose("ada", "openAI").credentials == OWN
        with pytest.raises(
            Unprocessable, match=r"^422 provider_key_missing: This endpoint needs a key of your own\.$"
        ):
            scene.endpoints.choose("bob", "openAI")


class TestModel:
    def test_is_the_wanted_one_or_the_first(self) -> None:
        scene = Scene(settings())
        assert [scene.model(wanted) for wanted in ("other", "first", None)] == ["other", "first", "first"]
        assert scene.provider.asked == []

    def test_that_is_unknown_is_refused(self) -> None:
        with pytest.raises(Unprocessable, match=r"The endpoint has no such model\.$") as refused:
            Scene(settings()).model("listed")
        [error] = refused.value.errors
        assert refused.value.code == "unknown_model"
        assert (error.field, error.message) == ("model", "is none of the endpoint's models")

    def test_of_an_endpoint_without_any_is_refused(self) -> None:
        with pytest.raises(Unprocessable):
            Scene(settings(models=())).model(None)

    def test_that_is_not_open_is_as_if_it_were_not_there(self) -> None:
        scene = Scene(settings(fetch_models=True), opened=frozenset({"openAI/other", "second"}))
        assert [scene.model(wanted) for wanted in (None, "other", "second")] == ["other", "other", "second"]
        for hidden in ("first", "listed"):
            with pytest.raises(Unprocessable):
                scene.model(hidden)

    def test_is_looked_for_at_the_provider_where_that_lists_more(self) -> None:
        scene = Scene(settings(fetch_models=True), credentials=OWN)
        assert scene.model("first") == "first"
        assert scene.provider.asked == []
        assert scene.model("second") == "second"
        assert (scene.provider.asked, scene.background.seconds) == ([OWN], [15.0])
        # Who wants none gets the first that is written down, whatever the provider lists.
        assert scene.model(None) == "first"

    def test_is_the_first_of_the_providers_where_none_is_written_down(self) -> None:
        assert Scene(settings(fetch_models=True, models=())).model(None) == "listed"


def test_an_endpoint_whose_models_are_not_all_known_may_have_an_open_one() -> None:
    opened = Opened(frozenset({"elsewhere"}))
    assert [reached(settings(fetch_models=each), opened) for each in (True, False)] == [True, False]
    assert reached(settings(), Opened(frozenset({"other"})))
