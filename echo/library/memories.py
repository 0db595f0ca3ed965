"""Memories: what a user wants every chat to know."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from echo.access import Access
from echo.errors import FieldError, InvalidRequest, Unprocessable
from echo.handling.caller import Caller
from echo.settings.agents import MemorySettings
from storage.accounts.users import UserRepository
from storage.core.portions import Reading
from storage.library.memories import MemoryRepository

Document = dict[str, Any]
MAX_MEMORIES = 1000
# LibreChat's way to say that there is nothing to remember.
NOTHING = "nothing"
# Of more than that a model is told the newest.
MAX_TOLD, MAX_TOLD_BYTES = 200, 64 * 1024
HEADING = "# What the user wants you to know about them"


@dataclass(frozen=True)
class Kept:
    """All memories, and how much room those take that all chats share; a limit is None where there is none."""

    memories: Reading
    tokens: int
    token_limit: int | None
    char_limit: int

    @property
    def percentage(self) -> int | None:
        """How much of the limit is used, at most 100; None without a limit."""
        if self.token_limit is None:
            return None
        # As JavaScript rounds.
        return min(100, int(self.tokens / self.token_limit * 100 + 0.5))


class Memories:
    """What callers do with their memories.

    What the role must allow the contract says. An `agent_id` means the memories of one agent instead of those that
    all chats share.
    """

    def __init__(
        self,
        access: Access,
        entries: MemoryRepository,
        users: UserRepository,
        count_tokens: Callable[[str], int],
        settings: MemorySettings,
    ) -> None:
        self._access = access
        self._entries = entries
        self._users = users
        self._count = count_tokens
        self._settings = settings

    def list(self, caller: Caller) -> Kept:
        """All of the caller's, the last changed first."""
        tokens = self._entries.tokens(caller.id)
        return Kept(
            self._entries.list(caller.id), tokens, self._settings.token_limit, self._settings.char_limit
        )

    def create(self, caller: Caller, key: str, value: str, agent_id: str | None = None) -> Document:
        """A new memory.

        Raises `storage.core.errors.Conflict` for a key that is there, `InvalidRequest` for LibreChat's key for
        nothing, and `Unprocessable` for one that is too long or one too many.
        """
        value = value.strip()
        tokens = self._measured(key, value)
        if self._entries.count(caller.id) >= MAX_MEMORIES:
            raise _too_many()
        self._refuse_full(caller.id, agent_id, tokens)
        return self._entries.create(caller.id, key, value, tokens=tokens, agent_id=agent_id)

    def change(
        self, caller: Caller, key: str, value: str, *, new_key: str | None = None, agent_id: str | None = None
    ) -> Document:
        """A memory with another value, and another key if one is given; raises what `create` does, and `NotFound`."""
        value = value.strip()
        tokens = self._measured(new_key or key, value)
        more = tokens - int(self._entries.get(caller.id, key, agent_id).get("tokenCount") or 0)
        if more > 0:
            self._refuse_full(caller.id, agent_id, more)
        return self._entries.change(
            caller.id, key, value=value, tokens=tokens, new_key=new_key, agent_id=agent_id
        )

    def delete(self, caller: Caller, key: str, agent_id: str | None = None) -> None:
        """Forget a memory; raises `NotFound`."""
        self._entries.delete(caller.id, key, agent_id)

    def prefer(self, caller: Caller, wanted: bool) -> bool:
        """Note whether the caller wants their chats to know the memories; what is noted."""
        self._users.prefer_memories(caller.id, wanted)
        return wanted

    def text(self, owner: str) -> str | None:
        """What a model is told in a chat of the owner's; None where there is nothing, or it is not wanted.

        It is not wanted where the operator has switched memories off, the role may not use them, or the user does not
        want them. Of more than 200 memories, or 64 KiB, the last changed are told. Raises `Unavailable`.
        """
        if not self._settings.enabled:
            return None
        memories = self._entries.newest(owner, count=MAX_TOLD, size=MAX_TOLD_BYTES)
        return told(reversed(memories)) if memories and self._is_wanted(owner) else None

    def is_open(self, owner: str) -> bool:
        """Whether models may write what is remembered of a user, who wants it, and whose role may do it too."""
        return self._settings.enabled and self._is_wanted(owner, "USE", "CREATE", "UPDATE")

    def known(self, owner: str) -> Sequence[Document]:
        """What is remembered of a user in all chats, the last changed first; bounded as `text`."""
        return self._entries.newest(owner, count=MAX_TOLD, size=MAX_TOLD_BYTES)

    def put(self, owner: str, key: str, value: str) -> Document:
        """Remember something in the place of what is under this key; raises what `create` does, but no `Conflict`."""
        value = value.strip()
        tokens = self._measured(key, value)
        before = next((each for each in self._entries.list(owner).documents() if _is(each, key)), None)
        more = tokens - int((before or {}).get("tokenCount") or 0)
        if more > 0:
            self._refuse_full(owner, None, more)
        if before is not None:
            return self._entries.change(owner, key, value=value, tokens=tokens)
        if self._entries.count(owner) >= MAX_MEMORIES:
            raise _too_many()
        return self._entries.create(owner, key, value, tokens=tokens)

    def forget(self, owner: str, key: str) -> None:
        """Forget what is under a key in all chats; raises `NotFound`."""
        self._entries.delete(owner, key)

    def room(self, owner: str) -> int | None:
        """How many tokens all chats may still remember, less than none where there is too much; None is no limit."""
        limit = self._settings.token_limit
        return None if limit is None else limit - self._entries.tokens(owner)

    def size(self, value: str) -> int:
        """The tokens of a memory."""
        return self._count(value.strip())

    @property
    def limit(self) -> int | None:
        """How many tokens all chats may remember of a user; None is no limit."""
        return self._settings.token_limit

    def _is_wanted(self, owner: str, *permissions: str) -> bool:
        user = self._users.get(owner)
        preferences = user.get("personalization")
        if isinstance(preferences, Mapping) and preferences.get("memories") is False:
            return False
        return self._access.role_allows(user.get("role") or "USER", "MEMORIES", *(permissions or ("USE",)))

    def _measured(self, key: str, value: str) -> int:
        if key == NOTHING:
            raise InvalidRequest(errors=(FieldError("key", "means that there is nothing to keep"),))
        if len(value) > self._settings.char_limit:
            raise Unprocessable(
                f"A memory may have no more than {self._settings.char_limit} characters.",
                code="memory_too_long",
            )
        return self._count(value)

    def _refuse_full(self, owner: str, agent_id: str | None, more: int) -> None:
        limit = self._settings.token_limit
        if limit is not None and self._entries.tokens(owner, agent_id) + more > limit:
            raise Unprocessable(
                f"All memories together may have no more than {limit} tokens.", code="memories_full"
            )


def _is(memory: Mapping[str, Any], key: str) -> bool:
    return memory.get("key") == key and memory.get("agentId") is None


def _too_many() -> Unprocessable:
    return Unprocessable(f"Nobody may have more than {MAX_MEMORIES} memories.", code="too_many_memories")


def told(memories: Iterable[Mapping[str, Any]]) -> str:
    """Memories for a model, the oldest first: numbered, with their dates and without their keys, as in LibreChat."""
    lines = []
    for number, memory in enumerate(memories, 1):
        moment = memory.get("updated_at")
        date = f"[{moment:%Y-%m-%d}]. " if isinstance(moment, datetime) else ""
        lines.append(f"{number}. {date}{memory.get('value')}")
    return "\n\n".join((HEADING, *lines))
