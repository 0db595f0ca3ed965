"""Azure's addresses, keys and headers for each deployment."""

from typing import Any

import pytest

from echo.errors import Unprocessable
from echo.providers.azure import AzureDialect
from echo.providers.sites import Access
from echo.settings import AzureDeployment
from echo.settings.endpoints import HeaderTemplate
from tests.support.providers.asking import request, settings_of

NAME = HeaderTemplate(("", ""), ("LIBRECHAT_USER_NAME",))
EAST = AzureDeployment(
    "https://east.test/dep/", "2025 1", "east", {"X-Group": "e", "X-All": "e"}, {"X-U": NAME}
)
WEST = AzureDeployment("https://west.test/dep", "2", "west")


def asked(access: Access, model: str = "gpt-4o", deployments: Any = None, **chat: Any) -> Any:
    settings = settings_of("azure", "http://x", deployments=deployments or {}, headers={"X-All": "all"})
    return AzureDialect(settings).chat(request(model=model, **chat), access)


class TestDeployment:
    def test_has_its_address_its_key_and_its_headers(self) -> None:
        values = {"LIBRECHAT_USER_NAME": "Ada"}
        call = asked(Access("", ""), deployments={"gpt-4o": EAST}, placeholders=values)
        assert call.url == "https://east.test/dep/chat/completions?api-version=2025%201"
        assert call.headers == {
            "Content-Type": "application/json",
            "api-key": "east",
            "X-Group": "e",
            "X-All": "e",
            "X-U": "Ada",
        }

    def test_is_the_one_whose_turn_it_is(self) -> None:
        call = asked(Access("", "", site=2, deployment=WEST), deployments={"gpt-4o": EAST})
        assert call.url == "https://west.test/dep/chat/completions?api-version=2"
        assert call.headers["api-key"] == "west"

    def test_is_asked_with_the_users_key(self) -> None:
        call = asked(Access("own", "", own_key=True), deployments={"gpt-4o": EAST})
        assert (call.url.partition("/chat")[0], call.headers["api-key"]) == ("https://east.test/dep", "own")

    @pytest.mark.parametrize("model", ["gpt-5", "", "."])
    def test_must_be_one_of_the_settings(self, model: str) -> None:
        with pytest.raises(Unprocessable) as refused:
            asked(Access("k", "http://x"), model, {"gpt-4o": EAST})
        assert (refused.value.code, refused.value.message) == (
            "provider_refused",
            "There is no deployment of that model.",
        )


class TestResource:
    @pytest.mark.parametrize(
        ("model", "path"), [("gpt-4o", "gpt-4o"), ("a/b c", "a%2Fb%20c"), ("...", "...")]
    )
    def test_has_an_address_for_each_model(self, model: str, path: str) -> None:
        call = asked(Access("k", "http://x"), model)
        assert call.url == f"http://x/openai/deployments/{path}/chat/completions?api-version=2024-10-21"
        assert call.headers == {"Content-Type": "application/json", "api-key": "k", "X-All": "all"}

    @pytest.mark.parametrize("model", ["", ".", ".."])
    def test_has_no_other_addresses(self, model: str) -> None:
        with pytest.raises(Unprocessable):
            asked(Access("k", "http://x"), model)

    def test_of_a_users_own_knows_nothing_of_the_operators_deployments(self) -> None:
        call = asked(Access("k", "http://own", own_key=True, own_url=True), deployments={"gpt-4o": EAST})
        assert call.url.startswith("http://own/openai/deployments/gpt-4o/chat/completions")
        assert call.headers == {"Content-Type": "application/json", "api-key": "k"}
        assert call.guarded is True


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "max_tokens"),
        ("gpt-5-chat", "max_tokens"),
        ("gpt-5", "max_completion_tokens"),
        ("o3", "max_completion_tokens"),
    ],
)
def test_the_limit_of_tokens_goes_by_the_name_that_a_model_knows(model: str, name: str) -> None:
    body = asked(Access("k", "http://x"), model, max_tokens=9).body
    assert {key: value for key, value in body.items() if key.startswith("max")} == {name: 9}


def test_models_are_not_listed() -> None:
    assert AzureDialect(settings_of("azure", "http://x")).models(Access("k", "http://x")) is None
