"""How files are searched, and who writes memories."""

from collections.abc import Callable

import pytest

from echo.settings import SettingsError
from echo.settings.agents import FileSearchSettings, MemoryAgent, MemorySettings
from echo.settings.librechat import file_search
from tests.settings.conftest import Load

Faults = Callable[..., list[str]]


def test_files_are_searched_by_words_with_librechats_citations(load: Load) -> None:
    expected = FileSearchSettings(None, None, 30, 7, 0.45)
    assert load("").file_search == expected
    # Empty, as in a file that names all.
    assert load("", ECHO_EMBEDDINGS_MODEL="", RAG_API_URL="").file_search == expected


def test_the_operator_says_otherwise(load: Load) -> None:
    rules = "endpoints: {agents: {maxCitations: 5, maxCitationsPerFile: 2, minRelevanceScore: 0}}"
    environ = {"ECHO_EMBEDDINGS_MODEL": "openAI/m", "RAG_API_URL": "http://rag:8000"}
    assert load(rules, **environ).file_search == FileSearchSettings("openAI/m", "http://rag:8000", 5, 2, 0.0)


@pytest.mark.parametrize(
    ("name", "value"), [("ECHO_EMBEDDINGS_MODEL", "text-embedding-3-small"), ("RAG_API_URL", "rag:8000")]
)
def test_what_cannot_be_is_refused(load: Load, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load("", **{name: value})


def test_embeddings_need_their_extra(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_search.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"pip install 'echo-api\[embeddings\]'"):
        load("", ECHO_EMBEDDINGS_MODEL="openAI/m")
    with pytest.raises(SettingsError, match=r"pip install 'echo-api\[embeddings-offline\]'"):
        load("", ECHO_EMBEDDINGS_MODEL="offline")


def test_an_endpoint_without_a_key_is_told(load: Load) -> None:
    told = "ECHO_EMBEDDINGS_MODEL names no endpoint that has a key: files are searched by words."
    assert told in load("", ECHO_EMBEDDINGS_MODEL="openAI/m").notices
    assert told not in load("", ECHO_EMBEDDINGS_MODEL="offline").notices
    assert told not in load("", ECHO_EMBEDDINGS_MODEL="openAI/m", OPENAI_API_KEY="sk").notices


def test_limits_of_citations_are_librechats(faults: Faults) -> None:
    rules = "endpoints: {agents: {maxCitations: 51, maxCitationsPerFile: 0, minRelevanceScore: 1.5}}"
    assert len(faults(rules)) == 3


def test_who_writes_memories(load: Load) -> None:
    assert load("memory: {tokenLimit: 9}").memory.agent is None
    assert load("memory: {agent: {enabled: false, id: agent_1}}").memory.agent is None
    by_id = "memory: {agent: {id: agent_1}, messageWindowSize: 3, maxInputTokens: 7, validKeys: [a]}"
    assert load(by_id).memory == MemorySettings(
        asked_for=True, keys=("a",), agent=MemoryAgent("agent_1"), window=3, input_tokens=7
    )
    model = "{provider: openAI, model: m, instructions: x, model_parameters: {temperature: 0}}"
    assert load(f"memory: {{agent: {model}}}").memory.agent == MemoryAgent(None, "openAI", "m", "x", 0.0)


def test_an_agent_that_names_nobody_is_refused(faults: Faults) -> None:
    [fault] = faults("memory: {agent: {provider: openAI}}")
    assert fault.endswith("memory.agent must have an id, or a provider and a model.")
