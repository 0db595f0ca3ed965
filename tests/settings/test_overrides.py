from typing import Any

import pytest

from echo.settings import load_settings
from echo.settings.overrides import (
    Override,
    applied,
    check,
    fixed_paths,
    is_changeable,
    merged,
    with_value,
    without,
)
from echo.settings.reader import ConfigFileError


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("interface.customWelcome", True),
            ("interface.privacyPolicy.externalUrl", True),
            ("interface.customWelcomes", False),
            ("interface", False),
            ("modelSpecs", True),
            ("modelSpecs.list", True),
            ("registration", False),
            ("registration.allowedDomains", True),
            ("registration.socialLogins", True),
            ("fileConfig.endpoints.default.fileSizeLimit", True),
            ("interface.prompts", False),
            ("endpoints", False),
        ],
    )
    def test_that_can_be_changed(self, path: str, expected: bool) -> None:
        assert is_changeable(path) is expected

    def test_that_cannot_are_named(self) -> None:
        values = {
            "version": "1",
            "interface": {"customWelcome": "x", "prompts": {"use": True}, "privacyPolicy": {"any": {}}},
            "endpoints": {},
        }
        assert fixed_paths(values) == ["version", "interface.prompts.use", "endpoints"]

    def test_are_set_and_taken_away_in_copies(self) -> None:
        values: dict[str, Any] = {"a": {"b": 1, "c": {"d": 2}}}
        assert with_value(values, "a.c.e", 3) == {"a": {"b": 1, "c": {"d": 2, "e": 3}}}
        assert with_value(values, "a.b.x", 3) == {"a": {"b": {"x": 3}, "c": {"d": 2}}}
        assert without(values, "a.c.d") == {"a": {"b": 1}}
        assert without(values, "a.b.x") == without(values, "z") == values
        assert values == {"a": {"b": 1, "c": {"d": 2}}}


class TestMerged:
    def test_objects_are_merged_and_lists_replaced(self) -> None:
        written = {"a": {"b": [1, 2], "c": 1}, "d": 1}
        first = Override({"a": {"b": [3]}}, ["d"])
        second = Override({"a": {"c": {"e": 1}}})
        assert merged(written, [first, second]) == {"a": {"b": [3], "c": {"e": 1}}}
        assert written == {"a": {"b": [1, 2], "c": 1}, "d": 1}


class TestApplied:
    def test_without_anything_that_counts_is_the_same(self) -> None:
        settings = load_settings({})
        assert applied(settings, [Override({"endpoints": {"all": {}}}, ["rateLimits"])]) is settings

    def test_changes_what_clients_are_told_and_nothing_else(self) -> None:
        settings = load_settings({})
        changed = applied(settings, [Override({"interface": {"presets": False, "prompts": False}})])
        assert changed.client.interface["presets"] is False
        assert changed.client.librechat_interface["prompts"] == settings.client.librechat_interface["prompts"]
        assert changed.permissions == settings.permissions

    def test_changes_specs_registration_and_what_may_be_uploaded(self) -> None:
        spec = {"name": "fast", "label": "Fast", "preset": {"endpoint": "OpenAI", "model": "gpt-5"}}
        values = {
            "modelSpecs": {"enforce": True, "list": [spec]},
            "registration": {"allowedDomains": ["Example.com"], "socialLogins": ["openid"], "other": 1},
            "fileConfig": {"endpoints": {"default": {"fileSizeLimit": 1}}},
        }
        changed = applied(load_settings({}), [Override(values)])
        assert [each["name"] for each in changed.model_specs] == ["fast"]
        assert changed.enforce_model_specs
        assert changed.client.model_specs is not None
        assert (changed.allowed_domains, changed.sign_in.buttons) == (("example.com",), ("openid",))
        assert changed.file_rules["default"].max_bytes == 1024 * 1024

    def test_refuses_what_is_wrong(self) -> None:
        with pytest.raises(ConfigFileError, match=r"interface\.presets must be true or false"):
            applied(load_settings({}), [Override({"interface": {"presets": 1}})])

    def test_refuses_what_nobody_knows(self) -> None:
        with pytest.raises(ConfigFileError, match="customWelcom"):
            check({"interface": {"customWelcom": "x"}})
