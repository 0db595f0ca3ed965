"""A chat in which a model runs code: with the files of the chat, and with what earlier answers left."""

from collections.abc import Callable, Iterator

import pytest

from tests.chat.conftest import Chat
from tests.support.code_interpreter import KEY, Interpreter, code_interpreter
from tests.support.providers import Reply
from tests.support.providers.replies import Called as Call
from tests.support.routes import Service
from tests.support.streams import librechats

MakeChat = Callable[..., Chat]
Code = tuple[Service, Interpreter]
RUNS = {"ephemeralAgent": {"execute_code": True}}


@pytest.fixture
def code() -> Iterator[Code]:
    with code_interpreter() as running:
        yield running


def runs(program: str, call_id: str) -> Reply:
    arguments = '{"lang": "py", "code": "%s"}' % program.replace("\n", "\\n")  # noqa: UP031
    return Reply(calls=(Call("execute_code", (arguments,), call_id),))


def test_a_program_finds_files_of_the_chat_and_of_earlier_answers(chat: MakeChat, code: Code) -> None:
    service, interpreter = code
    replies = (
        runs("show data.csv\nwrite sum.txt 3", "call_a"),
        Reply(["It is 3."]),
        runs("show data.csv\nshow sum.txt", "call_b"),
        Reply(["Still 3."]),
    )
    environ = {"LIBRECHAT_CODE_BASEURL": service.url, "LIBRECHAT_CODE_API_KEY": KEY}
    made = chat(*replies, TITLE_CONVO="false", **environ)
    user, provider = librechats(made.user), made.provider
    uploaded = user.request(
        "POST",
        "/api/files",
        files={"file": ("data.csv", b"1,2", "text/csv")},
        data={"tool_resource": "execute_code", "message_file": "true"},
    ).json()
    events = user.ask("Add them", files=[{"file_id": uploaded["file_id"]}], **RUNS)
    first, second = [each.json for each in provider.chats]
    assert "- /mnt/data/data.csv" in first["messages"][0]["content"]
    # The file itself is not sent: programs find it.
    assert "1,2" not in str(first)
    assert second["messages"][-1]["content"] == "stdout:\n1,2\nFiles: sum.txt"
    [told] = [each.data for each in events if each.name == "attachment"]
    answer = events[-1].data["responseMessage"]
    [stored] = user.messages(answer["conversationId"])[-1]["attachments"]
    assert (told["filename"], told["toolCallId"], told["text"]) == ("sum.txt", "call_a", "3")
    assert stored == told
    again = {"conversationId": answer["conversationId"], "parentMessageId": answer["messageId"]}
    user.ask("And now?", **again, **RUNS)
    assert provider.chats[3].json["messages"][-1]["content"] == "stdout:\n1,2\n3"
    assert sorted(each["name"] for each in interpreter.programs[1]["files"]) == ["data.csv", "sum.txt"]
