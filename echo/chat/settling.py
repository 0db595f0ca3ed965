"""Where the parameters of a run come from, in LibreChat's order."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from echo.chat.request import Asked, Settled, settle
from echo.chat.specs import Spec, Specs, refused
from echo.settings.endpoints import normal_name
from storage.core.errors import NotFound
from storage.library.assistants import AssistantRepository
from storage.library.presets import PresetRepository

Document = Mapping[str, Any]
# Of a conversation's own: what it was last held with says nothing about another endpoint, or another model spec.
OF_ENDPOINT = ("model", "modelLabel", "chatGptLabel", "iconURL")
# What a client may say of how an agent looks.
OF_LOOKS = ("greeting", "iconURL")


class Settling:
    """Settles what holds: the request, the conversation, the preset, the model spec, the assistant."""

    def __init__(self, presets: PresetRepository, assistants: AssistantRepository, specs: Specs) -> None:
        self._presets = presets
        self._assistants = assistants
        self._specs = specs

    def settle(
        self,
        owner: str,
        endpoint: str,
        asked: Asked,
        conversation: Document,
        fixed: Mapping[str, Any] | None = None,
    ) -> Settled:
        """What holds for one run; where something is `fixed`, nothing else counts.

        Raises `storage.core.errors.NotFound` for a preset or assistant that the request names, `Unprocessable`
        (`unusable_model_spec`).
        """
        spec = self._specs.choose(asked.parameters, conversation, endpoint)
        if fixed is not None:
            self._check_agent(spec, fixed)
            return _alone(fixed, asked, spec)
        if spec is not None and self._specs.enforced:
            # Nothing else counts then, as in LibreChat.
            return replace(_of_spec(settle(spec.preset, []), spec), kept=spec.kept)
        held_with = conversation.get("endpoint")
        stays = (held_with is None or normal_name(str(held_with)) == endpoint) and (
            spec is None or spec.name == conversation.get("spec")
        )
        of_conversation = {
            name: value for name, value in conversation.items() if stays or name not in OF_ENDPOINT
        }
        others: list[Document] = [of_conversation, self._preset(owner, asked.preset_id)]
        if spec is not None:
            others.append(spec.preset)
        named = asked.parameters.get("assistant_id")
        if assistant_id := named or of_conversation.get("assistant_id"):
            others.append(self._assistant(owner, str(assistant_id), is_named=bool(named)))
        settled = settle(asked.parameters, others)
        return settled if spec is None else _of_spec(settled, spec)

    def _check_agent(self, spec: Spec | None, fixed: Mapping[str, Any]) -> None:
        """Where specs are enforced, a spec of an agent is of no other."""
        if self._specs.enforced and spec and spec.preset.get("agent_id") != fixed.get("agent_id"):
            raise refused("The model spec is of another agent.", "is of another agent")

    def _preset(self, owner: str, preset_id: str | None) -> Document:
        if not preset_id:
            return {}
        return self._presets.get(owner, preset_id)

    def _assistant(self, owner: str, assistant_id: str, *, is_named: bool) -> Document:
        try:
            found = self._assistants.get(owner, assistant_id)
        except NotFound:
            if is_named:
                raise
            return {}
        return {name: found.get(name) for name in ("model", "instructions")}


def _alone(fixed: Mapping[str, Any], asked: Asked, spec: Spec | None) -> Settled:
    """What is fixed, under the picture that client or spec want; a conversation keeps no more than that."""
    kept = {name: asked.parameters[name] for name in OF_LOOKS if asked.parameters.get(name)}
    icon = kept.get("iconURL")
    settled = replace(settle(fixed, []), icon_url=icon, kept={**kept, **(spec.kept if spec else {})})
    return settled if spec is None else _with_icon(settled, spec)


def _of_spec(settled: Settled, spec: Spec) -> Settled:
    """With the spec's tools and its icon."""
    return replace(_with_icon(settled, spec), switched=spec.switched, artifacts=spec.artifacts)


def _with_icon(settled: Settled, spec: Spec) -> Settled:
    """A spec's own icon wins over any other, as in LibreChat."""
    return replace(settled, icon_url=spec.icon_url) if spec.icon_url else settled
