"""What a model is told of artifacts."""

import pytest

from echo.chat.artifacts import instructions_for

COMPONENTS = 'each from "/components/ui/<name>", such as "/components/ui/button".'


@pytest.mark.parametrize("mode", [None, "", "custom"])
def test_is_nothing_where_there_are_none_or_the_user_says_it(mode: str | None) -> None:
    assert instructions_for(mode) is None


def test_is_how_they_are_written() -> None:
    told = instructions_for("default") or ""
    assert ':::artifact{identifier="a-short-name" type="the type" title="A title for people"}' in told
    assert COMPONENTS not in told


def test_is_also_which_components_there_are() -> None:
    told = instructions_for("shadcnui") or ""
    assert told == f"{instructions_for('default')}\n\n{told.splitlines()[-1]}"
    assert told.endswith(COMPONENTS)
