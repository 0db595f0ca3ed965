"""Prompts: groups with versions, of which one is in use, shared by grants."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echo.access import DELETE, EDIT, VIEW, Access, ResourceType
from echo.errors import NotFound, Unprocessable
from echo.handling.caller import Caller
from storage.access.principals import StoredId, stored_id
from storage.accounts.users import UserRepository
from storage.core.portions import PAGE_BYTES, WHOLE_BYTES, Reading, by_bytes
from storage.library.prompt_groups import PromptGroupRepository, Wanted
from storage.library.prompts import PromptRepository
from storage.library.shared_lists import Place, cut

Document = dict[str, Any]
GROUP = ResourceType.PROMPT_GROUP
# `category` of a list can also mean one of these (LibreChat's `SystemCategories`).
EVERY, MINE, SHARED, NONE = (
    f"sys__{name}__sys" for name in ("all", "my__prompts", "shared__prompts", "no__category")
)
MAX_GROUPS = 1000
MAX_VERSIONS = 200
NAMELESS = "Unknown"


@dataclass(frozen=True)
class PromptPage:
    """Some groups, each with `productionPrompt` and `isPublic`, and the cursor of those after them."""

    groups: list[Document]
    next_cursor: str | None


@dataclass(frozen=True)
class Made:
    """A version, and the group that was made with it."""

    prompt: Document
    group: Document


@dataclass(frozen=True)
class Deleted:
    """The group that went with its last version, None if it had others."""

    group_id: str | None


class Prompts:
    """What callers do with prompts.

    Every method raises `echo.errors.Forbidden` to a caller who may see a group and not do this with it, and
    `NotFound` for what does not exist or may not be seen. What the role must allow the contract says.
    """

    def __init__(
        self, access: Access, groups: PromptGroupRepository, prompts: PromptRepository, users: UserRepository
    ) -> None:
        self._access = access
        self._groups = groups
        self._prompts = prompts
        self._users = users

    def create(self, caller: Caller, prompt: Document, group: Document) -> Made:
        """A new group with its first version, which is in use; raises `Unprocessable` for one too many."""
        if self._groups.count(caller.id) >= MAX_GROUPS:
            raise Unprocessable(f"Nobody may have more than {MAX_GROUPS} prompts.", code="too_many_prompts")
        user = self._users.get(caller.id)
        group_id, prompt_id = StoredId(), StoredId()
        self._access.own(caller.id, GROUP, group_id)
        version = self._prompts.create(caller.id, prompt, group=group_id, prompt=prompt_id)
        made = self._groups.create(
            caller.id,
            group,
            group=group_id,
            production=prompt_id,
            author_name=user.get("name") or user.get("username") or NAMELESS,
        )
        return Made(version, {**made, "productionPrompt": {"prompt": version["prompt"]}})

    def list_page(
        self, caller: Caller, *, name: str | None, category: str | None, limit: int, cursor: str | None
    ) -> PromptPage:
        """One page of the groups that were shared with the caller, the most used first.

        Raises `BrokenCursor`. A page ends early where its texts are very long.
        """
        places, production = self._places(caller, name, category)
        page, next_cursor = cut(places, cursor, limit, PAGE_BYTES)
        return PromptPage(self._shown([place.id for place in page], production), next_cursor)

    def list_all(self, caller: Caller, *, name: str | None, category: str | None) -> Reading:
        """All of them, each with the text of its version in use."""
        places, production = self._places(caller, name, category)
        sizes = [(place.id, place.size) for place in places]
        if sum(size for _, size in sizes) <= WHOLE_BYTES:
            return Reading([self._shown([place.id for place in places], production)], True, WHOLE_BYTES)

        def portions() -> Iterator[list[Document]]:
            for ids in by_bytes(sizes):
                yield self._shown(ids, production)

        return Reading(portions(), False, max(WHOLE_BYTES, *(size for _, size in sizes)))

    def _places(
        self, caller: Caller, name: str | None, category: str | None
    ) -> tuple[Sequence[Place], Mapping[StoredId, StoredId]]:
        wanted = Wanted(
            name=name or None,
            category={EVERY: None, MINE: None, SHARED: None, NONE: "", "": None}.get(
                category or "", category
            ),
            author=caller.id if category == MINE else None,
            not_author=caller.id if category == SHARED else None,
        )
        places = self._groups.places(self._access.accessible(caller, GROUP, VIEW), wanted)
        production = self._groups.productions([place.id for place in places])
        sizes = self._prompts.sizes(production.values())
        measured = [
            Place(place.position, sizes.get(production.get(place.id, place.id), 0)) for place in places
        ]
        return measured, production

    def _shown(self, ids: Sequence[StoredId], production: Mapping[StoredId, StoredId]) -> list[Document]:
        texts = self._prompts.texts([production[each] for each in ids if each in production])
        public = self._access.public(GROUP)
        return [
            {
                **group,
                "productionPrompt": texts.get(production.get(group["_id"], group["_id"])),
                "isPublic": group["_id"] in public,
            }
            for group in self._groups.read(ids)
        ]

    def get(self, caller: Caller, group_id: str) -> Document:
        """One group with its version in use."""
        group = self._group(caller, group_id, VIEW)
        return {**group, "productionPrompt": self._prompts.find(group.get("productionId"))}

    def update(self, caller: Caller, group_id: str, changes: Document) -> Document:
        """Change the named fields of a group."""
        return self._groups.update(self._group(caller, group_id, EDIT)["_id"], changes)

    def delete(self, caller: Caller, group_id: str) -> None:
        """Delete a group with all versions and grants."""
        self._delete(self._group(caller, group_id, DELETE)["_id"])

    def use(self, caller: Caller, group_id: str) -> int:
        """Count a use; how many there were."""
        return self._groups.use(self._group(caller, group_id, VIEW)["_id"])

    def add_version(self, caller: Caller, group_id: str, prompt: Document) -> Document:
        """A new version, not in use yet; raises `Unprocessable` for one too many."""
        group = self._group(caller, group_id, EDIT)["_id"]
        if self._prompts.count(group) >= MAX_VERSIONS:
            raise Unprocessable(
                f"A prompt may have no more than {MAX_VERSIONS} versions.", code="too_many_versions"
            )
        return self._prompts.create(caller.id, prompt, group=group)

    def list_versions(self, caller: Caller, group_id: str | None) -> Reading:
        """All versions of a group; without one, all that the caller wrote."""
        if group_id is None:
            return self._prompts.list_own(caller.id)
        return self._prompts.list_group(self._group(caller, group_id, VIEW)["_id"])

    def get_version(self, caller: Caller, prompt_id: str) -> Document:
        """One version."""
        return self._version(caller, prompt_id, VIEW)

    def put_in_production(self, caller: Caller, prompt_id: str) -> None:
        """Make a version the one in use."""
        prompt = self._version(caller, prompt_id, EDIT)
        self._groups.put_in_production(prompt["groupId"], prompt["_id"])

    def delete_version(self, caller: Caller, prompt_id: str, group_id: str | None) -> Deleted:
        """Delete a version; the newest other one takes its place, and the group goes with its last.

        Raises `NotFound` for a version of another group than the one that is named.
        """
        prompt = self._version(caller, prompt_id, DELETE)
        group = prompt["groupId"]
        if group_id is not None and group_id != str(group):
            raise NotFound
        self._prompts.delete(prompt["_id"])
        newest = self._prompts.newest(group)
        if newest is None:
            self._delete(group)
            return Deleted(str(group))
        self._groups.put_in_production(group, newest, instead_of=prompt["_id"])
        return Deleted(None)

    def _group(self, caller: Caller, group_id: str, needed: int) -> Document:
        self._access.require(caller, GROUP, group_id, needed)
        return self._groups.get(StoredId(group_id))

    def _version(self, caller: Caller, prompt_id: str, needed: int) -> Document:
        stored = stored_id(prompt_id)
        if stored is None:
            raise NotFound
        prompt = self._prompts.get(stored)
        self._access.require(caller, GROUP, prompt["groupId"], needed)
        return prompt

    def _delete(self, group: StoredId) -> None:
        # What is deleted first is found again by what is left: the group by its grants, its versions by the group.
        self._prompts.delete_group(group)
        self._groups.delete(group)
        self._access.forget(GROUP, [group])
