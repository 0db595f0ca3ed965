"""What a model of Anthropic's takes, by its name: on both sides of each version from which on it changes."""

import pytest

from echo.providers.anthropic_models import (
    default_tokens,
    generation,
    goes_on_writing,
    holds_to_schemas,
    is_claude,
    takes_sampling,
    thinks,
    thinks_as_needed,
    version_of,
)

NEWEST = (99, 0)
# For each name: its version, its tokens, and which of the questions below it answers with yes.
MODELS = {
    "claude-2": ((2, 0), 4096, "takes goes"),
    "claude-3-haiku-20240307": ((3, 0), 4096, "takes goes"),
    "claude-3-opus-20240229": ((3, 0), 4096, "takes goes"),
    "claude-3-5-sonnet-20241022": ((3, 5), 8192, "takes goes"),
    "claude-3-6-sonnet": ((3, 6), 8192, "takes goes"),
    "claude-3-7-sonnet-20250219": ((3, 7), 64_000, "thinks takes goes"),
    "claude-opus-4-20250514": ((4, 0), 32_000, "thinks takes goes"),
    "claude-sonnet-4-20250514": ((4, 0), 64_000, "thinks takes goes"),
    "claude-opus-4-1-20250805": ((4, 1), 32_000, "thinks takes goes"),
    "claude-opus-4-4": ((4, 4), 32_000, "thinks takes goes"),
    "claude-opus-4-5": ((4, 5), 64_000, "thinks takes goes holds"),
    "claude-haiku-4-5-20251001": ((4, 5), 64_000, "thinks takes goes holds"),
    "claude-opus-4-6": ((4, 6), 64_000, "thinks needed takes holds"),
    "claude-opus-4-7": ((4, 7), 64_000, "thinks needed holds"),
    "claude-sonnet-5": ((5, 0), 64_000, "thinks needed holds"),
    "claude-opus-10-12": ((10, 12), 64_000, "thinks needed holds"),
    "claude-mythos-preview": (None, 8192, "thinks needed holds"),
    "my-claude-3-7": (None, 8192, "thinks needed holds"),
    "proxys-own": (None, 8192, "needed goes holds"),
}


@pytest.mark.parametrize(("name", "told"), MODELS.items(), ids=list(MODELS))
def test_is_told_by_its_name(name: str, told: tuple[tuple[int, int] | None, int, str]) -> None:
    version, tokens, can = told
    assert (version_of(name), generation(name)) == (version, version or NEWEST)
    assert default_tokens(name) == tokens
    found = {
        "thinks": thinks(name),
        "needed": thinks_as_needed(name),
        "takes": takes_sampling(name),
        "goes": goes_on_writing(name),
        "holds": holds_to_schemas(name),
    }
    assert {each for each, is_so in found.items() if is_so} == set(can.split())
    assert is_claude(name) is ("claude" in name)


@pytest.mark.parametrize("name", ["claude-opus-123", "claude-x3", "gpt-4", "", "claude"])
def test_a_number_that_is_no_version_is_none(name: str) -> None:
    assert version_of(name) is None
