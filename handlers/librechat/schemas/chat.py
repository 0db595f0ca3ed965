"""Requests to chat with what only LibreChat's contract has, as what `echo.chat` takes."""

from typing import Any

from marshmallow import fields, post_load, pre_load

from echo.chat.request import Added, Asked, Edited
from echo.chat.steering import Said
from echo.chat.wanting import NO_SERVERS, switches
from handlers.schemas.base import Input, Text, Whole
from handlers.schemas.chat import AbortSchema, AskedSchema, ParametersSchema, given

Json = dict[str, Any]
# The newest version of LibreChat's protocol of runs that Echo speaks; whatever else is asked for is 1.
PROTOCOL = 2
# What can be switched on for one message, and the type of permission that each needs.
TOOLS = {
    "web_search": "WEB_SEARCH",
    "execute_code": "RUN_CODE",
    "file_search": "FILE_SEARCH",
    "mcp": "MCP_SERVERS",
    "skills": "SKILLS",
}


class EditedSchema(Input):
    """A part of an answer as its reader has changed it."""

    index = Whole()
    kind = Text(data_key="type")
    text = Text()
    think = Text()

    @post_load
    def make(self, data: Json, **_: Any) -> Edited:
        """The part; one without words has none left."""
        return Edited(data["index"], data["kind"], data.get(data["kind"]) or "")


class LibreChatAskedSchema(AskedSchema):
    """A request to chat, as `echo.chat.request.Asked`, without its parameters and its second model."""

    agent_id = Text()
    project_id = Text(data_key="chatProjectId")
    quotes = fields.List(fields.String())
    edited = fields.Nested(EditedSchema, data_key="editedContent")
    recovers = Text(data_key="recoverySteerId")
    predecessor = Whole(data_key="expectedPredecessorCreatedAt")

    @pre_load
    def drop_inner_nulls(self, data: Json, **_: Any) -> Json:
        """A null is nothing."""
        edited = data.get("editedContent")
        return {**data, "editedContent": given(edited)} if edited else data


class SaidSchema(Input):
    """A message during a run, as `echo.chat.steering.Said`."""

    conversation_id = Text(data_key="conversationId")
    text = Text()
    client_id = Text(data_key="clientSteerId")
    created_at = Whole(data_key="generationCreatedAt")
    files = fields.List(fields.Dict())

    @pre_load
    def drop_nulls(self, data: Json, **_: Any) -> Json:
        """A null is nothing."""
        return given(data)

    @post_load
    def make(self, data: Json, **_: Any) -> Said:
        """The message without the space around it, as LibreChat keeps it."""
        files = tuple(each["file_id"] for each in data.pop("files", ()))
        return Said(**{**data, "text": data["text"].replace("\0", "").strip()}, files=files)


class SteerChangeSchema(Input):
    """Which message of a run is meant."""

    conversation_id = Text(data_key="conversationId")
    steer_id = Text(data_key="steerId")


def protocol(version: int | None) -> int:
    """The version of the protocol that holds for what a client asks for."""
    return PROTOCOL if version == PROTOCOL else 1


def protocol_of(body: Json) -> int:
    """The same for a body."""
    return protocol(body.get("generationProtocolVersion"))


def asked(body: Json) -> Asked:
    """What a body asks for."""
    said = given(body)
    loaded = _asked.load(said)
    files = tuple(each["file_id"] for each in loaded.pop("files", ()))
    quotes = tuple(loaded.pop("quotes", ()))
    parameters = _parameters.load(said)
    return Asked(
        **loaded,
        files=files,
        quotes=quotes,
        parameters=parameters,
        added=added(said.get("addedConvo")),
        protocol=protocol_of(said),
        **toggles_of(given(said.get("ephemeralAgent") or {})),
    )


def toggles_of(said: Json) -> Json:
    """What is switched on under the composer (LibreChat's `ephemeralAgent`), and the permissions for it."""
    servers = [each for each in said.get("mcp", ()) if each != NO_SERVERS]
    needed = tuple(kind for name, kind in TOOLS.items() if (servers if name == "mcp" else said.get(name)))
    return {
        "tools": needed,
        "switched": switches(said, servers),
        "artifacts": mode_of(said.get("artifacts")),
    }


def mode_of(artifacts: Any) -> str | None:
    """LibreChat's mode of artifacts; a switch that is on means the usual one."""
    return "default" if artifacts is True else artifacts or None


def added(convo: Json | None) -> Added | None:
    """The second model; None for one without a name, as in LibreChat."""
    said = given(convo or {})
    if not said.get("endpoint") or not (said.get("model") or said.get("agent_id")):
        return None
    return Added(said["endpoint"], said.get("agent_id"), _parameters.load(said))


def endpoint_of(body: Json) -> str:
    """The endpoint that a body names; LibreChat's path without one is that of agents."""
    return body.get("endpoint") or "agents"


def abort_target(body: Json) -> Json:
    """Which run to end, as arguments of `echo.chat.service.ChatService.abort`."""
    return {**_abort.load(body), "protocol": protocol_of(body)}


_asked = LibreChatAskedSchema()
_parameters = ParametersSchema()
_abort = AbortSchema()
said = SaidSchema()
steer_change = SteerChangeSchema()
