"""llm, the command line: a model of another server in its file, asked whole, as a stream, in a form, with tools."""

import json
import os
import subprocess
import sys
from pathlib import Path

FUNCTIONS = '''
def get_weather(place: str) -> str:
    """The weather of a place."""
    return f"sunny in {place}"

def get_time() -> str:
    """What time it is."""
    return "noon"
'''
LINES = [
    "- model_id: {name}",
    "  model_name: {name}",
    f"  api_base: {os.environ['OPENAI_BASE_URL']}",
    "  api_key_name: echo",
    "  supports_tools: true",
    "  supports_schema: true",
]


def llm(*arguments):
    done = subprocess.run(["llm", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{arguments}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def try_out(name):
    found = {}
    for how, options in (("streamed", ()), ("whole", ("--no-stream",))):
        found[how] = llm("-m", name, *options, "--functions", FUNCTIONS, "How is it in Kyiv?")
    found["schema"] = json.loads(llm("-m", name, "--schema", "name, people int", "A city, please."))
    return found


home = Path.cwd() / "llm"
home.mkdir()
models = ["\n".join(LINES).replace("{name}", name) + "\n" for name in sys.argv[2:]]
(home / "extra-openai-models.yaml").write_text("".join(models))
os.environ["LLM_USER_PATH"] = str(home)
llm("keys", "set", "echo", "--value", os.environ["OPENAI_API_KEY"])
print(json.dumps({name: try_out(name) for name in sys.argv[2:]}))
