"""What Anthropic's models take, as far as their names tell: https://platform.claude.com/docs/en/models/overview."""

import re

VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
# What a name without a version is taken for: new models, mostly.
NEWEST = (99, 0)
# `max_tokens` must be given. As much as a model can write at most, below some bound of sense: thinking counts too.
MOST_TOKENS = 64_000
DEFAULT_TOKENS = 8192


def version_of(model: str) -> tuple[int, int] | None:
    """The version that a model's name states: (4, 1) for `claude-opus-4-1-20250805`."""
    found = VERSION.match(model)
    return (int(found[1]), int(found[2] or 0)) if found else None


def generation(model: str) -> tuple[int, int]:
    """The version, that of the newest for a name without one."""
    return version_of(model) or NEWEST


def is_claude(model: str) -> bool:
    """Whether the model is Anthropic's own: servers that speak its protocol have others, too."""
    return "claude" in model


def default_tokens(model: str) -> int:
    """The `max_tokens` for a model where nobody says how many."""
    version = version_of(model)
    if version is None:
        return DEFAULT_TOKENS
    if version < (3, 5):
        return 4096
    if version < (3, 7):
        return 8192
    return 32_000 if "opus" in model and version < (4, 5) else MOST_TOKENS


def takes_sampling(model: str) -> bool:
    """Whether it takes temperature, top_p and top_k: newer ones refuse them."""
    return generation(model) < (4, 7)


def goes_on_writing(model: str) -> bool:
    """Whether it takes the beginning of its own answer as the last message."""
    return not is_claude(model) or generation(model) < (4, 6)


def holds_to_schemas(model: str) -> bool:
    """Whether it can be held to a JSON schema, in answers and in arguments of tools."""
    return generation(model) >= (4, 5)


def thinks_as_needed(model: str) -> bool:
    """Whether it decides for itself how much to think; before, it was given a number of tokens."""
    return generation(model) >= (4, 6)


def thinks(model: str) -> bool:
    """Whether it can be asked to think."""
    return is_claude(model) and generation(model) >= (3, 7)
