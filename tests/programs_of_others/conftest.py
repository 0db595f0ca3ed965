"""An Echo over all five kinds of provider, and other people's programs in environments of their own."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from echo.app import assemble
from echo.serving.preparing import prepare
from echo.settings import ProviderSettings
from tests.conftest import make_settings
from tests.programs_of_others.models import BRAINS
from tests.support.database import named_database
from tests.support.providers import SERVERS, ProviderServer
from tests.support.streams import listening

SCRIPTS = Path(__file__).parent / "scripts"
ENVIRONMENTS = Path(__file__).parents[2] / ".programs"
SECONDS = 600
# The endpoints with what plays them, and a model of each.
ENDPOINTS = {
    "openAI": ("openai", "gpt-4o"),
    "azureOpenAI": ("azure", "gpt-4o"),
    "anthropic": ("anthropic", "claude-sonnet-4-5"),
    "google": ("google", "gemini-3-pro-preview"),
    "Local": ("custom", "llama"),
}


@dataclass(frozen=True)
class Echo:
    """A running Echo, a key for it, and what its providers received."""

    url: str
    key: str = field(repr=False)
    providers: dict[str, ProviderServer]


@pytest.fixture(scope="package")
def echo(mongo_uri: str, password_hash: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Echo]:
    """One for all programs: each request gets the answer that its own history asks for."""
    directory = tmp_path_factory.mktemp("programs")
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(SERVERS[kind](BRAINS[kind])) for name, (kind, _) in ENDPOINTS.items()
        }
        providers = tuple(
            ProviderSettings(name, kind, (model,), api_key="sk-tests-only", base_url=servers[name].url)
            for name, (kind, model) in ENDPOINTS.items()
        )
        uri = stack.enter_context(named_database(mongo_uri, "echo_programs"))
        settings = replace(make_settings(uri, directory, ECHO_API_CONCURRENT="20"), providers=providers)
        prepare(settings)
        application = assemble(settings)
        url = stack.enter_context(listening(application))
        accounts = application.services.accounts
        user = accounts.users.create(
            name="ada", email="ada@example.com", username="ada", password_hash=password_hash
        )
        yield Echo(url, accounts.api_keys.create(str(user["_id"]), name="programs").key, servers)


Run = Callable[..., Any]


@pytest.fixture
def run(echo: Echo, tmp_path: Path) -> Run:
    """Runs a script of `scripts/` in the environment of its program; what it printed last, which is JSON."""

    def run(program: str, *arguments: str) -> Any:
        python = ENVIRONMENTS / program / "bin" / "python"
        if not python.exists():
            pytest.skip(f"{program} is not installed: `make programs` does it")
        environ = {
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "OPENAI_BASE_URL": f"{echo.url}/v1",
            "OPENAI_API_KEY": echo.key,
            "ANTHROPIC_BASE_URL": echo.url,
            "ANTHROPIC_API_KEY": echo.key,
            "OPENAI_AGENTS_DISABLE_TRACING": "1",
        }
        script = SCRIPTS / f"{program}_agent.py"
        done = subprocess.run(
            [str(python), str(script), *arguments],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout.splitlines()[-1])

    return run
