"""What a user wants every chat to know reaches the model."""

from typing import Any

from tests.chat.test_asking import MakeChat, sent


def system(talk: Any) -> str | None:
    first = sent(talk.provider)["messages"][0]
    return str(first["content"]) if first["role"] == "system" else None


def test_memories_are_told_after_the_prompt_and_not_kept_with_the_conversation(chat: MakeChat) -> None:
    talk = chat()
    talk.user.ask("One")
    assert system(talk) is None
    kept = talk.user.request("POST", "/chat/api/memories", json={"key": "likes", "value": "green tea"})
    date = kept.json()["memory"]["updated_at"][:10]
    memory = f"# What the user wants you to know about them\n\n1. [{date}]. green tea"
    events = talk.user.ask("One")
    assert system(talk) == memory
    talk.user.ask("Two", promptPrefix="Be brief.")
    assert system(talk) == f"Be brief.\n\n{memory}"
    assert "green tea" not in str(events[-1].data["conversation"])
    talk.user.request("PATCH", "/chat/api/memories/preferences", json={"memories": False})
    talk.user.ask("Three", promptPrefix="Be brief.")
    assert system(talk) == "Be brief."
