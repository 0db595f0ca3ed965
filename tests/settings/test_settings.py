from pathlib import Path
from typing import ClassVar

import pytest
from dotenv import dotenv_values

from echo.settings import SettingsError, load_settings
from echo.settings.load import read_settings
from echo.settings.reader import Reader

ROOT = Path(__file__).parents[2]
KEYS = {"JWT_SECRET": "k1Qw9xZe" * 5, "JWT_REFRESH_SECRET": "p7Lm3vTr" * 5}
URI = "mongodb://localhost/LibreChat"


class TestDefaults:
    def test_load_from_an_empty_environment(self) -> None:
        settings = load_settings({})
        assert (settings.host, settings.port, settings.workers >= 1) == ("127.0.0.1", 3080, True)
        assert settings.mongo_uri is None
        assert settings.jwt_secret is None
        assert settings.session_seconds == 900
        assert settings.refresh_seconds == 7 * 24 * 3600
        assert settings.rate_limits["login_ip"].limit == 7
        assert settings.rate_limits["login_ip"].window_seconds == 300
        assert settings.rate_limits_enabled

    def test_unset_and_empty_are_the_same(self) -> None:
        assert load_settings({"PORT": "", "APP_TITLE": " "}) == load_settings({})


class TestExampleFile:
    def test_names_every_setting_and_no_other(self) -> None:
        reader = Reader({})
        read_settings(reader)
        assert set(dotenv_values(ROOT / ".env.example")) == set(reader.known)

    def test_states_the_defaults(self) -> None:
        example = {name: value or "" for name, value in dotenv_values(ROOT / ".env.example").items()}
        assert load_settings(example) == load_settings({})

    def test_is_explained_in_the_docs(self) -> None:
        text = (ROOT / "docs" / "settings.md").read_text()
        missing = [name for name in dotenv_values(ROOT / ".env.example") if f"`{name}`" not in text]
        assert missing == []


class TestEnvFile:
    def test_is_read_for_what_the_environment_does_not_set(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("PORT=4000\nAPP_TITLE='From ${HOME}'\n")
        settings = load_settings({"PORT": "5000"}, env_file=file)
        assert (settings.port, settings.app_title) == (5000, "From ${HOME}")


class TestTimes:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("900000", 900),
            ("1000 * 60 * 15", 900),
            ("(1000 * 60 * 60 * 24) * 7", 604800),
            ("1000*60 + 500*2", 61),
            ("60000 / 2", 30),
        ],
    )
    def test_are_arithmetic_in_milliseconds(self, value: str, seconds: int) -> None:
        assert load_settings({"SESSION_EXPIRY": value}).session_seconds == seconds

    @pytest.mark.parametrize(
        "value",
        [
            "soon",
            "1000 * x",
            "__import__('os')",
            "9**9**9",
            "1/0",
            "0",
            "-5000",
            "1000,",
            "'a'*9",
            "(" * 300,
            "1e400",
        ],
    )
    def test_that_are_none_are_refused(self, value: str) -> None:
        with pytest.raises(SettingsError, match="SESSION_EXPIRY"):
            load_settings({"SESSION_EXPIRY": value})


class TestBadValues:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("PORT", "many"),
            ("PORT", "70000"),
            ("ECHO_WORKERS", "0"),
            ("ALLOW_REGISTRATION", "perhaps"),
            ("MIN_PASSWORD_LENGTH", "3"),
            ("LOGIN_MAX", "0"),
            ("ECHO_RATE_LIMITS", "maybe"),
            ("ECHO_LOG_LEVEL", "loud"),
            ("ECHO_STT", "cloud"),
            ("DOMAIN_SERVER", "example.com"),
            ("MONGO_URI", "postgres://x"),
            ("ECHO_STT_URL", "ftp://x"),
            ("ECHO_PROVIDER_FIRST_SECONDS", "0"),
            ("ECHO_PROVIDER_ATTEMPTS", "many"),
            ("ECHO_ALLOWED_ADDRESSES", "localhost"),
            ("ECHO_ALLOWED_ADDRESSES", "http://localhost:80"),
            ("ECHO_ALLOWED_ADDRESSES", "10.0.0.0/8:80"),
            ("ECHO_ALLOWED_ADDRESSES", "::1:80"),
        ],
    )
    def test_are_named_in_one_sentence(self, name: str, value: str) -> None:
        with pytest.raises(SettingsError) as refused:
            load_settings({name: value})
        text = str(refused.value)
        assert text.startswith(f"{name} ")
        assert text.endswith(".")
        assert "\n" not in text


class TestThreads:
    @pytest.mark.parametrize(
        ("uri", "threads"),
        [
            ("mongodb://127.0.0.1:27017/x", 2),
            ("mongodb://u:p%40q@localhost,127.0.0.1:3/x?w=1", 2),
            ("mongodb://%2Ftmp%2Fmongodb.sock/x", 2),
            ("mongodb://db.example.com/x", 8),
            ("mongodb://localhost,db.example.com/x", 8),
            ("mongodb+srv://localhost.example.com/x", 8),
            ("mongodb://[::1]:27017", 2),
            ("mongodb://[::1", 8),
        ],
    )
    def test_are_more_for_a_database_that_is_far_away(self, uri: str, threads: int) -> None:
        assert load_settings({"MONGO_URI": uri, **KEYS}).threads == threads

    def test_are_few_for_the_embedded_one_unless_set(self) -> None:
        assert load_settings({}).threads == 2
        assert load_settings({"ECHO_THREADS": "5"}).threads == 5


class TestKeys:
    def test_are_needed_with_a_database_of_ones_own(self) -> None:
        with pytest.raises(SettingsError, match="JWT_SECRET must be set"):
            load_settings({"MONGO_URI": URI})
        with pytest.raises(SettingsError, match="JWT_REFRESH_SECRET must be set"):
            load_settings({"MONGO_URI": URI, "JWT_SECRET": KEYS["JWT_SECRET"]})
        assert load_settings({"MONGO_URI": URI, **KEYS}).jwt_secret == KEYS["JWT_SECRET"]

    @pytest.mark.parametrize(
        "key",
        [
            "short",
            "x" * 31,
            "a" * 64,
            "abababababababababababababababababababab",
            "changeme-changeme-changeme-changeme-1234",
            # In LibreChat's example configuration.
            "16f8c0ef4a5d391b26034086c628469d3f9f497f08163ab9b40137092f2909ef",
            "EAA5191F2914E30B9387FD84E254E4BA6FC51B4654968A9B0803B456A54B8418",
        ],
    )
    def test_that_are_weak_are_refused_and_not_repeated(self, key: str) -> None:
        with pytest.raises(SettingsError) as refused:
            load_settings({**KEYS, "JWT_SECRET": key})
        assert "JWT_SECRET" in str(refused.value)
        assert key not in str(refused.value)

    def test_must_differ(self) -> None:
        with pytest.raises(SettingsError, match="must not equal"):
            load_settings({**KEYS, "JWT_REFRESH_SECRET": KEYS["JWT_SECRET"]})

    def test_do_not_show(self) -> None:
        environ = {
            **KEYS,
            "MONGO_URI": "mongodb://u:pass-canary@h/x",
            "OPENAI_API_KEY": "sk-canary",
            "STT_API_KEY": "canary",
        }
        text = repr(load_settings(environ))
        assert "canary" not in text
        assert KEYS["JWT_SECRET"] not in text


class TestProviders:
    def test_may_be_at_allowed_addresses(self) -> None:
        settings = load_settings({"ECHO_ALLOWED_ADDRESSES": "localhost:11434, [::1]:80"})
        assert settings.provider_limits.allowed_addresses == ("localhost:11434", "[::1]:80")

    def test_are_available_with_a_key(self) -> None:
        settings = load_settings({"OPENAI_API_KEY": "sk-x", "ANTHROPIC_API_KEY": "user_provided"})
        available = {each.name: each.available for each in settings.providers}
        assert available["openAI"] is True
        assert available["anthropic"] is False
        assert available["google"] is False

    def test_models_can_be_listed(self) -> None:
        settings = load_settings({"OPENAI_MODELS": "one, two ,,three"})
        assert settings.providers[0].models == ("one", "two", "three")

    def test_endpoints_are_restricted_and_ordered(self) -> None:
        settings = load_settings({"ENDPOINTS": "google, openAI, gptPlugins"})
        assert [each.name for each in settings.providers] == ["google", "openAI"]


class TestCredentialsKeys:
    GOOD: ClassVar[dict[str, str]] = {"CREDS_KEY": "C0" * 32, "CREDS_IV": "d1" * 16}

    def test_are_read_in_hexadecimal(self) -> None:
        settings = load_settings(self.GOOD)
        assert (settings.creds_key, settings.creds_iv) == ("c0" * 32, "d1" * 16)
        assert "c0c0" not in repr(settings)

    def test_are_not_needed_with_a_database_of_ones_own(self) -> None:
        settings = load_settings({"MONGO_URI": URI, **KEYS})
        assert (settings.creds_key, settings.creds_iv) == (None, None)

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"CREDS_KEY": "c0" * 16}, "CREDS_KEY"),
            ({"CREDS_KEY": "zz" * 32}, "CREDS_KEY"),
            ({"CREDS_IV": "d1" * 32}, "CREDS_IV"),
            ({"CREDS_IV": ""}, "CREDS_IV"),
            ({"CREDS_KEY": ""}, "CREDS_KEY"),
            ({"CREDS_KEY": "f34be427ebb29de8d88c107a71546019685ed8b241d8f2ed00c3df97ad2566f0"}, "CREDS_KEY"),
            ({"CREDS_IV": "E2341419EC3DD3D19B13A1A87FAFCBFB"}, "CREDS_IV"),
        ],
    )
    def test_that_are_unfit_stop_the_start(self, change: dict[str, str], named: str) -> None:
        environ = self.GOOD | change
        with pytest.raises(SettingsError, match=named) as refused:
            load_settings(environ)
        assert not [value for value in environ.values() if value and value in str(refused.value)]
