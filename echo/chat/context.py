"""Which of a conversation's turns a model can be sent: cut from the oldest, by tokens that are counted offline."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# How many tokens a model takes, by how its name begins; the first that fits. From the providers' documentation.
WINDOWS: tuple[tuple[re.Pattern[str], int], ...] = tuple(
    (re.compile(pattern), tokens)
    for pattern, tokens in (
        (r"gpt-4\.1", 1_047_576),
        (r"gpt-[5-9]", 400_000),
        (r"gpt-4o|gpt-4-turbo|gpt-4-(0125|1106)|chatgpt-4o", 128_000),
        (r"gpt-4-32k", 32_768),
        (r"gpt-4", 8_192),
        (r"gpt-3\.5", 16_385),
        (r"gpt-oss", 131_072),
        (r"o1-(mini|preview)", 128_000),
        (r"o[1-9]", 200_000),
        (r"claude-(2\.0|instant)", 100_000),
        (r"claude", 200_000),
        (r"gemini-(1\.0|pro)", 30_720),
        (r"gemini-1\.5-pro", 2_097_152),
        (r"gemini", 1_048_576),
        (r"gemma-?3", 131_072),
        (r"gemma", 8_192),
        (r"deepseek", 128_000),
        (r"grok", 131_072),
        (r"command-(a|r)", 128_000),
        (r"llama-?3[.-]?[1-9]", 131_072),
        (r"llama-?[4-9]", 1_048_576),
        (r"qwen", 32_768),
        (r"mistral|mixtral|ministral|codestral|magistral", 32_768),
        (r"kimi", 131_072),
        (r"glm", 131_072),
    )
)
# LibreChat's, for a model that nobody knows.
UNKNOWN_WINDOW = 32_000
# LibreChat's too: counts are estimates, and providers add words of their own.
SHARE = 0.95
# What a message costs beside its text, and every request: OpenAI's own way to count.
MESSAGE_TOKENS = 3
REQUEST_TOKENS = 3


@dataclass(frozen=True)
class Weighed:
    """One message with its tokens; `is_user` if a turn begins with it."""

    id: str
    tokens: int
    is_user: bool


@dataclass(frozen=True)
class Fit:
    """The messages that fit, and the figures of it."""

    ids: Sequence[str]
    window: int
    budget: int
    system: int
    messages: int
    before: int

    @property
    def counts(self) -> Mapping[str, int]:
        """For `echo.chat.frames.context_usage`."""
        return {
            "window": self.window,
            "budget": self.budget,
            "system": self.system,
            "messages": self.messages,
            "before": self.before,
            "count": len(self.ids),
        }


def window_of(model: str, asked: int | None = None, *, set_to: float | None = None) -> int:
    """How many tokens a model takes; what the conversation asks for wins, then what the operator has set."""
    if asked is not None:
        return asked
    return int((set_to or known_window(model) or UNKNOWN_WINDOW) * SHARE)


def known_window(model: str) -> int | None:
    """How many tokens a model takes by its maker's word, None where that is not known."""
    # Aggregators put the provider in front of the name.
    name = model.lower().rpartition("/")[2]
    return next((tokens for pattern, tokens in WINDOWS if pattern.match(name)), None)


def share_of(reserve: float | None) -> float:
    """How much of a window is used, where an operator wants such a share to stay free."""
    return 1 - reserve if reserve is not None and 0 < reserve < 1 else SHARE


def fit(
    branch: Sequence[Weighed], *, window: int, system: int, reserved: int = 0, share: float = SHARE
) -> Fit:
    """The newest messages that fit, the oldest first, beginning with one of the user's.

    The last one always stays: whether it is too long alone is for the provider to say. `system` counts the system
    prompt, which stays as well; `reserved` tokens are left for the answer, but never more than half.
    """
    budget = int((window - min(reserved, window // 2)) * share)
    left = budget - system - REQUEST_TOKENS
    kept: list[Weighed] = []
    turn: list[Weighed] = []
    for message in reversed(branch):
        turn.append(message)
        if not message.is_user:
            continue
        cost = sum(each.tokens + MESSAGE_TOKENS for each in turn)
        if kept and cost > left:
            break
        kept += turn
        turn, left = [], left - cost
    return Fit(
        [each.id for each in reversed(kept)],
        window,
        budget,
        system,
        sum(each.tokens + MESSAGE_TOKENS for each in kept) + REQUEST_TOKENS if kept else 0,
        sum(each.tokens for each in branch),
    )


def picture_tokens(width: Any, height: Any) -> int:
    """What a picture costs, as OpenAI counts the detailed ones; an unknown size counts as a large one."""
    if not isinstance(width, int) or not isinstance(height, int) or width < 1 or height < 1:
        return 1105
    scale = min(1.0, 2048 / max(width, height))
    scale *= min(1.0, 768 / (min(width, height) * scale))
    tiles = -(-int(width * scale) // 512) * -(-int(height * scale) // 512)
    return 85 + 170 * max(1, tiles)
