"""The README's sessions run as they are printed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.providers import Reply, openai_server
from tests.support.server import RunningServer, start_server
from tests.support.streams import parse

ROOT = Path(__file__).parents[1]
ANSWER = ["A promise ", "that is kept."]
MARK = "-- the session ends here --"


def blocks(language: str) -> list[str]:
    """The README's blocks of code in a language."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with openai_server(Reply(ANSWER)) as provider:
        environ = {
            "OPENAI_API_KEY": "sk-tests-only",
            "OPENAI_REVERSE_PROXY": provider.url,
            "OPENAI_MODELS": "gpt-4o",
        }
        server = start_server(tmp_path_factory.mktemp("readme"), environ=environ)
        yield server
        server.kill()


@pytest.fixture(scope="module")
def printed(server: RunningServer) -> list[str]:
    """What the two sessions print, one after the other; and a key for programs."""
    script = f"\necho '{MARK}'\n".join([*blocks("bash"), "echo $KEY"])
    script = script.replace("http://127.0.0.1:3080", server.url)
    script = re.sub(r"\bcurl -s", "curl --fail-with-body -Ss", script)
    run = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.split(f"{MARK}\n")


def test_the_session_runs(printed: list[str]) -> None:
    answers = [json.loads(line) for line in printed[0].splitlines()]
    assert answers[1]["text"] == "What is a contract?", (
        "the README says that the second answer is the stored message"
    )
    user, question, reply, listed, found, fork = answers
    assert user["role"] == "admin"
    assert question["tokenCount"] == 5
    assert reply["parentMessageId"] == question["messageId"]
    assert [each["conversationId"] for each in listed["conversations"]] == ["first"]
    assert found["conversations"] == listed["conversations"]
    assert [each["text"] for each in fork["messages"]] == ["What is a contract?"]


def test_the_chat_runs(printed: list[str]) -> None:
    stream, _, completion = printed[1].rstrip().rpartition("\n")
    events = [event.data for event in parse([*stream.splitlines(), ""])]
    assert events[0]["created"] is True
    final = events[-1]
    assert final["final"] is True
    assert final["responseMessage"]["content"] == [{"type": "text", "text": "".join(ANSWER)}]
    answer = json.loads(completion)
    assert answer["choices"][0]["message"]["content"] == "".join(ANSWER)
    assert answer["conversation_id"]


def test_openais_client_runs(server: RunningServer, printed: list[str]) -> None:
    [program] = blocks("python")
    environ = {"PATH": os.environ["PATH"], "ECHO": server.url, "KEY": printed[2].strip()}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.returncode) == ("".join(ANSWER), 0), run.stderr


def test_a_server_for_contract_tests_starts(tmp_path: Path) -> None:
    [script] = blocks("sh")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        ["sh", "-euc", f"trap 'kill $!; wait' EXIT\n{script}\ncurl -sf $ECHO_URL/health"],
        env={"PATH": path, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert run.stdout == "database: ok\nfiles: ok\nOK", run.stdout + run.stderr


def headings(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    names = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in names}


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, _, anchor in re.findall(r"\]\(([^)#:]*)(#([^)]*))?\)", page.read_text(encoding="utf-8")):
        there = page.parent / target if target else page
        assert there.exists(), target
        assert not anchor or anchor in headings(there), f"{target}#{anchor}"
