"""What the doctor says of settings and signing keys."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

import pytest

from echo.doctor import CHECKS, Finding, begin, configuration, examination, examine
from echo.doctor.configuration import check_keys, check_provider_keys, check_settings, read_all
from echo.doctor.findings import Examined
from echo.serving.keys import with_secrets
from echo.settings import load_settings

KEYS = {"JWT_SECRET": "tests-only-" + "a1B2" * 8, "JWT_REFRESH_SECRET": "tests-only-" + "c3D4" * 8}


def statuses(findings: Iterable[Finding]) -> list[str]:
    return [str(each.status) for each in findings]


class TestReadAll:
    def test_of_good_settings_are_the_settings(self) -> None:
        assert read_all(KEYS, None) == (load_settings(KEYS), {})

    def test_names_each_variable_once_and_goes_on_without_it(self) -> None:
        environ = {"PORT": "x", "ECHO_WORKERS": "0", "MONGO_URI": "http://x", "APP_TITLE": "Mine"}
        settings, unusable = read_all(environ, None)
        assert list(unusable) == ["MONGO_URI", "PORT", "ECHO_WORKERS"]
        assert settings is not None
        assert (settings.port, settings.app_title, settings.mongo_uri) == (3080, "Mine", None)

    def test_equal_keys_are_one_problem(self) -> None:
        environ = {"MONGO_URI": "mongodb://h/x", **dict.fromkeys(KEYS, KEYS["JWT_SECRET"])}
        settings, unusable = read_all(environ, None)
        assert settings is not None
        assert list(unusable) == ["JWT_REFRESH_SECRET"]

    def test_the_file_is_read_too(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("PORT=far too many\n")
        assert list(read_all({}, file)[1]) == ["PORT"]

    def test_a_file_that_is_no_text_is_a_problem(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_bytes(b"\xff\xfe\x00")
        settings, unusable = read_all({}, file)
        assert settings == load_settings({})
        assert list(unusable) == [str(file)]

    def test_every_fault_of_a_librechat_yaml_is_a_problem_of_its_own(self, tmp_path: Path) -> None:
        file = tmp_path / "librechat.yaml"
        file.write_text(
            "version: 1.3.5\nbalance: {enabled: yes}\ninterface: 5\nregistration: {allowedDomains: [a.b]}\n"
        )
        for environ, default in (({}, file), ({"CONFIG_PATH": str(file)}, None)):
            settings, unusable = read_all(environ, None, default)
            assert settings == load_settings({})
            assert list(unusable.values()) == [
                "librechat.yaml, line 2: balance.enabled must be true or false.",
                "librechat.yaml, line 3: interface must hold keys with values.",
            ]

    def test_a_librechat_yaml_is_read_too(self, tmp_path: Path) -> None:
        file = tmp_path / "librechat.yaml"
        file.write_text("version: 1.3.5\nregistration: {allowedDomains: [a.example]}\n")
        settings, unusable = read_all({}, None, file)
        assert settings is not None
        assert (settings.allowed_domains, unusable) == (("a.example",), {})

    def test_a_url_as_its_path_is_a_problem_of_the_variable(self) -> None:
        assert list(read_all({"CONFIG_PATH": "https://x.example/y"}, None)[1]) == ["CONFIG_PATH"]


class TestSettings:
    def test_a_misspelt_name_is_warned_of(self) -> None:
        found = list(check_settings(begin({"ECHO_WORKER": "2"}, None)))
        assert statuses(found) == ["ok", "warning"]
        assert "did you mean ECHO_WORKERS?" in found[1].what

    def test_what_has_no_effect_is_warned_of(self) -> None:
        found = list(check_settings(begin({"MEILI_HOST": "http://meili:7700"}, None)))
        assert statuses(found) == ["ok", "warning"]
        assert "MEILI_HOST" in found[1].what

    def test_that_are_good_are_one_line(self) -> None:
        assert statuses(check_settings(begin({}, None))) == ["ok"]

    @pytest.mark.parametrize(
        ("name", "value"), [("ECHO_RATE_LIMITS", "off"), ("SESSION_COOKIE_SECURE", "false")]
    )
    def test_that_are_dangerous_are_warned_of(self, name: str, value: str) -> None:
        found = list(check_settings(begin({name: value}, None)))
        assert statuses(found) == ["ok", "warning"]
        assert name in found[1].what


class TestBrokenFile:
    """What a `librechat.yaml` would use is not told as without effect while it cannot be read."""

    CUSTOM = "endpoints: {custom: [{name: Groq, apiKey: '${GROQ_API_KEY}', baseURL: 'https://x.example'}]}"

    @pytest.mark.parametrize(
        "broken",
        ["interface: 5\n", "interface: [\n", "# \udcff\n", f"{'x' * 2**20}: 1\n"],
        ids=["schema", "syntax", "no text", "too large"],
    )
    @pytest.mark.parametrize("through", ["file", "variable", "env file"])
    def test_variables_that_it_names_count_as_used(self, tmp_path: Path, broken: str, through: str) -> None:
        file, env_file = tmp_path / "librechat.yaml", tmp_path / ".env"
        file.write_bytes(f"version: 1.3.5\n{self.CUSTOM}\n{broken}".encode(errors="surrogateescape"))
        env_file.write_text(f"CONFIG_PATH={file}\n" if through == "env file" else "")
        environ = {"GROQ_API_KEY": "x", "MEILI_HOST": "http://meili:7700"}
        environ |= {"CONFIG_PATH": str(file)} if through == "variable" else {}
        found = list(check_settings(begin(environ, env_file, file if through == "file" else None)))
        assert statuses(found) == ["failed", "warning"]
        assert found[1].what == "Set, and without effect in Echo: MEILI_HOST."

    @pytest.mark.parametrize("path", ["/nowhere/librechat.yaml", "https://config.example/librechat.yaml"])
    def test_where_nobody_can_know_what_it_names_nothing_is_told(self, path: str) -> None:
        environ = {"GROQ_API_KEY": "x", "MEILI_HOST": "x", "CONFIG_PATH": path}
        assert statuses(check_settings(begin(environ, None))) == ["failed"]


class TestMissingSafeguards:
    @pytest.mark.parametrize(
        ("name", "value", "todo"),
        [
            ("ALLOW_UNVERIFIED_EMAIL_LOGIN", "false", "echo-api invite create"),
            ("NON_BROWSER_VIOLATION_SCORE", "20", "Nothing to do"),
            ("TENANT_ISOLATION_STRICT", "true", "database of its own"),
            ("PROXY", "http://proxy:3128", "gateway"),
            ("GOOGLE_SAFETY_HARASSMENT", "BLOCK_LOW_AND_ABOVE", "another provider"),
        ],
    )
    def test_have_a_line_of_their_own_with_what_to_do(self, name: str, value: str, todo: str) -> None:
        others = {"MEILI_HOST": "x", "REDIS_URI": "x"}
        found = list(check_settings(begin({name: value, **others}, None)))
        assert statuses(found) == ["ok", "warning", "warning"]
        assert (found[1].about, found[1].what.partition(":")[0]) == ("security", f"{name} has no effect")
        assert todo in found[1].todo
        assert found[2].what == "Set, and without effect in Echo: MEILI_HOST, REDIS_URI."

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("ALLOW_UNVERIFIED_EMAIL_LOGIN", "true"),
            ("NON_BROWSER_VIOLATION_SCORE", "0"),
            ("GOOGLE_SAFETY_HARASSMENT", "BLOCK_NONE"),
            ("PROXY", " "),
        ],
    )
    def test_that_would_protect_nothing_are_not_told(self, name: str, value: str) -> None:
        assert statuses(check_settings(begin({name: value}, None))) == ["ok"]

    @pytest.mark.parametrize("key", ["messageFilter: {pii: {}}", "turnstile: {siteKey: x}"])
    def test_of_the_file_have_one_too(self, tmp_path: Path, key: str) -> None:
        file = tmp_path / "librechat.yaml"
        file.write_text(f"version: 1.3.5\nocr: {{}}\n{key}\n")
        found = list(check_settings(begin({}, None, file)))
        assert [each.about for each in found] == ["settings", "security", "settings"]
        assert found[1].what.startswith(f"{key.partition(':')[0]} has no effect: ")
        assert found[2].what == "librechat.yaml: without effect in Echo: ocr."


class TestKeys:
    def test_of_the_operator(self, tmp_path: Path) -> None:
        assert statuses(check_keys(begin({**KEYS, "ECHO_DATA_DIR": str(tmp_path)}, None))) == ["ok"]

    @pytest.fixture
    def made(self, tmp_path: Path) -> Path:
        with_secrets(load_settings({"ECHO_DATA_DIR": str(tmp_path)}))
        return tmp_path / "secrets.json"

    def look(self, made: Path) -> Finding:
        [found] = check_keys(begin({"ECHO_DATA_DIR": str(made.parent)}, None))
        return found

    def test_that_echo_made(self, made: Path) -> None:
        assert self.look(made).status == "ok"
        made.unlink()
        assert "will be made" in self.look(made).what

    def test_that_others_may_read(self, made: Path) -> None:
        made.chmod(0o640)
        found = self.look(made)
        assert (found.status, found.todo) == ("failed", f"chmod 600 {made}")

    @pytest.mark.parametrize("content", ["", "no JSON", "[]", json.dumps({"jwt_secret": "x"}), "\ud800"])
    def test_that_are_broken(self, made: Path, content: str) -> None:
        made.write_bytes(content.encode("utf-8", "surrogatepass"))
        assert self.look(made).status == "failed"


class TestProviderKeys:
    CREDS: ClassVar[dict[str, str]] = {"CREDS_KEY": "c0" * 32, "CREDS_IV": "d1" * 16}

    @pytest.mark.parametrize(
        ("environ", "status"),
        [
            (CREDS, "ok"),
            ({}, "ok"),
            ({"MONGO_URI": "mongodb://h/x", **KEYS}, "warning"),
            ({"MONGO_URI": "mongodb://h/x", **KEYS, **CREDS}, "ok"),
            ({"CREDS_KEY": "short"}, "skipped"),
            ({"CREDS_IV": "d1" * 16}, "skipped"),
        ],
    )
    def test_can_be_kept_or_not(self, environ: dict[str, str], status: str) -> None:
        found = list(check_provider_keys(begin(environ, None)))
        assert statuses(found) == [status]
        assert not [each for each in self.CREDS.values() if each in repr(found)]


class TestExamine:
    def test_goes_on_after_a_check_that_breaks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def check_nothing(_: Examined) -> list[Finding]:
            raise ZeroDivisionError

        first: Callable[[Examined], Iterable[Finding]] = configuration.check_settings
        monkeypatch.setattr(examination, "CHECKS", (check_nothing, first))
        found = list(examine(begin({}, None)))
        assert statuses(found) == ["failed", "ok"]
        assert found[0].about == "nothing"

    def test_every_check_bears_settings_that_could_not_be_read(self) -> None:
        for check in CHECKS:
            found = list(check(Examined(None, {"X": "X is wrong."})))
            assert {str(each.status) for each in found} <= {"skipped", "failed"}, check
