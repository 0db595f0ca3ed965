"""Skills: instructions by name, shared by grants. Echo keeps them, and gives none to a model yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from echo.access import DELETE, EDIT, VIEW, Access, ResourceType
from echo.errors import Conflict, FieldError, InvalidRequest, Unprocessable
from echo.files import FileStore
from echo.handling.caller import Caller
from storage.access.principals import StoredId, stored_id
from storage.accounts.users import UserRepository
from storage.core.portions import PAGE_BYTES
from storage.library.shared_lists import cut
from storage.library.skills import SkillFileRepository, SkillRepository

Document = dict[str, Any]
SKILL = ResourceType.SKILL
MAX_SKILLS = 500
NAMELESS = "Unknown"
# Names of commands of clients, and how names of others' own skills begin (LibreChat's model).
RESERVED = frozenset(("help", "clear", "compact", "model", "exit", "quit", "settings", "anthropic", "claude"))
RESERVED_BEGINNINGS = ("anthropic-", "claude-")


@dataclass(frozen=True)
class SkillPage:
    """Some skills with `isPublic` and without their bodies, and the cursor of those after them."""

    skills: list[Document]
    next_cursor: str | None


class Skills:
    """What callers do with skills.

    Every method raises `echo.errors.Forbidden` to a caller who may see a skill and not do this with it, and
    `NotFound` for what does not exist or may not be seen. What the role must allow the contract says.
    """

    def __init__(
        self,
        access: Access,
        skills: SkillRepository,
        files: SkillFileRepository,
        users: UserRepository,
        store: FileStore,
    ) -> None:
        self._access = access
        self._skills = skills
        self._files = files
        self._users = users
        self._store = store

    def list_page(
        self, caller: Caller, *, category: str | None, text: str | None, limit: int, cursor: str | None
    ) -> SkillPage:
        """One page of the skills that were shared with the caller, the last changed first; raises `BrokenCursor`."""
        ids = self._access.accessible(caller, SKILL, VIEW)
        places = self._skills.places(ids, category=category, text=text)
        page, next_cursor = cut(places, cursor, limit, PAGE_BYTES)
        public = self._access.public(SKILL)
        skills = [
            {**skill, "isPublic": skill["_id"] in public}
            for skill in self._skills.read(place.id for place in page)
        ]
        return SkillPage(skills, next_cursor)

    def create(self, caller: Caller, fields: Document) -> Document:
        """A new skill.

        Raises `InvalidRequest` for a name that is reserved, `storage.core.errors.Conflict` for one that the caller
        has already, and `Unprocessable` for one too many.
        """
        refuse_reserved(fields["name"])
        if self._skills.count(caller.id) >= MAX_SKILLS:
            raise Unprocessable(f"Nobody may have more than {MAX_SKILLS} skills.", code="too_many_skills")
        user, skill_id = self._users.get(caller.id), StoredId()
        self._access.own(caller.id, SKILL, skill_id)
        made = self._skills.create(
            caller.id,
            with_derived(fields),
            skill=skill_id,
            author_name=user.get("name") or user.get("username") or NAMELESS,
        )
        return {**made, "isPublic": False}

    def get(self, caller: Caller, skill_id: str) -> Document:
        """One skill, all of it."""
        return self._shown(self._skill(caller, skill_id, VIEW))

    def update(self, caller: Caller, skill_id: str, version: int, changes: Document) -> Document:
        """Change the named fields of a version; raises what `create` does, and `Conflict` for another version."""
        if not changes:
            raise InvalidRequest(errors=(FieldError("body", "names nothing to change"),))
        if changes.get("name") is not None:
            refuse_reserved(changes["name"])
        skill = self._skill(caller, skill_id, EDIT)
        if skill.get("version") != version:
            raise Conflict("Somebody else has changed the skill meanwhile.", code="skill_changed")
        return self._shown(self._skills.update(skill["_id"], version, with_derived(changes)))

    def delete(self, caller: Caller, skill_id: str) -> None:
        """Delete a skill with its files and its grants."""
        skill = self._skill(caller, skill_id, DELETE)["_id"]
        files = self._files.list_skill(skill)
        self._files.delete_skill(skill)
        self._skills.delete(skill)
        self._access.forget(SKILL, [skill])
        for each in files:
            self._store.delete({**each, "user": str(each.get("author"))})

    def list_files(self, caller: Caller, skill_id: str) -> list[Document]:
        """What is known of the files of a skill."""
        return self._files.list_skill(self._skill(caller, skill_id, VIEW)["_id"])

    def demanded(self, caller: Caller, skill_id: str, needed: int) -> Document:
        """A skill with which the caller may do this, as it is stored."""
        return self._skill(caller, skill_id, needed)

    def states(self, caller: Caller) -> dict[str, bool]:
        """Which skills the caller has switched on or off, by id; of those that they may see."""
        return self._visible(caller, self._users.get(caller.id).get("skillStates"))

    def set_states(self, caller: Caller, states: Mapping[str, bool]) -> dict[str, bool]:
        """Switch skills on or off, and forget what is not named; what is kept, as `states` has it."""
        kept = self._visible(caller, states)
        self._users.set_skill_states(caller.id, kept)
        return kept

    def _visible(self, caller: Caller, states: Any) -> dict[str, bool]:
        said = {
            stored: state
            for name, state in (states.items() if isinstance(states, Mapping) else ())
            if isinstance(state, bool) and (stored := stored_id(name)) is not None
        }
        if not said:
            return {}
        known = self._skills.existing(said) & set(self._access.accessible(caller, SKILL, VIEW))
        return {str(stored): state for stored, state in said.items() if stored in known}

    def _skill(self, caller: Caller, skill_id: str, needed: int) -> Document:
        self._access.require(caller, SKILL, skill_id, needed)
        return self._skills.get(StoredId(skill_id))

    def _shown(self, skill: Document) -> Document:
        return {**skill, "isPublic": self._access.is_public(SKILL, skill["_id"])}


def refuse_reserved(name: str) -> None:
    """Raise `InvalidRequest` for a name that no skill may have."""
    if name in RESERVED or name.startswith(RESERVED_BEGINNINGS):
        raise InvalidRequest(errors=(FieldError("name", "is reserved"),))


def with_derived(fields: Document) -> Document:
    """The fields, with those that LibreChat reads from the front matter; a field that is given wins."""
    front = fields.get("frontmatter")
    if not isinstance(front, Mapping):
        return fields
    tools = front.get("allowed-tools")
    derived: Document = {
        "disableModelInvocation": front.get("disable-model-invocation") is True,
        "userInvocable": front.get("user-invocable") is not False,
        "allowedTools": [tools] if isinstance(tools, str) and tools else tools,
    }
    always = front.get("always-apply", front.get("alwaysApply"))
    if isinstance(always, bool):
        derived["alwaysApply"] = always
    if not isinstance(derived["allowedTools"], list):
        derived["allowedTools"] = None
    return {**derived, **fields}
