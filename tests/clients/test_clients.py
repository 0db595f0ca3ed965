"""Other people's generators make clients of the documents, and the clients go through the session of the README."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import HERE, NODE_TOOLS, TOOLS, Run
from tests.support.server import RunningServer

FOUND = {
    "listed": ["first"],
    "found": 1,
    "forked": ["What is a contract?"],
    "final": True,
    "said": "I am Echo's offline model; no real model answers here. I was told: Say hello",
    "refused": "invalid_token",
}
FOUND_BELOW_CHAT = {
    "mine": True,
    "final": True,
    "renamed": "A greeting",
    "listed": ["A greeting"],
    "asked": "Say hello",
    "forked": ["Say hello"],
    "deleted": 1,
    "refused": "invalid_token",
}
SESSIONS = HERE / "sessions"
STRICT = (
    *("--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext"),
    *(
        "--moduleResolution",
        "bundler",
        "--lib",
        "es2022,dom,dom.iterable,dom.asynciterable",
        "--types",
        "node",
    ),
)
# Debian's package of the one library that clients in Go need, where Go's own proxy is out of reach.
GO_LIBRARY = Path("/usr/share/gocode/src/gopkg.in/validator.v2")
BOTH = pytest.mark.parametrize("name", ["echo", "librechat"])

Session = Callable[..., Any]


@pytest.fixture
def generate(run: Run, documents: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """Runs OpenAPI Generator on an adapted document; where the client is."""

    def generate(language: str, *options: str, document: str = "echo") -> Path:
        if shutil.which("java") is None:
            pytest.skip("OpenAPI Generator needs Java")
        made = tmp_path / language
        source = documents[f"{document}-adapted"]
        run(
            "openapi-generator-cli",
            "generate",
            "-i",
            source,
            "-g",
            language,
            "-o",
            made,
            *options,
            cwd=tmp_path,
        )
        return made

    return generate


@pytest.fixture
def typescript(run: Run, session: Session, tmp_path: Path) -> Callable[..., Any]:
    """Compiles a session with its client and runs it."""

    def typescript(name: str, *, compiled: bool = True) -> Any:
        shutil.copy(SESSIONS / f"{name}.ts", tmp_path)
        (tmp_path / "package.json").write_text('{"type": "module"}')
        (tmp_path / "node_modules").symlink_to(TOOLS / "node_modules")
        if compiled:
            run("tsc", *STRICT, f"{name}.ts", cwd=tmp_path)
        return session("tsx", tmp_path / f"{name}.ts")

    return typescript


@BOTH
class TestDocuments:
    def test_openapi_generator_finds_no_error(
        self, run: Run, documents: dict[str, Path], tmp_path: Path, name: str
    ) -> None:
        for kind in (name, f"{name}-adapted"):
            assert "Validating spec" in run(
                "openapi-generator-cli", "validate", "-i", documents[kind], cwd=tmp_path
            )

    def test_redocly_has_no_warning(
        self, run: Run, documents: dict[str, Path], tmp_path: Path, name: str
    ) -> None:
        configuration = HERE / "redocly.yaml"
        printed = run(
            *("redocly", "lint", documents[name], "--config", configuration, "--format", "json"), cwd=tmp_path
        )
        assert '"problems": []' in printed

    def test_spectral_has_no_warning(
        self, run: Run, documents: dict[str, Path], tmp_path: Path, name: str
    ) -> None:
        rules = HERE / "spectral.yaml"
        run("spectral", "lint", documents[name], "-r", rules, "--fail-severity=hint", cwd=tmp_path)


class TestOpenapiGenerator:
    def test_python(self, generate: Callable[..., Path], session: Session) -> None:
        made = generate("python", "--package-name", "openapi_generator_client")
        found = session("python", SESSIONS / "openapi_generator.py", PYTHONPATH=str(made))
        assert found == FOUND

    def test_python_of_librechats_document(self, generate: Callable[..., Path], session: Session) -> None:
        name = "openapi_generator_librechat"
        made = generate("python", "--package-name", name, document="librechat")
        assert session("python", SESSIONS / "librechat.py", PYTHONPATH=str(made)) == FOUND_BELOW_CHAT

    def test_typescript(self, generate: Callable[..., Path], typescript: Session, tmp_path: Path) -> None:
        generate("typescript-fetch").rename(tmp_path / "openapi_generator")
        assert typescript("openapi_generator") == FOUND

    def test_go(self, generate: Callable[..., Path], session: Session, run: Run, tmp_path: Path) -> None:
        options = "disallowAdditionalPropertiesIfNotPresent=false,withGoMod=false"
        made = generate("go", "--package-name", "echo", f"--additional-properties={options}")
        shutil.rmtree(made / "test")
        made.rename(tmp_path / "echo")
        shutil.copy(SESSIONS / "go" / "main.go", tmp_path)
        (tmp_path / "go.mod").write_text(
            "module example.com/session\n\ngo 1.23\n\nrequire gopkg.in/validator.v2 v2.0.1\n"
        )
        if GO_LIBRARY.is_dir():
            library = Path(shutil.copytree(GO_LIBRARY, tmp_path.parent / "validator"))
            (library / "go.mod").write_text("module gopkg.in/validator.v2\n")
            run("go", "mod", "edit", "-replace", f"gopkg.in/validator.v2={library}", cwd=tmp_path)
        run("go", "build", "-mod=mod", "-o", "session", ".", cwd=tmp_path, GOTOOLCHAIN="local")
        assert session(str(tmp_path / "session")) == FOUND


class TestOthers:
    """These take the documents as they are served."""

    def test_hey_api(self, run: Run, documents: dict[str, Path], typescript: Session, tmp_path: Path) -> None:
        run("openapi-ts", "-i", documents["echo"], "-o", tmp_path / "hey_api", cwd=TOOLS)
        assert typescript("hey_api") == FOUND

    def test_openapi_typescript(
        self, run: Run, documents: dict[str, Path], typescript: Session, tmp_path: Path
    ) -> None:
        types = tmp_path / "openapi_typescript" / "schema.d.ts"
        run("openapi-typescript", documents["echo"], "-o", types, cwd=TOOLS)
        assert typescript("openapi_typescript") == FOUND

    def test_orval(
        self, run: Run, documents: dict[str, Path], typescript: Session, server: RunningServer, tmp_path: Path
    ) -> None:
        output = {"target": str(tmp_path / "orval" / "echo.ts"), "client": "fetch", "baseUrl": server.url}
        given = {"echo": {"input": {"target": str(documents["echo"])}, "output": output}}
        configuration = tmp_path / "orval.config.mjs"
        configuration.write_text(f"export default {given}\n")
        run("orval", "--config", configuration, cwd=TOOLS)
        # It takes the schema `File` for the browser's in the functions that upload, and these do not compile.
        assert typescript("orval", compiled=False) == FOUND

    def test_prism_lets_the_session_through(
        self,
        documents: dict[str, Path],
        server: RunningServer,
        generate: Callable[..., Path],
        session: Session,
    ) -> None:
        made = generate("python", "--package-name", "openapi_generator_client")
        port, prism = "4019", NODE_TOOLS / "prism"
        if not prism.exists():
            pytest.skip("prism is not installed: `make clients` does it")
        command = [prism, "proxy", documents["echo"], server.url, "--errors", "--port", port]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as proxy:
            try:
                assert proxy.stdout is not None
                assert any("is listening" in line for line in proxy.stdout)
                found = session(
                    "python",
                    SESSIONS / "openapi_generator.py",
                    url=f"http://127.0.0.1:{port}",
                    PYTHONPATH=str(made),
                )
            finally:
                proxy.kill()
        assert found == FOUND
