"""LibreChat's own paths for programs that ask agents: what `/v1` does, for agents alone."""

from typing import Any

from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.services import Services
from handlers import completions, responses
from handlers.librechat.schemas import remote_agents as schemas

Json = dict[str, Any]


def list_remote_agents(services: Services, caller: Caller) -> Json:
    """The agents that the caller's programs may ask, as models."""
    return {"object": "list", "data": schemas.model.dump_all(services.remote_agents.list(caller))}


def list_response_agents(services: Services, caller: Caller) -> Json:
    """The same, where LibreChat has it for its responses."""
    return list_remote_agents(services, caller)


def get_remote_agent(services: Services, caller: Caller, *, model: str) -> Json:
    """One of them."""
    return schemas.model.dump_one(services.remote_agents.get(caller, model))


def create_agent_completion(services: Services, caller: Caller, *, body: Json) -> Pending:
    """An agent's answer in the shape of a chat completion."""
    services.remote_agents.get(caller, body["model"])
    return completions.create_chat_completion(services, caller, body=body)


def create_agent_response(services: Services, caller: Caller, *, body: Json) -> Pending:
    """An agent's answer in the shape of the Responses API."""
    services.remote_agents.get(caller, body["model"])
    return responses.create_response(services, caller, body=body)


def get_agent_response(
    services: Services, caller: Caller, *, response_id: str, stream: bool, starting_after: int | None = None
) -> Json | Pending:
    """A response that was kept or is being made, or the stream of what it says."""
    return responses.get_response(
        services, caller, response_id=response_id, stream=stream, starting_after=starting_after
    )
