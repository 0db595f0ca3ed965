"""Which models the API key of a request opens."""

import pytest

from echo.handling.caller import Caller, ClientInfo, KeyGrant


def grant(*models: str) -> KeyGrant:
    return KeyGrant("k", models)


class TestKey:
    def test_of_no_names_in_particular_opens_everything(self) -> None:
        assert KeyGrant("k").may_ask("openAI", "gpt-4o") is True

    def test_of_an_empty_list_opens_nothing(self) -> None:
        assert grant().may_ask("openAI", "gpt-4o") is False

    @pytest.mark.parametrize(
        ("endpoint", "model", "opened"),
        [
            ("openAI", "gpt-4o", True),
            ("openAI", "gpt-4o-mini", False),
            ("azure", "gpt-4o", False),
            ("Own", "anything", True),
            ("Own", "vendor/anything", True),
            ("own", "anything", False),
            ("anywhere", "o3", True),
            ("else", "o3", True),
            ("anywhere", "o3-mini", False),
            # That name is the whole of a model's, and no endpoint with a model.
            ("Router", "openAI/gpt-4o", False),
            ("Router", "vendor/thing", True),
        ],
    )
    def test_opens_a_model_of_an_endpoint_an_endpoint_or_a_model_anywhere(
        self, endpoint: str, model: str, opened: bool
    ) -> None:
        key = grant("openAI/gpt-4o", "Own/*", "o3", "Router/vendor/thing")
        assert key.may_ask(endpoint, model) is opened
        caller = Caller("ada", "", "", "", "", "", key=key)
        assert caller.may_ask(endpoint, model) is opened

    def test_has_other_limits_only_where_that_is_said(self) -> None:
        assert (KeyGrant("k").is_counted, KeyGrant("k", is_counted=True).is_counted) == (False, True)


def test_a_session_is_in_the_way_of_no_model() -> None:
    assert Caller("ada", "s", "", "", "", "").may_ask("openAI", "gpt-4o") is True


def test_the_hash_of_a_key_is_not_shown() -> None:
    assert "abcdef" not in repr(Caller("ada", "", "", "", "", "", key_hash="abcdef"))


def test_a_client_may_say_nothing_of_its_device() -> None:
    assert ClientInfo("192.0.2.7", secure=True).device == ""
