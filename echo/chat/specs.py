"""Model specs: the choices that the operator has written down in `librechat.yaml`, each a preset under a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from echo.chat.wanting import switches
from echo.errors import FieldError, Unprocessable
from echo.settings.endpoints import BESIDE

Json = Mapping[str, Any]
# What a spec calls the tools that it switches on.
SWITCHES = {
    "web_search": "webSearch",
    "file_search": "fileSearch",
    "execute_code": "executeCode",
    "memory": "memory",
}


@dataclass(frozen=True)
class Spec:
    """One of them. What its preset tells the model is the operator's own: it is sent and not stored."""

    name: str
    preset: Json = field(repr=False)
    icon_url: str | None = None
    switched: tuple[str, ...] = ()
    artifacts: str | None = None

    @property
    def kept(self) -> dict[str, Any]:
        """What a conversation is told of it."""
        return {"spec": self.name, **({"iconURL": self.icon_url} if self.icon_url else {})}


class Specs:
    """LibreChat's `modelSpecs`. Where they are `enforced`, nobody chats without one."""

    def __init__(self, listed: Sequence[Json], *, enforced: bool) -> None:
        self._specs = {each["name"]: each for each in listed}
        # As in LibreChat: an empty list enforces nothing.
        self.enforced = enforced and bool(self._specs)

    def choose(self, asked: Json, conversation: Json, endpoint: str) -> Spec | None:
        """The spec of a request, or where that names neither spec nor another model, of its conversation.

        An unknown name is none. Raises `Unprocessable` (`unusable_model_spec`) for a spec of another endpoint, and
        for a request without a spec where they are enforced.
        """
        found = self._find(asked.get("spec"))
        if found is None and self.enforced:
            raise refused("This server lets you chat with its model specs only.", "must name a model spec")
        if found is None:
            return self._of_conversation(asked, conversation, endpoint)
        if not _is_of(found, endpoint):
            raise refused("The model spec is of another endpoint.", "is of another endpoint")
        return found

    def _of_conversation(self, asked: Json, conversation: Json, endpoint: str) -> Spec | None:
        found = None if asked.get("spec") else self._find(conversation.get("spec"))
        if found is None or not _is_of(found, endpoint):
            return None
        return found if asked.get("model") in (None, found.preset.get("model")) else None

    def _find(self, name: Any) -> Spec | None:
        found = self._specs.get(name) if isinstance(name, str) else None
        return spec_of(found) if found else None


def spec_of(listed: Json) -> Spec:
    """A spec as it is listed, with the tools that it switches on."""
    servers = listed.get("mcpServers")
    said = {name: listed.get(key) for name, key in SWITCHES.items()}
    artifacts = listed.get("artifacts")
    return Spec(
        listed["name"],
        listed["preset"],
        listed.get("iconURL") or None,
        switches(said, servers if isinstance(servers, list) else ()),
        "default" if artifacts is True else artifacts or None,
    )


def _is_of(spec: Spec, endpoint: str) -> bool:
    named = spec.preset.get("endpoint")
    return isinstance(named, str) and endpoint in (named, BESIDE.get(named))


def refused(sentence: str, reason: str) -> Unprocessable:
    """The error for a spec that does not fit the request."""
    return Unprocessable(sentence, code="unusable_model_spec", errors=(FieldError("spec", reason),))
