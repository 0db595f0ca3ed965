"""OpenAI's own client drives LibreChat's paths for agents (`/api/agents/v1`)."""

from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.completions.conftest import User, asked
from tests.support.providers import ProviderServer

ABSENT = "agent_" + "x" * 21


def of_agents(user: User) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{user.server.url}/chat/api/agents/v1", api_key=user.api_key, max_retries=0
    )


@pytest.fixture
def client(ada: User) -> Iterator[openai.OpenAI]:
    with of_agents(ada) as made:
        yield made


@pytest.fixture
def agent(ada: User) -> str:
    body = {"name": "Poet", "provider": "openAI", "model": "gpt-4o", "instructions": "Rhyme."}
    headers = {"Authorization": f"Bearer {ada.token}"}
    made = httpx.post(f"{ada.server.url}/chat/api/agents", json=body, headers=headers)
    return str(made.json()["id"])


def test_lists_agents_alone(client: openai.OpenAI, agent: str) -> None:
    listed = client.models.list().data
    assert [(each.id, each.owned_by) for each in listed] == [(agent, "librechat")]
    found = client.models.retrieve(agent)
    assert found == listed[0]
    assert found.model_extra == {"root": agent, "name": "Poet", "provider": "openAI"}
    assert found.created > 1_700_000_000


def test_completes_chats(client: openai.OpenAI, agent: str, provider: ProviderServer) -> None:
    question = f"Who is {agent}?"
    said = client.chat.completions.create(model=agent, messages=[{"role": "user", "content": question}])
    assert said.choices[0].message.content == "Hello wörld."
    [received] = asked(provider, question)
    assert received.json["messages"][0] == {"role": "system", "content": "Rhyme."}
    chunks = client.chat.completions.create(
        model=agent, messages=[{"role": "user", "content": question}], stream=True
    )
    assert "".join(each.choices[0].delta.content or "" for each in chunks) == "Hello wörld."


def test_responds_and_is_read_again(client: openai.OpenAI, agent: str) -> None:
    made = client.responses.create(model=agent, input="Hi")
    assert made.output_text == "Hello wörld."
    assert client.responses.retrieve(made.id).output_text == "Hello wörld."
    with client.responses.stream(model=agent, input="And?", previous_response_id=made.id) as stream:
        assert list(stream)[-1].response.output_text == "Hello wörld."  # type: ignore[union-attr]


@pytest.mark.parametrize("whose", ["nobody's", "another user's", "a mere model"])
def test_what_is_no_agent_of_ones_own_is_not_found(bob: User, agent: str, whose: str) -> None:
    model = {"nobody's": ABSENT, "another user's": agent, "a mere model": "openAI/gpt-4o"}[whose]
    with of_agents(bob) as client:
        for ask in (
            lambda: client.models.retrieve(model.rpartition("/")[2]),
            lambda: client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi"}]),
            lambda: client.responses.create(model=model, input="Hi"),
        ):
            with pytest.raises(openai.NotFoundError) as caught:
                ask()
            assert caught.value.code == "model_not_found"
        assert client.models.list().data == []
