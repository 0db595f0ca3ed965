"""Sessions of programs that last, and requests that say for whom they are: as LibreChat 0.8.8-rc1 sends them."""

import asyncio
import hashlib
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from echo.chat.wanting import wanted_of
from echo.settings.agents import AgentSettings
from echo.settings.tools import CodeSettings, CodeSigning
from echo.tools.code.inputs import CodeFiles
from echo.tools.code.outputs import Outputs
from echo.tools.code.service import LASTING, CodeService, metadata_of, ref_of
from echo.tools.code.signing import Signer
from echo.tools.code.source import CodeParts, CodeRunner, session_of
from echo.tools.outbound import Outbound
from echo.tools.tool import Called, RunPlace, ToolFailure, ToolOutput, Wanted
from tests.support.code_interpreter import KEY, Interpreter
from tests.support.routes import Service
from tests.tools.test_code import Bench, Rights, bench, files, place, running, text

__all__ = ["bench", "files", "place", "running"]
CAPABLE = AgentSettings(capabilities=("execute_code", "stateful_code_sessions"))
SIGNING = CodeSigning(
    Ed25519PrivateKey.generate(), "EdDSA", "key-1", "librechat", "codeapi", 300, 30, "legacy"
)


class TestSessionsThatLast:
    def run(self, bench: Bench, place: RunPlace, code: str, **about: Any) -> ToolOutput:
        """One program of an agent whose sessions are to last."""

        def parts(service: CodeService) -> CodeParts:
            outputs = Outputs(service, bench.store, bench.files, "/chat")
            return CodeParts(service, CodeFiles(service, bench.store, bench.files), outputs)

        lasting, rights = bench.service.lasting, Rights()
        runner = CodeRunner(
            parts(bench.service),
            parts(lasting) if lasting else None,
            may=lambda *_: True,
            rights=rights,  # type: ignore[arg-type]
            **about,
        )

        async def call() -> ToolOutput:
            wanted = Wanted(("execute_code",), agent_id="agent_1", code_environment="user")
            offer = await runner.offer(wanted, place)
            return await offer.tools[0].call(Called("c", {"lang": "py", "code": code}))

        return asyncio.run(call())

    @pytest.fixture
    def both(self, bench: Bench, running: tuple[Service, Interpreter]) -> Bench:
        url = running[0].url
        return replace(bench, service=CodeService(CodeSettings(url, KEY, url), Outbound()))

    def test_are_named_and_asked_for_at_their_own_service(
        self, both: Bench, place: RunPlace, running: tuple[Service, Interpreter]
    ) -> None:
        output = self.run(both, place, "write a.txt one")
        [program] = both.interpreter.programs
        assert program["runtime_session_hint"] == session_of("user", place, "agent_1")
        profiles = {each.headers["X-CodeAPI-Expected-Profile"] for each in running[0].asked}
        assert profiles == {"stateful"}
        record = both.files.get(place.owner, output.attachments[0]["file_id"])
        ref = ref_of(record, LASTING)
        assert (ref_of(record), ref and ref.stored["executionProfile"]) == (None, "stateful")

    @pytest.mark.parametrize(
        ("about", "why"),
        [
            ({"environments": ("conversation",)}, 'share a session by "user", which is not allowed here'),
            ({}, "there is no service for them here"),
        ],
        ids=["not allowed", "not there"],
    )
    def test_that_there_are_not_are_told(
        self, request: pytest.FixtureRequest, place: RunPlace, about: dict[str, Any], why: str
    ) -> None:
        found: Bench = request.getfixturevalue("both" if about else "bench")
        with pytest.raises(ToolFailure, match=why):
            self.run(found, place, "print 1", **about)
        assert found.interpreter.programs == []

    @pytest.mark.parametrize(
        ("shared", "name"),
        [
            ("user", "v2:user:f01deac1ea4e08e3bf26f7b141cc8e8a"),
            ("agent-user", "v2:agent-user:0d3fa82bec5bb015f6ee87e754b8c8c5"),
            ("conversation", "v2:conversation:9b84ed2eaa364cd4b4eee04149ccd307"),
        ],
    )
    def test_have_librechats_names(self, shared: str, name: str) -> None:
        assert session_of(shared, RunPlace("u", "c", "m"), "agent_1") == name

    @pytest.mark.parametrize(
        ("agent", "rules", "shared"),
        [
            ({"stateful_code_sessions": True}, CAPABLE, "user"),
            (
                {"stateful_code_sessions": True, "stateful_code_environment": "agent-user"},
                CAPABLE,
                "agent-user",
            ),
            ({"stateful_code_sessions": "yes"}, CAPABLE, None),
            ({"stateful_code_sessions": True}, AgentSettings(), None),
        ],
    )
    def test_are_the_agents_choice_where_there_may_be_some(
        self, agent: dict[str, Any], rules: AgentSettings, shared: str | None
    ) -> None:
        assert wanted_of({"id": "agent_1", **agent}, rules).code_environment == shared

    def test_leave_where_the_other_service_has_a_file(self) -> None:
        there = {"kind": "user", "id": "u", "storage_session_id": "s", "file_id": "f"}
        record = {"user": "u", "metadata": {"codeEnvRef": there}}
        lasting = ref_of({"metadata": {"codeEnvRef": {**there, "executionProfile": "stateful"}}}, LASTING)
        assert lasting is not None
        noted = {"metadata": metadata_of(record, lasting)}
        assert (ref_of(noted), ref_of(noted, LASTING)) == (ref_of(record), lasting)


class TestSignedRequests:
    def test_say_for_whom_they_are(self) -> None:
        signer = Signer(SIGNING, lambda _owner: ("USER", "directory-1"))
        token = signer.token("u1")
        assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "JWT", "kid": "key-1"}
        said = jwt.decode(token, SIGNING.key.public_key(), ["EdDSA"], audience="codeapi")
        assert said.pop("exp") - said["iat"] == 300
        assert said.pop("nbf") == said.pop("iat")
        assert len(said.pop("jti")) == 36
        canonical = (
            '{"chc_user_id":"directory-1","org_id":"","principal_source":"librechat_jwt","role":"USER",'
            '"service_id":"","sub":"u1","tenant_id":"legacy"}'
        )
        assert said == {
            "iss": "librechat",
            "aud": "codeapi",
            "sub": "u1",
            "tenant_id": "legacy",
            "role": "USER",
            "principal_source": "librechat_jwt",
            "chc_user_id": "directory-1",
            "auth_context_hash": hashlib.sha256(canonical.encode()).hexdigest(),
        }

    def test_have_one_token_for_a_while_and_another_for_another_role(self) -> None:
        roles = ["USER", "USER", "ADMIN"]
        signer = Signer(SIGNING, lambda _owner: (roles.pop(0), None))
        first, second, third = (signer.token("u1") for _ in range(3))
        assert first == second != third

    def test_carry_it(self, running: tuple[Service, Interpreter], bench: Bench, place: RunPlace) -> None:
        signer = Signer(SIGNING, lambda _owner: ("USER", None))
        service = CodeService(CodeSettings(running[0].url, KEY), Outbound(), signer.token)
        [output] = replace(bench, service=service).call(place, "print 1")
        assert text(output) == "stdout:\n1"
        [asked] = running[0].asked
        said = jwt.decode(
            asked.headers["Authorization"].removeprefix("Bearer "),
            SIGNING.key.public_key(),
            ["EdDSA"],
            audience="codeapi",
        )
        assert (said["sub"], asked.headers["X-CodeAPI-Expected-Profile"]) == (place.owner, "default")
