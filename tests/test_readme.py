"""The README's session runs as it is printed."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.server import start_server

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_session_runs(tmp_path: Path) -> None:
    [session] = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    server = start_server(tmp_path)
    try:
        script = session.replace("http://127.0.0.1:3080", server.url).replace(
            "curl -s", "curl -sS --fail-with-body"
        )
        run = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=False)
    finally:
        server.kill()
    assert run.returncode == 0, run.stdout + run.stderr
    decoder, answers, rest = json.JSONDecoder(), [], run.stdout
    while rest:
        answer, end = decoder.raw_decode(rest)
        answers.append(answer)
        rest = rest[end:]
    user, question, reply, listed, found, fork = answers
    assert user["role"] == "admin"
    assert question["tokenCount"] == 5
    assert reply["parentMessageId"] == question["messageId"]
    assert [each["conversationId"] for each in listed["conversations"]] == ["first"]
    assert found["conversations"] == listed["conversations"]
    assert [each["text"] for each in fork["messages"]] == ["What is a contract?"]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
